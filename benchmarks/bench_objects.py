"""1,000 values objects: ours registers them offline and then syncs, the original client registers online.

Both use the same server, each a user of its own. Ours registers while the server is stopped; that time and
the time of the sync count together. Starting interpreters, clients and the server counts for neither. The
original runs once: it takes minutes, and its figure is a mean of 1,000 calls already.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.harness import Row, beside, interleaved
from oaio_storage.server import add_user, prepare
from oaio_storage.testing.servers import oaio_server

OBJECTS = 1_000
PASSWORD = "benchmark"

OURS = """
import json, sys, time
from oaio_storage import OaioClient

host, user, password, root, count = json.loads(sys.stdin.readline())
client = OaioClient(host, {"username": user, "password": password}, "bench", "ours", client_root=root)

begin = time.perf_counter()
for number in range(count):
    assert client.register_object({"number": number, "text": f"object {number}"}), client.error_message
print("seconds", time.perf_counter() - begin, flush=True)

sys.stdin.readline()
begin = time.perf_counter()
report = client.sync()
print("seconds", time.perf_counter() - begin, flush=True)
assert report.sent == count, report
"""

ORIGINAL = """
import json, sys, time
from ae.oaio_client import OaioClient

host, user, password, root, count = json.loads(sys.stdin.readline())
client = OaioClient(host, {"username": user, "password": password}, "bench", "original", "Local", root)
assert client.synchronize_with_server_if_online(), client.error_message

begin = time.perf_counter()
for number in range(count):
    assert client.register_object({"number": number, "text": f"object {number}"}), client.error_message
print("seconds", time.perf_counter() - begin, flush=True)
"""


@contextmanager
def _client(python: str, program: str, *start: object) -> Iterator[subprocess.Popen[str]]:
    command = [python, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        _tell(process, json.dumps(start))
        yield process
        process.communicate()
    if process.returncode:
        raise RuntimeError(f"the client ended with {process.returncode}")


def _tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def _seconds(process: subprocess.Popen[str]) -> float:
    assert process.stdout
    for line in process.stdout:  # the original client prints there too
        if line.startswith("seconds "):
            return float(line.removeprefix("seconds "))
    raise RuntimeError("the client ended without its figure")


class _Sides:
    """Both sides on one server's data folder; each run has a user of its own, so all begin with no object."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "server"
        self.count = 0
        prepare(self.data)
        with oaio_server(self.data) as server:
            self.port = server.port

    def ours(self) -> float:
        with _client(sys.executable, OURS, *self._start("ours")) as client:
            registering = _seconds(client)
            with oaio_server(self.data, self.port):
                _tell(client, "the server is there")
                return registering + _seconds(client)

    def original(self) -> float:
        maker = Path(__file__).parents[1] / "tests" / "original_env.py"
        made = subprocess.run([sys.executable, maker], capture_output=True, text=True, check=True)
        start = self._start("original")
        with oaio_server(self.data, self.port), _client(made.stdout.strip(), ORIGINAL, *start) as client:
            return _seconds(client)

    def _start(self, side: str) -> tuple[str, str, str, str, int]:
        self.count += 1
        user = f"{side}{self.count}"
        add_user(self.data, user, PASSWORD)
        return f"127.0.0.1:{self.port}", user, PASSWORD, str(self.folder / user), OBJECTS


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        sides = _Sides(Path(folder))
        original = sides.original()
        ours = interleaved({"ours": sides.ours}, runs=3)["ours"]
    name = f"register {OBJECTS:,} objects: ours offline and synced, the original online"
    return [beside(name, ours, original, limit=0.2)]
