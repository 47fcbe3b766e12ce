"""A small web server on this machine's own address, for looking at one generation."""

import errno
import re
import signal
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from oaio_storage.errors import Busy, InvalidArgument
from oaio_storage.publish.serve.answering import not_available

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication

LOOPBACK = "127.0.0.1"
_OURS = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]*)?", re.ASCII | re.IGNORECASE)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that goes away is nothing to tell."""


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that its base has
        pass


def only_for_us(app: "WSGIApplication") -> "WSGIApplication":
    """``app`` for requests that mean this machine by a name of its loopback address.

    A page of another site can let its own name lead here (DNS rebinding), and would read all answers; so a
    request that means another name is answered 421, and one that means none or several, as HTTP/1.1 does not
    allow, 400 (RFC 9110, 7.4 and 15.5.20; RFC 9112, 3.2).
    """

    def guarded(environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        problem = _problem(environ.get("HTTP_HOST"), environ["SERVER_PROTOCOL"])
        if problem is None:
            return app(environ, start_response)
        told = not_available(problem, environ["REQUEST_METHOD"])
        start_response(f"{problem.value} {problem.phrase}", list(told.headers.items()))
        return told.body

    return guarded


def _problem(host: str | None, protocol: str) -> HTTPStatus | None:
    """What a request that means ``host`` is answered instead of a file."""
    if host is None:
        return HTTPStatus.BAD_REQUEST if protocol > "HTTP/1.0" else None
    if "," in host:  # how two lines come here
        return HTTPStatus.BAD_REQUEST
    return None if _OURS.fullmatch(host) else HTTPStatus.MISDIRECTED_REQUEST


def serve_here(app: "WSGIApplication", port: int, ready: Callable[[str], None]) -> None:
    """Serve ``app`` on the loopback address until SIGINT or SIGTERM, see :func:`only_for_us`.

    Args:
        app: what answers.
        port: 0 picks a free one.
        ready: called once, with the address.

    Raises:
        Busy: the port is taken.
        InvalidArgument: it may not be used.
    """
    try:
        server = make_server(LOOPBACK, port, only_for_us(app), _Server, _Quiet)
    except OSError as err:
        if err.errno == errno.EADDRINUSE:
            raise Busy(f"port {port} is taken by another process", "Choose another --port.") from err
        raise InvalidArgument(
            f"can't listen at port {port}: {err.strerror}", "Choose another --port."
        ) from err
    stopping = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stopping.set()) for number in (signal.SIGTERM, signal.SIGINT)
    }
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    try:
        with server:
            serving.start()
            ready(f"http://{LOOPBACK}:{server.server_port}/")
            stopping.wait()
            server.shutdown()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
