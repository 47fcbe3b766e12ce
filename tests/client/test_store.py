"""The records of a device: durable, refused when they are newer, set aside when they are damaged."""

import sqlite3
from pathlib import Path

import pytest
from client.conftest import PASSWORD, Service

from oaio_storage.client import init_client
from oaio_storage.client.records import Holding
from oaio_storage.client.store import SCHEMA_VERSION, Store
from oaio_storage.errors import LocalStateDamaged, Offline, UnknownHost, WrongPassword


def test_what_a_transaction_wrote_is_there_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.sqlite")
    with store.write() as tables:
        tables.put_holding(Holding(oaio_id="one"))
    store.close()
    with Store(tmp_path / "state.sqlite").read() as tables:
        assert tables.holding("one") == Holding(oaio_id="one")


def test_an_error_undoes_the_whole_transaction(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.sqlite")

    def fail() -> None:
        with store.write() as tables:
            tables.put_holding(Holding(oaio_id="one"))
            tables.connection.execute("no statement")

    with pytest.raises(sqlite3.OperationalError):
        fail()
    with store.read() as tables:
        assert tables.holdings() == []
    store.close()


def test_records_of_a_newer_version_are_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    Store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(LocalStateDamaged, match="newer"):
        Store(path)
    assert [one.name for one in tmp_path.iterdir() if "damaged" in one.name] == []


@pytest.mark.parametrize("content", [b"not a database" * 100, b"\0" * 8192])
def test_damaged_records_are_set_aside_and_never_removed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.sqlite"
    path.write_bytes(content)
    with pytest.raises(LocalStateDamaged, match="set aside"):
        Store(path)
    (aside,) = tmp_path.glob("*.damaged*")
    assert aside.read_bytes() == content
    Store(path).close()


def test_an_init_that_fails_leaves_the_folder_to_the_next(service: Service, tmp_path: Path) -> None:
    root, there = tmp_path / "new", tmp_path / "there"
    there.mkdir()
    for folder in (root, there):
        with pytest.raises(WrongPassword):
            init_client(folder, service.server.url, "alicee", "typed for the wrong user")
        with pytest.raises(UnknownHost):
            init_client(folder, service.server.url, "bob", PASSWORD, csh_id="Nope")
        with pytest.raises(Offline):
            init_client(folder, "http://127.0.0.1:1", "carol", PASSWORD)
        assert folder.exists() is (folder is there)
        init_client(folder, service.server.url, "alice", PASSWORD).close()
    assert list(there.glob("*.json"))
