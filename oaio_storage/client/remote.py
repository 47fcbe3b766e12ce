"""The native API, as a client speaks it: sessions, CSRF, errors by name, time-outs, counts."""

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from oaio_storage import errors
from oaio_storage.client.reports import Tally
from oaio_storage.client.session import load_cookies, save_cookies
from oaio_storage.errors import BadAnswer, InvalidArgument, LoginNeeded, OaioError, Unavailable
from oaio_storage.model import context_headers
from oaio_storage.web import told_by_class

if TYPE_CHECKING:
    import requests

READ_SECONDS = 120.0
CSRF_COOKIE, CSRF_HEADER = "csrftoken", "X-CSRFToken"
_ERROR_STATUS, _REDIRECT_STATUS = 400, 300
_ERRORS = {known.__name__: known for known in errors.leaves()}


class Server(Protocol):
    """What synchronising needs of a server."""

    def call(self, slug: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The answer to a request: GET without ``body``, else POST.

        Raises:
            Offline, TimedOut: no answer came; after a TimedOut the outcome is unknown.
        Untrusted: the server's certificate is not one to trust; nothing was sent.
            OaioError: what the server said.
        """
        ...


@attrs.define(eq=False)
class Remote:
    """One user's session with one server. Safe to use from several threads, one request at a time.

    Attributes:
        url: what :func:`oaio_storage.web.base_url` gave.
        session_file: where the cookies are kept between processes.
        password: asked when a session is needed and none is; empty: none is known.
        tally: where requests and bytes are counted.
        connect_seconds: how long to wait for a connection.
    """

    url: str
    user_name: str
    device_id: str
    app_id: str
    session_file: Path
    password: Callable[[], str] = attrs.field(repr=False)
    tally: Tally = attrs.field(factory=Tally)
    connect_seconds: float = 10.0
    _session: "requests.Session | None" = attrs.field(default=None, init=False, repr=False)
    _cookies: dict[str, str] | None = attrs.field(default=None, init=False, repr=False)
    _lock: threading.RLock = attrs.field(factory=threading.RLock, init=False, repr=False)

    def call(self, slug: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """As :class:`Server` says; logs in if a session is needed and the password is known."""
        with self._lock:
            try:
                return self._call(slug, body)
            except LoginNeeded:
                password = self.password()
                if not password:
                    raise
                self.login(password)
                return self._call(slug, body)

    def login(self, password: str) -> None:
        """Begin a new session and keep its cookies.

        Raises:
            WrongPassword: user name and password do not fit; the session stays as it was.
        """
        with self._lock:
            before, self._cookies = self._known_cookies(), {}
            try:
                self._send("GET", "login", None)
                self._send("POST", "login", {"username": self.user_name, "password": password})
            except OaioError:
                self._cookies = before
                raise
            self._save()

    def logout(self) -> None:
        """End the session on the server and forget its cookies."""
        with self._lock:
            self._call("logout", {})
            self._cookies = {}
            self._save()

    def close(self) -> None:
        """Close connections. The session stays valid; the next request opens a connection again."""
        with self._lock:
            if self._session is not None:
                self._session.close()
                self._session = None

    @property
    def _owner(self) -> str:
        return f"{self.user_name} {self.url}"

    def _call(self, slug: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        if CSRF_COOKIE not in self._known_cookies():
            raise LoginNeeded(f"there is no session of {self.user_name} at {self.url}")
        return self._send("GET" if body is None else "POST", slug, body)

    def _opened(self) -> "requests.Session":
        if self._session is None:
            from http.cookiejar import DefaultCookiePolicy  # noqa: PLC0415 - with requests

            import requests  # noqa: PLC0415 - 50 ms that only a request needs

            self._session = requests.Session()
            self._session.headers.update(context_headers(self.user_name, self.device_id, self.app_id))
            self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        return self._session

    def _known_cookies(self) -> dict[str, str]:
        if self._cookies is None:
            self._cookies = load_cookies(self.session_file, self._owner)
        return self._cookies

    def _save(self) -> None:
        save_cookies(self.session_file, self._owner, self._known_cookies())

    def _send(self, method: str, slug: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        session, url = self._opened(), f"{self.url}/api/v1/{slug}"
        cookies = self._known_cookies()
        headers = {"Accept": "application/json"}
        if cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        content = None
        if body is not None:
            content = _encoded(body)
            headers |= {
                "Content-Type": "application/json",
                CSRF_HEADER: cookies.get(CSRF_COOKIE, ""),
                "Referer": url,
            }
        self.tally.requests += 1
        self.tally.bytes_sent += len(content or b"")
        with told_by_class(self.url, slug):
            answer = session.request(
                method,
                url,
                data=content,
                headers=headers,
                timeout=(self.connect_seconds, READ_SECONDS),
                allow_redirects=False,
            )
        self.tally.bytes_received += len(answer.content)
        cookies.update({one.name: one.value or "" for one in answer.cookies})
        return _judged(answer, f"{method} {slug} at {self.url}")


def _encoded(body: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except UnicodeEncodeError as err:
        raise InvalidArgument("an id or a name holds a lone surrogate, which can't be sent") from err


def _judged(answer: "requests.Response", what: str) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        found = None
    if answer.status_code >= _ERROR_STATUS:
        raise _error(answer.status_code, found, what)
    if answer.status_code >= _REDIRECT_STATUS or not isinstance(found, dict):
        raise BadAnswer(
            f"{what}: the answer is not one of an oaio server",
            "Check the server's address, and what stands in between.",
        )
    return found


def _error(status: int, found: object, what: str) -> OaioError:
    if isinstance(found, dict) and isinstance(found.get("error"), dict):
        return error_of(found["error"])
    if status in {502, 503, 504}:
        return Unavailable(f"{what}: the server is down for now (status {status})")
    return BadAnswer(
        f"{what}: status {status} without a reason", "Ask the server's operator to look at its log."
    )


def error_of(told: Mapping[str, Any]) -> OaioError:
    """The error that an answer tells of, by the name of its class."""
    code, message, hint = (str(told.get(key) or "") for key in ("code", "message", "hint"))
    known = _ERRORS.get(code)
    return known(message, hint) if known else BadAnswer(f"{code or 'an error'}: {message}", hint)
