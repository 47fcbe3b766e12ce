"""Many files: bounded, stopped by the first error, durable on this device."""

import contextlib
import os
import stat
import threading
from pathlib import Path

import pytest

from oaio_storage.errors import InvalidName, NotFound, RootUnavailable, SourceChanged
from oaio_storage.hosts import Absent
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
        with pytest.raises(RootUnavailable, match="can't write"):
            host.get_files([("a", target, None, None)])
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


@pytest.mark.parametrize("last", ["0049", "missing"])
def test_each_file_is_flushed_and_then_their_folder_once(
    host: LocalApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    host.put_files(local_files(tmp_path / "out", 50))
    flushed: list[os.stat_result] = []
    flush = os.fsync

    def noting(handle: int) -> None:
        flushed.append(os.fstat(handle))
        flush(handle)

    folder = tmp_path / "in"
    folder.mkdir()
    monkeypatch.setattr(os, "fsync", noting)
    names = [*(f"{number:04}" for number in range(49)), last]
    with contextlib.suppress(NotFound):
        host.get_files((name, folder / name, 4, None) for name in names)
    *files, after = flushed
    assert after.st_ino == folder.stat().st_ino
    assert not any(stat.S_ISDIR(seen.st_mode) for seen in files)
    assert sorted(seen.st_ino for seen in files) == sorted(local.stat().st_ino for local in folder.iterdir())
    assert len(files) == 49 + (last != "missing")
