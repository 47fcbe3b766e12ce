"""Our sender where answers get lost, a server is down for a moment, or it is killed: no mix is ever live."""

import http.client
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import pytest
from file_transfer import wire
from file_transfer.original_server import original_server
from file_transfer.web_servers import site

from oaio_storage import errors
from oaio_storage.file_transfer.client import batches, send, sending
from oaio_storage.file_transfer.client import wire as client_wire

FAULTS = ("answer lost", "request cut", "503")
COURSE = "course"
TOKEN = wire.token(COURSE)
NOISE = random.Random(11).randbytes


class Proxy(ThreadingHTTPServer):
    """Hands requests on, and spoils one of them.

    Attributes:
        target: the address of the server.
        spoiled: which request, from 0 on, is spoiled how; afterwards all are handed on.
        count: of the requests that came.
    """

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handing)
        self.target = target
        self.spoiled: dict[int, str] = {}
        self.count = 0
        self.lock = threading.Lock()

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that was cut is what is wanted."""


class _Handing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        assert isinstance(self.server, Proxy)
        with self.server.lock:
            fault = self.server.spoiled.get(self.server.count, "")
            self.server.count += 1
        length = int(self.headers["Content-Length"])
        if fault == "request cut":
            self.rfile.read(length // 2)
            self._cut()
            return
        body = self.rfile.read(length)
        if fault == "503":
            status, headers, content = 503, {"Retry-After": "0"}, b""
        else:
            status, headers, content = self._handed_on(body)
        if fault == "answer lost":
            self._cut()
            return
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST  # noqa: N815 - same

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(2)

    def _handed_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        assert isinstance(self.server, Proxy)
        to = http.client.HTTPConnection(urlsplit(self.server.target).netloc, timeout=60)
        path = urlsplit(self.server.target).path.rstrip("/") + self.path
        headers = {name: value for name, value in self.headers.items() if name != "Connection"}
        to.request(self.command, path, body, headers)
        answer = to.getresponse()
        content = answer.read()
        to.close()
        return answer.status, {"Content-Type": answer.getheader("Content-Type", "text/plain")}, content

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


@attrs.frozen
class Side:
    """A server behind a proxy.

    Attributes:
        proxy: of the server.
        live: where its course is.
        is_ours: whether it is one of ours.
    """

    proxy: Proxy
    live: Path
    is_ours: bool

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.proxy.server_port}"

    def spoil(self, number: int, fault: str) -> None:
        """Spoil the request that comes after ``number`` more."""
        self.proxy.spoiled = {self.proxy.count + number: fault}


@contextmanager
def _proxied(target: str) -> Iterator[Proxy]:
    with Proxy(target) as proxy:
        threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True).start()
        yield proxy
        proxy.shutdown()


@pytest.fixture(scope="module")
def receiving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    courses = tmp_path_factory.mktemp("courses")
    with site("flask", courses, tmp_path_factory.mktemp("logs"), workers=2) as at:
        yield at.api, courses


@pytest.fixture(params=["original", "ours"])
def side(request: pytest.FixtureRequest, tmp_path: Path, receiving: tuple[str, Path]) -> Iterator[Side]:
    if request.param == "ours":
        with _proxied(receiving[0]) as proxy:
            yield Side(proxy, receiving[1] / COURSE, is_ours=True)
        shutil.rmtree(receiving[1])
        receiving[1].mkdir()
        return
    (tmp_path / "www").mkdir()
    with original_server(tmp_path / "www", TOKEN) as api, _proxied(api) as proxy:
        yield Side(proxy, tmp_path / "www" / COURSE, is_ours=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    for name in ("index.html", "a", "b"):
        (folder / name).write_text(name)
    (folder / "large").write_bytes(NOISE(3_000))
    return folder


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BYTES", 2000)
    monkeypatch.setattr(batches, "FILES", 2)
    for module in (client_wire, sending):
        monkeypatch.setattr(module, "CHUNK", 2000)


def contents(of: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(of)): path.read_bytes() for path in of.rglob("*") if path.is_file()}
    found.pop("manifest.json", None)
    return found


def test_a_fault_at_any_request_leaves_what_was_or_what_is_to_be(
    side: Side, folder: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    met: set[str] = set()
    number = 0
    for turn in range(1, 60):
        before = contents(side.live) if side.live.exists() else {}
        (folder / "a").write_text(f"turn {turn}")
        (folder / "large").write_bytes(NOISE(3_000))
        os.utime(folder / "index.html", (0, 1_800_000_000 + turn))
        fault = FAULTS[turn % 3]
        side.spoil(number, fault)
        count = side.proxy.count
        try:
            send(folder, side.api, COURSE, TOKEN, state=state)
            assert contents(side.live) == contents(folder)
            met.add("done")
        except (errors.TimedOut, errors.Superseded):  # the second: it was published, and is begun anew
            assert contents(side.live) in (before, contents(folder))
            met.add("unknown")
        if turn % 3 == 2:
            number += 1
        if number >= side.proxy.count - count:
            break
    assert met == {"done"} if side.is_ours else "done" in met
    assert number > 4, "the faults did not reach the last request"


KILLED = """
import sys
from pathlib import Path
from oaio_storage.file_transfer.client import batches, send
batches.FILES = 2
send(Path(sys.argv[1]), sys.argv[2], "course", sys.argv[3], state=Path(sys.argv[4]))
"""


def test_a_killed_sender_is_gone_on_with(receiving: tuple[str, Path], folder: Path, tmp_path: Path) -> None:
    api, courses = receiving
    for number in range(40):
        (folder / f"file {number}").write_bytes(NOISE(1000))
    words = [sys.executable, "-c", KILLED, str(folder), api, TOKEN, str(tmp_path / "state")]
    kills = 0
    for wait in (0.3, 0.5, 0.6, 0.7, 0.8):
        running = subprocess.Popen(words)
        time.sleep(wait)
        running.send_signal(signal.SIGKILL)
        kills += running.wait() == -signal.SIGKILL
        live = courses / COURSE
        assert not live.exists() or contents(live) == contents(folder)
    if not (courses / COURSE).exists():
        send(folder, api, COURSE, TOKEN, state=tmp_path / "state")
    assert contents(courses / COURSE) == contents(folder)
    assert kills
