"""Trees over HTTP: what a site needs of memory and time, and sending beside the original client.

The site is one of Django under gunicorn with four workers, on this machine's disk; the original client is
replayed (``tests/file_transfer``), in two processes as the original is, and sends to the same site.
"""

import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import requests

from benchmarks.harness import Row, at_most, beside, interleaved, process

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from file_transfer import original_client, wire
from file_transfer.original_client import OriginalClient
from file_transfer.web_servers import Running, site

MIB = 1 << 20
FIRST = 70 * MIB
ENTRIES = 100_000
COMMITTED, SENT, SIZE = 20_000, 4_000, 4096
OAIO = Path(sys.executable).with_name("oaio")


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        (here / "courses").mkdir()
        with site("django", here / "courses", here) as at:
            return [_memory(here, at), _selecting(at), _committing(here, at), _sending(here, at)]


def _memory(here: Path, at: Running) -> Row:
    folder = here / "large"
    folder.mkdir()
    (folder / "index.html").write_text("index")
    (folder / "video").write_bytes(os.urandom(FIRST))
    client = _client(here, at, "warm")
    (here / "warm").mkdir()
    (here / "warm" / "index.html").write_text("warm")
    for _ in range(12):  # until each worker has imported what it needs
        os.utime(here / "warm" / "index.html")
        client.upload(here / "warm")
        client.publish()
    most = dict.fromkeys(_workers(at), 0)
    idle = {pid: _resident(pid) for pid in most}
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.005):
            for pid, before in most.items():
                most[pid] = max(before, _resident(pid))

    looking = threading.Thread(target=look)
    looking.start()
    client = _client(here, at, "large")
    client.upload(folder)
    client.publish()
    done.set()
    looking.join()
    above = max(most[pid] - idle[pid] for pid in most) / MIB
    shutil.rmtree(folder)
    return at_most("a first publication of 70 MiB: memory of a worker above idle", above, 64, "MiB")


def _selecting(at: Running) -> Row:
    entry = {"mtime": 1_700_000_000_123_456_789, "checksum": f"sha256:{'0' * 64}"}
    manifest = {f"folder {number % 100}/a file {number}.html": entry for number in range(ENTRIES - 1)}
    body = json.dumps({"index.html": entry} | manifest)

    def select() -> float:
        url, headers = f"{at.api}many/select-files", wire.bearer("many")
        begin = time.perf_counter()
        answer = requests.post(url, headers=headers, files={"manifest_client": body}, timeout=600)
        assert answer.status_code == 200, answer.text
        return time.perf_counter() - begin

    return at_most("select-files with 100,000 entries", interleaved({"": select})[""], 2, "s")


def _committing(here: Path, at: Running) -> Row:
    folder = _filled(here / "committed", COMMITTED)

    def publish() -> float:
        _touch(folder)
        client = _client(here, at, "committed")
        client.upload(folder)
        begin = time.perf_counter()
        client.publish()
        return time.perf_counter() - begin

    taken = interleaved({"": publish}, 3)[""]
    shutil.rmtree(folder)
    return at_most("the commit request for 20,000 files", 1000 * taken, 200)


def _sending(here: Path, at: Running) -> Row:
    """A first publication each time: of another course, from another folder."""
    folder = _filled(here / "sent", SENT)
    turn = iter(range(1000))

    def ours() -> float:
        name = f"ours{next(turn)}"
        (here / "token").write_text(wire.token(name))
        words = ["--api", at.api, "--course", name, "--token-file", str(here / "token")]
        env = {"OAIO_STATE_DIR": str(here / "state"), "XDG_CACHE_HOME": str(here / f"cache {name}")}
        return _seconds(process(OAIO, "send", folder, *words, env=env))

    def theirs() -> float:
        name = f"theirs{next(turn)}"
        (here / "token").write_text(wire.token(name))
        files = ["--token-file", str(here / "token"), "--process-file", str(here / "pid")]
        rest = [at.api, name, *files]
        program = [sys.executable, original_client.__file__]
        upload = process(*program, "upload", folder, *rest)
        return _seconds(upload) + _seconds(process(*program, "publish", *rest))

    taken = interleaved({"ours": ours, "original": theirs}, 3)
    return beside(
        "send 4,000 files of 4 KiB (the original client)", taken["ours"], taken["original"], 1 / 1.5
    )


def _client(here: Path, at: Running, course: str) -> OriginalClient:
    return OriginalClient(at.api, course, wire.token(course), here / "pid")


def _filled(folder: Path, files: int) -> Path:
    folder.mkdir()
    for number in range(files):
        inner = folder / f"folder {number % 100}"
        inner.mkdir(exist_ok=True)
        (inner / f"file {number}.bin").write_bytes(os.urandom(SIZE))
    (folder / "index.html").write_text("index")
    return folder


def _touch(folder: Path) -> None:
    (folder / "index.html").write_bytes(os.urandom(16))


def _seconds(side: Callable[[], None]) -> float:
    begin = time.perf_counter()
    side()
    return time.perf_counter() - begin


def _workers(at: Running) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{at.pid}/task/{at.pid}/children").read_text().split()]


def _resident(pid: int) -> int:
    """Bytes of this process that no file backs."""
    with suppress(FileNotFoundError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0
