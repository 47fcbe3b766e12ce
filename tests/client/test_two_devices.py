"""Two devices and two users around a real server."""

import shutil
from pathlib import Path

import pytest
from client.conftest import MakeClient, Service, go_offline, go_online

from oaio_storage import OaioClient
from oaio_storage.client import map_files, open_client
from oaio_storage.errors import (
    AlreadyExists,
    Forbidden,
    InvalidArgument,
    InvalidName,
    InvalidValues,
    NotFound,
    NotRegistered,
    Offline,
    RootOverlap,
    UnknownHost,
    WrongPassword,
)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    (made / "sub").mkdir(parents=True)
    (made / "text.txt").write_bytes(b"text")
    (made / "sub" / ".hidden").write_bytes(b"\0" * 1000)
    (made / "run.sh").write_bytes(b"#!/bin/sh\n")
    (made / "run.sh").chmod(0o755)
    return made


def test_values_travel_both_ways_in_few_requests(make_client: MakeClient) -> None:
    one, two = make_client("one"), make_client("two")
    two.sync()
    made = one.register_object({"text": "Zoë", "list": [1, 2.5, None]})
    assert made is not None
    assert made.server_stamp
    report = two.sync()
    assert (report.received, report.requests) == (1, 1)
    assert two.client_objectz[made.oaio_id].client_values == {"text": "Zoë", "list": [1, 2.5, None]}
    two.update_object(made.oaio_id, {"more": True})
    one.sync()
    assert one.client_objectz[made.oaio_id].client_values == {
        "text": "Zoë",
        "list": [1, 2.5, None],
        "more": True,
    }
    assert (one.sync().requests, one.sync().sent) == (1, 0)


def test_a_folder_and_its_changes_arrive_whole(
    make_client: MakeClient, folder: Path, service: Service
) -> None:
    one, two = make_client("one"), make_client("two")
    made = one.register_folder(str(folder))
    assert made is not None
    two.sync()
    there = Path(two._client_file_root(made.oaio_id, two.client_objectz[made.oaio_id].client_values))
    assert tree(there) == tree(folder)
    assert (there / "run.sh").stat().st_mode & 0o100
    assert sorted(two.files(made.oaio_id)) == sorted(path for path in there.rglob("*") if path.is_file())
    go_offline(two)
    (there / "text.txt").write_bytes(b"changed")
    (there / "new").write_bytes(b"")
    (there / "sub" / ".hidden").unlink()
    assert two.synchronize_with_server_if_online() is False
    go_online(two, service)
    report = two.sync()
    assert (report.sent, report.problems) == (1, ())
    one.sync()
    assert tree(folder) == {"text.txt": b"changed", "new": b"", "run.sh": b"#!/bin/sh\n"}
    assert one.conflicts() == two.conflicts() == []


def test_only_changed_files_travel(make_client: MakeClient, folder: Path) -> None:
    one, two = make_client("one"), make_client("two")
    (folder / "large").write_bytes(b"x" * 3_000_000)
    made = one.register_folder(str(folder))
    assert made is not None
    two.sync()
    assert one.sync().bytes_sent > 3_000_000
    (folder / "text.txt").write_bytes(b"small change")
    assert one.sync().bytes_sent < 100_000
    report = two.sync()
    assert report.received == 1
    assert report.bytes_received < 100_000


def test_given_bytes_become_a_file_on_every_device(make_client: MakeClient) -> None:
    one, two = make_client("one"), make_client("two")
    made = one.register_file("notes/a.txt", b"first")
    assert made is not None
    assert made.client_values == {"_file_paths": ["notes/a.txt"]}
    one.update_file(made.oaio_id, file_content=b"second")
    two.sync()
    assert [path.read_bytes() for path in two.files(made.oaio_id)] == [b"second"]
    assert one.sync().sent == 2
    assert one.sync().sent == 0


