"""Edits while files of the same object arrive, and after a crash while they were put in place."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from client.conftest import MakeClient, Service
from client.test_concurrent_edits import beside, contents, meanwhile

from oaio_storage import OaioClient
from oaio_storage.client import map_files, open_client, switching
from oaio_storage.client.applying import Applier
from oaio_storage.client.device import Device
from oaio_storage.errors import NotRegistered

OLD = {name: f"old {name}".encode() for name in "wxyz"}
NEW = {**OLD, "w": b"new w", "x": b"new x"}

USER = "dora"
"""Whose conflicts stay here."""

Act = Callable[[OaioClient, str, Path], object]


@pytest.fixture(autouse=True)
def user(service: Service) -> None:
    service.add_user(USER)


def arriving(make_client: MakeClient, folder: Path) -> tuple[OaioClient, OaioClient, str]:
    """A device on which an object's new files are due, which the other one made."""
    one, two = make_client("one", USER), make_client("two", USER)
    source = folder / "source"
    source.mkdir()
    for name, content in OLD.items():
        (source / name).write_bytes(content)
    made = one.register_folder(str(source))
    assert made is not None
    two.sync()
    map_files(two, made.oaio_id, folder / "place")
    two.sync()
    for name in "wx":
        (source / name).write_bytes(NEW[name])
    one.sync()
    two._syncs_itself = False
    return one, two, made.oaio_id


def crash_while_placing(client: OaioClient) -> OaioClient:
    """Another process synchronises and is gone at its second file; a new one that goes on."""
    client.close()
    child = os.fork()
    if not child:
        real = switching._put
        done: list[switching.Exchange] = []

        def put(device: Device, root: Path, one: switching.Exchange) -> bool:
            if done:
                os._exit(9)
            done.append(one)
            return real(device, root, one)

        switching._put = put
        open_client(client.client_root).sync()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    return open_client(client.client_root, syncs_itself=False)


def set_value(client: OaioClient, oaio_id: str, place: Path) -> None:
    assert place.is_dir()
    client.update_object(oaio_id, {"set": True})


def take_folder(client: OaioClient, oaio_id: str, place: Path) -> None:
    (place / "z").write_bytes(b"my z")
    client.update_folder(oaio_id)


def take_another_folder(client: OaioClient, oaio_id: str, place: Path) -> None:
    other = place.with_name("other")
    other.mkdir()
    (other / "mine").write_bytes(b"mine")
    client.update_folder(oaio_id, str(other))


def give_content(client: OaioClient, oaio_id: str, place: Path) -> None:
    assert place.is_dir()
    client.update_file(oaio_id, "given", b"given content")


def move(client: OaioClient, oaio_id: str, place: Path) -> None:
    map_files(client, oaio_id, place.with_name("moved"))


@pytest.mark.parametrize(
    ("act", "name", "expected"),
    [
        (set_value, "place", NEW),
        (take_folder, "place", NEW | {"z": b"my z"}),
        (take_another_folder, "other", {"mine": b"mine"}),
        (give_content, "place", {"given": b"given content"}),
        (move, "moved", NEW),
    ],
)
def test_an_edit_after_a_crash_in_a_switch_arrives(
    make_client: MakeClient, tmp_path: Path, act: Act, name: str, expected: dict[str, bytes]
) -> None:
    one, two, oaio_id = arriving(make_client, tmp_path)
    two = crash_while_placing(two)
    act(two, oaio_id, tmp_path / "place")
    report = two.sync()
    assert (report.problems, two.sync().sent) == ((), 0)
    one.sync()
    assert contents(tmp_path / "source") == expected
    assert expected.items() <= contents(tmp_path / name).items()
    assert one.client_objectz[oaio_id].client_values.get("set") == (True if act is set_value else None)
    assert one.conflicts(oaio_id) == two.conflicts(oaio_id) == []
    two.close()


def test_a_deletion_after_a_crash_in_a_switch_wipes_all_that_was_put(
    make_client: MakeClient, tmp_path: Path
) -> None:
    one, two, oaio_id = arriving(make_client, tmp_path)
    two = crash_while_placing(two)
    assert two.unregister_object(oaio_id, wipe_files=True) == ""
    for client in (two, one, two):
        assert client.sync().problems == ()
    assert oaio_id not in one.client_objectz
    assert contents(tmp_path / "place") == {}
    two.close()


