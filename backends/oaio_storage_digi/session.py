"""Requests to the service: who asks, how long an answer may take, and what is asked again."""

import base64
import os
import re
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Literal
from urllib.parse import urlsplit

import attrs
import requests

from oaio_storage.errors import AccessDenied, BadAnswer, InvalidArgument, Throttled, TryAgain, Unavailable
from oaio_storage_digi import errors
from oaio_storage_digi.connections import Connections, Question
from oaio_storage_digi.multipart import Upload

PROVIDERS: Mapping[str, str] = {
    "digi-spain": "https://digistorage.es",
    "digi-romania": "https://storage.rcs-rds.ro",
    "koofr": "https://app.koofr.net",
}
"""Where the providers of the service are found (Koofr API, section 1)."""

Authentication = Literal["token", "basic"]

CONNECT_SECONDS = 30.0
READ_SECONDS = 120.0
LONGEST_PAUSE = 30.0
"""Seconds that are waited at most because the service asked for it (``Retry-After``)."""

_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}\Z")


def endpoint_of(provider: str, endpoint: str = "") -> str:
    """The address of the service, without a slash at its end: ``endpoint``, if there is one.

    Raises:
        InvalidArgument: no such provider, or no such address.
    """
    if not endpoint:
        if provider not in PROVIDERS:
            raise InvalidArgument(f"no provider {provider[:80]!r}; there are: {', '.join(PROVIDERS)}")
        return PROVIDERS[provider]
    try:
        parts = urlsplit(endpoint)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    is_plain = not (parts.query or parts.fragment or "@" in parts.netloc or not endpoint.isprintable())
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_plain:
        raise InvalidArgument(
            "endpoint has to be the address of the service: https://NAME, without user and query"
        )
    return endpoint.rstrip("/")


@attrs.define
class _Process:
    """What one process holds: connections, one set for each thread, and the token that all of them use."""

    threads: threading.local = attrs.field(factory=threading.local)
    opened: "weakref.WeakSet[Connections]" = attrs.field(factory=weakref.WeakSet)
    lock: threading.Lock = attrs.field(factory=threading.Lock)
    token: str = attrs.field(default="", repr=False)


