"""The three requests of a publication, asked again where that is safe; nothing but 200 is success."""

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote

import attrs

from oaio_storage.errors import BadAnswer, OaioError, Offline, TimedOut, TryAgain
from oaio_storage.file_transfer.client.answers import Selected, error_of, parse_selected
from oaio_storage.file_transfer.client.bodies import Form, Pieces
from oaio_storage.web import told_by_class

if TYPE_CHECKING:
    import requests

CHUNK = 4 << 20
"""Bytes of a chunk, as the original client has it."""
_DONE = 200
_MAX_ANSWER = 128 << 20
_SECONDS = (10.0, 600.0)
"""To connect, and until the first byte of an answer: a server may unpack for long."""
_ATTEMPTS, _RETRY_SECONDS = 6, 120.0


@attrs.define(eq=False)
class Wire:
    """One course at one web app, for several threads.

    Attributes:
        api: what :func:`oaio_storage.web.base_url` gave.
        course: the name of the tree there.
        token: what the server knows the publisher by; never part of a message.
    """

    api: str
    course: str
    token: str = attrs.field(repr=False)
    _sessions: "list[requests.Session]" = attrs.field(factory=list, init=False, repr=False)
    _own: threading.local = attrs.field(factory=threading.local, init=False, repr=False)

    def select(self, manifest: bytes) -> Selected:
        """What the server asks for. A repeat begins another publication there, and harms nothing.

        Raises:
            Superseded: it says that this version is not newer than what is live.
            OaioError: what else it said, or that it can't be reached.
        """
        form = Form({}, "manifest_client", "manifest_client")
        told = self._ask("POST", "select-files", form.headers, lambda: form.around(manifest), is_safe=True)
        return parse_selected(told)

    def send_form(self, process_id: str, archive: BinaryIO, *, last: bool) -> None:
        """Send an archive whole.

        Args:
            process_id: of the publication.
            archive: from its first byte on.
            last: nothing comes after it.

        Raises:
            TimedOut: it is not known whether it arrived.
        """
        form = Form({"process_id": process_id, "last_file": str(last)}, "file", "file")
        self._ask("POST", "upload-files", form.headers, lambda: form.around(archive))

    def send_chunk(self, process_id: str, archive: int, offset: int, content: bytes, *, last: bool) -> None:
        """Send the chunk at ``offset`` of an archive of its own number; errors as :meth:`send_form`."""
        headers = {
            "Content-Type": "application/octet-stream",
            "X-Process-ID": process_id,
            "X-Chunk-Size": str(CHUNK),
            "X-Chunk-Index": str(offset),
            "X-Chunk-Offset": str(offset + len(content)),
            "X-File-Index": str(archive),
            **({"X-Last-Chunk": "True"} if last else {}),
        }
        self._ask("POST", "upload-files", headers, lambda: Pieces([content]))

    def publish(self, process_id: str) -> None:
        """Let it become live.

        Raises:
            TimedOut: it is not known whether it is.
        """
        body = json.dumps({"process_id": process_id}).encode()
        headers = {"Content-Type": "application/json"}
        self._ask("GET", "publish-files", headers, lambda: Pieces([body]))

    def close(self) -> None:
        """Close the connections of all threads; nobody uses them any more."""
        for session in self._sessions:
            session.close()

    def _ask(
        self,
        method: str,
        action: str,
        headers: Mapping[str, str],
        body: Callable[[], Pieces],
        *,
        is_safe: bool = False,
    ) -> dict[str, Any]:
        """The answer to a request. If it may have been done before, a refusal says nothing: TimedOut."""
        unknown = False

        def ask() -> dict[str, Any]:
            nonlocal unknown
            try:
                return self._once(method, action, headers, body())
            except (TimedOut, Offline):
                unknown = not is_safe
                raise

        try:
            return _again(ask)
        except TryAgain:
            raise
        except OaioError as err:
            if unknown:
                raise TimedOut(f"{action} got no answer; asked again, {err.message}", err.hint) from err
            raise

    def _once(self, method: str, action: str, headers: Mapping[str, str], body: Pieces) -> dict[str, Any]:
        what = f"{action} of {self.course!r} at {self.api}"
        with told_by_class(self.api, action):
            answer = self._session().request(
                method,
                f"{self.api}/{quote(self.course, safe='')}/{action}",
                data=body,
                headers=dict(headers),
                timeout=_SECONDS,
                allow_redirects=False,
                auth=self._authorise,
                stream=True,
            )
            with answer:
                content = _content(answer)
        if answer.status_code != _DONE:
            raise error_of(answer.status_code, content, what, self.token)
        try:
            told = json.loads(content)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise BadAnswer(f"{what}: the answer is not one of a server that receives trees", "Check --api.")
        return told

    def _authorise(self, request: "requests.PreparedRequest") -> "requests.PreparedRequest":
        """Show the token: a header alone would be replaced by what ``~/.netrc`` holds for that machine."""
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request

    def _session(self) -> "requests.Session":
        """That of this thread; the library's are not made for several."""
        import requests  # noqa: PLC0415 - 50 ms that only a request needs

        known: requests.Session | None = getattr(self._own, "session", None)
        if known is None:
            known = self._own.session = requests.Session()
            self._sessions.append(known)
        return known


def _content(answer: "requests.Response") -> bytes:
    """The whole answer.

    Raises:
        BadAnswer: there is no end of it.
    """
    content = bytearray()
    for block in _blocks(answer):
        content += block
        if len(content) > _MAX_ANSWER:
            raise BadAnswer("the answer is too long to be one of a server that receives trees")
    return bytes(content)


def _blocks(answer: "requests.Response") -> Iterator[bytes]:
    yield from answer.iter_content(1 << 16)


def _again(call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return call()
    except TryAgain as err:
        first = [err]
    import stamina  # noqa: PLC0415 - costs tens of milliseconds, which calls that succeed do not pay

    logging.getLogger("stamina").addHandler(logging.NullHandler())

    def attempt() -> dict[str, Any]:
        if first:
            raise first.pop()
        return call()

    caller = stamina.RetryingCaller(
        attempts=_ATTEMPTS, timeout=_RETRY_SECONDS, wait_initial=0.2, wait_max=10.0, wait_jitter=0.2
    )
    return caller(TryAgain, attempt)
