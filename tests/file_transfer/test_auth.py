"""Tokens: whose are taken, and for what."""

import base64
import hmac
import json
import subprocess
import sys
import time
from collections.abc import Mapping

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from file_transfer import wire

from oaio_storage.errors import Forbidden, InvalidConfiguration, LoginNeeded
from oaio_storage.file_transfer.auth import authenticate, decoder, jwt_auth

DECODE = decoder(wire.public_pem(), issuer=wire.ISSUER)


def told(token: str, scheme: str = "Bearer") -> Mapping[str, str]:
    return {"Authorization": f"{scheme} {token}"}


def test_a_token_of_the_course() -> None:
    assert authenticate(DECODE, wire.bearer(), wire.COURSE)["sub"] == wire.COURSE
    assert authenticate(DECODE, wire.bearer(f"  {wire.COURSE} "), wire.COURSE)["iss"] == wire.ISSUER
    for headers in (told(wire.token(), "bearer"), told(wire.token(), " BEARER "), told(f" {wire.token()} ")):
        assert jwt_auth(DECODE, headers)["sub"] == wire.COURSE


def test_a_token_may_be_old_and_never_expire_but_may_say_that_it_does() -> None:
    assert jwt_auth(DECODE, wire.bearer(iat=1))
    assert jwt_auth(DECODE, wire.bearer(exp=int(time.time()) + 60))
    with pytest.raises(LoginNeeded):
        jwt_auth(DECODE, wire.bearer(exp=int(time.time()) - 60))


REFUSED = {
    "none": {},
    "empty": {"Authorization": ""},
    "no token": {"Authorization": "Bearer"},
    "another scheme": told(wire.token(), "Basic"),
    "no scheme": {"Authorization": wire.token()},
    "no token at all": told("abc"),
    "no text": told("\udcff"),
    "no iat": wire.bearer(iat=None),
    "iat in the future": wire.bearer(iat=int(time.time()) + 3600),
    "iat that is no number": wire.bearer(iat="now"),
    "no sub": wire.bearer(None),
    "a blank sub": wire.bearer("  "),
    "no iss": wire.bearer(iss=None),
    "another iss": wire.bearer(iss="somebody"),
    "not valid yet": wire.bearer(nbf=int(time.time()) + 3600),
}


@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED)
def test_what_is_no_valid_token(headers: Mapping[str, str]) -> None:
    with pytest.raises(LoginNeeded):
        authenticate(DECODE, headers, wire.COURSE)


@pytest.mark.parametrize("subject", [5, True, ["default"], {"a": 1}])
def test_a_subject_that_is_no_text(subject: object) -> None:
    key = wire.private_key()
    head = {"alg": "RS256", "typ": "JWT"}
    claims = {"sub": subject, "iss": wire.ISSUER, "iat": 1}
    token = jwt.api_jws.encode(json.dumps(claims).encode(), key, "RS256", headers=head)
    with pytest.raises(LoginNeeded):
        authenticate(DECODE, told(token), wire.COURSE)


def test_a_token_of_another_course() -> None:
    for course in ("other", "Default", "default2", "/default"):
        with pytest.raises(Forbidden):
            authenticate(DECODE, wire.bearer(course), wire.COURSE)
    with pytest.raises(LoginNeeded):
        authenticate(DECODE, wire.bearer(), None)
    with pytest.raises(LoginNeeded):
        authenticate(None, wire.bearer(), wire.COURSE)


def test_a_token_of_another_course_is_refused_under_o_as_well() -> None:
    program = (
        "import sys; from oaio_storage.errors import Forbidden\n"
        "from oaio_storage.file_transfer.auth import authenticate, decoder\n"
        "try: authenticate(decoder(sys.argv[1]), {'Authorization': 'Bearer ' + sys.argv[2]}, 'default')\n"
        "except Forbidden: print('refused')\n"
    )
    command = [sys.executable, "-O", "-c", program, wire.public_pem(), wire.token("other")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "refused\n"


def _encoded(part: object) -> bytes:
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=")


def test_no_token_that_anybody_can_make() -> None:
    claims = _encoded({"sub": wire.COURSE, "iss": wire.ISSUER, "iat": 1})
    none = _encoded({"alg": "none", "typ": "JWT"}) + b"." + claims + b"."
    signed = _encoded({"alg": "HS256", "typ": "JWT"}) + b"." + claims
    by_public_key = signed + b"." + _encoded(hmac.digest(wire.public_pem().encode(), signed, "sha256"))
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    theirs = jwt.encode({"sub": wire.COURSE, "iss": wire.ISSUER, "iat": 1}, stranger, "RS256").encode()
    other = jwt.encode(
        {"sub": wire.COURSE, "iss": wire.ISSUER, "iat": 1}, wire.private_key(), "RS512"
    ).encode()
    for token in (none, by_public_key, theirs, other):
        with pytest.raises(LoginNeeded):
            jwt_auth(DECODE, told(token.decode()))


def test_keys_and_algorithms_that_can_not_be_meant() -> None:
    private = wire.private_key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for key, algorithm in (
        (wire.public_pem(), "HS256"),
        (wire.public_pem(), "none"),
        (wire.public_pem(), ""),
        (wire.public_pem(), "R"),
        (b"no key", "RS256"),
        (b"", "RS256"),
        (private, "RS256"),
    ):
        with pytest.raises(InvalidConfiguration):
            decoder(key, algorithm=algorithm)
