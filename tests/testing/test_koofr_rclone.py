"""The real rclone with its own backend for Koofr works with the test server as with the service."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from testing.koofr_client import Plain

from oaio_storage.testing import RunningKoofr, koofr_server

PROGRAM = Path(sys.executable).with_name("rclone")
SECONDS = 120
NOT_FOUND, TEMPORARY = 3, 5


@attrs.frozen
class Rclone:
    """rclone without a configuration file, with one remote named ``KT:``, and without hidden repeats."""

    server: RunningKoofr
    environment: dict[str, str]

    def __call__(self, *words: str | Path, stdin: bytes = b"", code: int = 0) -> bytes:
        once = ("--retries", "1", "--low-level-retries", "1")
        done = subprocess.run(
            [PROGRAM, *once, *words],
            env=self.environment,
            input=stdin,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == code, done.stderr.decode()
        return done.stdout

    def calls(self) -> Counter[str]:
        """The calls that the server answered since this was asked last."""
        return Counter(seen["call"] for seen in self.server.requests())


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rclone]:
    with koofr_server() as server:
        home = tmp_path_factory.mktemp("home")
        obscured = subprocess.run(
            [PROGRAM, "obscure", "-"], input=server.password.encode(), capture_output=True, check=True
        ).stdout
        account = {
            "TYPE": "koofr",
            "PROVIDER": "other",
            "ENDPOINT": server.url,
            "USER": server.user,
            "PASSWORD": obscured.decode().strip(),
        }
        remote = {f"RCLONE_CONFIG_KT_{name}": value for name, value in account.items()}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RCLONE_")}
        places = {"HOME": str(home), "RCLONE_CONFIG": os.devnull, "RCLONE_CACHE_DIR": str(home)}
        yield Rclone(server, {**kept, **places, **remote})


@pytest.fixture
def rclone(shared: Rclone) -> Rclone:
    """rclone on an empty account."""
    plain = Plain(shared.server)
    for name in plain.names("/"):
        plain.call("DELETE", "remove", f"/{name}")
    shared.calls()
    return shared


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tree with an empty file, names of all kinds, and an hour-old file."""
    root = tmp_path / "tree"
    files = {
        "empty": b"",
        "a.txt": b"hello",
        "deep/er/file": bytes(300_000),
        "names/ü 日本 e\u0301": b"1",
        "names/ lead and trail. ": b"2",
        "names/: ? * \" ' < > | # % + & ;": b"3",
        "names/back\\slash\ttab": b"4",
    }
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    os.utime(root / "a.txt", ns=(0, 1_700_000_000_123_000_000))
    return root


def test_a_tree_goes_up_and_comes_down_as_it_was(rclone: Rclone, folder: Path, tmp_path: Path) -> None:
    rclone("copy", folder, "KT:up/tree")
    rclone("check", folder, "KT:up/tree")
    rclone("check", "--download", folder, "KT:up/tree")
    assert rclone.calls()["put"] == 7
    rclone("copy", "KT:up/tree", tmp_path / "down")
    rclone("check", folder, tmp_path / "down")
    assert (tmp_path / "down" / "a.txt").stat().st_mtime_ns == 1_700_000_000_123_000_000


def test_a_sync_sends_what_changed_and_removes_what_is_gone(rclone: Rclone, folder: Path) -> None:
    rclone("sync", folder, "KT:tree")
    (folder / "a.txt").write_bytes(b"other")
    (folder / "empty").unlink()
    rclone.calls()
    rclone("sync", folder, "KT:tree")
    calls = rclone.calls()
    assert (calls["put"], calls["remove"]) == (1, 1)
    rclone("check", folder, "KT:tree")
    assert rclone("cat", "KT:tree/a.txt") == b"other"
    rclone.calls()
    rclone("sync", folder, "KT:tree")
    assert not {"put", "remove", "get", "copy", "move"} & set(rclone.calls())


def test_folders_are_made_and_removed(rclone: Rclone) -> None:
    rclone("mkdir", "KT:a/b/c")
    assert rclone("lsf", "-R", "KT:") == b"a/\na/b/\na/b/c/\n"
    rclone("rmdir", "KT:a/b", code=1)
    rclone("rmdir", "KT:a/b/c")
    rclone("rmdirs", "KT:a")
    assert rclone("lsf", "KT:") == b""
    rclone("lsf", "KT:a", code=NOT_FOUND)


