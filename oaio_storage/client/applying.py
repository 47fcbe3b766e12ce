"""Applying versions of others: files are gathered and verified first, then switched in.

The old version is shown until then.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

import attrs

from oaio_storage import durable
from oaio_storage.client import switching
from oaio_storage.client.attaching import manifest_on_disk, on_disk
from oaio_storage.client.device import Device
from oaio_storage.client.edits import check_root
from oaio_storage.client.hosts_pool import Hosts
from oaio_storage.client.learning import Learner
from oaio_storage.client.records import Holding, Incoming
from oaio_storage.client.reports import Tally
from oaio_storage.client.switching import Exchange, Switch, check_inside, checksum_at
from oaio_storage.errors import AlreadyExists, OaioError
from oaio_storage.manifest import FileEntry, Manifest
from oaio_storage.model import AccessRight, Version
from oaio_storage.progress import Report
from oaio_storage.scan import scan

_SHOWN = 3


@attrs.frozen(kw_only=True)
class Applier:
    """Brings versions from the inbox onto this device, each object on its own."""

    device: Device
    hosts: Hosts
    tally: Tally
    report: Report

    def apply(self, incoming: Incoming) -> bool:
        """Apply one entry of the inbox; what goes wrong is kept with it, and it stays. A repeat is safe.

        Returns:
            Whether it was applied, or the object was edited, moved or deleted meanwhile: both give reason to
            plan anew.
        """
        try:
            with self.device.store.read() as tables:
                holding = tables.holding(incoming.oaio_id) or Holding(oaio_id=incoming.oaio_id)
            version = incoming.version
            is_new = version is not None and (holding.version is None or holding.version.id != version.id)
            if version is None:
                self._revoke(incoming.oaio_id)
                applied = True
            elif version.deleted or not version.attached:
                applied = self._detach(holding, version)
            else:
                applied = self._receive(holding, version)
        except (OaioError, OSError) as err:
            self._keep(incoming, err)
            return False
        self.tally.received += is_new and applied
        return True

    def _keep(self, incoming: Incoming, err: OaioError | OSError) -> None:
        hint = err.hint if isinstance(err, OaioError) else ""
        text = (
            err.message if isinstance(err, OaioError) else f"the disk failed: {err.strerror}: {err.filename}"
        )
        failed = attrs.evolve(
            incoming, tries=incoming.tries + 1, error=type(err).__name__, why=text, hint=hint
        )
        with self.device.store.write() as tables:
            if tables.incoming(incoming.oaio_id) == incoming:
                tables.put_incoming(failed)

    def _revoke(self, oaio_id: str) -> None:
        with self.device.store.write() as tables:
            holding, edits = tables.holding(oaio_id), tables.edits(oaio_id)
            for edit in edits:
                if not edit.held:
                    why = "your right on the object was taken away before this edit was sent"
                    tables.put_edit(attrs.evolve(edit, held="Forbidden", attempted=False, why=why))
            tables.set_conflicts(oaio_id, ())
            tables.set_problem(oaio_id)
            tables.drop_incoming(oaio_id)
            tables.drop_switch(oaio_id)
            if edits and holding:
                tables.put_holding(attrs.evolve(holding, right=AccessRight.NONE))
            else:
                tables.drop_holding(oaio_id)
        if not edits:
            self._trash_cached(oaio_id)

    def _detach(self, planned: Holding, version: Version) -> bool:
        with self.device.store.write() as tables:
            if not switching.is_as_planned(tables, planned):
                return False
            now = tables.holding(planned.oaio_id) or planned
            tables.put_holding(attrs.evolve(now, version=version, disk="", root="", root_id=""))
            tables.drop_incoming(planned.oaio_id)
            tables.drop_switch(planned.oaio_id)
            tables.set_problem(planned.oaio_id)
        self._trash_cached(planned.oaio_id)
        return True

    def _trash_cached(self, oaio_id: str) -> None:
        cached = self.device.cached_root(oaio_id)
        if cached.exists():
            durable.to_trash(cached, self.device.trash)

    def _receive(self, holding: Holding, version: Version) -> bool:
        staging = self.device.staging(version.id)
        staging.mkdir(parents=True, exist_ok=True)
        before = holding.manifest()
        root = self._root_for(holding, version)
        version = self._learner().described(version, staging)
        target = Manifest.parse(version.files or "")
        placed = holding
        if root != holding.root:
            placed = attrs.evolve(holding, root=root, root_id="", whole=version.attached == "folder")
        elif not holding.takes_all:
            _check_no_more(holding, target)
        folder = self.device.root_of(placed)
        wanted = {path: entry for path, entry in target.items() if not _has(before, path, entry)}
        there = self._untracked(folder, before, wanted, version, is_new_root=not holding.disk and bool(root))
        missing = {path: entry for path, entry in wanted.items() if path not in there}
        self._fetch(version, missing, staging, before, folder)
        exchanges = [
            Exchange(path=path, old=entry.checksum) for path, entry in before.items() if path not in target
        ]
        for path, entry in target.items():
            known = before.get(path)
            if path in missing:
                old = known.checksum if known else ""
                exchanges.append(_exchange(path, entry, staging / path, old))
            elif known != on_disk(entry):
                exchanges.append(_exchange(path, entry, staging / path, entry.checksum))
        after = attrs.evolve(placed, version=version, disk=manifest_on_disk(target).text())
        durable.make_folder(folder)
        if not switching.begin(self.device, holding, Switch(after=after, exchanges=tuple(exchanges))):
            return False  # what was staged is of use when it is planned anew
        shutil.rmtree(staging, ignore_errors=True)
        return True

    def _root_for(self, holding: Holding, version: Version) -> str:
        """The folder for files of a version that are not here yet: its author's own place, or none (O15)."""
        text = version.root_path
        own = version.username == self.device.user_name and version.device_id != self.device.device_id
        own = own and (version.files is not None or version.base is None)  # original clients pass on others'
        if holding.root or holding.disk or not own or text.startswith("{cwd}"):
            return holding.root
        if not self.device.places.is_below_placeholder(text):
            return ""
        root = self.device.places.expand(text)
        try:
            with self.device.store.read() as tables:
                names = None if version.attached == "folder" else _paths(version)
                check_root(self.device, tables, root, holding.oaio_id, names)
        except OaioError:
            return ""
        return str(root)

    def _learner(self) -> Learner:
        return Learner(device=self.device, hosts=self.hosts, tally=self.tally, report=self.report)

    def _untracked(
        self,
        folder: Path,
        before: Manifest,
        wanted: Mapping[str, FileEntry],
        version: Version,
        *,
        is_new_root: bool,
    ) -> set[str]:
        """Wanted paths where files with the same content lie already.

        Files with another are never overwritten.
        """
        there, in_the_way = set(), []
        for path, entry in wanted.items():
            check_inside(folder, path, before)
            found = "" if path in before else checksum_at(folder / path)
            if found == entry.checksum:
                there.add(path)
            elif found and not any(known.startswith(f"{path}/") for known in before):
                in_the_way.append(path)
        if is_new_root and version.attached == "folder" and folder.exists():
            found_there = scan(folder, cache=self.device.cache, with_ignored=True)
            in_the_way += [
                path for path in (*found_there.manifest, *found_there.unknown) if path not in wanted
            ]
        if in_the_way:
            shown = ", ".join(sorted(in_the_way)[:_SHOWN])
            raise AlreadyExists(
                f"{len(in_the_way)} unknown files lie in {folder}, where the object's files go: {shown}",
                f"Move them away, then: oaio sync; or choose: oaio files {version.oaio_id} --at FOLDER",
            )
        return there

    def _fetch(
        self,
        version: Version,
        missing: Mapping[str, FileEntry],
        staging: Path,
        before: Manifest,
        folder: Path,
    ) -> None:
        here = {entry.checksum: path for path, entry in before.items()}
        tasks = []
        for path, entry in missing.items():
            local = staging / path
            if checksum_at(local) == entry.checksum:
                continue
            if entry.checksum not in here or not _copied(
                folder / here[entry.checksum], local, entry.checksum
            ):
                tasks.append((f"{version.oaio_id}/{version.stamp}/{path}", local, entry.size, entry.checksum))
        if tasks:
            moved = self.hosts.get(version.csh_id).get_files(tasks, report=self.report)
            self.tally.bytes_received += moved.bytes


def _has(before: Manifest, path: str, entry: FileEntry) -> bool:
    known = before.get(path)
    return known is not None and known.checksum == entry.checksum


def _exchange(path: str, entry: FileEntry, staged: Path, old: str) -> Exchange:
    return Exchange(
        path=path, staged=str(staged), old=old, new=entry.checksum, executable=bool(entry.executable)
    )


def _copied(source: Path, local: Path, checksum: str) -> bool:
    local.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(source, local)
    except OSError:
        return False
    durable.sync_file(local)
    return checksum_at(local) == checksum


def _paths(version: Version) -> list[str]:
    return list(Manifest.parse(version.files) if version.files is not None else version.paths or ())


def _check_no_more(holding: Holding, target: Manifest) -> None:
    """Raises AlreadyExists if others would put further files beside one that this device's user attached."""
    if more := sorted(path for path in target if path not in holding.manifest()):
        raise AlreadyExists(
            f"a newer version has files beside the one in {holding.root}: {', '.join(more[:_SHOWN])}",
            f"Give it an empty folder: oaio files {holding.oaio_id} --at FOLDER",
        )