def test_values_are_set_while_files_cant_be_put_in_place(make_client: MakeClient, tmp_path: Path) -> None:
    one, two, oaio_id = arriving(make_client, tmp_path)
    two = crash_while_placing(two)
    trash = two.device.trash
    if trash.exists():
        trash.rename(trash.with_name("aside"))
    trash.write_bytes(b"")  # in place of the folder that replaced files go to
    two.update_object(oaio_id, {"set": True})
    assert two.sync().problems
    trash.unlink()
    for client in (two, two, one, two):
        client.sync()
    assert two.problems() == []
    assert one.client_objectz[oaio_id].client_values["set"] is True
    (conflict,) = one.conflicts(oaio_id)
    assert conflict.other is not None
    assert contents(tmp_path / "source") == contents(tmp_path / "place") == OLD
    one.resolve(conflict.id, "other")
    one.sync()
    two.sync()
    assert contents(tmp_path / "source") == contents(tmp_path / "place") == NEW
    two.close()


def edited_over_a_broken_switch(client: OaioClient, oaio_id: str) -> OaioClient:
    """A client with an edit that has the old files, which new ones are going to take the place of."""
    client = crash_while_placing(client)
    trash = client.device.trash
    if trash.exists():
        trash.rename(trash.with_name("aside"))
    trash.write_bytes(b"")
    client.update_object(oaio_id, {"set": True})
    trash.unlink()
    return client


def test_an_edit_that_cant_be_sent_becomes_an_object_with_the_files_that_it_had(
    make_client: MakeClient, tmp_path: Path
) -> None:
    one, two, oaio_id = arriving(make_client, tmp_path)
    two = edited_over_a_broken_switch(two, oaio_id)
    with two.device.store.write() as tables:
        (edit,) = tables.edits(oaio_id)
        tables.put_edit(attrs.evolve(edit, held="Forbidden", why="as if the right was lost"))
    two.sync()
    made = two.resolve(edit.item.id, "both")
    for client in (two, one):
        assert client.sync().problems == ()
    assert {path.name: path.read_bytes() for path in one.files(made.oaio_id)} == OLD
    assert {path.name: path.read_bytes() for path in two.files(oaio_id)} == NEW
    two.close()


@pytest.mark.parametrize("keep", ["front", "both"])
def test_an_edit_whose_files_are_nowhere_any_more_is_settled_by_a_person(
    make_client: MakeClient, service: Service, tmp_path: Path, keep: str
) -> None:
    one, two, oaio_id = arriving(make_client, tmp_path)
    two = edited_over_a_broken_switch(two, oaio_id)
    (first, _) = sorted((service.data / "files" / oaio_id).iterdir())
    shutil.rmtree(first)  # the only place where the old files still were
    two.sync()
    (problem,) = two.sync().problems
    assert problem.way_out.startswith(f"oaio resolve {problem.id} --keep")
    assert str(tmp_path / "place") in problem.what
    (conflict,) = two.conflicts(oaio_id)
    assert conflict.id == problem.id
    assert conflict.other is not None
    assert conflict.other.client_values["set"] is True
    two.resolve(conflict.id, keep)
    for client in (two, one):
        client.sync()
    assert two.conflicts(oaio_id) == []
    assert contents(tmp_path / "source") == contents(tmp_path / "place") == NEW
    assert "set" not in two.client_objectz[oaio_id].client_values
    if keep == "both":
        (problem,) = two.problems()  # its files are gone as before, its values are kept
        assert two.client_objectz[problem.oaio_id].client_values["set"] is True
    two.close()


@pytest.mark.parametrize(
    ("act", "name", "expected"),
    [
        (set_value, "place", OLD),
        (take_another_folder, "other", {"mine": b"mine"}),
        (give_content, "place", {"given": b"given content"}),
        (move, "moved", NEW),
    ],
)
def test_an_edit_while_files_arrive_is_kept(  # noqa: PLR0913, PLR0917 - fixtures and cases
    make_client: MakeClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    act: Act,
    name: str,
    expected: dict[str, bytes],
) -> None:
    one, two, oaio_id = arriving(make_client, tmp_path)
    other = beside(two)
    meanwhile(monkeypatch, switching, "begin", lambda: act(other, oaio_id, tmp_path / "place"))
    assert two.sync().problems == ()
    assert two.sync().sent == 0
    one.sync()
    assert contents(tmp_path / "source") == expected
    assert expected.items() <= contents(tmp_path / name).items()
    assert one.client_objectz[oaio_id].client_values.get("set") == (True if act is set_value else None)
    assert len(one.conflicts(oaio_id)) == (act is not move)


def test_a_deletion_while_files_arrive_is_kept(
    make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, oaio_id = arriving(make_client, tmp_path)
    other = beside(two)
    meanwhile(monkeypatch, Applier, "_fetch", lambda: other.unregister_object(oaio_id, wipe_files=True))
    two.sync()
    one.sync()
    assert contents(tmp_path / "place") == {}
    with pytest.raises(NotRegistered):
        one.files(oaio_id)
