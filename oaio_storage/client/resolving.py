"""What conflicts and what needs a person.

Settling conflicts, also offline: a settlement is an edit like any other.
"""

import attrs

from oaio_storage.client import edits as making
from oaio_storage.client import switching
from oaio_storage.client.attaching import manifest_on_disk
from oaio_storage.client.device import Device
from oaio_storage.client.drafts import Draft
from oaio_storage.client.planner import allowed
from oaio_storage.client.records import Edit, Holding, Incoming, Overtaken, Source
from oaio_storage.client.reports import Conflict, Problem
from oaio_storage.client.tables import Tables
from oaio_storage.errors import Forbidden, InvalidArgument, NotFound, Unavailable
from oaio_storage.manifest import Manifest
from oaio_storage.model import MAY_DELETE, NAME_KEY, AccessRight, OaiObject, Proposal, Version
from oaio_storage.values import parse

SIDES = ("front", "other", "both")


def conflicts(device: Device, oaio_id: str = "") -> list[Conflict]:
    """The listed conflicts.

    Of one object or of all, and the edits that can't be sent, which are conflicts of this device alone; but
    for those whose storage host is not offered, which are problems only: they wait for it.
    """
    with device.store.read() as tables:
        found = [_listed(device, tables, one) for one in tables.conflicts(oaio_id)]
        held = [edit for edit in tables.all_edits() if edit.held not in ("", "UnknownHost")]
        found += [_held(device, tables, edit) for edit in held if oaio_id in ("", edit.oaio_id)]
    return found


def problems(device: Device) -> list[Problem]:
    """All that needs a person, by object."""
    with device.store.read() as tables:
        found = tables.problems()
        for incoming in tables.all_incoming():
            if incoming.error:
                found.append(
                    Problem(
                        id=f"apply:{incoming.oaio_id}",
                        oaio_id=incoming.oaio_id,
                        what=f"a newer version can't be put here: {incoming.why}",
                        way_out=incoming.hint or "oaio sync",
                    )
                )
        for edit in tables.all_edits():
            if edit.held:
                way_out = f"oaio resolve {edit.item.id} --keep front|other|both (other: try again)"
                if edit.held == "UnknownHost":
                    way_out = f"oaio sync, when the host is offered again; or {way_out}"
                found.append(
                    Problem(edit.item.id, edit.oaio_id, f"an edit can't be sent: {edit.why}", way_out)
                )
            elif edit.why:
                found.append(
                    Problem(edit.item.id, edit.oaio_id, f"an edit is not sent yet: {edit.why}", "oaio sync")
                )
    return sorted(found, key=lambda one: (one.oaio_id, one.id))


def resolve(device: Device, conflict_id: str, keep: str) -> OaiObject:
    """Settle a conflict by an edit; durable when it returns, sent with the next synchronisation.

    Args:
        device: this device.
        conflict_id: the conflict's id, or that of an edit that can't be sent.
        keep: ``front``; ``other``; ``both``: front stays, the other becomes a new object of its own.

    Returns:
        The object as it is now; with ``both`` the new one. An object that stays deleted is told as it was
        last, without values.

    Raises:
        NotFound: no such conflict.
        InvalidArgument: ``keep`` is none of the three.
        Forbidden: the right on the object does not allow it.
        Busy: files of the object are being put in place.
        RootUnavailable: they can't be.
        Unavailable: an original client wrote a version whose files were not looked at yet.
    """
    if keep not in SIDES:
        raise InvalidArgument(f"not a side of a conflict: {str(keep)[:80]!r}", f"One of: {', '.join(SIDES)}.")
    with device.store.read() as tables:
        waiting = tables.edit_named(conflict_id)
    if waiting:
        switching.finish(device, waiting.oaio_id)
    with device.store.write() as tables:
        conflict = tables.conflict(conflict_id)
        if conflict is not None:
            return _resolve_listed(device, tables, conflict, keep)
        edit = tables.edit_named(conflict_id)
        if edit and edit.held:
            switching.check_none(tables, edit.oaio_id)
            return _resolve_held(device, tables, edit, keep)
    raise NotFound(f"no conflict {conflict_id!r}", "oaio conflicts shows them.")


def _listed(device: Device, tables: Tables, one: Overtaken) -> Conflict:
    holding = tables.holding(one.oaio_id)
    right = str(holding.right) if holding else ""
    return Conflict(
        one.id,
        one.oaio_id,
        device.visible(tables, one.oaio_id),
        device.version_seen(one.version, right),
        one.since,
    )


def _held(device: Device, tables: Tables, edit: Edit) -> Conflict:
    holding = tables.holding(edit.oaio_id) or Holding(oaio_id=edit.oaio_id)
    front = device.version_seen(holding.version, str(holding.right)) if holding.version else None
    other = device.seen(attrs.evolve(holding, right=AccessRight.CREATOR), [edit])
    return Conflict(edit.item.id, edit.oaio_id, front, other, edit.item.client_stamp)


