"""Making edits.

Everything is checked first, then one transaction makes the edit durable, and that acknowledges it.
"""

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

import attrs

from oaio_storage import durable
from oaio_storage.client import foreign, switching
from oaio_storage.client.device import CONTENTS_DIR, Device
from oaio_storage.client.drafts import Attachment, Change, Draft, LookedAt, State
from oaio_storage.client.planner import allowed
from oaio_storage.client.records import Content, Edit, Holding, Source, newest
from oaio_storage.client.tables import Tables, places_in
from oaio_storage.errors import (
    AlreadyExists,
    Changed,
    Forbidden,
    InvalidArgument,
    OaioError,
    RootOverlap,
    TooLarge,
    UnknownHost,
)
from oaio_storage.model import (
    FILES_KEY,
    ROOT_KEY,
    OaiObject,
    Proposal,
    checked_object_id,
    checked_stamp,
    object_id,
)
from oaio_storage.names import is_utf8
from oaio_storage.scan import check_apart, root_identity
from oaio_storage.values import canonical

MAX_ITEM_BYTES = 7 << 20  # a request carries at most 8 MiB


def plain_values(values: object) -> str:
    """The canonical text of what an app gives as values, without the reserved keys that are derived.

    Raises:
        InvalidValues: not a dictionary, or it holds what can't be stored.
    """
    if isinstance(values, dict):
        values = {key: value for key, value in values.items() if key not in (ROOT_KEY, FILES_KEY)}
    return canonical(values)


def new_id(device: Device, stamp: str, values: Mapping[str, object]) -> str:
    """The id of an object that is registered at ``stamp``."""
    return checked_object_id(object_id(device.user_name, device.device_id, device.app_id, stamp, values))


def register(
    device: Device,
    oaio_id: str,
    stamp: str,
    draft: Draft,
    files: Attachment | None = None,
) -> OaiObject:
    """Make a new object; durable when it returns.

    Args:
        device: this device.
        oaio_id: its id, checked here.
        stamp: a stamp of :meth:`Device.next_stamp`, or the user's own.
        draft: values, and what the version says about its files.
        files: where they lie; None: no files, or they lie on a host only (``draft.sources``).

    Raises:
        AlreadyExists: an object of this id is known here, deleted ones included, or one was registered here
            with this stamp.
        UnknownHost: files are attached, and the server offered other hosts.
        TooLarge: values and list of files are longer than a request.
        InvalidArgument: id or stamp is not allowed.
    """
    checked_object_id(oaio_id)
    checked_stamp(stamp)
    with device.store.write() as tables:
        if tables.holding(oaio_id) is not None:
            raise AlreadyExists(
                f"an object {oaio_id!r} is known already", "Register it under another id or stamp."
            )
        if tables.took_stamp(stamp):
            raise AlreadyExists(
                f"the stamp {stamp} is taken by another object", "Register it with another stamp."
            )
        tables.take_stamp(stamp, oaio_id)
        check_host(device, tables, draft)
        item = proposal(device, oaio_id, None, stamp, draft)
        check_length(item)
        holding = Holding(oaio_id=oaio_id)
        tables.put_edit(Edit(item=item, sources=draft.sources))
        holding = _attach(device, tables, holding, files)
        tables.put_holding(holding)
        made = device.seen(holding, tables.edits(oaio_id))
    assert made is not None
    return made


def state_of(device: Device, tables: Tables, oaio_id: str) -> State:
    """What is known of the object now.

    Raises:
        NotRegistered: there is no such object here.
    """
    seen, holding, edits = device.known(tables, oaio_id)
    state = newest(holding, edits)
    assert state is not None
    return State(seen=seen, holding=holding, newest=state)


