"""Checksums of files that were hashed before, so that a scan reads only what may have changed.

A file is recognised by device and inode, and its content is taken for unchanged if size, mtime and ctime are.
As in git's index ("racy git"), that is no evidence for a file that was changed just before it was hashed: a
second change within the same tick of the file system's clock leaves all of them as they are. Such files are
hashed again each time, until they are old enough.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import NamedTuple, Self
from zlib import crc32

import attrs

RESOLUTION = 2_000_000_000
"""Nanoseconds by which a file has to be older than the moment it was hashed: FAT's tick, the coarsest."""

_FORMAT = 3
_SCHEMA = """
CREATE TABLE IF NOT EXISTS hashed
(inode INT, device INT, state TEXT, checksum TEXT, proof INT, PRIMARY KEY (inode, device)) WITHOUT ROWID
"""
_RECALL = "SELECT * FROM hashed WHERE inode IN"
_SIGN = 1 << 63
_AT_ONCE = 500
"""Files that one query asks for: below 1,000, which every SQLite allows."""

_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_INTERRUPT,
    }
)

_inherited: list[sqlite3.Connection | None] = []
"""Connections from before a fork: the child must neither use nor close them."""


class Hashed(NamedTuple):
    """What hashing one file gave: its state then, the SHA-256, and when reading began (ns since 1970)."""

    stat: os.stat_result
    checksum: str
    moment: int


@attrs.define(eq=False)
class HashCache:
    """A file of checksums; losing it costs time only, so no method ever raises because of it.

    May be used by several threads and processes at once, and after a fork. A damaged file is set aside as
    ``NAME.damaged``, and a new one begun; a single damaged entry is passed over.

    Attributes:
        path: the file; its folder has to exist.
        now: the clock, in ns since 1970.
    """

    path: Path
    now: Callable[[], int] = time.time_ns
    _connection: sqlite3.Connection | None = attrs.field(default=None, init=False, repr=False)
    _process: int = attrs.field(default=0, init=False, repr=False)
    _lock: Lock = attrs.field(factory=Lock, init=False, repr=False)

    def is_empty(self) -> bool:
        """Whether no checksum is known, so that there is no use in asking for any."""
        found = [True]

        def look(connection: sqlite3.Connection) -> None:
            found[0] = connection.execute("SELECT 1 FROM hashed LIMIT 1").fetchone() is None

        self._with_connection(look)
        return found[0]

    def recall(self, stats: Sequence[os.stat_result]) -> list[str | None]:
        """The SHA-256 of each file, as hashed when it was in this very state; None where it is not known."""
        known: list[str | None] = [None] * len(stats)

        def look(connection: sqlite3.Connection) -> None:
            for begin in range(0, len(stats), _AT_ONCE):
                files = [_file(stat) for stat in stats[begin : begin + _AT_ONCE]]
                query = f"{_RECALL} ({','.join('?' * len(files))})"
                rows = connection.execute(query, [inode for inode, _ in files])
                then = {(inode, device): rest for inode, device, *rest in rows}
                for place, file in enumerate(files, begin):
                    if file in then:
                        state, checksum, proof = then[file]
                        if state == _state(stats[place]) and proof == _proof(file, state, checksum):
                            known[place] = checksum

        self._with_connection(look)
        return known

    def remember(self, hashed: Iterable[Hashed]) -> None:
        """Keep checksums for later, except those of files too young to be recognised. A repeat is safe."""
        rows = []
        for one in hashed:
            if max(one.stat.st_mtime_ns, one.stat.st_ctime_ns) + RESOLUTION <= one.moment:
                file, state = _file(one.stat), _state(one.stat)
                rows.append((*file, state, one.checksum, _proof(file, state, one.checksum)))

        def keep(connection: sqlite3.Connection) -> None:
            with connection:
                connection.executemany("INSERT OR REPLACE INTO hashed VALUES (?, ?, ?, ?, ?)", rows)

        if rows:
            self._with_connection(keep)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the next call opens it again. A repeat is safe."""
        with self._lock:
            self._close()

    def _with_connection(self, act: Callable[[sqlite3.Connection], None]) -> None:
        with self._lock:
            try:
                act(self._opened())
            except sqlite3.DatabaseError as err:
                self._close()
                code = getattr(err, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
                if code & 0xFF not in _PASSING or code == sqlite3.SQLITE_IOERR_SHORT_READ:
                    self._set_aside()
            except (OSError, ValueError):  # a path that no file can have
                self._close()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None or self._process != os.getpid():
            _inherited.append(self._connection)
            connection = sqlite3.connect(self.path, timeout=5, check_same_thread=False)
            self._connection, self._process = connection, os.getpid()
            if connection.execute("PRAGMA user_version").fetchone()[0] not in (0, _FORMAT):
                raise sqlite3.DatabaseError("a cache of another format")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            with connection:
                connection.execute(_SCHEMA)
                connection.execute(f"PRAGMA user_version = {_FORMAT}")
        return self._connection

    def _close(self) -> None:
        if self._connection is not None and self._process == os.getpid():
            self._connection.close()
        self._connection = None

    def _set_aside(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            file = self.path.with_name(self.path.name + suffix)
            with suppress(OSError):
                file.replace(file.with_name(f"{self.path.name}.damaged{suffix}"))


def _file(stat: os.stat_result) -> tuple[int, int]:
    """Inode and device, as numbers that SQLite can hold: of the same 64 bits, with a sign."""
    inode, device = stat.st_ino, stat.st_dev
    return inode - 2 * (inode & _SIGN), device - 2 * (device & _SIGN)


def _state(stat: os.stat_result) -> str:
    return f"{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ctime_ns}"


def _proof(file: tuple[int, int], state: str, checksum: str) -> int:
    return crc32(f"{file[0]}:{file[1]} {state} {checksum}".encode())
