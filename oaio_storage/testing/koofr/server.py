"""The server: an account in a store, served by one thread for each connection."""

import sys
import traceback
from http.server import ThreadingHTTPServer

from oaio_storage.testing.koofr.access import Access
from oaio_storage.testing.koofr.calls import Calls
from oaio_storage.testing.koofr.control import Control
from oaio_storage.testing.koofr.handler import Handler
from oaio_storage.testing.koofr.store import Store
from oaio_storage.testing.koofr.switches import Switches

READY = "koofr server ready at "
"""What its process says when it is ready; the address follows."""


class Server(ThreadingHTTPServer):
    """Serves ``store`` on loopback at ``port`` (0: a free one) to whoever knows ``access``."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, store: Store, access: Access, switches: Switches) -> None:
        self.access = access
        self.control = Control(switches)
        self.calls = Calls(store, access, self.control)
        super().__init__(("127.0.0.1", port), Handler)

    @property
    def url(self) -> str:
        """Where it is found."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """Tell of a mistake of our own; that a client went away is none."""
        if not isinstance(sys.exception(), ConnectionError):
            traceback.print_exc()