def test_edits_that_had_not_seen_each_other_are_both_kept(make_client: MakeClient, service: Service) -> None:
    one, two = make_client("one"), make_client("two")
    made = one.register_object({"who": "nobody"})
    assert made is not None
    two.sync()
    go_offline(one)
    one.update_object(made.oaio_id, {"who": "one"})
    assert "can't be reached" in one.error_message
    two.update_object(made.oaio_id, {"who": "two"})
    go_online(one, service)
    assert len(one.sync().conflicts) == 1
    assert one.error_message == ""
    two.sync()
    (conflict,) = two.conflicts(made.oaio_id)
    assert conflict.front is not None
    assert conflict.other is not None
    assert conflict.front.client_values == {"who": "one"}
    assert conflict.other.client_values == {"who": "two"}
    two.resolve(conflict.id, "other")
    one.sync()
    assert one.conflicts(made.oaio_id) == two.conflicts(made.oaio_id) == []
    assert one.client_objectz[made.oaio_id].client_values == {"who": "two"}


def test_a_conflict_of_files_is_resolved_with_files(
    make_client: MakeClient, folder: Path, service: Service
) -> None:
    one, two = make_client("one"), make_client("two")
    made = one.register_folder(str(folder))
    assert made is not None
    two.sync()
    go_offline(one)
    (folder / "text.txt").write_bytes(b"by one")
    one.update_folder(made.oaio_id)
    there = two.files(made.oaio_id)[-1]
    assert there.name == "text.txt"
    there.write_bytes(b"by two")
    two.sync()
    go_online(one, service)
    one.sync()
    two.sync()
    assert there.read_bytes() == b"by one"
    (conflict,) = one.conflicts(made.oaio_id)
    saved = two.resolve(conflict.id, "both")
    two.sync()
    assert [path.read_bytes() for path in two.files(saved.oaio_id) if path.name == "text.txt"] == [b"by two"]
    one.sync()
    assert (folder / "text.txt").read_bytes() == b"by one"
    assert one.conflicts(made.oaio_id) == []


def test_the_other_side_of_a_conflict_of_files_takes_the_front(
    make_client: MakeClient, folder: Path, service: Service
) -> None:
    one, two = make_client("one"), make_client("two")
    made = one.register_folder(str(folder))
    assert made is not None
    two.sync()
    go_offline(one)
    (folder / "text.txt").write_bytes(b"by one")
    one.update_folder(made.oaio_id)
    there = two.files(made.oaio_id)[-1]
    there.write_bytes(b"by two")
    two.sync()
    go_online(one, service)
    one.sync()
    (conflict,) = one.conflicts(made.oaio_id)
    one.resolve(conflict.id, "other")
    one.sync()
    assert (folder / "text.txt").read_bytes() == b"by two"
    two.sync()
    assert there.read_bytes() == b"by two"
    assert one.sync().sent == two.sync().sent == 0


def test_a_deletion_stays_in_front_of_an_edit(make_client: MakeClient, service: Service) -> None:
    one, two = make_client("one"), make_client("two")
    made = one.register_object({"who": "nobody"})
    assert made is not None
    two.sync()
    go_offline(two)
    two.update_object(made.oaio_id, {"who": "two"})
    assert one.unregister_object(made.oaio_id) == ""
    go_online(two, service)
    two.sync()
    one.sync()
    assert made.oaio_id not in two.client_objectz
    (conflict,) = one.conflicts(made.oaio_id)
    assert conflict.front is None
    kept = one.resolve(conflict.id, "other")
    assert kept.client_values == {"who": "two"}
    two.sync()
    assert two.client_objectz[made.oaio_id].client_values == {"who": "two"}
    assert two.conflicts(made.oaio_id) == []


def test_deleting_wipes_what_the_object_names_and_nothing_else(make_client: MakeClient, folder: Path) -> None:
    one, two = make_client("one"), make_client("two")
    (folder / "mine").write_bytes(b"never attached")
    made = one.register_file("text.txt", root_path=str(folder))
    assert made is not None
    two.sync()
    (cached,) = two.files(made.oaio_id)
    assert one.unregister_object(made.oaio_id, wipe_files=True) == ""
    assert not (folder / "text.txt").exists()
    assert (folder / "mine").exists()
    assert any(path.read_bytes() == b"text" for path in Path(one.client_root, "trash").iterdir())
    two.sync()
    assert made.oaio_id not in two.client_objectz
    assert not cached.exists()
    assert one.register_object({}, oaio_id=made.oaio_id + "x") is not None


