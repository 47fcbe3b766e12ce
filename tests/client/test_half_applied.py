"""What the disk refuses in the middle concerns one object, and is never taken for its user's edit."""

from pathlib import Path

import pytest
from client.conftest import MakeClient

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
