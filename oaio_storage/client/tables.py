"""What the records hold, row by row.

Every method is one statement or a few; :class:`.store.Store` makes transactions of them.
"""

import json
from collections.abc import Collection, Iterable
from pathlib import Path
from sqlite3 import Connection, Row
from typing import Any

import attrs

from oaio_storage.client.records import (
    Content,
    Edit,
    Holding,
    Incoming,
    Overtaken,
    Source,
    parse_version,
    version_text,
)
from oaio_storage.client.reports import Problem
from oaio_storage.manifest import Manifest
from oaio_storage.model import Proposal, Version


@attrs.frozen
class Tables:
    """The tables, seen through one transaction."""

    connection: Connection

    # meta

    def meta(self, key: str) -> str:
        """A single fact; empty if unknown."""
        row = self._one("SELECT value FROM meta WHERE key = ?", key)
        return str(row["value"]) if row else ""

    def set_meta(self, **facts: str) -> None:
        """Remember single facts."""
        for key, value in facts.items():
            if self.meta(key) != value:
                self._run("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, value)

    def took_stamp(self, stamp: str) -> bool:
        """Whether a registration on this device took ``stamp``."""
        return bool(self.meta(f"stamp:{stamp}"))

    def take_stamp(self, stamp: str, oaio_id: str) -> None:
        """Remember that ``oaio_id`` is registered with ``stamp``."""
        self.set_meta(**{f"stamp:{stamp}": oaio_id})

    # what is held of objects

    def holding(self, oaio_id: str) -> Holding | None:
        """What is held of the object, if anything is."""
        row = self._one("SELECT * FROM object WHERE oaio_id = ?", oaio_id)
        return _holding(row) if row else None

    def holdings(self) -> list[Holding]:
        """What is held of all objects, by id."""
        return [_holding(row) for row in self._all("SELECT * FROM object ORDER BY oaio_id")]

    def with_files(self) -> list[str]:
        """Ids of the objects that have files on this device."""
        rows = self._all("SELECT oaio_id FROM object WHERE disk <> '' ORDER BY oaio_id")
        return [row["oaio_id"] for row in rows]

    def roots(self) -> list[tuple[str, list[Path]]]:
        """Id and places of the objects whose files lie elsewhere than under client_root.

        Their folder, or their files alone if what lies beside them is not theirs.
        """
        rows = self._all("SELECT * FROM object WHERE root <> '' ORDER BY oaio_id")
        return [
            (row["oaio_id"], places_in(Path(row["root"]), None if row["whole"] else _names(row["disk"])))
            for row in rows
        ]

    def put_holding(self, holding: Holding) -> None:
        """Remember what is held of the object."""
        self._run(
            "INSERT OR REPLACE INTO object VALUES (?, ?, ?, ?, ?, ?, ?)",
            holding.oaio_id,
            version_text(holding.version),
            str(holding.right),
            holding.root,
            holding.root_id,
            holding.disk,
            int(holding.whole),
        )

    def drop_holding(self, oaio_id: str) -> None:
        """Forget the object."""
        self._run("DELETE FROM object WHERE oaio_id = ?", oaio_id)

    # outbox

    def edits(self, oaio_id: str) -> list[Edit]:
        """The edits of one object, in order."""
        return [
            _edit(row) for row in self._all("SELECT * FROM outbox WHERE oaio_id = ? ORDER BY seq", oaio_id)
        ]

    def all_edits(self) -> list[Edit]:
        """The edits of all objects, in order."""
        return [_edit(row) for row in self._all("SELECT * FROM outbox ORDER BY seq")]

    def first_edits(self) -> list[Edit]:
        """The first edit of each object, in order."""
        rows = self._all(
            "SELECT * FROM outbox WHERE seq IN (SELECT min(seq) FROM outbox GROUP BY oaio_id) ORDER BY seq"
        )
        return [_edit(row) for row in rows]

    def edit_named(self, item_id: str) -> Edit | None:
        """The edit that proposes the version of this id, if it is in the outbox."""
        row = self._one("SELECT * FROM outbox WHERE id = ?", item_id)
        return _edit(row) if row else None

    def edit(self, seq: int) -> Edit | None:
        """The edit at this place of the outbox, if there still is one."""
        row = self._one("SELECT * FROM outbox WHERE seq = ?", seq)
        return _edit(row) if row else None

    def put_edit(self, edit: Edit) -> None:
        """Append ``edit`` if its ``seq`` is 0, else replace the one with this ``seq``."""
        self._run(
            "INSERT OR REPLACE INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            edit.seq or None,
            edit.oaio_id,
            edit.item.id,
            json.dumps(edit.item.as_json(), ensure_ascii=False),
            edit.stamped,
            edit.attempted,
            edit.held,
            edit.why,
            edit.sources_text(),
        )

    def add_source(self, oaio_id: str, version: Version) -> None:
        """Let the object's edits take files from ``version``, which other files lie in place of now."""
        if version.files is None:
            return
        source = Source.of(version)
        for edit in self.edits(oaio_id):
            if edit.item.files is not None and source not in edit.sources:
                self.put_edit(attrs.evolve(edit, sources=(*edit.sources, source)))

    def drop_edit(self, edit: Edit) -> None:
        """Take ``edit`` out of the outbox."""
        self._run("DELETE FROM outbox WHERE seq = ?", edit.seq)

    # inbox

    def incoming(self, oaio_id: str) -> Incoming | None:
        """What is to be applied to the object, if anything is."""
        row = self._one("SELECT * FROM inbox WHERE oaio_id = ?", oaio_id)
        return _incoming(row) if row else None

    def all_incoming(self) -> list[Incoming]:
        """Everything that is to be applied, by object."""
        return [_incoming(row) for row in self._all("SELECT * FROM inbox ORDER BY oaio_id")]

    def waiting(self) -> int:
        """How many edits are to be sent, and changes to be applied."""
        (row,) = self._all("SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM inbox) AS number")
        return int(row["number"])

    def put_incoming(self, incoming: Incoming) -> None:
        """Remember what is to be applied; it replaces what was to be."""
        self._run(
            "INSERT OR REPLACE INTO inbox VALUES (?, ?, ?, ?, ?, ?)",
            incoming.oaio_id,
            version_text(incoming.version),
            incoming.tries,
            incoming.error,
            incoming.why,
            incoming.hint,
        )

    def drop_incoming(self, oaio_id: str) -> None:
        """Nothing is to be applied to the object any more."""
        self._run("DELETE FROM inbox WHERE oaio_id = ?", oaio_id)

    # conflicts

    def conflicts(self, oaio_id: str = "") -> list[Overtaken]:
        """The listed conflicts, of one object or of all."""
        rows = self._all(
            "SELECT * FROM conflict WHERE ? IN ('', oaio_id) ORDER BY oaio_id, since, id", oaio_id
        )
        return [_overtaken(row) for row in rows]

    def conflict(self, conflict_id: str) -> Overtaken | None:
        """The listed conflict of this id, if there is one."""
        row = self._one("SELECT * FROM conflict WHERE id = ?", conflict_id)
        return _overtaken(row) if row else None

    def put_conflict(self, conflict: Overtaken) -> None:
        """List a conflict. A repeat is safe."""
        self._run(
            "INSERT OR REPLACE INTO conflict VALUES (?, ?, ?, ?)",
            conflict.id,
            conflict.oaio_id,
            conflict.since,
            version_text(conflict.version),
        )

    def drop_conflict(self, conflict_id: str) -> None:
        """The conflict is settled."""
        self._run("DELETE FROM conflict WHERE id = ?", conflict_id)

    def set_conflicts(self, oaio_id: str, conflicts: Iterable[Overtaken]) -> None:
        """Replace the listed conflicts of one object; what was learned of their files is kept."""
        known = {one.id: one for one in self.conflicts(oaio_id)}
        wanted = [
            known[one.id] if one.version.files is None and one.id in known else one for one in conflicts
        ]
        if {one.id: one for one in wanted} != known:
            self._run("DELETE FROM conflict WHERE oaio_id = ?", oaio_id)
            for conflict in wanted:
                self.put_conflict(conflict)

    # problems

    def problems(self) -> list[Problem]:
        """The problems that were found by looking at folders."""
        rows = self._all("SELECT * FROM problem ORDER BY oaio_id, id")
        return [Problem(row["id"], row["oaio_id"], row["what"], row["way_out"]) for row in rows]

    def set_problem(self, oaio_id: str, what: str = "", way_out: str = "") -> None:
        """Replace the problem that looking at the object's folder found; without ``what`` there is none."""
        known = [one for one in self.problems() if one.oaio_id == oaio_id]
        wanted = [Problem(f"folder:{oaio_id}", oaio_id, what, way_out)] if what else []
        if known != wanted:
            self._run("DELETE FROM problem WHERE oaio_id = ?", oaio_id)
            for one in wanted:
                self._run(
                    "INSERT INTO problem VALUES (?, ?, ?, ?)", one.id, one.oaio_id, one.what, one.way_out
                )

    # work on files that a crash may interrupt

    def contents(self) -> list[Content]:
        """Bytes that are stored and have yet to be put in place."""
        rows = self._all("SELECT * FROM content")
        return [Content(target=row["target"], stored=row["stored"], oaio_id=row["oaio_id"]) for row in rows]

    def put_content(self, content: Content) -> None:
        """Remember bytes that are to be put in place; they replace earlier ones for the same place."""
        self._run(
            "INSERT OR REPLACE INTO content VALUES (?, ?, ?)", content.target, content.stored, content.oaio_id
        )

    def drop_content(self, content: Content) -> None:
        """The bytes are in place."""
        self._run("DELETE FROM content WHERE target = ? AND stored = ?", content.target, content.stored)

    def switches(self) -> list[str]:
        """The plans of switches that began."""
        return [str(row["plan"]) for row in self._all("SELECT plan FROM switch ORDER BY oaio_id")]

    def switch(self, oaio_id: str) -> str:
        """The plan of the object's switch that began; empty if there is none."""
        row = self._one("SELECT plan FROM switch WHERE oaio_id = ?", oaio_id)
        return str(row["plan"]) if row else ""

    def put_switch(self, oaio_id: str, plan: str) -> None:
        """Remember that files of the object are being switched."""
        self._run("INSERT OR REPLACE INTO switch VALUES (?, ?)", oaio_id, plan)

    def drop_switch(self, oaio_id: str) -> None:
        """The object's files are switched."""
        self._run("DELETE FROM switch WHERE oaio_id = ?", oaio_id)

    def wipes(self) -> list[tuple[str, str]]:
        """Paths of files that are to go to the trash, and their checksums."""
        return [(row["path"], row["checksum"]) for row in self._all("SELECT * FROM wipe ORDER BY path")]

    def put_wipe(self, path: str, checksum: str) -> None:
        """Remember that a file is to go to the trash."""
        self._run("INSERT OR REPLACE INTO wipe VALUES (?, ?)", path, checksum)

    def drop_wipe(self, path: str) -> None:
        """The file is gone."""
        self._run("DELETE FROM wipe WHERE path = ?", path)

    def _run(self, statement: str, *values: object) -> None:
        self.connection.execute(statement, values)

    def _one(self, statement: str, *values: object) -> Row | None:
        return next(iter(self._all(statement, *values)), None)

    def _all(self, statement: str, *values: object) -> list[Row]:
        try:
            return self.connection.execute(statement, values).fetchall()
        except UnicodeEncodeError:  # nothing is kept under what is not UTF-8
            return []


def _holding(row: Row) -> Holding:
    return Holding(
        oaio_id=row["oaio_id"],
        version=parse_version(row["version"]),
        right=row["access"],
        root=row["root"],
        root_id=row["root_id"],
        disk=row["disk"],
        whole=bool(row["whole"]),
    )


def places_in(root: Path, names: Collection[str] | None) -> list[Path]:
    """What an object takes of the folder ``root``: files of these relative paths; None: all of it."""
    return [root] if names is None else [root / name for name in names]


def _names(disk: str) -> list[str]:
    return list(Manifest.parse(disk)) if disk else []


def _edit(row: Row) -> Edit:
    item: dict[str, Any] = json.loads(row["item"])
    return Edit(
        seq=row["seq"],
        item=Proposal.from_json(item),
        stamped=bool(row["stamped"]),
        attempted=bool(row["attempted"]),
        held=row["held"],
        why=row["why"],
        sources=Edit.parse_sources(row["sources"]),
    )


def _incoming(row: Row) -> Incoming:
    return Incoming(
        oaio_id=row["oaio_id"],
        version=parse_version(row["version"]),
        tries=row["tries"],
        error=row["error"],
        why=row["why"],
        hint=row["hint"],
    )


def _overtaken(row: Row) -> Overtaken:
    version = parse_version(row["version"])
    assert version is not None
    return Overtaken(id=row["id"], oaio_id=row["oaio_id"], since=row["since"], version=version)
