"""Who may use the account: its e-mail address and password, or a token that was given for them."""

import binascii
import hmac
import re
import uuid
from base64 import b64decode
from threading import Lock

import attrs

_TOKEN = re.compile(r'Token (?:token=)?"?([^"\s]+)"?\Z')


@attrs.define
class Access:
    """The account's credentials. Tokens live as long as this object; safe for threads."""

    user: str
    password: str = attrs.field(repr=False)
    _tokens: set[str] = attrs.field(factory=set, init=False, repr=False)
    _lock: Lock = attrs.field(factory=Lock, init=False, repr=False)

    def token_for(self, user: object, password: object) -> str | None:
        """A new token; ``None`` for wrong credentials."""
        if not self._knows(user, password):
            return None
        token = str(uuid.uuid4())
        with self._lock:
            self._tokens.add(token)
        return token

    def allows(self, authorization: str) -> bool:
        """Whether a header ``Authorization`` is one of this account."""
        token = self._token_in(authorization)
        if token is not None:
            with self._lock:
                return token in self._tokens
        return self._knows(*_basic(authorization))

    def revoke(self, authorization: str) -> None:
        """End the token of a header, if it is one."""
        with self._lock:
            self._tokens.discard(self._token_in(authorization) or "")

    def expire(self) -> None:
        """End all tokens, as time does."""
        with self._lock:
            self._tokens.clear()

    @staticmethod
    def _token_in(authorization: str) -> str | None:
        found = _TOKEN.match(authorization)
        return found[1] if found else None

    def _knows(self, user: object, password: object) -> bool:
        if not isinstance(user, str) or not isinstance(password, str):
            return False
        return user == self.user and hmac.compare_digest(_bytes(password), _bytes(self.password))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _basic(authorization: str) -> tuple[str | None, str | None]:
    kind, _, value = authorization.partition(" ")
    if kind.lower() != "basic":
        return None, None
    try:
        user, _, password = b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None, None
    return user, password