def _resolve_listed(device: Device, tables: Tables, conflict: Overtaken, keep: str) -> OaiObject:
    holding = tables.holding(conflict.oaio_id)
    if holding is None or holding.version is None:
        raise NotFound(f"no object {conflict.oaio_id!r} on this device")
    edits = tables.edits(conflict.oaio_id)
    front = edits[-1].item if edits else holding.version
    if front.deleted and keep != "both" and holding.right not in MAY_DELETE:
        raise Forbidden(
            f"{conflict.oaio_id} is deleted; your right {holding.right!s} does not let you decide about it",
            f"Save the other version as a new object: oaio resolve {conflict.id} --keep both",
        )
    made = None
    if keep == "both":
        made = _copy_of(device, conflict.version, _sources_of(conflict.version))
        if front.deleted and holding.right not in MAY_DELETE:
            return made
    chosen = conflict.version if keep == "other" else front
    item = _settling(device, tables, holding, edits, chosen, conflict.id)
    if not allowed(item, holding.right):
        raise Forbidden(
            f"your right {holding.right!s} on {conflict.oaio_id} does not allow to settle its conflicts"
        )
    making.put_item(
        tables, edits, item, (Source.of(chosen),) if isinstance(chosen, Version) and chosen.files else ()
    )
    tables.drop_conflict(conflict.id)
    return made or device.visible(tables, conflict.oaio_id) or OaiObject(oaio_id=conflict.oaio_id)


def _settling(  # noqa: PLR0913, PLR0917 - one sentence
    device: Device,
    tables: Tables,
    holding: Holding,
    edits: list[Edit],
    chosen: Proposal | Version,
    conflict_id: str,
) -> Proposal:
    newest = edits[-1].item.client_stamp if edits else holding.version.stamp if holding.version else ""
    files = chosen.files
    if chosen.attached and files is None:  # of an original client: known only where it is on this device
        if not holding.version or chosen.id != holding.version.id or not holding.disk:
            raise _undescribed(chosen.oaio_id)
        files = holding.disk
    draft = Draft(
        values=chosen.values,
        attached=chosen.attached,
        files=files,
        root_path=device.place_told(chosen, holding),
        csh_id=chosen.csh_id,
        resolves=(conflict_id,),
    )
    stamp = device.next_stamp(tables, newest)
    item = making.proposal(device, holding.oaio_id, making.base_of(holding, edits), stamp, draft)
    return attrs.evolve(item, deleted=chosen.deleted)


def _sources_of(version: Version | None) -> tuple[Source, ...]:
    return (Source.of(version),) if version is not None and version.files is not None else ()


def _copy_of(
    device: Device,
    version: Version | Proposal,
    sources: tuple[Source, ...],
    files_from: Holding | None = None,
) -> OaiObject:
    """Register ``version`` as a new object of its own."""
    if version.deleted:
        raise InvalidArgument("the other side is a deletion, which is no object", "Keep front or other.")
    if version.attached and version.files is None:
        raise _undescribed(version.oaio_id)
    with device.store.write() as tables:
        stamp = device.next_stamp(tables)
    values = parse(version.values)
    named = {NAME_KEY: str(values[NAME_KEY])} if NAME_KEY in values else {}
    draft = Draft(
        values=version.values,
        attached=version.attached,
        files=version.files,
        csh_id=version.csh_id,
        sources=sources if version.files is not None else (),
    )
    made = making.register(device, making.new_id(device, stamp, named), stamp, draft)
    if files_from is not None and files_from.disk:
        _move_files(device, files_from, made.oaio_id)
    return made


def _undescribed(oaio_id: str) -> Unavailable:
    return Unavailable(
        f"an original client wrote the other version of {oaio_id}, and its files were not looked at yet",
        "oaio sync",
    )


def _move_files(device: Device, holding: Holding, oaio_id: str) -> None:
    """The files of an edit that can't be sent become those of the object ``oaio_id``."""
    with device.store.write() as tables:
        new = tables.holding(oaio_id)
        if new is not None:
            root = holding.root or str(device.cached_root(holding.oaio_id))
            new = attrs.evolve(new, root=root, root_id=holding.root_id, whole=holding.takes_all)
            tables.put_holding(attrs.evolve(new, disk=holding.disk))


def _resolve_held(device: Device, tables: Tables, edit: Edit, keep: str) -> OaiObject:
    holding = tables.holding(edit.oaio_id) or Holding(oaio_id=edit.oaio_id)
    if keep == "other":
        tables.put_edit(attrs.evolve(edit, held="", why=""))
        return device.visible(tables, edit.oaio_id) or OaiObject(oaio_id=edit.oaio_id)
    made = None
    if keep == "both":
        made = _copy_of(device, edit.item, (*edit.sources, *_sources_of(holding.version)), holding)
        holding = attrs.evolve(holding, disk="", root="", root_id="")
    for one in tables.edits(edit.oaio_id):
        tables.drop_edit(one)
    version, incoming = holding.version, tables.incoming(edit.oaio_id)
    is_coming = incoming is not None and incoming.version is not None
    if (version is None and not is_coming) or holding.right == AccessRight.NONE:
        tables.drop_holding(edit.oaio_id)
        tables.drop_incoming(edit.oaio_id)
    else:
        tables.put_holding(holding)
        if version and version.attached and incoming is None:
            wanted = manifest_on_disk(Manifest.parse(version.files)) if version.files else None
            if wanted != holding.manifest():
                tables.put_incoming(Incoming(oaio_id=edit.oaio_id, version=version))
    return made or device.visible(tables, edit.oaio_id) or OaiObject(oaio_id=edit.oaio_id)
