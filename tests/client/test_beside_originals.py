"""Our client and the unchanged original one, of the same user, on the same objects (O16, wire contract)."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from client.conftest import PASSWORD, MakeClient, Service
from server.originals import Original, original

from oaio_storage import OaioClient


@pytest.fixture
def theirs(service: Service, tmp_path: Path) -> Iterator[Original]:
    root = tmp_path / "original"
    with original(service.server.url, "alice", PASSWORD, f"orig-{tmp_path.name}", root) as device:
        yield device


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "shared"
    made.mkdir()
    (made / "file.txt").write_bytes(b"base")
    return made


def contents(client: OaioClient, oaio_id: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in client.files(oaio_id)}


def test_values_go_both_ways(make_client: MakeClient, theirs: Original) -> None:
    ours = make_client("ours")
    made = ours.register_object({"by": "ours", "n": 1})
    assert made is not None
    ours.sync()
    assert theirs.objects()[made.oaio_id]["client_values"] == {"by": "ours", "n": 1}
    theirs.do("update_object", made.oaio_id, {"n": 2})
    ours.sync()
    assert ours.client_objectz[made.oaio_id].client_values == {"by": "ours", "n": 2}
    back = theirs.do("register_object", {"by": "theirs"})["oaio_id"]
    ours.sync()
    assert ours.client_objectz[back].client_values == {"by": "theirs"}
    ours.update_object(back, {"more": [1]})
    ours.sync()
    assert theirs.objects()[back]["client_values"] == {"by": "theirs", "more": [1]}
    assert ours.conflicts() == []


def test_a_folder_goes_both_ways(make_client: MakeClient, theirs: Original, folder: Path) -> None:
    ours = make_client("ours")
    (folder / "one.txt").write_bytes(b"1")
    made = theirs.do("register_folder", str(folder))["oaio_id"]
    ours.sync()
    assert contents(ours, made) == {"one.txt": b"1", "file.txt": b"base"}
    changed = next(path for path in ours.files(made) if path.name == "one.txt")
    changed.write_bytes(b"ours")
    ours.sync()
    theirs.objects()
    assert (folder / "one.txt").read_bytes() == b"ours"
    (folder / "three.txt").write_bytes(b"3")
    theirs.do("update_folder", made)
    ours.sync()
    assert contents(ours, made) == {"one.txt": b"ours", "file.txt": b"base", "three.txt": b"3"}
    assert ours.conflicts() == []


@pytest.mark.parametrize("keep", ["front", "other", "both"])
def test_what_an_original_overtakes_is_a_conflict_that_ours_settle(
    make_client: MakeClient, theirs: Original, folder: Path, keep: str
) -> None:
    ours, second = make_client("ours"), make_client("second")
    made = theirs.do("register_folder", str(folder))["oaio_id"]
    ours.sync()
    ours.files(made)[0].write_bytes(b"ours")
    ours.sync()
    folder.joinpath("file.txt").write_bytes(b"theirs")
    theirs.do("update_folder", made)
    report = ours.sync()
    assert [one.oaio_id for one in report.conflicts] == [made]
    assert contents(ours, made) == {"file.txt": b"theirs"}
    settled = ours.resolve(report.conflicts[0].id, keep)
    ours.sync()
    second.sync()
    assert ours.conflicts() == second.conflicts() == []
    assert contents(second, made) == {"file.txt": b"ours" if keep == "other" else b"theirs"}
    if keep == "both":
        assert contents(second, settled.oaio_id) == {"file.txt": b"ours"}


@pytest.mark.parametrize("keep", ["front", "other", "both"])
def test_what_ours_overtakes_of_an_original_is_settled_with_its_files(
    make_client: MakeClient, theirs: Original, folder: Path, keep: str
) -> None:
    ours, second = make_client("ours"), make_client("second")
    made = theirs.do("register_folder", str(folder))["oaio_id"]
    ours.sync()
    folder.joinpath("file.txt").write_bytes(b"theirs")
    theirs.do("update_folder", made)
    ours.files(made)[0].write_bytes(b"ours")
    report = ours.sync()
    assert [one.oaio_id for one in report.conflicts] == [made]
    assert contents(ours, made) == {"file.txt": b"ours"}
    settled = ours.resolve(report.conflicts[0].id, keep)
    ours.sync()
    second.sync()
    assert ours.conflicts() == second.conflicts() == []
    assert contents(second, made) == {"file.txt": b"theirs" if keep == "other" else b"ours"}
    if keep == "both":
        assert contents(second, settled.oaio_id) == {"file.txt": b"theirs"}
    assert json.dumps(theirs.objects()[made]["client_values"]["_file_paths"]) == '["file.txt"]'


def test_a_deletion_by_either_goes_from_the_other_server_side(
    make_client: MakeClient, theirs: Original
) -> None:
    ours = make_client("ours")
    first, second = ours.register_object({"n": 1}), ours.register_object({"n": 2})
    assert first is not None
    assert second is not None
    ours.sync()
    theirs.objects()
    assert theirs.call("unregister_object", first.oaio_id)["result"] == ""
    ours.unregister_object(second.oaio_id)
    ours.sync()
    assert {first.oaio_id, second.oaio_id}.isdisjoint(ours.client_objectz)
