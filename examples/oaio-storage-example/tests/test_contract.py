"""The backend keeps the contract of storage hosts."""

import sqlite3
from contextlib import closing
from pathlib import Path

from oaio_storage_example import SqliteApi

from oaio_storage.testing import HostContract, HostSource, KitCounts


class TestSqliteApi(HostContract):
    """Every test comes from the kit; here is only how to make a host, and how to get past it."""

    counts = KitCounts.quick()  # without it, the kit takes minutes and moves gigabytes: for a release

    def host_source(self, folder: Path) -> HostSource:
        """Hosts of a new database."""
        database = str(folder / "files.db")
        SqliteApi(database).delete("any")  # makes the table, which strangers below need

        def query(text: str, *values: object) -> list[tuple[bytes]]:
            with closing(sqlite3.connect(database)) as db, db:
                return db.execute(text, values).fetchall()

        return HostSource(
            make=lambda: SqliteApi(database),
            raw_read=lambda path: query("SELECT content FROM files WHERE path = ?", path)[0][0],
            raw_write=lambda path, content: query(
                "INSERT OR REPLACE INTO files VALUES (?, hex(randomblob(16)), ?)", path, content
            ),
            process=("oaio_storage_example:SqliteApi", {"database": database}),
        )
