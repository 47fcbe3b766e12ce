"""The one module that opens this device's records: an SQLite database under client_root.

Write-ahead log and ``synchronous=FULL``: what a transaction wrote is durable when it returns. Every thread
of every process has a connection of its own. A local edit takes nothing but a write transaction;
synchronising alone takes the file lock.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from oaio_storage.client.tables import Tables
from oaio_storage.errors import Busy, LocalStateDamaged, OaioError, QuotaExceeded
from oaio_storage.model import OLDEST_SYNC_STAMP, stamp_plus

SCHEMA_VERSION: Final = 1

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_REFUSED = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_AUTH,
)

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE object (
    oaio_id TEXT PRIMARY KEY, version TEXT, access TEXT NOT NULL, root TEXT NOT NULL, root_id TEXT NOT NULL,
    disk TEXT NOT NULL, whole INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, oaio_id TEXT NOT NULL, id TEXT NOT NULL UNIQUE, item TEXT NOT NULL,
    stamped INTEGER NOT NULL, attempted INTEGER NOT NULL, held TEXT NOT NULL, why TEXT NOT NULL,
    sources TEXT NOT NULL);
CREATE INDEX outbox_object ON outbox (oaio_id, seq);
CREATE TABLE inbox (
    oaio_id TEXT PRIMARY KEY, version TEXT, tries INTEGER NOT NULL, error TEXT NOT NULL, why TEXT NOT NULL,
    hint TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE conflict (
    id TEXT PRIMARY KEY, oaio_id TEXT NOT NULL, since TEXT NOT NULL, version TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX conflict_object ON conflict (oaio_id);
CREATE TABLE problem (
    id TEXT PRIMARY KEY, oaio_id TEXT NOT NULL, what TEXT NOT NULL, way_out TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE content (target TEXT PRIMARY KEY, stored TEXT NOT NULL, oaio_id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE switch (oaio_id TEXT PRIMARY KEY, plan TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE wipe (path TEXT PRIMARY KEY, checksum TEXT NOT NULL) WITHOUT ROWID;
"""


class Store:
    """Connections and transactions on one database file.

    Tables are read and written by :mod:`~oaio_storage.client.tables`. Opening, reading and writing may raise,
    and leave the records as they were:

    * Busy: another process keeps them locked for too long.
    * QuotaExceeded: the disk is full.
    * LocalStateDamaged: they can't be read, or the disk refuses. What is no database at all is set aside when
      the store is opened, never removed.

    Args:
        path: the database file; it is made if it is missing, with its folder.
        seconds: how long to wait for another process that writes.
    """

    def __init__(self, path: Path, seconds: float = 30.0) -> None:
        self.path = path
        self._seconds = seconds
        self._connections: dict[tuple[int, int], sqlite3.Connection] = {}
        with self._told():
            try:
                self._prepare()
            except sqlite3.DatabaseError as err:
                if _code(err) in _DAMAGED:
                    self._set_aside(err)
                raise

    def close(self) -> None:
        """Close this process's connections. The store can be used again afterwards."""
        for key in [key for key in self._connections if key[0] == os.getpid()]:
            self._connections.pop(key).close()

    @contextmanager
    def read(self) -> Iterator[Tables]:
        """One consistent view for the block. Inside of :meth:`write` it is that transaction."""
        with self._told():
            connection = self._connection()
            if connection.in_transaction:
                yield Tables(connection)
                return
            connection.execute("BEGIN")
            try:
                yield Tables(connection)
            finally:
                _roll_back(connection)

    @contextmanager
    def write(self) -> Iterator[Tables]:
        """One transaction, durable when the block is left; an exception in the block undoes it.

        Inside of another one it is a part of that one.
        """
        with self._told():
            connection = self._connection()
            if connection.in_transaction:
                yield Tables(connection)
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield Tables(connection)
                connection.execute("COMMIT")
            finally:
                _roll_back(connection)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell what SQLite raises in the block as an error of ours; a defect of a statement stays one."""
        try:
            yield
        except sqlite3.DatabaseError as err:
            if told := _as_ours(err, self.path):
                raise told from err
            raise

    def _connection(self) -> sqlite3.Connection:
        key = (os.getpid(), threading.get_ident())
        if key not in self._connections:
            self._connections[key] = self._connect()
        return self._connections[key]

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=self._seconds, isolation_level=None, check_same_thread=False
        )
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
        except sqlite3.DatabaseError:
            connection.close()
            raise
        return connection

    def _prepare(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = self._connection()
        found = _schema_of(connection)
        if found > SCHEMA_VERSION:
            self.close()
            raise LocalStateDamaged(
                f"a newer version wrote the records {self.path} (format {found}, known: {SCHEMA_VERSION});"
                " nothing was changed",
                "Upgrade oaio-storage on this device.",
            )
        if not found:
            self._create()
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()

    def _create(self) -> None:
        with self.write() as tables:
            connection = tables.connection
            if _schema_of(connection):  # another process was first
                return
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(
                "INSERT INTO meta VALUES ('last_stamp', ?)", [stamp_plus(OLDEST_SYNC_STAMP, 1)]
            )
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def _set_aside(self, err: sqlite3.DatabaseError) -> None:
        self.close()
        names = [self.path, *(self.path.with_name(self.path.name + end) for end in ("-wal", "-shm"))]
        count = 1
        while (aside := self.path.with_name(f"{self.path.name}.damaged{count}")).exists():
            count += 1
        for name in names:
            if name.exists():
                name.replace(aside.with_name(aside.name + name.name.removeprefix(self.path.name)))
        raise LocalStateDamaged(
            f"the records {self.path} can't be read ({err}); they were set aside as {aside.name}",
            "oaio sync makes new ones from the server; unsent edits are in the file that was set aside.",
        ) from err


def _schema_of(connection: sqlite3.Connection) -> int:
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    return int(found)


def _roll_back(connection: sqlite3.Connection) -> None:
    """End a transaction that is still open; SQLite ends it by itself after some errors, a full disk among."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _code(err: sqlite3.DatabaseError) -> int:
    """SQLite's primary code of an error."""
    return getattr(err, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _as_ours(err: sqlite3.DatabaseError, path: Path) -> OaioError | None:
    code = _code(err)
    if code in _LOCKED:
        return Busy(f"another process keeps the records {path} locked")
    if code == sqlite3.SQLITE_FULL:
        return QuotaExceeded(
            f"no room on this device for the records {path}", "Free some space, then try again."
        )
    if code in _DAMAGED:
        return LocalStateDamaged(
            f"the records {path} can't be read: {err}",
            "Move them away and keep them, unsent edits are in there; oaio sync makes new ones.",
        )
    if code in _REFUSED:
        return LocalStateDamaged(f"the records {path} can't be opened: {err}", "Check the folder's rights.")
    return None