def update(
    device: Device, oaio_id: str, change: Change, stamp: str = "", files: LookedAt | None = None
) -> OaiObject:
    """Make an edit of a known object; durable when it returns.

    Args:
        device: this device.
        oaio_id: the object.
        change: makes the edit of what the object is in the transaction that stores it, so that no edit is
            based on anything that it has not seen.
        stamp: as for :meth:`Device.next_stamp`.
        files: where its files lie from now on; None: they stay as they are.

    Raises:
        NotRegistered: there is no such object here.
        Forbidden: the last known right does not allow it.
        Changed: the object's files were exchanged or moved since they were looked at.
        TooLarge: values and list of files are longer than a request.
        InvalidArgument: the stamp is not allowed.
    """
    if files is None:  # values need no files: if others are at work there, they are set without waiting
        with suppress(OaioError):
            switching.finish(device, oaio_id, seconds=0)
    with device.store.write() as tables:
        state = state_of(device, tables, oaio_id)
        holding, edits = state.holding, tables.edits(oaio_id)
        if files is not None and (tables.switch(oaio_id) or not files.is_so(holding)):
            raise Changed(f"the files of {oaio_id} changed place while they were looked at", "Try again.")
        draft = change(state)
        check_host(device, tables, draft)
        next_stamp = device.next_stamp(tables, state.seen.client_stamp, stamp)
        item = proposal(device, oaio_id, base_of(holding, edits), next_stamp, draft)
        if not allowed(item, holding.right):
            raise Forbidden(f"your right {holding.right!s} on {oaio_id} does not allow to change it")
        check_length(item)
        put_item(tables, edits, item, draft.sources)
        holding = _attach(device, tables, holding, files.attachment if files else None)
        tables.put_holding(holding)
        made = device.seen(holding, tables.edits(oaio_id))
    assert made is not None
    return made


def delete(device: Device, oaio_id: str, *, wipe: bool) -> None:
    """Make an edit that deletes a known object; durable when it returns.

    Args:
        device: this device.
        oaio_id: the object.
        wipe: its files on this device, those that it names and no others, go to the trash.

    Raises:
        NotRegistered: there is no such object here.
        Forbidden: the last known right does not allow it.
        Busy: files of the object are being put in place.
    """
    unfinished = switching.stuck(device, oaio_id)
    with device.store.write() as tables:
        seen, holding, edits = device.known(tables, oaio_id)
        if tables.switch(oaio_id) != unfinished:
            switching.check_none(tables, oaio_id)
        item = _deletion(device, tables, holding, edits, seen)
        if holding.version is not None and not allowed(item, holding.right):
            raise Forbidden(f"your right {holding.right!s} on {oaio_id} does not allow to delete it")
        if wipe or not holding.root:
            root = device.root_of(holding)
            for path, entry in holding.manifest().items():
                tables.put_wipe(str(root / path), entry.checksum)
        if holding.version is None and not any(edit.attempted for edit in edits):
            for edit in edits:
                tables.drop_edit(edit)
            if tables.incoming(oaio_id) is None:
                tables.drop_holding(oaio_id)
            else:  # somebody else's object has this id, and comes now
                tables.put_holding(attrs.evolve(holding, disk="", root="", root_id=""))
        else:
            put_item(tables, edits, item, ())
            tables.put_holding(attrs.evolve(holding, disk="", root="", root_id=""))
        tables.drop_switch(oaio_id)
        tables.set_problem(oaio_id)


def base_of(holding: Holding, edits: list[Edit]) -> str | None:
    """The id of the version that a new edit is based on."""
    if edits:
        return edits[-1].item.id
    return holding.version.id if holding.version else None


def put_item(tables: Tables, edits: list[Edit], item: Proposal, sources: tuple[Source, ...]) -> None:
    """Put ``item`` into the outbox: into the last edit if that was not sent yet, else as a new one (O1)."""
    if not edits or edits[-1].attempted:
        tables.put_edit(Edit(item=item, sources=sources))
        return
    last = edits[-1]
    if last.item.aside and item.deleted:  # it was deleted elsewhere already
        tables.drop_edit(last)
        return
    resolves = () if last.item.aside else tuple(dict.fromkeys((*last.item.resolves, *item.resolves)))
    item = attrs.evolve(
        item,
        id=last.item.id,
        base=last.item.base,
        overtakes=last.item.overtakes,
        resolves=resolves,
        aside=last.item.aside,
    )
    tables.put_edit(Edit(seq=last.seq, item=item, sources=tuple(dict.fromkeys((*last.sources, *sources)))))