def test_a_reader_sees_and_may_not_change(make_client: MakeClient) -> None:
    one, reader = make_client("one"), make_client("reader", "bob")
    made = one.register_object({"secret": 1})
    assert made is not None
    assert one.upsert_subscription(made.oaio_id, "bob", "r") > 0
    assert {"username": "bob", "access_right": "r"} in one.userz_access(made.oaio_id)
    reader.sync()
    assert reader.client_objectz[made.oaio_id].csh_access_right == "r"
    with pytest.raises(Forbidden):
        reader.update_object(made.oaio_id, {"secret": 2})
    assert reader.unregister_object(made.oaio_id)
    assert one.unsubscribe(made.oaio_id, "bob") == ""
    reader.sync()
    assert made.oaio_id not in reader.client_objectz


def test_an_edit_whose_right_was_lost_is_kept_as_a_problem(make_client: MakeClient, service: Service) -> None:
    one, other = make_client("one"), make_client("other", "bob")
    made = one.register_object({"n": 1})
    assert made is not None
    one.upsert_subscription(made.oaio_id, "bob", "U")
    other.sync()
    go_offline(other)
    other.update_object(made.oaio_id, {"n": 2})
    one.upsert_subscription(made.oaio_id, "bob", "r")
    go_online(other, service)
    (problem,) = other.sync().problems
    assert problem.oaio_id == made.oaio_id
    (conflict,) = other.conflicts(made.oaio_id)
    saved = other.resolve(conflict.id, "both")
    assert saved.client_values == {"n": 2}
    assert other.sync().problems == ()
    assert other.client_objectz[made.oaio_id].client_values == {"n": 1}


def test_files_are_mapped_and_never_overwritten(
    make_client: MakeClient, folder: Path, tmp_path: Path
) -> None:
    one, two = make_client("one"), make_client("two")
    made = one.register_folder(str(folder))
    assert made is not None
    two.sync()
    place = tmp_path / "place"
    place.mkdir()
    (place / "text.txt").write_bytes(b"somebody else's")
    with pytest.raises(AlreadyExists):
        map_files(two, made.oaio_id, place)
    assert tree(place) == {"text.txt": b"somebody else's"}
    (place / "text.txt").unlink()
    map_files(two, made.oaio_id, place)
    assert tree(place) == tree(folder)
    (folder / "text.txt").write_bytes(b"new")
    one.sync()
    two.sync()
    assert (place / "text.txt").read_bytes() == b"new"
    assert tree(place) == tree(folder)


def test_more_than_half_gone_asks_first(make_client: MakeClient, folder: Path) -> None:
    one = make_client("one")
    made = one.register_folder(str(folder))
    assert made is not None
    (folder / "text.txt").unlink()
    (folder / "run.sh").unlink()
    (problem,) = one.sync().problems
    assert problem.oaio_id == made.oaio_id
    one.update_folder(made.oaio_id)
    assert one.sync().problems == ()
    assert one.client_objectz[made.oaio_id].client_values["_file_paths"] == ["sub/.hidden"]


def test_a_missing_folder_is_a_problem_and_no_removal(make_client: MakeClient, folder: Path) -> None:
    one, two = make_client("one"), make_client("two")
    made = one.register_folder(str(folder))
    assert made is not None
    two.sync()
    folder.rename(folder.with_name("away"))
    (problem,) = one.sync().problems
    assert problem.oaio_id == made.oaio_id
    assert problem.way_out == "Mount or restore the folder, or make it readable, then: oaio sync"
    folder.mkdir()
    assert len(one.sync().problems) == 1
    two.sync()
    assert len(two.files(made.oaio_id)) == 3
    folder.rmdir()
    folder.with_name("away").rename(folder)
    assert one.sync().problems == ()


def test_another_folder_in_place_of_the_root_is_taken_for_it_only_with_all_files(
    make_client: MakeClient, folder: Path
) -> None:
    one, two = make_client("one"), make_client("two")
    made = one.register_folder(str(folder))
    assert made is not None
    twin = folder.with_name("twin")
    shutil.copytree(folder, twin)
    missing = next(path for path in twin.rglob("*") if path.is_file())
    content = missing.read_bytes()
    missing.unlink()
    folder.rename(folder.with_name("away"))
    twin.rename(folder)
    (problem,) = one.sync().problems
    assert "not the one that was attached" in problem.what
    (folder / missing.relative_to(twin)).write_bytes(content)
    assert one.sync().problems == ()
    (folder / missing.relative_to(twin)).unlink()
    assert one.sync().problems == ()
    two.sync()
    assert missing.name not in [path.name for path in two.files(made.oaio_id)]


