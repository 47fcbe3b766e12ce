"""Placing the files of an object in a folder that this device's user names (O15)."""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from oaio_storage import durable
from oaio_storage.client import switching
from oaio_storage.client.attaching import manifest_on_disk
from oaio_storage.client.device import CONTENTS_DIR, Device
from oaio_storage.client.edits import check_argument, check_root
from oaio_storage.client.records import Holding
from oaio_storage.client.switching import checksum_at
from oaio_storage.errors import AlreadyExists, Changed, OaioError, RootUnavailable
from oaio_storage.manifest import Manifest
from oaio_storage.model import FILES_KEY
from oaio_storage.scan import root_identity, scan

if TYPE_CHECKING:
    from oaio_storage.client.api import OaioClient

_SHOWN = 3


def map_files(client: "OaioClient", oaio_id: str, folder: Path | str) -> list[Path]:
    """Place the object's files in ``folder`` on this device from now on (O15). A repeat is safe.

    Files that lie there already and are equal are taken over; others are never overwritten.

    Returns:
        The files' paths.

    Raises:
        NotRegistered: there is no such object here.
        AlreadyExists: other files are in the way, or a file is in place of the folder; nothing was changed.
        RootOverlap: the folder overlaps client_root or another object's folder.
        RootUnavailable: a file is not as it was last seen; the object stays where it is.
        Changed: others changed the object's files meanwhile; it stays where it is.
        Busy: files of the object are being put in place.
    """
    device = client.device
    root = device.places.expand(str(folder))
    switching.finish(device, oaio_id)
    with device.store.read() as tables:
        seen, holding, _ = device.known(tables, oaio_id)
        check_root(device, tables, root, oaio_id)
    check_argument(seen.client_values.get(FILES_KEY), f"no files are attached to {oaio_id}")
    wanted = holding.manifest()
    _check_free(device, root, wanted)
    old, copied = device.root_of(holding), []
    try:
        for path, entry in wanted.items():
            if checksum_at(root / path) != entry.checksum:
                _copy(device, old / path, root / path, entry.checksum)
                copied.append(path)
        durable.make_folder(root)
        _take(device, holding, root, wanted)
    except OaioError:
        for path in copied:  # so that nothing is in the way of the next try
            (root / path).unlink(missing_ok=True)
        raise
    if not holding.root and old.exists():
        durable.to_trash(old, device.trash)
    return client.files(oaio_id)


def _check_free(device: Device, root: Path, wanted: Manifest) -> None:
    there = next(place for place in (root, *root.parents) if os.path.lexists(place))
    if not there.is_dir():
        raise AlreadyExists(f"{there} is no folder, so {root} can't be one", "Choose another folder.")
    if there != root:
        return
    found = scan(root, cache=device.cache, with_ignored=True)
    odd = sorted(found.unknown)
    for path, entry in found.manifest.items():
        if path not in wanted or wanted[path].checksum != entry.checksum:
            odd.append(path)
    if odd:
        shown = ", ".join(odd[:_SHOWN])
        raise AlreadyExists(f"{len(odd)} other files lie in {root}: {shown}", "Choose an empty folder.")


def _copy(device: Device, source: Path, target: Path, checksum: str) -> None:
    """Copy by way of client_root: a crash leaves nothing in the user's folder that is not whole."""
    staging = device.client_root / CONTENTS_DIR / device.new_id()  # no synchronisation tidies up there
    durable.make_folder(staging)
    staged = staging / target.name
    try:
        with suppress(FileNotFoundError):
            shutil.copy2(source, staged)
        if checksum_at(staged) != checksum:
            raise RootUnavailable(f"{source} is not as it was last seen", "oaio sync")
        durable.sync_file(staged)
        durable.put(staged, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _take(device: Device, holding: Holding, root: Path, files: Manifest) -> None:
    with device.store.write() as tables:
        now = tables.holding(holding.oaio_id)
        switching.check_none(tables, holding.oaio_id)
        if now is None or (now.root, now.disk) != (holding.root, holding.disk):
            raise Changed(f"the files of {holding.oaio_id} changed meanwhile", "Try again.")
        check_root(device, tables, root, holding.oaio_id)
        place = attrs.evolve(now, root=str(root), root_id=root_identity(root), whole=True)
        tables.put_holding(attrs.evolve(place, disk=manifest_on_disk(files).text()))
        tables.set_problem(holding.oaio_id)