@attrs.define(eq=False)
class Session:
    """Requests of one account; safe for threads and after a fork.

    Each thread has connections of its own, which are kept open. The token is fetched when it is first needed,
    and once more when the service does not take it any more; the request is then repeated once.

    Attributes:
        endpoint: address of the service.
        email: of the account.
        password: of the account; for ``basic`` an application password made for this.
        authentication: ``token``: both are exchanged for a token; ``basic``: both go with each request.
        attempts: requests for one call at most, where a repeat is safe and the service is busy or down.
        read_seconds: how long the service may be silent.
        proxies: address of the proxy by scheme; None: as the environment says.
    """

    endpoint: str
    email: str
    password: str = attrs.field(repr=False)
    authentication: Authentication = "token"
    attempts: int = 1
    read_seconds: float = READ_SECONDS
    proxies: Mapping[str, str] | None = attrs.field(default=None, repr=False)
    _held: dict[int, _Process] = attrs.field(factory=dict, init=False, repr=False)
    _resume_at: float = attrs.field(default=0.0, init=False, repr=False)

    def call(  # noqa: PLR0913 - a request has these parts
        self,
        method: str,
        route: str,
        failed: str,
        *,
        query: Mapping[str, str] | None = None,
        json: object = None,
        body: Upload | None = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
        is_safe: bool = True,
    ) -> requests.Response:
        """The answer to a request, with any status that blames the request itself.

        Args:
            method: of HTTP.
            route: what follows the endpoint.
            failed: what the message of an error begins with.
            query: parameters.
            json: content of the body.
            body: a file instead.
            headers: beside the usual ones.
            stream: leave the answer's body to be read by the caller, who closes it.
            is_safe: whether a repeat after an unknown outcome is safe.

        Raises:
            AccessDenied: the service does not take the credentials.
            TryAgain: it is busy, down or silent; after TimedOut the outcome is unknown.
            Untrusted: it can't prove who it is.
            Exception: whatever the source of ``body`` raised.
        """
        question = Question(method, route, query or {}, json, body, headers or {}, stream)

        def once() -> requests.Response:
            return self._answered(question, failed)

        if self.attempts == 1 or (body is not None and not body.is_repeatable):
            return once()
        return self._again(once, TryAgain if is_safe else Throttled)

    def close(self) -> None:
        """Let the connections of this process go. Safe to repeat; the next call opens new ones."""
        process = self._held.pop(os.getpid(), None)
        for opened in process.opened if process else ():
            opened.close()

    def _answered(self, question: Question, failed: str) -> requests.Response:
        header = self._header(failed)
        answer = self._sent(question, failed, header)
        if answer.status_code == errors.UNAUTHORIZED and self.authentication == "token":
            answer.close()
            self._forget(header)
            header = self._header(failed)
            if question.body is not None and not question.body.is_repeatable:
                raise Unavailable(f"{failed}: the session ended meanwhile", "Send it again.")
            answer = self._sent(question, failed, header)
        refused = errors.refusal(answer, failed) if answer.status_code >= errors.ERRORS_FROM else None
        if isinstance(refused, TryAgain):
            self._note_pause(answer)
            raise refused
        if answer.status_code == errors.UNAUTHORIZED and refused is not None:
            raise refused
        return answer

    def _sent(self, question: Question, failed: str, header: str) -> requests.Response:
        if (pause := self._resume_at - time.monotonic()) > 0:
            time.sleep(min(LONGEST_PAUSE, pause))
        changes = question.method != "GET" and question.route != "/token"
        try:
            with errors.on_the_way(failed, changes=changes):
                return self._connections().answer(question, header)
        except Exception:
            if question.body is not None and question.body.failure is not None:
                raise question.body.failure from None  # taken for an error of the network, if an OSError
            raise

    def _header(self, failed: str) -> str:
        if self.authentication == "basic":
            return f"Basic {base64.b64encode(f'{self.email}:{self.password}'.encode()).decode()}"
        process = self._process()
        with process.lock:
            process.token = process.token or self._new_token(failed)
            return f"Token {process.token}"

    def _forget(self, header: str) -> None:
        """Drop the token of ``header``, unless another thread has replaced it already."""
        process = self._process()
        with process.lock:
            if header == f"Token {process.token}":
                process.token = ""

    def _new_token(self, failed: str) -> str:
        question = Question("POST", "/token", json={"email": self.email, "password": self.password})
        answer = self._sent(question, failed, "")
        if answer.status_code in (errors.BAD_REQUEST, errors.UNAUTHORIZED, errors.FORBIDDEN):
            raise AccessDenied(
                f"{failed}: the service does not take this e-mail address and password",
                "Check both; some providers want a password made for applications in their settings.",
            )
        if answer.status_code >= errors.REDIRECTS_FROM:
            refused = errors.refusal(answer, failed)
            if isinstance(refused, TryAgain):
                self._note_pause(answer)
                raise refused
            raise BadAnswer(refused.message, "Check the endpoint.")
        told = errors.parsed(answer, failed)
        token = told.get("token") if isinstance(told, dict) else None
        if not isinstance(token, str) or not _TOKEN.match(token):
            raise BadAnswer(f"{failed}: the service gives no token", "Check the endpoint.")
        return token

    def _note_pause(self, answer: requests.Response) -> None:
        """Let all threads wait as long as the service asks for."""
        seconds = answer.headers.get("Retry-After", "")
        if re.fullmatch(r"[0-9]{1,6}", seconds):
            self._resume_at = max(self._resume_at, time.monotonic() + min(float(seconds), LONGEST_PAUSE))

    def _again(
        self, once: Callable[[], requests.Response], on: type[TryAgain] | type[Throttled]
    ) -> requests.Response:
        import stamina  # noqa: PLC0415 - costs tens of milliseconds, and hosts have a retry of their own

        caller = stamina.RetryingCaller(attempts=self.attempts, timeout=None, wait_max=LONGEST_PAUSE)
        return caller(on, once)

    def _process(self) -> _Process:
        return self._held.get(os.getpid()) or self._held.setdefault(os.getpid(), _Process())

    def _connections(self) -> Connections:
        process = self._process()
        held: Connections | None = getattr(process.threads, "connections", None)
        if held is None:
            held = Connections(self.endpoint, (CONNECT_SECONDS, self.read_seconds), self.proxies or {})
            process.threads.connections = held
            process.opened.add(held)
        return held
