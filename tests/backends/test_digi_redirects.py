"""Where the service redirects: contents are asked for there, without credentials; nothing else is."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from backends.digi_server import api, calls, filesystem, told

from oaio_storage.errors import BadAnswer
from oaio_storage.testing.koofr.running import RunningKoofr
from oaio_storage_digi import DigiApi, DigiFileSystem

CONTENT = b"from elsewhere"


class _Elsewhere(ThreadingHTTPServer):
    """Another host, which answers everything, and remembers the headers that came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[dict[str, str]] = []

    def url(self, name: str = "127.0.0.1") -> str:
        return f"http://{name}:{self.server_port}/signed?key=hidden"


class _Handler(BaseHTTPRequestHandler):
    server: _Elsewhere

    def do_GET(self) -> None:
        self.server.seen.append({name.lower(): value for name, value in self.headers.items()})
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names that the base class calls

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def elsewhere() -> Iterator[_Elsewhere]:
    with _Elsewhere() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("authentication", ["token", "basic"])
def test_a_content_comes_from_another_host_without_credentials(
    server: RunningKoofr,
    elsewhere: _Elsewhere,
    status: int,
    authentication: Any,  # noqa: ANN401 - a literal
) -> None:
    fs = filesystem(server, authentication=authentication)
    fs.pipe_file("/file", CONTENT)
    for name in ("127.0.0.1", "localhost"):
        for _ in range(2):  # by a new connection, and by one that is kept
            server.switch(
                faults=[{"call": "get", "status": status, "location": elsewhere.url(name), "times": 2}]
            )
            assert fs.cat_file("/file") == CONTENT
    assert len(elsewhere.seen) == 4
    for headers in elsewhere.seen:
        assert headers.keys().isdisjoint(("authorization", "cookie"))
    server.switch(faults=[])
    fs.pipe_file("/other", CONTENT[::-1])
    assert fs.cat_file("/other") == CONTENT[::-1]  # the service itself is still told who asks
    fs.mount.session.close()


@pytest.mark.parametrize("call", ["token", "mounts", "info", "list", "put", "folder", "remove", "copy"])
def test_nothing_else_is_asked_elsewhere(
    server: RunningKoofr, host: DigiApi, elsewhere: _Elsewhere, call: str
) -> None:
    host.write("gone", b"gone")
    for status in (301, 302, 307, 308):
        server.switch(faults=[{"call": call, "status": status, "location": elsewhere.url(), "times": None}])
        with api(server, "top") as fresh, told(BadAnswer):
            list(fresh.list())
            fresh.stat("old")
            fresh.copy("old", "copied")
            fresh.write("folder/new", b"new")
            fresh.delete("gone")
    assert elsewhere.seen == []


@pytest.mark.parametrize("place", ["file:///etc/passwd", "http://", "http://[::1", "//", "ftp://127.0.0.1/x"])
def test_a_redirection_to_nowhere_is_no_content(server: RunningKoofr, fs: DigiFileSystem, place: str) -> None:
    server.switch(faults=[{"call": "get", "location": place, "times": None}])
    for _ in range(2):
        with told(BadAnswer):
            fs.cat_file("/top/old")


def test_redirections_in_a_circle_come_to_an_end(server: RunningKoofr, fs: DigiFileSystem) -> None:
    fs.cat_file("/top/old")
    place = f"/content/api/v2/mounts/{fs.mount.id}/files/get?path=/top/old"
    server.switch(faults=[{"call": "get", "location": place, "times": None}])
    server.requests()
    with told(BadAnswer):
        fs.cat_file("/top/old")
    assert calls(server).count("get") < 10
    server.switch(faults=[{"call": "get", "location": place, "times": 2}])
    assert fs.cat_file("/top/old") == b"old"  # at the same host the credentials go along


def test_what_is_asked_by_https_never_comes_by_http(
    server: RunningKoofr, elsewhere: _Elsewhere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cert = _certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(cert))
    with (
        _behind_tls(server.port, cert) as port,
        api(server, endpoint=f"https://127.0.0.1:{port}") as host,
    ):
        host.write("file", CONTENT)
        for _ in range(2):
            assert host.read("file") == CONTENT
        server.switch(faults=[{"call": "get", "location": elsewhere.url(), "times": None}])
        with told(BadAnswer):
            host.read("file")
    assert elsewhere.seen == []


def _certificate(folder: Path) -> Path:
    """A key and a certificate for 127.0.0.1, in one file."""
    made = folder / "both.pem"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(made), "-out", str(folder / "cert.pem")]
    subprocess.run(["openssl", *words, *names], check=True, capture_output=True)
    with made.open("ab") as both, (folder / "cert.pem").open("rb") as cert:
        shutil.copyfileobj(cert, both)
    return made


@contextmanager
def _behind_tls(port: int, cert: Path) -> Iterator[int]:
    """A port where the server at ``port`` is reached by TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert)

    def carry(source: socket.socket, target: socket.socket) -> None:
        with source, suppress(OSError):
            while piece := source.recv(1 << 16):
                target.sendall(piece)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        with ThreadPoolExecutor() as pool, suppress(OSError):
            while True:
                outer = context.wrap_socket(listening.accept()[0], server_side=True)
                inner = socket.create_connection(("127.0.0.1", port))
                pool.submit(carry, outer, inner)
                pool.submit(carry, inner, outer)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        accepting = threading.Thread(target=accept)
        accepting.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        accepting.join()
