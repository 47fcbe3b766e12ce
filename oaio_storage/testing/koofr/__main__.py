"""``python -m oaio_storage.testing.koofr``: a Koofr-compatible server on this machine, for tests."""

import argparse
import json
import os
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from oaio_storage.errors import OaioError
from oaio_storage.testing.koofr.access import Access
from oaio_storage.testing.koofr.server import READY, Server
from oaio_storage.testing.koofr.store import Store
from oaio_storage.testing.koofr.switches import Switches

MOUNT = "DIGIstorage"


def main() -> int:
    """Serve until the process is told to end (SIGTERM, SIGINT); its exit code."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with ExitStack() as stack:
            data = options.data or Path(stack.enter_context(_temporary()))
            store = Store(data, *(options.mount or [MOUNT]))
            stack.callback(store.close)
            switches = Switches().changed(options.switches)
            server = stack.enter_context(
                Server(options.port, store, Access(options.user, options.password), switches)
            )
            os.write(sys.stdout.fileno(), f"{READY}{server.url}\n".encode())
            server.serve_forever()
    except OaioError as err:
        sys.stderr.write(f"{err}\n{err.hint}\n")
        return err.exit_code
    except OSError as err:
        sys.stderr.write(f"the server can't start: {err}\n")
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _temporary() -> tempfile.TemporaryDirectory[str]:
    """A folder that goes when the server ends, also while requests still write there."""
    return tempfile.TemporaryDirectory(prefix="koofr-", ignore_cleanup_errors=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m oaio_storage.testing.koofr", description=__doc__)
    add = parser.add_argument
    add("--port", type=int, required=True, help="port on 127.0.0.1; 0 for a free one")
    add("--user", required=True, metavar="EMAIL", help="the account's e-mail address")
    add("--password", required=True, metavar="PW", help="the account's password, one made for tests")
    add("--data", type=Path, metavar="DIR", help="folder of what is stored; without it a temporary one")
    add("--mount", action="append", metavar="NAME", help=f"a mount, the first is primary (default {MOUNT})")
    add(
        "--switches",
        type=json.loads,
        default="{}",
        metavar="JSON",
        help="switches that are set from the begin",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
