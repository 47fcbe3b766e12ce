"""T17 to T19: checking out, names and links, memory; a generation as a file system, and what differs."""

import csv
import os
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trees.places import Device, fill, memory, noise, on_disk

from oaio_storage import system_calls
from oaio_storage.errors import Busy, Corrupt, InvalidArgument, NotFound, NotGuaranteed, OaioError
from oaio_storage.manifest import EMPTY_CHECKSUM, FileEntry, Manifest
from oaio_storage.testing import Crash, Fault, Faults
from oaio_storage.trees import checkout_target
from oaio_storage.trees.checkout import check_out
from oaio_storage.trees.checkout_target import ChangedHereError, Target
from oaio_storage.trees.comparing import changes
from oaio_storage.trees.filesystem import GenerationFileSystem
from oaio_storage.trees.store import TreeStore

ONE = {"index.html": b"one", "a/b/c": b"deep", "same": b"same", "empty": b"", "large": noise(3 << 20)}
TWO = {
    "index.html": b"two!",
    "same": b"same",
    "new/file": b"new",
    "large": noise(1 << 20, 1) + noise(3 << 20),
}


class TestT17:
    """Only what differs is written, verified before it takes its name; what a user changed is never lost."""

    def test_a_new_folder_is_the_generation(self, device: Device, tmp_path: Path) -> None:
        done = device.commit(ONE)
        out = device.check_out(tmp_path / "out")
        assert on_disk(tmp_path / "out") == ONE
        assert (out.generation, out.written) == (done.switch.generation, tuple(sorted(ONE)))

    def test_only_what_differs_is_written_and_asked_for(self, device: Device, tmp_path: Path) -> None:
        device.commit(ONE)
        device.check_out(tmp_path / "out")
        device.commit(TWO)
        inode = (tmp_path / "out/same").stat().st_ino
        out = device.check_out(tmp_path / "out")
        assert on_disk(tmp_path / "out") == TWO
        assert out.removed == ("a/b/c", "empty")
        assert (tmp_path / "out/same").stat().st_ino == inode
        assert device.check_out(tmp_path / "out").written == ()

    def test_many_small_files_come_in_few_requests(self, device: Device, tmp_path: Path) -> None:
        device.commit({f"{number % 9}/{number}": noise(500, number) for number in range(2_000)})
        device.asked()
        device.check_out(tmp_path / "out")
        assert len(device.asked()) <= 6
        assert len(on_disk(tmp_path / "out")) == 2_000

    def test_what_a_user_changed_is_kept_and_told(self, device: Device, tmp_path: Path) -> None:
        device.commit(ONE)
        out = tmp_path / "out"
        device.check_out(out)
        fill(out, ONE | {"index.html": b"mine", "mine": b"mine"})
        device.commit(TWO)
        assert set(device.check_out(out).kept) == {"index.html"}
        assert (out / "index.html").read_bytes() == b"mine"
        assert (out / "mine").read_bytes() == b"mine"

    @pytest.mark.parametrize("way", ["exchange", "link"])
    @pytest.mark.parametrize("late", ["replaced", "edited", "removed"])
    def test_what_changes_in_the_last_moment_is_never_lost(
        self, device: Device, tmp_path: Path, late: str, way: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After the last look at it, and before it is displaced."""
        device.commit(ONE)
        out = tmp_path / "out"
        device.check_out(out)
        device.commit(TWO)
        check = checkout_target._check

        def then(parent: int, name: str, there: FileEntry | None) -> None:
            check(parent, name, there)
            if name == "index.html":
                monkeypatch.setattr(checkout_target, "_check", check)
                if late == "edited":
                    (out / name).write_bytes(b"mine, quickly")
                else:
                    (out / name).unlink()
                    if late == "replaced":
                        (out / name).write_bytes(b"mine, quickly")

        monkeypatch.setattr(checkout_target, "_check", then)
        if way == "link":
            monkeypatch.setattr(checkout_target, "exchange", _no_exchange)
        if late == "removed":
            with pytest.raises(OaioError):
                device.check_out(out)
        else:
            assert set(device.check_out(out).kept) == {"index.html"}
            assert (out / "index.html").read_bytes() == b"mine, quickly"
        assert not [path for path in out.rglob("*") if path.name.endswith(".oaio")]

    def test_an_edit_that_times_do_not_show_is_found_by_content(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"theirs")
        seen = (tmp_path / "a").stat()
        there = FileEntry(6, sha256(b"before").hexdigest(), executable=False, mtime=seen.st_mtime_ns)
        target = Target.of(tmp_path)
        with pytest.raises(ChangedHereError):
            target.place("a", FileEntry(0, EMPTY_CHECKSUM), (), there)
        target.close()
        assert on_disk(tmp_path) == {"a": b"theirs"}

    def test_the_trash_is_emptied_of_what_lay_there_for_long(
        self, device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trash, out = tmp_path / "trash", tmp_path / "out"
        device.commit({"a": b"a", "b": b"b"})
        check_out(device.store, out)
        device.commit({"a": b"changed"})
        fill(trash, {"not ours": b"x"})
        check_out(device.store, out, trash=trash)
        assert sorted(on_disk(trash).values()) == [b"a", b"b", b"x"]
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 29 * 86_400)
        check_out(device.store, out, trash=trash)
        assert len(on_disk(trash)) == 3
        monkeypatch.setattr(time, "time", lambda: now + 31 * 86_400)
        check_out(device.store, out, trash=trash)
        assert on_disk(trash) == {"not ours": b"x"}

    def test_displaced_and_removed_files_go_to_the_trash(self, device: Device, tmp_path: Path) -> None:
        device.commit(ONE)
        check_out(device.store, tmp_path / "out")
        device.commit(TWO)
        check_out(device.store, tmp_path / "out", trash=tmp_path / "trash")
        assert sorted(on_disk(tmp_path / "trash").values()) == sorted(
            ONE[name] for name in ONE if name != "same"
        )

    def test_two_at_once_are_refused(self, device: Device, tmp_path: Path) -> None:
        device.commit(ONE)
        (tmp_path / "out").mkdir()
        target = Target.of(tmp_path / "out")
        assert target.lock()
        with pytest.raises(Busy):
            device.check_out(tmp_path / "out")
        target.close()

    @pytest.mark.parametrize("what", ["file", "link", "no parent", "no such generation"])
    def test_what_can_not_be_a_target_is_refused(self, device: Device, tmp_path: Path, what: str) -> None:
        device.commit(ONE)
        out = tmp_path / "out"
        if what == "file":
            out.write_bytes(b"")
        elif what == "link":
            out.symlink_to(tmp_path)
        elif what == "no parent":
            out = tmp_path / "absent/out"
        with pytest.raises((InvalidArgument, NotFound)):
            device.check_out(out, "f" * 32 if what == "no such generation" else "")
        assert not list(tmp_path.glob(".out*"))

    def test_interrupted_anywhere_a_repetition_completes_it(self, device: Device, tmp_path: Path) -> None:
        device.commit(ONE)
        device.asked()
        other = Device(tmp_path / "x", device.inner, "b")
        other.check_out(tmp_path / "0")
        for k in range(1, len(other.asked()) + 1):
            for fault in (Fault.CRASH_BEFORE, Fault.FAIL_BEFORE, Fault.FLIP, Fault.SHORT):
                out = tmp_path / f"{k}{fault.name}"
                other = Device(tmp_path / f"x{k}{fault.name}", device.inner, "b", Faults({k: fault}))
                try:
                    other.check_out(out)
                except (OaioError, Crash):
                    assert not out.exists()
                    other.faults = Faults()
                    other.check_out(out)
                assert on_disk(out) == ONE

    def test_damaged_content_never_takes_a_name(self, device: Device, tmp_path: Path) -> None:
        device.commit(ONE)
        device.check_out(tmp_path / "out")
        before = set(device.stored())
        device.commit(TWO)
        for path in set(device.stored()) - before:
            size = device.inner.state.stat(path).size
            device.inner.state.write(path, bytes(size))
        with pytest.raises(Corrupt):
            device.check_out(tmp_path / "out")
        assert (tmp_path / "out/index.html").read_bytes() == b"one"
        with pytest.raises(Corrupt):
            device.check_out(tmp_path / "new")
        assert not (tmp_path / "new").exists()

    def test_a_file_becomes_a_folder_and_back(self, device: Device, tmp_path: Path) -> None:
        for files in ({"a": b"1"}, {"a/b": b"2"}, {"a": b"3"}):
            device.commit(files)
            device.check_out(tmp_path / "out")
            assert on_disk(tmp_path / "out") == files


class TestT18:
    """No link in the target is followed; what this system can't hold is told, and never counts as deleted."""

    def test_links_are_not_followed(self, device: Device, tmp_path: Path) -> None:
        device.commit({"a/b": b"b", "c": b"c"})
        (tmp_path / "elsewhere").mkdir()
        out = tmp_path / "out"
        out.mkdir()
        (out / "a").symlink_to(tmp_path / "elsewhere")
        (out / "c").symlink_to(tmp_path / "elsewhere/c")
        assert set(device.check_out(out).kept) == {"a/b", "c"}
        assert list((tmp_path / "elsewhere").iterdir()) == []

    @pytest.mark.parametrize("name", ["../x", "/x", "a//b", ".oaio/x", "a\tb", "con"])
    def test_names_that_no_host_may_hold_are_refused(self, name: str) -> None:
        """A hostile generation; nothing is written outside."""
        with pytest.raises(OaioError):
            Manifest({name: FileEntry(0, EMPTY_CHECKSUM)})


MEMORY = """
import re, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from oaio_storage_local import LocalApi
from oaio_storage.trees.checkout import check_out
from oaio_storage.trees.committing import commit
from oaio_storage.trees.store import TreeStore
from oaio_storage.trees.verifying import verify

def peak():  # of this program alone; ru_maxrss is inherited from whoever started it
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])

work = Path(sys.argv[2])
idle = peak()
host = LocalApi(str(work / "root"))
host.create_root()
store = TreeStore.on(host, "site", work / "cache")
if sys.argv[3] == "commit":
    assert commit(store, work / "folder").is_new
elif sys.argv[3] == "check out":
    check_out(store, work / "out")
else:
    assert verify(store).faults == ()
print((peak() - idle) // 1024)
"""


class TestT19:
    """Memory above idle is at most 64 MiB, whatever the sizes of files."""

    @pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell the peak")
    def test_of_a_large_file(self, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        with (tmp_path / "folder/large").open("wb") as file:
            for number in range(160):
                file.write(noise(1 << 20, number))
        for act in ("commit", "check out", "verify"):
            program = [sys.executable, "-c", MEMORY, str(Path(__file__).parents[1]), str(tmp_path), act]
            done = subprocess.run(program, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            assert 4 < int(done.stdout) <= 64, act


class TestFileSystem:
    """A generation as a read-only fsspec file system."""

    def test_what_is_there(self, device: Device) -> None:
        done = device.commit(ONE)
        files = device.store.filesystem()
        assert files.find("") == sorted(ONE)
        assert {path: files.cat_file(path) for path in ONE} == ONE
        assert files.ls("a", detail=False) == ["a/b"]
        assert files.isdir("a/b")
        assert files.isfile("a/b/c")
        assert not files.exists("b")
        assert files.info("large")["size"] == 3 << 20
        device.commit(TWO)
        assert files.cat_file("index.html") == b"one"
        assert device.store.filesystem(done.switch.generation).cat_file("index.html") == b"one"
        assert device.store.filesystem().cat_file("index.html") == b"two!"

    def test_what_is_not_there_is_told(self, device: Device) -> None:
        device.commit(ONE)
        files = device.store.filesystem()
        for ask in (files.info, files.ls, files.cat_file, files.open):
            with pytest.raises(FileNotFoundError):
                ask("absent")
        with pytest.raises(IsADirectoryError):
            files.open("a")
        with pytest.raises(NotFound):
            GenerationFileSystem(device.store, "f" * 32)

    def test_nothing_can_be_written(self, device: Device) -> None:
        device.commit(ONE)
        with pytest.raises(NotGuaranteed):
            device.store.filesystem().open("index.html", "wb")

    @given(data=st.data())
    def test_any_part_is_the_slice(self, data: st.DataObject) -> None:
        files, content = _shared()
        start, end = (data.draw(st.none() | st.integers(-len(content) - 5, len(content) + 5)) for _ in "ab")
        assert files.cat_file("large", start, end) == content[start:end]

    def test_a_part_costs_one_frame(self, device: Device) -> None:
        device.commit({"large": noise(9 << 20), "b": b"b"})
        files = device.store.filesystem()
        device.asked()
        files.cat_file("large", 5 << 20, (5 << 20) + 100)
        assert len(device.asked()) == 1

    def test_a_csv_is_read_as_from_any_other(self, device: Device) -> None:
        """As pandas reads it: through fsspec's text mode."""
        device.commit({"data/table.csv": b"name,size\na,1\nb,2\n"})
        with device.store.filesystem().open("data/table.csv", "r") as table:
            assert list(csv.DictReader(table)) == [{"name": "a", "size": "1"}, {"name": "b", "size": "2"}]


class TestDifference:
    """What differs between two generations."""

    def test_it_is_that_of_their_manifests(self, device: Device) -> None:
        first = device.commit(ONE).switch.generation
        device.commit(TWO)
        found = {
            change.path: (change.old is None, change.new is None) for change in changes(device.store, first)
        }
        assert found == {
            "a/b/c": (False, True),
            "empty": (False, True),
            "index.html": (False, False),
            "large": (False, False),
            "new/file": (True, False),
        }
        assert list(changes(device.store, first, first)) == []

    def test_unknown_ones_are_told(self, device: Device) -> None:
        device.commit(ONE)
        with pytest.raises(NotFound):
            list(changes(device.store, "f" * 32))


def test_many_chunks_are_read_ahead_in_order(device: Device) -> None:
    device.commit({f"{number}": noise(1 << 20, number) for number in range(24)})
    store = TreeStore(device.inner, "site")
    pieces = [piece for file in store.files() for piece in file.pieces]
    contents = list(store.chunks.read_all(pieces))
    assert [len(content) for content in contents] == [piece.size for piece in pieces]
    assert list(store.chunks.read_all(reversed(pieces))) == contents[::-1]


def test_the_system_exchanges_names(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    folder = os.open(tmp_path, os.O_RDONLY)
    system_calls.exchange(folder, "a", folder, "b")
    os.close(folder)
    assert on_disk(tmp_path) == {"a": b"b", "b": b"a"}


def _no_exchange(*_: object) -> None:
    raise OSError(38, "not here")


_kept: list[tuple[GenerationFileSystem, bytes]] = []


def _shared() -> tuple[GenerationFileSystem, bytes]:
    """One for all examples."""
    if not _kept:
        with tempfile.TemporaryDirectory() as place:
            device = Device(Path(place), memory())
            device.commit({"large": noise(4 << 20)})
        _kept.append((TreeStore(device.inner, "site").filesystem(), noise(4 << 20)))
    return _kept[0]