def keep_content(device: Device, content: bytes) -> Path:
    """Store bytes durably under client_root, before any row names them (O14)."""
    stored = device.client_root / CONTENTS_DIR / device.new_id()
    durable.write_file(stored, content)
    return stored


def check_root(
    device: Device, tables: Tables, root: Path, oaio_id: str = "", names: Collection[str] | None = None
) -> None:
    """Check that an object may have its files in ``root``: those of these relative paths; None: all there.

    Raises:
        RootOverlap: they overlap client_root, the place of another object, or what holds the state of
            another client, a server or a storage host.
    """
    others = [(other, taken) for other, taken in tables.roots() if other != oaio_id]
    for place in places_in(root, names):
        check_apart(place, device.client_root)
        for other, taken in others:
            try:
                check_apart(place, *taken)
            except RootOverlap as err:
                raise RootOverlap(f"{err.message} (the place of {other})") from err
    for folder in [root] if names is None else {(root / name).parent for name in names}:
        foreign.check_above(folder)


def _deletion(
    device: Device, tables: Tables, holding: Holding, edits: list[Edit], seen: OaiObject
) -> Proposal:
    stamp = device.next_stamp(tables, seen.client_stamp)
    draft = Draft(values="{}", csh_id=seen.csh_id or "")
    item = proposal(device, holding.oaio_id, base_of(holding, edits), stamp, draft)
    return attrs.evolve(item, deleted=True)


def proposal(device: Device, oaio_id: str, base: str | None, stamp: str, draft: Draft) -> Proposal:
    """The version that ``draft`` describes, with a new id and the device's own stamp."""
    return Proposal(
        id=device.new_id(),
        oaio_id=oaio_id,
        base=base,
        stamp=stamp,
        client_stamp=stamp,
        values=draft.values,
        attached=draft.attached,
        files=draft.files,
        root_path=draft.root_path,
        csh_id=draft.csh_id,
        device_id=device.device_id,
        app_id=device.app_id,
        resolves=draft.resolves,
    )


def check_host(device: Device, tables: Tables, draft: Draft) -> None:
    """Raises UnknownHost if ``draft`` has files for a host that is not in the last known offer.

    InvalidArgument if its host's id can't be stored.
    """
    check_argument(is_utf8(draft.csh_id), f"not the id of a storage host: {draft.csh_id[:80]!r} (not UTF-8)")
    offer = device.offer(tables)
    if draft.attached and draft.csh_id and offer and draft.csh_id not in offer:
        raise UnknownHost(
            f"no storage host {draft.csh_id!r} is offered by the server; it offers: {', '.join(offer)}",
            "Name one of those as csh_id.",
        )


def _attach(device: Device, tables: Tables, holding: Holding, files: Attachment | None) -> Holding:
    if files is None:
        return holding
    if files.root is not None:
        is_whole = files.kind == "folder"
        check_root(device, tables, files.root, holding.oaio_id, None if is_whole else list(files.manifest))
        root_id = root_identity(files.root) if files.root.is_dir() else ""
        holding = attrs.evolve(holding, root=str(files.root), root_id=root_id, whole=is_whole)
    holding = attrs.evolve(holding, disk=files.manifest.text())
    folder = device.root_of(holding)
    for path, stored in files.contents.items():
        tables.put_content(Content(target=str(folder / path), stored=str(stored), oaio_id=holding.oaio_id))
    tables.set_problem(holding.oaio_id)
    return holding


def length(item: Proposal) -> int:
    """Bytes that ``item`` takes in a request."""
    return len(json.dumps(item.as_json(), ensure_ascii=False).encode())


def check_length(item: Proposal) -> None:
    """Raises TooLarge if no request can carry ``item``."""
    if length(item) > MAX_ITEM_BYTES:
        raise TooLarge(
            f"values and list of files of {item.oaio_id} are longer than {MAX_ITEM_BYTES >> 20} MiB",
            "Register parts of its folder as objects of their own.",
        )


def check_argument(condition: object, message: str, hint: str = "") -> None:
    """Raises InvalidArgument unless ``condition``; also under ``python -O``."""
    if not condition:
        raise InvalidArgument(message, hint)
