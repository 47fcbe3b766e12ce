"""Who may publish what: tokens, made by somebody who holds the private key."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from oaio_storage.errors import Forbidden, InvalidConfiguration, LoginNeeded

Decoder = Callable[[str], Mapping[str, Any]]
"""From a token to its claims; raises ``jwt.InvalidTokenError``."""

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Those with a public key: what a server that is broken into knows makes no tokens."""

_ASK = "Send the token that the course's owner got: Authorization: Bearer TOKEN"


def decoder(key: bytes | str, *, issuer: str = "", algorithm: str = "RS256") -> Decoder:
    """Decodes and verifies tokens.

    A token has to say when it was issued (``iat``, not in the future), for which course (``sub``), and by
    whom if ``issuer`` is given. That it does not expire is allowed; if it says when, it does.

    Args:
        key: the public key, PEM.
        issuer: what ``iss`` has to be; empty: anything.
        algorithm: one, or several parted by commas, of :data:`ALGORITHMS`.

    Raises:
        InvalidConfiguration: the key is none, or the algorithm is none for public keys.
    """
    import jwt  # noqa: PLC0415 - for web apps alone

    algorithms = [name.strip() for name in algorithm.split(",")]
    if wrong := [name for name in algorithms if name not in ALGORITHMS]:
        raise InvalidConfiguration(f"no algorithm for a public key: {wrong[0][:20]!r}", ", ".join(ALGORITHMS))
    pem = key.encode() if isinstance(key, str) else key
    try:
        loaded = jwt.get_algorithm_by_name(algorithms[0]).prepare_key(pem)
    except (jwt.InvalidKeyError, ValueError, TypeError, RuntimeError) as err:
        raise InvalidConfiguration("the public key for tokens can't be read", "It has to be in PEM.") from err
    if not hasattr(loaded, "verify"):
        raise InvalidConfiguration("the key for tokens is a private one", "Configure its public key.")
    required = ["iat", "sub", *(["iss"] if issuer else [])]

    def decode(token: str) -> Mapping[str, Any]:
        claims: Mapping[str, Any] = jwt.decode(
            token, loaded, algorithms=algorithms, issuer=issuer or None, options={"require": required}
        )
        return claims

    return decode


def key_of(text: str) -> str:
    """The public key that an environment variable names: PEM itself, or the path of a file with it.

    Raises:
        InvalidConfiguration: the file can't be read.
    """
    if not text or "-----BEGIN" in text:
        return text
    try:
        return Path(text).read_text("ascii")
    except (OSError, ValueError) as err:
        raise InvalidConfiguration(f"the public key for tokens can't be read: {text[:200]!r}") from err


def jwt_auth(jwt_decode: Decoder, headers: Mapping[str, str]) -> Mapping[str, Any]:
    """The claims of the token in the headers of a request.

    Args:
        jwt_decode: of :func:`decoder`, or ``prepare_decoder`` of an adapter.
        headers: with ``Authorization``.

    Raises:
        LoginNeeded: there is no token, or one that is not valid.
    """
    import jwt  # noqa: PLC0415 - for web apps alone

    scheme, _, token = str(headers.get("Authorization") or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip() or not token.isascii():
        raise LoginNeeded("a token is needed", _ASK)
    try:
        return jwt_decode(token.strip())
    except (jwt.InvalidTokenError, ValueError, TypeError, RecursionError) as err:
        raise LoginNeeded("the token is not valid", _ASK) from err


def authenticate(
    jwt_decode: Decoder | None, headers: Mapping[str, str], course_name: str | None
) -> Mapping[str, Any]:
    """The claims of the token in the headers of a request about a course.

    Args:
        jwt_decode: as for :func:`jwt_auth`; None: no key is configured, so nobody may do anything.
        headers: with ``Authorization``.
        course_name: which.

    Raises:
        LoginNeeded: there is no token, or one that is not valid, or for no course.
        Forbidden: it is for another course.
    """
    if jwt_decode is None:
        raise LoginNeeded("this server takes no files: no key for tokens is configured", _ASK)
    claims = jwt_auth(jwt_decode, headers)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject.strip() or not course_name:
        raise LoginNeeded("the token is for no course", _ASK)
    if subject.strip() != course_name:
        raise Forbidden("the token is for another course", "Use the token of this course.")
    return claims
