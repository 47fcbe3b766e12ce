"""What the Koofr test server acknowledged is there after ``kill -9``, and nothing half-written is."""

import hashlib
import random
import signal
import threading
from pathlib import Path

import pytest
import requests
from counts import COUNTS
from testing.koofr_client import Plain, stored_bodies

from oaio_storage.errors import Unavailable
from oaio_storage.testing import koofr_server
from oaio_storage.testing.koofr.changes import FolderMade
from oaio_storage.testing.koofr.journal import Journal
from oaio_storage.testing.koofr.names import Place

WRITERS = 3


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with koofr_server(data) as server:
        plain = Plain(server)
        plain.make("/", "folder")
        plain.put("/folder", "ä.txt", b"content", modified="5")
        plain.put("/", "gone", b"gone")
        plain.call("DELETE", "remove", "/gone")
        plain.spread("copy", "/folder", "/twin")
        plain.spread("move", "/twin/ä.txt", "/moved")
        plain.put("/folder", "ä.txt", b"newer", overwrite="true", modified="6")
        assert len(list(stored_bodies(data))) == 2
        before = plain.call("GET", "tree").json(), plain.ask("GET", "/api/v2/trash").json()
        assert server.stop() == 0
    with koofr_server(data, server.port) as server:
        plain = Plain(server)
        assert (plain.call("GET", "tree").json(), plain.ask("GET", "/api/v2/trash").json()) == before
        assert (plain.content("/moved"), plain.content("/folder/ä.txt")) == (b"content", b"newer")
        assert len(list(stored_bodies(data))) == 2


def test_kills_lose_nothing_acknowledged_and_leave_nothing_half_written(tmp_path: Path) -> None:
    data = tmp_path / "data"
    acknowledged: dict[str, bytes] = {}
    unsure: dict[str, bytes] = {}
    cut = 0
    for _ in range(COUNTS.server_kills):
        with koofr_server(data) as server:
            _settle(Plain(server), acknowledged, unsure)
            assert len(list(stored_bodies(data))) == len(acknowledged)
            stop = threading.Event()
            writers = [
                threading.Thread(target=_write, args=(Plain(server), number, acknowledged, unsure, stop))
                for number in range(WRITERS)
            ]
            for writer in writers:
                writer.start()
            stop.wait(random.uniform(0.02, 0.3))
            server.kill()
            stop.set()
            for writer in writers:
                writer.join()
            cut += len(unsure)
    with koofr_server(data) as server:
        _settle(Plain(server), acknowledged, unsure)
    assert acknowledged
    assert cut, "no kill met a request"


def _write(
    plain: Plain,
    number: int,
    acknowledged: dict[str, bytes],
    unsure: dict[str, bytes],
    stop: threading.Event,
) -> None:
    """Write one's own few names until the server is gone; what the last request did is unsure."""
    while not stop.is_set():
        name = f"{number}-{random.randrange(3)}"
        content = random.randbytes(random.choice([0, 10, 100_000, 3_000_000]))
        unsure[name] = content
        try:
            answer = plain.put("/", name, content, overwrite="true")
        except requests.exceptions.ConnectionError:
            return
        assert answer.status_code == 200
        acknowledged[name] = content
        del unsure[name]


def _check(plain: Plain, acknowledged: dict[str, bytes]) -> None:
    assert plain.names("/") == sorted(acknowledged)
    for name, content in acknowledged.items():
        info = plain.info(f"/{name}")
        assert (info["size"], info["hash"]) == (len(content), hashlib.md5(content).hexdigest())
        assert plain.content(f"/{name}") == content


def _settle(plain: Plain, acknowledged: dict[str, bytes], unsure: dict[str, bytes]) -> None:
    """Learn which of the unsure writes happened; each did as a whole, or not at all."""
    names = plain.names("/")
    for name, content in unsure.items():
        found = plain.content(f"/{name}") if name in names else None
        assert found in {acknowledged.get(name), content}
        if found is not None:
            acknowledged[name] = found
    unsure.clear()
    _check(plain, acknowledged)


def test_an_upload_that_breaks_off_leaves_no_content(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with koofr_server(data) as server:
        server.switch(faults=[{"call": "put", "cut_request": 1000}])
        with pytest.raises(requests.exceptions.ConnectionError):
            Plain(server).put("/", "a", bytes(1_000_000))
        assert Plain(server).put("/none", "a", b"x").status_code == 404
        assert [seen["status"] for seen in server.requests()] == [0, 404]
        assert list(stored_bodies(data)) == []


def test_a_line_that_was_cut_off_never_happened(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    changes = [FolderMade(Place("m", (f"{number}",)), number) for number in range(3)]
    journal = Journal(path)
    for change in changes:
        journal.append(change)
    journal.close()
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for end in range(len(whole) + 1):
        path.write_bytes(whole[:end])
        again = Journal(path)
        found = list(again.changes())
        again.append(changes[0])
        again.close()
        kept = whole[:end].count(b"\n")
        assert found == changes[:kept]
        assert path.read_bytes() == b"".join(lines[:kept]) + lines[0]


def test_a_journal_that_is_none_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "journal").write_bytes(b"something else\n")
    with pytest.raises(Unavailable, match="line 1 of"), koofr_server(data):
        pass
    assert (data / "journal").read_bytes() == b"something else\n"


def test_files_of_a_mount_that_is_not_named_are_not_forgotten(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with koofr_server(data, 0, "--mount", "Mine") as server:
        Plain(server).put("/", "a", b"x")
    with pytest.raises(Unavailable, match="name the mounts as before"), koofr_server(data):
        pass
    with koofr_server(data, 0, "--mount", "Mine", "--mount", "More") as server:
        assert Plain(server).content("/a") == b"x"


def test_one_server_has_a_folder_at_a_time(tmp_path: Path) -> None:
    with (
        koofr_server(tmp_path / "data") as server,
        pytest.raises(Unavailable, match="another server has"),
        koofr_server(tmp_path / "data"),
    ):
        pass
    assert server.process.returncode == 0


def test_the_server_ends_when_it_is_told_to_also_with_open_connections() -> None:
    with koofr_server() as server, requests.Session() as session:
        session.get(f"{server.url}/api/v2/mounts", timeout=60)
        assert server.stop() == 0
        assert server.process.returncode != -signal.SIGKILL
