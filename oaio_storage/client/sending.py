"""Sending edits: their files first, then the versions, then what the server says about each."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from oaio_storage.client import edits as making
from oaio_storage.client import planner, roots
from oaio_storage.client.attaching import manifest_on_disk
from oaio_storage.client.device import Device
from oaio_storage.client.hosts_pool import Hosts
from oaio_storage.client.records import Edit, Holding, Incoming, Source
from oaio_storage.client.remote import error_of
from oaio_storage.client.reports import Tally
from oaio_storage.client.tables import Tables
from oaio_storage.errors import (
    AlreadyExists,
    BadAnswer,
    CallerError,
    ClockSkew,
    DeviceError,
    NotFound,
    OaioError,
    SourceChanged,
    Stale,
    TryAgain,
)
from oaio_storage.hosts.guarantees import Absent
from oaio_storage.manifest import FileEntry, Manifest
from oaio_storage.model import Version, stamp_plus
from oaio_storage.progress import Report
from oaio_storage.scan import hash_file

MAX_ITEMS = 200
MAX_BATCH_BYTES = 4 << 20


def batches(edits: Sequence[Edit]) -> Iterator[list[Edit]]:
    """``edits`` in order, cut into what one request may carry."""
    batch: list[Edit] = []
    size = 0
    for edit in edits:
        length = making.length(edit.item)
        if batch and (len(batch) == MAX_ITEMS or size + length > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(edit)
        size += length
    if batch:
        yield batch


@attrs.frozen(kw_only=True)
class Sender:
    """Uploads files, and takes what the server says about edits into the records."""

    device: Device
    hosts: Hosts
    tally: Tally
    report: Report

    def prepare(self, edit: Edit, holding: Holding, reserved: str) -> Edit | None:
        """``edit`` with a stamp of the server, its files complete on the host; None if it can't be sent now.

        Why it can't is kept with the edit, which is held if only a person can settle that. A repeat resumes.
        """
        if edit.attempted:
            return edit
        if not edit.stamped:
            after = stamp_plus(holding.version.stamp, 1) if holding.version else ""
            edit = attrs.evolve(edit, item=attrs.evolve(edit.item, stamp=max(reserved, after)), stamped=True)
            if not self._store(edit):
                return None
        missing: dict[str, FileEntry] = {}
        try:
            making.check_length(edit.item)
            if edit.item.files is not None:
                missing = self._copy_known(edit, holding)
                self._upload(edit, holding, missing)
        except OaioError as err:
            held = type(err).__name__ if isinstance(err, CallerError) else ""
            self._store(attrs.evolve(edit, held=held, why=f"{err.message}. {err.hint}".removesuffix(". ")))
            if isinstance(err, DeviceError) and roots.look(self.device, edit.oaio_id, self.report):
                self._hold_if_lost(edit, missing)
            return None
        return edit

    def begin(self, batch: Sequence[Edit]) -> list[Edit]:
        """Mark the edits as attempted, in one transaction; those that changed meanwhile are left out."""
        begun = []
        with self.device.store.write() as tables:
            for edit in batch:
                if edit.attempted or self._is_same(tables, edit):
                    edit = attrs.evolve(edit, attempted=True, why="")  # noqa: PLW2901 - from here on it is this one
                    tables.put_edit(edit)
                    begun.append(edit)
        return begun

    def settle(self, tables: Tables, edit: Edit, result: Any) -> None:  # noqa: ANN401 - JSON, judged here
        """Take the server's RESULT for ``edit`` into the records.

        Raises:
            BadAnswer: it is not one.
        """
        if not isinstance(result, dict) or result.get("id") != edit.item.id:
            raise BadAnswer(f"the server's result for {edit.oaio_id} is not one")
        if result.get("status") == 200:  # noqa: PLR2004 - HTTP's own
            self._accepted(tables, edit, Version.from_json(result.get("version")))
            return
        error = result.get("error")
        refusal = error_of(error if isinstance(error, dict) else {})
        current = result.get("current")
        self._refused(tables, edit, refusal, None if current is None else Version.from_json(current))

    def _accepted(self, tables: Tables, edit: Edit, version: Version) -> None:
        self.tally.sent += 1
        if version.base is None:
            tables.take_stamp(version.stamp, version.oaio_id)
        holding = tables.holding(edit.oaio_id) or Holding(oaio_id=edit.oaio_id)
        for conflict_id in edit.item.resolves:
            tables.drop_conflict(conflict_id)
        tables.drop_edit(edit)
        rest = tables.edits(edit.oaio_id)
        if version.aside:
            if rest:
                tables.put_edit(_after_aside(rest[0], version, holding))
        else:
            holding = attrs.evolve(holding, version=version)
            tables.put_holding(holding)
        if not rest and _needs_checkout(holding):
            incoming = tables.incoming(edit.oaio_id)
            if incoming is None or (
                incoming.version is not None and incoming.version.number <= holding.number
            ):
                tables.put_incoming(Incoming(oaio_id=edit.oaio_id, version=holding.version))

    def _refused(self, tables: Tables, edit: Edit, refusal: OaioError, current: Version | None) -> None:
        if isinstance(refusal, TryAgain):
            tables.put_edit(attrs.evolve(edit, why=refusal.message))
            return
        renewed = planner.renewed(edit, self.device.new_id())
        edits = [renewed, *tables.edits(edit.oaio_id)[1:]]
        merged = attrs.evolve(planner.merged_chain(edits), held="", why="")
        for later in edits[1:]:
            tables.drop_edit(later)
        if isinstance(refusal, Stale | AlreadyExists) and current is not None:
            holding = tables.holding(edit.oaio_id)
            known = holding is not None and holding.number >= current.number
            rebased = planner.rebased(merged, current) if known else merged
            if rebased is None or _says_nothing(merged, current):
                tables.drop_edit(edit)
            else:
                tables.put_edit(rebased)
            incoming = tables.incoming(edit.oaio_id)
            if incoming is None or (
                incoming.version is not None and incoming.version.number < current.number
            ):
                tables.put_incoming(Incoming(oaio_id=edit.oaio_id, version=current))
        elif isinstance(refusal, Stale | ClockSkew):
            tables.put_edit(merged)
        else:
            name = "Forbidden" if isinstance(refusal, NotFound) else type(refusal).__name__
            why = f"{refusal.message}. {refusal.hint}".removesuffix(". ")
            tables.put_edit(attrs.evolve(merged, held=name, why=why))

    def _copy_known(self, edit: Edit, holding: Holding) -> dict[str, FileEntry]:
        """Let the host copy what lies there already; the files that it does not have."""
        missing = dict(edit.manifest())
        for source in self._sources(edit, holding):
            at_source = _by_content(source.manifest())
            for path, entry in list(missing.items()):
                found = at_source.get((entry.size, entry.checksum))
                if found is not None and self._copied(edit, source, found, f"{_folder(edit)}/{path}", entry):
                    del missing[path]
        return missing

    def _upload(self, edit: Edit, holding: Holding, missing: Mapping[str, FileEntry]) -> None:
        host = self.hosts.get(edit.item.csh_id)
        root = self.device.root_of(holding)
        self._check_unchanged(root, missing)
        expect = Absent if host.guarantees.conditional_write else None
        moved = host.put_files(
            [(f"{_folder(edit)}/{path}", root / path) for path in missing], expect=expect, report=self.report
        )
        self.tally.bytes_sent += moved.bytes
        self._check_unchanged(root, missing)

    def _hold_if_lost(self, edit: Edit, missing: Mapping[str, FileEntry]) -> None:
        """Hold ``edit`` if the folder, as just looked at, does not have its ``missing`` files either."""
        with self.device.store.write() as tables:
            known, holding = tables.edit(edit.seq), tables.holding(edit.oaio_id)
            if known is None or holding is None or not self._is_same(tables, edit):
                return  # the look made a new edit of what is there
            here = holding.manifest()
            lost = [path for path, entry in missing.items() if not _is_content(here.get(path), entry)]
            if lost:
                where = self.device.root_of(holding) / lost[0]
                why = f"{len(lost)} files of it are gone from this device and the storage host, as {where}"
                tables.put_edit(attrs.evolve(known, held=SourceChanged.__name__, why=why))

    def _sources(self, edit: Edit, holding: Holding) -> Iterator[Source]:
        yield from edit.sources
        version = holding.version
        if version is not None and version.files is not None:
            yield Source(
                csh_id=version.csh_id, folder=f"{version.oaio_id}/{version.stamp}", files=version.files
            )

    def _copied(self, edit: Edit, source: Source, path: str, target: str, entry: FileEntry) -> bool:
        if source.csh_id != edit.item.csh_id:
            return False
        try:
            made = self.hosts.get(edit.item.csh_id).copy(f"{source.folder}/{path}", target)
        except NotFound:
            return False
        return made.size == entry.size and made.checksum in ("", entry.checksum)

    def _check_unchanged(self, root: Path, wanted: Mapping[str, FileEntry]) -> None:
        for path, entry in wanted.items():
            try:
                found = hash_file(root / path)
            except OSError as err:
                raise SourceChanged(f"{root / path} is not what it was when it was looked at") from err
            if not _is_content(found, entry):
                raise SourceChanged(f"{root / path} changed since it was looked at")

    def _store(self, edit: Edit) -> bool:
        with self.device.store.write() as tables:
            if not self._is_same(tables, edit):
                return False
            tables.put_edit(edit)
            return True

    def _is_same(self, tables: Tables, edit: Edit) -> bool:
        known = tables.edit(edit.seq)
        return known is not None and attrs.evolve(known.item, stamp=edit.item.stamp) == edit.item


def _by_content(manifest: Manifest) -> dict[tuple[int, str], str]:
    return {(entry.size, entry.checksum): path for path, entry in manifest.items()}


def _is_content(found: FileEntry | None, entry: FileEntry) -> bool:
    return found is not None and (found.size, found.checksum) == (entry.size, entry.checksum)


def _folder(edit: Edit) -> str:
    return f"{edit.oaio_id}/{edit.item.stamp}"


def _after_aside(later: Edit, conflict: Version, holding: Holding) -> Edit:
    """``later`` was made on an edit that became a conflict of a deletion: it takes that one's place."""
    item = attrs.evolve(later.item, overtakes=(), resolves=(conflict.id,))
    if not item.deleted:
        item = attrs.evolve(item, aside=True)
    elif holding.version is not None:
        item = attrs.evolve(item, base=holding.version.id)
    return attrs.evolve(later, item=item)


def _says_nothing(edit: Edit, current: Version) -> bool:
    return planner.same_content(edit.item, current) and edit.item.base == current.id


def _needs_checkout(holding: Holding) -> bool:
    newest = holding.version
    if newest is None:
        return False
    if newest.deleted or not newest.attached:
        return bool(holding.disk)
    return newest.files is None or manifest_on_disk(Manifest.parse(newest.files)) != holding.manifest()
