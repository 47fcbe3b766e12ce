"""The backend ``Sqlite``: all files of a host in one SQLite database."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import BinaryIO, ClassVar

import attrs

from oaio_storage.errors import AlreadyExists, Changed, Corrupt, NotFound, TooLarge, Unavailable
from oaio_storage.hosts import OS_ERRORS, Absent, CshApi, Expect, ForeignErrors, Guarantees, Stat

MAX_BYTES = 100_000_000
TABLE = "CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, version TEXT, content BLOB)"
STORE = "INSERT OR REPLACE INTO files VALUES (?, hex(randomblob(16)), ?)"
FIND = "SELECT path, length(content), version FROM files WHERE"
SAME, BELOW = "path = ?1", "path > ?1 || '/' AND path < ?1 || '0'"  # the digit 0 is what follows the slash
ABOVE = "substr(?1, 1, length(path) + 1) = path || '/'"


@attrs.frozen(eq=False)
class SqliteApi(CshApi):
    """Many small files in one database file, easy to copy; each has at most 100 million bytes.

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
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.database, timeout=30)) as db, db:  # commits, or rolls back
            db.execute(TABLE)
            db.execute("BEGIN IMMEDIATE")
            yield db

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
        with self._transaction() as db:
            return iter(_files(db, f"?1 = '' OR {BELOW}", folder))

    def _write(
        self, path: str, source: BinaryIO, size: int | None, expect: Expect, headers: Mapping[str, str]
    ) -> Stat:
        del size, headers  # whoever calls the hook checks the size; the headers are for web servers
        content = bytearray()
        while piece := source.read(1 << 20):
            content += piece
            if len(content) > MAX_BYTES:
                raise TooLarge(f"{path!r} has more than {MAX_BYTES} bytes")
        with self._transaction() as db:
            held = [found.version for found in _files(db, SAME, path)]
            if (expect is Absent and held) or _files(db, f"{BELOW} OR {ABOVE}", path):
                raise AlreadyExists(f"{path!r}, or a folder or file in its way, exists already")
            if isinstance(expect, str) and held != [expect]:
                raise Changed(f"{path!r} has another version")
            db.execute(STORE, (path, content))
            return _found(db, path)

    def _delete(self, path: str, expect: str | None) -> None:
        with suppress(NotFound), self._transaction() as db:
            if expect not in (None, _found(db, path).version):
                raise Changed(f"{path!r} has another version")
            db.execute("DELETE FROM files WHERE path = ?", (path,))


def _files(db: sqlite3.Connection, where: str, path: str) -> list[Stat]:
    return [Stat(*row) for row in db.execute(f"{FIND} {where}", (path,))]


def _found(db: sqlite3.Connection, path: str) -> Stat:
    for found in _files(db, SAME, path):
        return found
    raise NotFound(f"there is no file {path!r}")
