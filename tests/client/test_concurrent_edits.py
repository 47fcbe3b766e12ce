"""Several processes of one device edit and synchronise at the same time; no acknowledged edit is lost.

The other process's action happens at the exact point between two steps of the first one.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from client.conftest import MakeClient, Service, go_offline, go_online

from oaio_storage import OaioClient
from oaio_storage.client import edits, open_client
from oaio_storage.client.engine import Engine
from oaio_storage.client.records import Edit

WRITERS, EDITS = 4, 10

WRITER = """
import sys
from oaio_storage.client import open_client
client = open_client(sys.argv[1], syncs_itself=False)
for number in range(int(sys.argv[4])):
    client.update_object(sys.argv[2], {f"{sys.argv[3]}{number}": number})
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    for name in ("x", "y", "z"):
        (made / name).write_bytes(b"first " + name.encode())
    return made


def beside(client: OaioClient) -> OaioClient:
    """The same device in another process, as far as the records can tell."""
    return open_client(client.client_root, syncs_itself=False)


def meanwhile(
    monkeypatch: pytest.MonkeyPatch, owner: object, name: str, action: Callable[[], object]
) -> None:
    """Let ``action`` happen once, just before ``owner.name`` runs."""
    real = getattr(owner, name)

    def interrupted(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever is interrupted
        monkeypatch.setattr(owner, name, real)
        action()
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, interrupted)


def waiting(client: OaioClient, oaio_id: str) -> list[Edit]:
    with client.device.store.read() as tables:
        return tables.edits(oaio_id)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_processes_that_set_different_keys_at_once_all_keep_them(make_client: MakeClient) -> None:
    client = make_client("one")
    made = client.register_object({"first": 0})
    assert made is not None
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, client.client_root, made.oaio_id, name, str(EDITS)])
        for name in "abcd"[:WRITERS]
    ]
    assert [writer.wait() for writer in writers] == [0] * WRITERS
    assert len(client.client_objectz[made.oaio_id].client_values) == 1 + WRITERS * EDITS


def test_values_that_are_set_while_a_folder_is_hashed_stay(
    make_client: MakeClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client("one")
    made = client.register_folder(str(folder))
    assert made is not None
    go_offline(client)
    other = beside(client)
    (folder / "x").write_bytes(b"second")
    meanwhile(monkeypatch, edits, "update", lambda: other.update_object(made.oaio_id, {"set": "meanwhile"}))
    updated = client.update_folder(made.oaio_id)
    assert updated.client_values["set"] == "meanwhile"
    (edit,) = waiting(client, made.oaio_id)
    assert edit.manifest()["x"].size == len(b"second")


def test_an_edit_is_never_based_on_a_version_that_it_has_not_seen(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = make_client("one"), make_client("two")
    made = one.register_object({"first": 0})
    assert made is not None
    two.sync()
    two.update_object(made.oaio_id, {"by": "two"})
    one._syncs_itself = False
    meanwhile(monkeypatch, edits, "update", beside(one).sync)
    one.update_object(made.oaio_id, {"of": "one"})
    one.sync()
    two.sync()
    both = {"first": 0, "by": "two", "of": "one"}
    assert one.client_objectz[made.oaio_id].client_values == both
    assert two.client_objectz[made.oaio_id].client_values == both
    assert two.conflicts(made.oaio_id) == []


def test_files_that_are_exchanged_while_they_are_hashed_are_looked_at_again(
    make_client: MakeClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = make_client("one"), make_client("two")
    made = one.register_folder(str(folder))
    assert made is not None
    two.sync()
    (two.device.cached_root(made.oaio_id) / "y").write_bytes(b"by two")
    two.sync()
    one._syncs_itself = False
    meanwhile(monkeypatch, edits, "update", beside(one).sync)
    one.update_folder(made.oaio_id)
    (edit,) = waiting(one, made.oaio_id)
    assert edit.manifest()["y"].size == len(b"by two")
    one.sync()
    two.sync()
    expected = {"x": b"first x", "y": b"by two", "z": b"first z"}
    assert contents(folder) == contents(two.device.cached_root(made.oaio_id)) == expected


def test_an_edit_that_is_made_while_another_is_about_to_be_sent_stays(
    make_client: MakeClient,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    service: Service,
) -> None:
    client = make_client("one")
    go_offline(client)
    made = client.register_folder(str(folder))
    assert made is not None
    other = beside(client)
    go_online(client, service)
    meanwhile(
        monkeypatch, Engine, "_refused_here", lambda: other.update_object(made.oaio_id, {"set": "meanwhile"})
    )
    client.sync()
    client.sync()
    assert client.client_objectz[made.oaio_id].server_values["set"] == "meanwhile"
