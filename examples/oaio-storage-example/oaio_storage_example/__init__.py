"""The backend ``Sqlite``: all files of a host in one SQLite database."""

import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import BinaryIO, ClassVar

import attrs

from oaio_storage.errors import AlreadyExists, Changed, Corrupt, NotFound, TooLarge, Unavailable
from oaio_storage.hosts import OS_ERRORS, Absent, CshApi, Expect, ForeignErrors, Guarantees, Stat

MAX_BYTES = 100_000_000
_TABLE = "CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, version TEXT, mtime INT, content BLOB)"
_VERSION = "SELECT version FROM files WHERE path = ?"
_STAT = "SELECT path, length(content), version, '', mtime FROM files"
_BELOW = "WHERE path > ? || '/' AND path < ? || '0'"  # the digit 0 is what follows the slash
_ABOVE = "WHERE substr(?, 1, length(path) + 1) = path || '/'"


@attrs.frozen(eq=False)
class SqliteApi(CshApi):
    """Many small files in one database file, easy to copy; each has at most 100 million bytes.

    Every write is a transaction: readers see the old or the new, and one of many writers wins.

    Attributes:
        database: path of the database file, in a folder that exists.
    """

    database: str = attrs.field(validator=attrs.validators.instance_of(str))

    guarantees = Guarantees(
        atomic_write=True,
        conditional_write=True,
        strong_version=True,
        case_sensitive=True,
        unicode_exact=True,
        visibility_delay=0.0,
    )
    foreign_errors: ClassVar[ForeignErrors] = {
        **OS_ERRORS,
        sqlite3.OperationalError: Unavailable,  # it is locked for long, or can't be opened
        sqlite3.DatabaseError: Corrupt,
    }

    @contextmanager
    def _transaction(self, begin: str = "BEGIN") -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.database, timeout=30, isolation_level=None)) as db:
            db.execute(_TABLE)
            db.execute(begin)
            yield db
            db.execute("COMMIT")  # after an error, closing rolls back

    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        with self._transaction() as db:
            if version not in (None, _found(db, path).version):
                raise Changed(f"{path!r} has another version")
            (content,) = db.execute("SELECT content FROM files WHERE path = ?", (path,)).fetchone()
        return bytes(content[start:end])

    def _stat(self, path: str) -> Stat:
        with self._transaction() as db:
            return _found(db, path)

    def _list(self, folder: str) -> Iterator[Stat]:
        query, bounds = (f"{_STAT} {_BELOW}", (folder, folder)) if folder else (_STAT, ())
        with self._transaction() as db:
            rows = db.execute(query, bounds).fetchall()
        return (Stat(*row) for row in rows)

    def _write(
        self,
        path: str,
        source: BinaryIO,
        size: int | None,  # noqa: ARG002 - whoever calls the hook checks it
        expect: Expect,
        headers: Mapping[str, str],  # noqa: ARG002 - no web server
    ) -> Stat:
        content = bytearray()
        while piece := source.read(1 << 20):
            content += piece
            if len(content) > MAX_BYTES:
                raise TooLarge(f"{path!r} has more than {MAX_BYTES} bytes")
        with self._transaction("BEGIN IMMEDIATE") as db:
            _check(db, path, expect)
            row = (path, secrets.token_hex(16), time.time_ns(), content)
            db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", row)
            return _found(db, path)

    def _delete(self, path: str, expect: str | None) -> None:
        with self._transaction("BEGIN IMMEDIATE") as db:
            row = db.execute(_VERSION, (path,)).fetchone()
            if row and expect not in (None, *row):
                raise Changed(f"{path!r} has another version")
            db.execute("DELETE FROM files WHERE path = ?", (path,))


def _found(db: sqlite3.Connection, path: str) -> Stat:
    if row := db.execute(f"{_STAT} WHERE path = ?", (path,)).fetchone():
        return Stat(*row)
    raise NotFound(f"there is no file {path!r}")


def _check(db: sqlite3.Connection, path: str, expect: Expect) -> None:
    row = db.execute(_VERSION, (path,)).fetchone()
    if row and expect is Absent:
        raise AlreadyExists(f"{path!r} exists already")
    if isinstance(expect, str) and row != (expect,):
        raise Changed(f"{path!r} has another version")
    if db.execute(f"{_STAT} {_BELOW}", (path, path)).fetchone():
        raise AlreadyExists(f"{path!r} is a folder")
    if file := db.execute(f"{_STAT} {_ABOVE}", (path,)).fetchone():
        raise AlreadyExists(f"{file[0]!r} is a file, so {path!r} can't be one")
