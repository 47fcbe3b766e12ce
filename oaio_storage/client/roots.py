"""Looking at the folders of objects on this device.

What changed there becomes an edit before anything is applied (O14).
"""

from pathlib import Path

import attrs

from oaio_storage.client import edits as making
from oaio_storage.client import foreign, placing, switching
from oaio_storage.client.attaching import RENAME, is_skipped, misnamed
from oaio_storage.client.device import Device
from oaio_storage.client.drafts import Draft
from oaio_storage.client.records import Holding, Incoming, newest
from oaio_storage.client.switching import overtaking
from oaio_storage.errors import OaioError, RootUnavailable
from oaio_storage.manifest import Diff, Manifest
from oaio_storage.model import MAY_UPDATE, AccessRight, Proposal, Version
from oaio_storage.progress import Report, ignore
from oaio_storage.scan import Scan, root_identity, scan


def look(device: Device, oaio_id: str, report: Report = ignore) -> bool:  # noqa: PLR0911 - one for each finding
    """Compare the object's folder with what was last put or seen there, and make an edit of the difference.

    What can't be known, a missing folder, and more than half of the files gone, are problems, never
    removals. A repeat is safe.

    Returns:
        Whether the folder is as the records say now, so that another version may be put there.
    """
    placing.finish(device)
    if what := _unfinished(device, oaio_id):
        _set_problem(device, oaio_id, what, "Make room for them, then: oaio sync")
        return False
    with device.store.read() as tables:
        holding, edits = tables.holding(oaio_id), tables.edits(oaio_id)
    if holding is None or not holding.disk or holding.right == AccessRight.NONE:
        return True
    root = device.root_of(holding)
    if not holding.root and not edits and holding.version and not root.exists():
        _fetch_again(device, holding, holding.version)
        return True
    try:
        found = _scanned(device, holding, newest(holding, edits), root, report)
    except OaioError as err:
        _set_problem(device, oaio_id, err.message, _then_sync(err.hint))
        return False
    if hidden := _hidden(root, holding.manifest(), found):
        _set_problem(device, oaio_id, *hidden)
        return False
    changes = found.changes(holding.manifest())
    if holding.root_id and root_identity(root) != holding.root_id:
        if changes.remove:
            what = f"the folder {root} is not the one that was attached, and files of it are missing"
            way_out = f"{_then_sync(RootUnavailable.default_hint)}; or: {_taking(holding, root)}"
            _set_problem(device, oaio_id, what, way_out)
            return False
        _recognise(device, oaio_id, root)
    if changes.is_empty:
        _set_problem(device, oaio_id)
        return True
    if refusal := _foreign(root, found) or _refusal(holding, root, changes):
        _set_problem(device, oaio_id, *refusal)
        return False
    return _make_edit(device, holding, changes)


def _unfinished(device: Device, oaio_id: str) -> str:
    """Why files can't be put in place; a folder in between two states says nothing about edits."""
    try:
        switching.finish(device, oaio_id)
    except OaioError as err:
        return err.message
    with device.store.read() as tables:
        waiting = [one for one in tables.contents() if one.oaio_id == oaio_id]
    return f"the given content of {waiting[0].target} can't be put in place" if waiting else ""


def _scanned(
    device: Device, holding: Holding, state: Proposal | Version | None, root: Path, report: Report
) -> Scan:
    is_file = state is not None and state.attached == "file"
    only = sorted(holding.manifest()) if is_file or not holding.takes_all else None
    return scan(root, only=only, cache=device.cache, report=report)


def _recognise(device: Device, oaio_id: str, root: Path) -> None:
    """Take ``root``, which holds every known file, for the folder that was attached.

    A disk's number, a part of its identity, may be another one after a restart of the system.
    """
    with device.store.write() as tables:
        if holding := tables.holding(oaio_id):
            tables.put_holding(attrs.evolve(holding, root_id=root_identity(root)))


