"""The records of a device: durable, refused when they are newer, set aside when they are damaged."""

import sqlite3
from pathlib import Path

import pytest
from client.conftest import PASSWORD, Service

from oaio_storage.client import init_client
from oaio_storage.client.records import Holding
from oaio_storage.client.store import SCHEMA_VERSION, Store
from oaio_storage.errors import (
    Busy,
    LocalStateDamaged,
    Offline,
    QuotaExceeded,
    UnknownHost,
    WrongPassword,
)


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


def test_records_that_another_process_keeps_locked_are_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    store = Store(path, seconds=0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy), store.write():
        pass
    with store.read() as tables:
        assert tables.holdings() == []
    other.execute("ROLLBACK")
    store.close()
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Busy):
        Store(path, seconds=0.05)
    with pytest.raises(Busy), store.read():
        pass
    other.close()
    Store(path).close()
    assert sorted(tmp_path.glob("*damaged*")) == []


def test_a_full_disk_undoes_the_transaction_and_only_that(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.sqlite")
    pages = "PRAGMA max_page_count={}"
    with store.read() as tables:
        tables.connection.execute(pages.format(1))  # as many as there are already
    with pytest.raises(QuotaExceeded, match="no room"), store.write() as tables:
        tables.put_holding(Holding(oaio_id="large", disk="x" * 100_000))
    with store.write() as tables:
        tables.connection.execute(pages.format(1_000))
        tables.put_holding(Holding(oaio_id="later"))
    store.close()
    with Store(tmp_path / "state.sqlite").read() as tables:
        assert [one.oaio_id for one in tables.holdings()] == ["later"]


def test_damage_that_is_met_later_is_told(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    store = Store(path)
    with store.write() as tables:
        for number in range(100):
            tables.put_holding(Holding(oaio_id=f"o{number}", disk="x" * 1_000))
    store.close()
    content = path.read_bytes()
    path.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))
    store = Store(path)
    with pytest.raises(LocalStateDamaged, match="can't be read"), store.read() as tables:
        tables.holdings()
    store.close()


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