def test_files_and_folders_are_moved_on_the_server(rclone: Rclone, folder: Path) -> None:
    rclone("copy", folder, "KT:tree")
    rclone.calls()
    rclone("moveto", "KT:tree/a.txt", "KT:tree/names/b.txt")
    rclone("moveto", "KT:tree/deep", "KT:else/where")
    rclone("moveto", "KT:tree/empty", "KT:tree/EMPTY")
    calls = rclone.calls()
    assert calls["move"] == 4  # the last one takes two
    assert not {"put", "get", "copy"} & set(calls)
    assert rclone("lsf", "-R", "--files-only", "KT:else") == b"where/er/file\n"
    assert rclone("lsf", "--files-only", "KT:tree") == b"EMPTY\n"
    rclone("move", "KT:else", "KT:tree")
    assert len(rclone("cat", "KT:tree/where/er/file")) == 300_000


def test_files_are_copied_on_the_server(rclone: Rclone, folder: Path) -> None:
    rclone("copy", folder, "KT:tree")
    rclone.calls()
    rclone("copy", "KT:tree", "KT:twin")
    calls = rclone.calls()
    assert calls["copy"] == 7
    assert not {"put", "get"} & set(calls)
    rclone("check", folder, "KT:twin")
    rclone("copyto", "KT:tree/a.txt", "KT:twin/empty")
    assert rclone("cat", "KT:twin/empty") == b"hello"


def test_files_are_deleted_and_trees_purged(rclone: Rclone, folder: Path) -> None:
    rclone("copy", folder, "KT:tree")
    rclone("deletefile", "KT:tree/a.txt")
    rclone("delete", "KT:tree/names")
    assert rclone("lsf", "-R", "--files-only", "KT:tree") == b"empty\ndeep/er/file\n"
    rclone("purge", "KT:tree")
    assert rclone("lsf", "KT:") == b""


def test_streams_of_unknown_length_and_parts(rclone: Rclone) -> None:
    content = bytes(range(256)) * 4_000
    rclone("rcat", "KT:new/stream", stdin=content)
    assert rclone("cat", "KT:new/stream") == content
    assert rclone("cat", "--offset", "1000", "--count", "70000", "KT:new/stream") == content[1000:71000]
    assert rclone("cat", "--tail", "5", "KT:new/stream") == content[-5:]
    rclone("rcat", "KT:new/nothing")
    assert rclone("lsf", "--format", "s", "KT:new/nothing") == b"0\n"


def test_a_large_file_comes_down_in_parts_at_once(rclone: Rclone, tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    rclone("rcat", "KT:large", stdin=content)
    parts = (
        "--multi-thread-cutoff",
        "1M",
        "--multi-thread-streams",
        "4",
        "--multi-thread-chunk-size",
        "512K",
    )
    rclone.calls()
    rclone("copy", *parts, "KT:large", tmp_path)
    assert (tmp_path / "large").read_bytes() == content
    assert rclone.calls()["get"] >= 6


def test_many_files_at_once_into_one_new_folder(rclone: Rclone, tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"f{number}").write_bytes(b"%d" % number)
    rclone("copy", "--transfers", "16", "--checkers", "16", "--no-traverse", tmp_path, "KT:all/new/here")
    rclone("check", tmp_path, "KT:all/new/here")
    assert rclone("lsf", "-R", "--dirs-only", "KT:") == b"all/\nall/new/\nall/new/here/\n"


def test_the_space_is_told(rclone: Rclone) -> None:
    rclone("rcat", "KT:a", stdin=bytes(3 * 1024 * 1024))
    mib = 1024 * 1024
    assert json.loads(rclone("about", "--json", "KT:")) == {
        "total": mib * mib,
        "used": 3 * mib,
        "free": mib * mib - 3 * mib,
    }


def test_a_link_is_made(rclone: Rclone) -> None:
    rclone("rcat", "KT:a", stdin=b"x")
    assert rclone("link", "KT:a").startswith(rclone.server.url.encode())


def test_faults_reach_rclone_as_errors_and_never_as_files(rclone: Rclone, folder: Path) -> None:
    rclone("copy", folder, "KT:tree")
    for fault, code in (({"status": 503}, 1), ({"html": True}, 1), ({"cut_request": 100}, TEMPORARY)):
        rclone.server.switch(faults=[{"call": "put", **fault}])
        rclone("copyto", "--ignore-times", folder / "a.txt", "KT:tree/new", code=code)
    rclone.server.switch(faults=[{"call": "get", "cut": 2}])
    rclone("copyto", "KT:tree/a.txt", folder / "down", code=TEMPORARY)
    rclone.server.restore()
    assert not (folder / "down").exists()
    rclone("check", folder, "KT:tree")