def test_a_lost_copy_under_client_root_is_fetched_again(make_client: MakeClient, folder: Path) -> None:
    one, two = make_client("one"), make_client("two")
    made = one.register_folder(str(folder))
    assert made is not None
    two.sync()
    root = Path(two.client_root) / "filez" / made.oaio_id
    root.rename(root.with_name("gone"))
    two.sync()
    assert tree(root) == tree(folder)


@pytest.mark.parametrize(
    "values",
    [
        {"a": float("nan")},
        {"a": "\0"},
        {1: 2},
        {"a": object()},
        [],
        {"a": "\ud800"},
        {"big": "x" * (1 << 20)},
    ],
)
def test_values_that_cannot_be_stored_change_nothing(
    make_client: MakeClient, values: dict[str, object]
) -> None:
    one = make_client("one")
    before = len(one.client_objectz)
    with pytest.raises(InvalidValues):
        one.register_object(values)
    assert len(one.client_objectz) == before


def test_a_stamp_registers_one_object(make_client: MakeClient) -> None:
    one = make_client("one")
    stamp = one.client_objectz[_made(one, {"a": 1})].client_stamp
    for oaio_id in ("", "another-id"):
        assert one.register_object({"a": 1}, stamp, oaio_id) is None
        assert stamp in one.error_message
    own = "20250102030405678901"
    assert one.register_object({"b": 1}, own) is not None
    assert one.register_object({"c": 1}, own) is None
    assert own in one.error_message


def _made(client: OaioClient, values: dict[str, object]) -> str:
    made = client.register_object(values)
    assert made is not None
    return made.oaio_id


def test_bad_arguments_are_refused_at_the_call(make_client: MakeClient, folder: Path, tmp_path: Path) -> None:
    one = make_client("one")
    made = one.register_folder(str(folder))
    assert made is not None
    one.sync()
    with pytest.raises(AssertionError):
        one.register_object({}, oaio_id=made.oaio_id)
    with pytest.raises(AssertionError):
        one.register_object({}, stamp="2020")
    with pytest.raises(AssertionError):
        one.update_object("no such id", {})
    with pytest.raises(NotRegistered):
        one.files("no such id")
    with pytest.raises(InvalidArgument):
        one.register_folder(str(tmp_path / "missing"))
    with pytest.raises(InvalidArgument):
        one.register_file("missing", root_path=str(folder))
    with pytest.raises(InvalidName):
        one.register_file("../up", b"x")
    with pytest.raises(RootOverlap):
        one.register_folder(str(folder / "sub"))
    with pytest.raises(RootOverlap):
        one.register_folder(one.client_root)
    with pytest.raises(UnknownHost, match="Local"):
        one.register_file("x", b"x", csh_id="Digi")
    assert one.unregister_object("no such id")
    with pytest.raises(NotFound):
        one.resolve("no such conflict", "front")
    assert made.oaio_id in one.client_objectz
    assert one.sync().sent == 0


def test_a_session_is_kept_and_a_password_is_not(
    make_client: MakeClient, service: Service, tmp_path: Path
) -> None:
    one = make_client("one")
    one.sync()
    again = open_client(one.client_root)
    assert again.sync().requests == 1
    again.close()
    session = Path(one.client_root) / "session.json"
    assert session.stat().st_mode & 0o777 == 0o600
    kept = b"".join(path.read_bytes() for path in Path(one.client_root).rglob("*") if path.is_file())
    assert b"a long pass phrase" not in kept
    with pytest.raises(NotFound, match="not a client root"):
        open_client(tmp_path / "nothing")
    with pytest.raises(WrongPassword):
        one.remote.login("wrong")
    with pytest.raises(InvalidArgument):
        make_client("one", "bob", Path(one.client_root))
    go_offline(one)
    with pytest.raises(Offline):
        one.sync()
    go_online(one, service)
    one.sync()