def _fetch_again(device: Device, holding: Holding, version: Version) -> None:
    """The copy under client_root was lost, which is never a removal (S18)."""
    with device.store.write() as tables:
        if not switching.is_as_planned(tables, holding):
            return  # somebody was faster: the next look sees what came of it
        tables.put_holding(attrs.evolve(holding, disk=""))
        if tables.incoming(holding.oaio_id) is None:
            tables.put_incoming(Incoming(oaio_id=holding.oaio_id, version=version))


def _hidden(root: Path, known: Manifest, found: Scan) -> tuple[str, str] | None:
    """What can't be known and has to be, and the way out."""
    names = misnamed(found.unknown)
    for path, why in sorted(found.unknown.items()):
        is_known = path in known or any(one.startswith(f"{path}/") for one in known)
        if is_known or not is_skipped(root / path):
            if path in names:
                return f"no host can hold the name {path!r} in {root}: {why}", f"{RENAME} Then: oaio sync"
            return f"{path!r} in {root} can't be looked at: {why}", "Make it readable, then: oaio sync"
    return None


def _foreign(root: Path, found: Scan) -> tuple[str, str] | None:
    what = foreign.kind_of(root) or foreign.found_in(found.manifest)
    return (f"{what} lies in {root}; nothing was sent", "Move it away, then: oaio sync") if what else None


def _refusal(holding: Holding, root: Path, changes: Diff) -> tuple[str, str] | None:
    known = len(holding.manifest())
    if len(changes.remove) * 2 > known:
        return (
            f"{len(changes.remove)} of {known} files are gone from {root}; nothing was sent",
            f"Restore them, or if they are to go: {_taking(holding, root)}",
        )
    if holding.right not in MAY_UPDATE:
        return (
            f"files in {root} were changed, which your right {holding.right!s} does not allow; they stay",
            "Undo the changes or move the changed files away, then: oaio sync",
        )
    return None


def _taking(holding: Holding, root: Path) -> str:
    """The command that takes what is there now; a folder that is not the object's is never proposed."""
    return f"oaio update {holding.oaio_id} " + (f"'{root}'" if holding.takes_all else "FILE")


def _then_sync(hint: str) -> str:
    """``hint`` with the command that looks at the folder again, in one sentence."""
    return hint if "oaio sync" in hint else f"{hint.rstrip('. ') or 'Repair it'}, then: oaio sync"


def _make_edit(device: Device, seen: Holding, changes: Diff) -> bool:
    with device.store.write() as tables:
        holding, edits = tables.holding(seen.oaio_id), tables.edits(seen.oaio_id)
        state = newest(holding, edits) if holding else None
        if holding is None or state is None or state.deleted or tables.switch(seen.oaio_id):
            return False
        if (holding.root, holding.disk) != (seen.root, seen.disk):
            return False  # an edit came in between: the next look sees both
        files = Manifest.parse(state.files) if state.files is not None else holding.manifest()
        merged = _applied(changes, files)
        draft = Draft(
            values=state.values,
            attached=state.attached,
            files=merged.text(),
            root_path=device.place_told(state, holding),
            csh_id=state.csh_id,
        )
        current = device.seen(holding, edits)
        stamp = device.next_stamp(tables, current.client_stamp if current else "")
        item = making.proposal(device, holding.oaio_id, making.base_of(holding, edits), stamp, draft)
        unseen = tables.meta(overtaking(holding.oaio_id))
        if unseen and item.base == unseen:
            item = attrs.evolve(item, overtakes=(unseen,))
        making.put_item(tables, edits, item, ())
        tables.put_holding(attrs.evolve(holding, disk=_applied(changes, holding.manifest()).text()))
        tables.set_problem(holding.oaio_id)
    return True


def _applied(changes: Diff, base: Manifest) -> Manifest:
    entries = {path: entry for path, entry in base.items() if path not in changes.remove}
    return Manifest(entries | dict(changes.new) | dict(changes.update))


def _set_problem(device: Device, oaio_id: str, what: str = "", way_out: str = "") -> None:
    with device.store.read() as tables:
        known = any(one.oaio_id == oaio_id for one in tables.problems())
    if what or known:
        with device.store.write() as tables:
            tables.set_problem(oaio_id, what, way_out)
