"""What the disk refuses in the middle concerns one object, and is never taken for its user's edit."""

import errno
from collections import Counter
from pathlib import Path

import pytest
from client.conftest import MakeClient

from oaio_storage import durable
from oaio_storage.client import map_files
from oaio_storage.errors import RootUnavailable, TooLarge


def test_a_switch_that_stops_halfway_is_neither_an_edit_nor_in_the_way(
    make_client: MakeClient, tmp_path: Path
) -> None:
    one, two = make_client("one"), make_client("two")
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("b", "c", "z"):
        (folder / name).write_bytes(b"old")
    made = one.register_folder(str(folder))
    other = one.register_object({"number": 1})
    assert made is not None
    assert other is not None
    two.sync()
    two.device.trash.write_bytes(b"")  # in place of the folder that replaced files go to
    (folder / "a").write_bytes(b"new")
    (folder / "z").write_bytes(b"new")
    one.sync()
    for number in (2, 3):
        one.update_object(other.oaio_id, {"number": number})
        report = two.sync()
        assert report.sent == 0
        assert report.problems
        assert two.client_objectz[other.oaio_id].client_values == {"number": number}
    cached = two.device.cached_root(made.oaio_id)
    assert ((cached / "a").read_bytes(), (cached / "z").read_bytes()) == (b"new", b"old")
    two.device.trash.unlink()
    assert two.sync().problems == ()
    assert {path.name: path.read_bytes() for path in cached.iterdir()} == {
        "a": b"new",
        "b": b"old",
        "c": b"old",
        "z": b"new",
    }
    assert one.sync().received == 0
    assert one.conflicts() == two.conflicts() == []


def test_a_file_with_the_longest_name_is_replaced(make_client: MakeClient, tmp_path: Path) -> None:
    one, two = make_client("one"), make_client("two")
    file = tmp_path / "folder" / ("я" * 127)
    file.parent.mkdir()
    file.write_bytes(b"first")
    made = one.register_folder(str(file.parent))
    assert made is not None
    two.sync()
    file.write_bytes(b"second")
    one.sync()
    assert two.sync().problems == ()
    assert [path.read_bytes() for path in two.files(made.oaio_id)] == [b"second"]


def test_content_whose_place_is_taken_is_refused(make_client: MakeClient, tmp_path: Path) -> None:
    one = make_client("one")
    (tmp_path / "taken").write_bytes(b"mine")
    with pytest.raises(RootUnavailable):
        one.register_file("taken/file", b"content", root_path=str(tmp_path))
    assert not one.client_objectz
    assert (tmp_path / "taken").read_bytes() == b"mine"


def test_content_that_cant_be_put_in_place_holds_up_nothing_else(
    make_client: MakeClient, tmp_path: Path
) -> None:
    one = make_client("one")
    root = tmp_path / "root"
    root.mkdir()
    made = one.register_file("file", b"first", root_path=str(root))
    assert made is not None
    one.device.trash.write_bytes(b"")  # in place of the folder that replaced files go to
    one.update_file(made.oaio_id, file_content=b"second")
    report = one.sync()
    assert [problem.oaio_id for problem in report.problems if problem.oaio_id == made.oaio_id]
    other = one.register_object({"number": 1})
    assert other is not None
    assert other.server_stamp
    one.device.trash.unlink()
    assert one.sync().problems == ()
    assert (root / "file").read_bytes() == b"second"


def test_the_names_of_many_files_are_made_durable_folder_by_folder(
    make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = make_client("one"), make_client("two")
    source, place = tmp_path / "source", tmp_path / "place"
    for name in ("kept", "emptied"):
        (source / name).mkdir(parents=True)
        for number in range(20):
            (source / name / f"f{number}").write_text(f"{name} {number}")
    made = one.register_folder(str(source))
    assert made is not None
    two.sync()
    map_files(two, made.oaio_id, place)
    for number in range(20):
        (source / "kept" / f"f{number}").write_text(f"new {number}")
    for path in (source / "emptied").iterdir():
        path.unlink()
    (source / "emptied").rmdir()
    one.update_folder(made.oaio_id)
    flushed: list[Path] = []
    real = durable.sync_folder

    def sync_folder(folder: Path) -> None:
        if place in (folder, *folder.parents):
            flushed.append(folder)
            if len(flushed) == 1:
                raise OSError(errno.EIO, "as if the disk failed", str(folder))
        real(folder)

    monkeypatch.setattr(durable, "sync_folder", sync_folder)
    assert two.sync().problems
    assert set(two.client_objectz[made.oaio_id].client_values["_file_paths"]) > {"emptied/f1"}
    assert two.sync().problems == ()
    assert Counter(flushed[1:]) == {place / "kept": 1, place: 1}
    assert {path.name: path.read_text() for path in place.rglob("f*")} == {
        f"f{number}": f"new {number}" for number in range(20)
    }


def test_more_files_than_a_request_can_name_hold_up_nothing_else(
    make_client: MakeClient, tmp_path: Path
) -> None:
    one = make_client("one")
    folder = tmp_path / "folder"
    part = '"' * 240  # twice as long in a request
    deep = folder / part / part
    deep.mkdir(parents=True)
    made = one.register_folder(str(folder))
    assert made is not None
    for number in range(5000):
        (deep / f"{number:04}{part[:220]}").touch()
    report = one.sync()
    assert ["longer than" in problem.what for problem in report.problems] == [True]
    other = one.register_object({"number": 1})
    assert other is not None
    assert other.server_stamp
    with pytest.raises(TooLarge):
        one.update_folder(made.oaio_id)
    for path in deep.iterdir():
        path.unlink()
    (deep / "one").touch()
    one.update_folder(made.oaio_id)
    assert one.sync().problems == ()
