"""cheroot's WSGI server as this project uses it."""

import logging
import socket

from cheroot.wsgi import Server
from django.core.wsgi import get_wsgi_application

from oaio_storage.server import transfers

THREADS = 10

MAX_BODY = 64 * 1024 * 1024
"""Bytes; above what we accept, so that our answer says why; bounded, as what we refuse is read to its end."""

MAX_HEAD = 64 * 1024
"""Bytes of the request line and the headers."""

log = logging.getLogger("oaio_storage.server")


class WebServer(Server):
    """Serves the Django application; its errors go to the log."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__((host, port), get_wsgi_application(), numthreads=THREADS, request_queue_size=128)
        self.server_name = "oaio"
        self.max_request_body_size = transfers.max_body() or MAX_BODY
        self.max_request_header_size = MAX_HEAD

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:  # noqa: FBT001, FBT002 - cheroot's signature
        """Where cheroot tells of broken connections, and of errors outside of the application."""
        log.log(level, msg, exc_info=traceback)

    @staticmethod
    def bind_socket(socket_: socket.socket, bind_addr: tuple[str, int]) -> socket.socket:
        """Bind; a later server may take the same port at once, also if it was a free one that was picked."""
        socket_.bind(bind_addr)
        socket_.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return socket_
