"""Many files: bounded, stopped by the first error, durable on this device."""

import contextlib
import errno
import io
import os
import stat
import threading
from pathlib import Path

import attrs
import pytest

from oaio_storage.errors import InvalidName, NotFound, RootUnavailable, SourceChanged
from oaio_storage.hosts import Absent, arrivals
from oaio_storage.progress import Progress
from oaio_storage_local import LocalApi


@pytest.fixture
def host(tmp_path: Path) -> LocalApi:
    (tmp_path / "root").mkdir()
    return LocalApi(str(tmp_path / "root"))


def local_files(folder: Path, number: int) -> list[tuple[str, Path]]:
    folder.mkdir()
    pairs = [(f"{name:04}", folder / f"{name:04}") for name in range(number)]
    for name, local in pairs:
        local.write_text(name)
    return pairs


def test_the_first_error_stops_the_rest(host: LocalApi, tmp_path: Path) -> None:
    pairs = local_files(tmp_path / "out", 500)
    pairs[50][1].unlink()
    before = threading.active_count()
    with pytest.raises(SourceChanged, match="0050"):
        host.put_files(pairs)
    assert threading.active_count() == before
    stored = {found.path for found in host.list()}
    assert len(stored) <= 50 + 4 * host.moved_at_once
    (tmp_path / "out" / "0050").write_text("0050")
    moved = host.put_files(pairs, expect=Absent)
    assert set(moved.kept) == stored
    assert len(moved.done) + len(moved.kept) == 500
    assert moved.bytes == 4 * len(moved.done)


def test_a_listener_that_raises_stops_it_too(host: LocalApi, tmp_path: Path) -> None:
    def stop(event: Progress) -> None:
        if event.done == 3:
            raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        host.put_files(local_files(tmp_path / "out", 200), report=stop)
    assert threading.active_count() == before
    assert len(list(host.list())) < 200


def test_refused_names_move_nothing(host: LocalApi, tmp_path: Path) -> None:
    pairs = local_files(tmp_path / "out", 3)
    with pytest.raises(InvalidName):
        host.put_files([*pairs, ("../x", pairs[0][1])])
    assert list(host.list()) == []


def test_nothing_to_do_is_done(host: LocalApi) -> None:
    for moved in (host.put_files([]), host.get_files([]), host.delete_files([])):
        assert (moved.done, moved.kept, moved.bytes) == ((), (), 0)


def test_what_cannot_be_placed_is_told_and_leaves_nothing(host: LocalApi, tmp_path: Path) -> None:
    host.write("a", b"x")
    blocked = tmp_path / "in" / "folder"
    blocked.mkdir(parents=True)
    (tmp_path / "in" / "file").write_bytes(b"mine")
    for target in (blocked, tmp_path / "in" / "file" / "below"):
        with pytest.raises(RootUnavailable, match="can't write") as caught:
            host.get_files([("a", target, None, None)])
        assert "in its place" in caught.value.hint
    with pytest.raises(NotFound):
        host.get_files([("absent", tmp_path / "new" / "file", None, None)])
    assert sorted(found.name for found in (tmp_path / "in").iterdir()) == ["file", "folder"]
    assert list(blocked.iterdir()) == []
    assert not (tmp_path / "new").exists()


def test_fetched_files_can_be_edited(host: LocalApi, tmp_path: Path) -> None:
    host.write("a", b"x")
    target = tmp_path / "in" / "a"
    host.get_files([("a", target, 1, None)])
    assert target.stat().st_mode & 0o200
    target.write_bytes(b"edited")
    assert host.read("a") == b"x"


@attrs.define
class Flushes:
    """What was flushed, in turn: files, folders, and whole disks with what is in ``folder`` then."""

    folder: Path
    seen: list[object] = attrs.field(factory=list)

    def one(self, handle: int) -> None:
        found = os.fstat(handle)
        self.seen.append("folder" if stat.S_ISDIR(found.st_mode) else found.st_ino)
        os.fdatasync(handle)

    def all(self, handle: int) -> None:
        assert stat.S_ISDIR(os.fstat(handle).st_mode)
        self.seen.append({file.name: file.read_bytes() for file in self.folder.iterdir()})


