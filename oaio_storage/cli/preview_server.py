"""A small web server on this machine's own address, for looking at one generation."""

import errno
import signal
import threading
from collections.abc import Callable
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from oaio_storage.errors import Busy, InvalidArgument

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

LOOPBACK = "127.0.0.1"


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that goes away is nothing to tell."""


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that its base has
        pass


def serve_here(app: "WSGIApplication", port: int, ready: Callable[[str], None]) -> None:
    """Serve ``app`` on the loopback address until SIGINT or SIGTERM.

    Args:
        app: what answers.
        port: 0 picks a free one.
        ready: called once, with the address.

    Raises:
        Busy: the port is taken.
        InvalidArgument: it may not be used.
    """
    try:
        server = make_server(LOOPBACK, port, app, _Server, _Quiet)
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
