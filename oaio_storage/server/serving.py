"""The server's process: WSGI by cheroot, until SIGTERM or SIGINT."""

import errno
import signal
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from oaio_storage.errors import Busy, InvalidArgument
from oaio_storage.server.preparing import configure, prepare

_WILDCARDS = ("0.0.0.0", "::", "")  # noqa: S104 - the operator asks for it


def serve(  # noqa: PLR0913 - each is an option of the command
    data: Path,
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    ready: Callable[[str], None] = lambda _url: None,
) -> None:
    """Prepare ``data`` and serve it until SIGTERM or SIGINT; running requests are finished first.

    Runs in the main thread.

    Args:
        data: the data folder.
        host: name or address to listen at.
        port: 0 picks a free one.
        tls_cert: PEM file of the certificate chain; with ``tls_key`` the server speaks TLS alone.
        tls_key: PEM file of its private key.
        ready: called once with the base URL (without a slash at its end) when connections are accepted.

    Raises:
        Busy: another server runs on ``data``, or the port is taken.
        InvalidArgument: the address or the certificate can't be used.
        InvalidConfiguration: trees are to be received, and a setting for that is not as it has to be.
    """
    if (tls_cert is None) != (tls_key is None):
        raise InvalidArgument("TLS needs both a certificate and its key", "Give --tls-cert and --tls-key.")
    prepare(data)
    try:
        with FileLock(data / "serve.lock", timeout=0, mode=0o600):
            allowed = ("*",) if host in _WILDCARDS else (f"[{host}]" if ":" in host else host,)
            configure(data, tls=tls_cert is not None, allowed_hosts=allowed)
            from oaio_storage.server import transfers  # noqa: PLC0415 - needs configured settings
            from oaio_storage.server.web_server import WebServer  # noqa: PLC0415 - same

            transfers.prepare()
            server = WebServer(host, port)
            if tls_cert and tls_key:
                server.ssl_adapter = _tls_adapter(tls_cert, tls_key)
            _run(server, ready)
    except Timeout as err:
        raise Busy(f"another server runs on {data}", "Stop it, or serve another data folder.") from err


def _tls_adapter(cert: Path, key: Path) -> Any:  # noqa: ANN401 - cheroot has no types
    from cheroot.ssl.builtin import BuiltinSSLAdapter  # noqa: PLC0415 - heavy

    try:
        return BuiltinSSLAdapter(str(cert), str(key))
    except (OSError, ssl.SSLError) as err:
        raise InvalidArgument(f"{cert} and {key} are no certificate and key that can be used") from err


def _run(server: Any, ready: Callable[[str], None]) -> None:  # noqa: ANN401 - cheroot has no types
    stopping = threading.Event()
    previous = {
        number: signal.signal(number, lambda *_: stopping.set()) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        _prepare_socket(server)
        loop = threading.Thread(target=server.serve, name="accept")
        loop.start()
        try:
            ready(_url_of(server))
            stopping.wait()
        finally:
            server.stop()
            loop.join()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _prepare_socket(server: Any) -> None:  # noqa: ANN401 - cheroot has no types
    host, port = server.bind_addr[:2]
    try:
        server.prepare()
    except OSError as err:
        if err.errno == errno.EADDRINUSE or "in use" in str(err):
            raise Busy(
                f"port {port} of {host} is taken by another process", "Choose another --port."
            ) from err
        raise InvalidArgument(
            f"can't listen at {host} port {port}", "Choose another --host or --port."
        ) from err
    except OverflowError as err:
        raise InvalidArgument(f"there is no port {port}", "Choose one from 0 to 65535.") from err


def _url_of(server: Any) -> str:  # noqa: ANN401 - cheroot has no types
    host, port = server.bind_addr[:2]
    scheme = "https" if server.ssl_adapter else "http"
    if host in _WILDCARDS:
        host = "127.0.0.1"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
