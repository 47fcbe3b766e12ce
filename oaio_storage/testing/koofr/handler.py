"""HTTP/1.1 over one connection: requests in, answers out, and the faults that were asked for."""

import json
import time
from collections.abc import Mapping
from contextlib import ExitStack
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, cast

from oaio_storage.errors import InvalidArgument
from oaio_storage.testing.koofr.answers import Answer, as_json, as_refused, as_told
from oaio_storage.testing.koofr.control import Seen
from oaio_storage.testing.koofr.framing import Body, CutShort
from oaio_storage.testing.koofr.refusals import OLD, Code, Refused
from oaio_storage.testing.koofr.request import Request
from oaio_storage.testing.koofr.routes import Route, route
from oaio_storage.testing.koofr.switches import Fault

if TYPE_CHECKING:
    import socket

    from oaio_storage.testing.koofr.server import Server

CONTROL = "/testing/"
_LONGEST_CONTROL = 1024 * 1024
_DRAIN_SECONDS = 30
_NO_FAULT = Fault()


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection, one after the other."""

    protocol_version = "HTTP/1.1"
    timeout = 300
    rbufsize = 256 * 1024
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True
    server: "Server"

    def serve(self) -> None:
        """Answer the request that was just read."""
        try:
            body = Body.of(self.rfile, self._headers())
        except Refused as err:
            self.close_connection = True
            self._send(as_refused(err, OLD))
            return
        try:
            if self.path.startswith(CONTROL):
                self._send(self._control(body))
            else:
                self._call(body)
            self._drain(body)
        except (CutShort, ConnectionError, TimeoutError):
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = serve  # noqa: N815 - the names that the base class calls

    def _call(self, body: Body) -> None:
        """Answer a call of the API."""
        try:
            asked = route(self.command, self.path, self.headers.get("X-Koofr-Version", ""))
        except Refused as err:
            self._tell(Route("", OLD, {}), as_refused(err, OLD), _NO_FAULT)
            return
        fault = self.server.control.take(asked.call) or _NO_FAULT
        time.sleep(self.server.control.switches.delay + fault.delay)
        if fault.expire:
            self.server.access.expire()
        try:
            answer = as_told(fault) or self._asked(asked, body, fault)
        except CutShort:
            self.server.control.saw(Seen(asked.call, self.command, self.path, 0))
            raise
        self._tell(asked, answer, fault)

    def _asked(self, asked: Route, body: Body, fault: Fault) -> Answer:
        if fault.cut_request is not None and body.ended:
            raise CutShort
        body.limit = fault.cut_request
        try:
            return self.server.calls.answer(Request(asked, self._headers(), body))
        except Refused as err:
            return as_refused(err, asked.level)

    def _tell(self, asked: Route, answer: Answer, fault: Fault) -> None:
        status = 0 if fault.lost else int(answer.status)
        self.server.control.saw(Seen(asked.call, self.command, self.path, status))
        if fault.lost:
            if answer.file:
                answer.file.close()
            raise CutShort
        self._send(answer, fault.cut)

    def _control(self, body: Body) -> Answer:
        """Answer those who test: nobody else knows the password, and no switch touches this."""
        if not self.server.access.allows(self.headers.get("Authorization", "")):
            return as_refused(Refused(Code.UNAUTHORIZED), OLD)
        match self.command, self.path.removeprefix(CONTROL):
            case "GET", "requests":
                return as_json(self.server.control.seen())
            case (("GET" | "PUT"), "switches"):
                try:
                    return as_json(self.server.control.change(_object(body)))
                except InvalidArgument as err:
                    return as_refused(Refused(Code.BAD_REQUEST, err.message), OLD)
            case _:
                return as_refused(Refused(Code.NOT_FOUND, "No such call."), OLD)

    def _send(self, answer: Answer, cut: int | None = None) -> None:
        with ExitStack() as stack:
            if answer.file:
                stack.enter_context(answer.file)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.status != HTTPStatus.NO_CONTENT:
                self.send_header("Content-Length", str(answer.size))
            self.end_headers()
            size = answer.size if cut is None else min(cut, answer.size)
            self.wfile.write(answer.body[:size])
            self.wfile.flush()
            if answer.file and size:
                cast("socket.socket", self.connection).sendfile(answer.file, answer.part.start, size)
            if cut is not None:
                raise CutShort

    def _drain(self, body: Body) -> None:
        """Read what is left of a body that was not looked at, so that its sender reads the answer."""
        deadline = time.monotonic() + _DRAIN_SECONDS
        while not body.ended and time.monotonic() < deadline:
            body.read()
        if not body.ended:
            self.close_connection = True

    def _headers(self) -> Mapping[str, str]:
        return cast("Mapping[str, str]", self.headers)

    def version_string(self) -> str:
        """The header ``Server``."""
        return "oaio-koofr"

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The time by the server's clock."""
        now = self.server.control.now() / 1000 if timestamp is None else timestamp
        return formatdate(now, usegmt=True)

    def log_message(self, *_: object) -> None:
        """Say nothing: what was asked can be asked."""


def _object(body: Body) -> dict[str, object]:
    text = body.read_all(_LONGEST_CONTROL)
    try:
        value = json.loads(text or b"{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InvalidArgument("switches are an object of JSON")
    return value