@pytest.fixture
def flushes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flushes:
    noting = Flushes(tmp_path / "in")
    noting.folder.mkdir()
    monkeypatch.setattr(os, "fsync", noting.one)
    monkeypatch.setattr(arrivals, "sync_all", noting.all)
    return noting


@pytest.mark.parametrize("last", ["0049", "missing"])
def test_many_files_are_flushed_together_before_any_has_its_name(
    host: LocalApi, tmp_path: Path, flushes: Flushes, last: str
) -> None:
    host.put_files(local_files(tmp_path / "out", 50))
    flushes.seen.clear()
    names = [*(f"{number:04}" for number in range(49)), last]
    with contextlib.suppress(NotFound):
        host.get_files((name, flushes.folder / name, 4, None) for name in names)
    before, after = flushes.seen
    there = {file.name: file.read_bytes() for file in flushes.folder.iterdir()}
    assert isinstance(before, dict)
    assert sorted(before.values()) == sorted(there.values())
    assert not before.keys() & there.keys()
    assert after == "folder"
    assert there.keys() <= set(names)
    assert last == "missing" or len(there) == len(names)


@pytest.mark.parametrize("number", [3, 40])
def test_files_are_flushed_each_where_they_are_few_or_the_system_has_no_call(
    host: LocalApi, tmp_path: Path, flushes: Flushes, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def missing(_: int) -> None:
        raise OSError(errno.ENOSYS, "")

    if number == 40:
        monkeypatch.setattr(arrivals, "sync_all", missing)
    host.put_files(local_files(tmp_path / "out", number))
    flushes.seen.clear()
    names = [f"{count:04}" for count in range(number)]
    host.get_files((name, flushes.folder / name, 4, None) for name in names)
    inodes = {(flushes.folder / name).stat().st_ino for name in names}
    assert set(flushes.seen[:-1]) == inodes
    assert flushes.seen[-1] == "folder"


def test_what_cannot_be_made_durable_gets_no_name(
    host: LocalApi, tmp_path: Path, flushes: Flushes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    host.put_files(local_files(tmp_path / "out", 40))
    monkeypatch.setattr(arrivals, "sync_all", broken)
    with pytest.raises(RootUnavailable, match="can't write"):
        host.get_files((f"{number:04}", flushes.folder / f"{number:04}", 4, None) for number in range(40))
    assert list(flushes.folder.iterdir()) == []


def test_an_interrupt_while_files_get_their_names_leaves_no_others(
    host: LocalApi, tmp_path: Path, flushes: Flushes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    host.put_files(local_files(tmp_path / "out", 40))
    monkeypatch.setattr(arrivals, "sync_all", interrupted)
    with pytest.raises(KeyboardInterrupt):
        host.get_files((f"{number:04}", flushes.folder / f"{number:04}", 4, None) for number in range(40))
    assert list(flushes.folder.iterdir()) == []


def test_what_comes_after_an_interrupted_caller_has_gone_on_gets_its_name_at_once(tmp_path: Path) -> None:
    arriving = arrivals.Arrivals()
    arriving.settle()
    arriving.take(io.BytesIO(b"late"), "late", tmp_path / "late", None, None)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"late": b"late"}


def test_large_files_and_many_batches_arrive(host: LocalApi, tmp_path: Path) -> None:
    contents = {f"{number:04}": b"%d" % number for number in range(2 * arrivals.TOGETHER + 7)}
    contents["large"] = bytes(arrivals.SHORT + 1)
    for name, content in contents.items():
        host.write(name, content)
    moved = host.get_files((name, tmp_path / "new" / name, None, None) for name in contents)
    assert set(moved.done) == contents.keys()
    assert {file.name: file.read_bytes() for file in (tmp_path / "new").iterdir()} == contents
