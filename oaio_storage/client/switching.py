"""Exchanging files of an object's folder.

Written down first, so that a crash in the middle is finished by the next one (S20).
"""

import json
import os
from collections.abc import Collection
from pathlib import Path

import attrs

from oaio_storage import durable
from oaio_storage.client.device import Device
from oaio_storage.client.locking import locked
from oaio_storage.client.records import Holding, Incoming, parse_version, version_text
from oaio_storage.client.tables import Tables
from oaio_storage.errors import Busy, NotFound, RootUnavailable
from oaio_storage.scan import hash_file, root_identity

LOCK_FILE, LOCK_SECONDS = "switch.lock", 30.0


@attrs.frozen(kw_only=True)
class Exchange:
    """One file of a switch.

    Attributes:
        path: relative to the object's folder.
        staged: the new file; empty: the file goes.
        old: SHA-256 of what lies there now; empty: nothing.
        new: SHA-256 of the new file.
        executable: its bit.
    """

    path: str
    staged: str = ""
    old: str = ""
    new: str = ""
    executable: bool = False


@attrs.frozen(kw_only=True)
class Switch:
    """From what this device holds of an object to ``after``, by exchanging files of its folder."""

    after: Holding
    exchanges: tuple[Exchange, ...]

    def text(self) -> str:
        """As stored."""
        after = attrs.asdict(self.after, recurse=False) | {"version": version_text(self.after.version)}
        return json.dumps({"after": after, "exchanges": [attrs.asdict(one) for one in self.exchanges]})

    @classmethod
    def parse(cls, text: str) -> "Switch":
        """The inverse of :meth:`text`."""
        found = json.loads(text)
        after = found["after"] | {"version": parse_version(found["after"]["version"])}
        return cls(after=Holding(**after), exchanges=tuple(Exchange(**one) for one in found["exchanges"]))


def overtaking(oaio_id: str) -> str:
    """The name under which is kept that an object's next edit has not seen the version it is based on."""
    return f"unseen:{oaio_id}"


def is_as_planned(tables: Tables, planned: Holding) -> bool:
    """Whether nobody edited, moved or deleted the object since ``planned`` was held of it."""
    now = tables.holding(planned.oaio_id) or Holding(oaio_id=planned.oaio_id)
    as_then = attrs.evolve(now, right=planned.right, root_id=planned.root_id)
    return as_then == planned and not tables.edits(planned.oaio_id)


def begin(device: Device, planned: Holding, switch: Switch) -> bool:
    """Take the place of the files and write down what is going to happen to them, then do it.

    Args:
        device: this device.
        planned: what was held of the object when the switch was planned.
        switch: to the version in the inbox.

    Returns:
        Whether it was done; not if the object was edited, moved or deleted since it was planned.

    Raises: as :func:`finish`.
    """
    after = switch.after
    with device.store.write() as tables:
        if not is_as_planned(tables, planned):
            return False
        now = tables.holding(after.oaio_id) or planned
        root_id = now.root_id if now.root == after.root else ""
        tables.put_holding(attrs.evolve(now, root=after.root, root_id=root_id, whole=after.whole))
        tables.put_switch(after.oaio_id, switch.text())
    finish(device, after.oaio_id)
    return True


def finish(device: Device, oaio_id: str, seconds: float = LOCK_SECONDS) -> None:
    """Do what is left of the object's switch, if there is one, and take it into the records.

    A repeat is safe. A file that is not what it was when the switch was planned was changed by its user
    meanwhile: it stays, and becomes an edit that had not seen the new version.

    Args:
        device: this device.
        oaio_id: the object.
        seconds: how long to wait for another process that exchanges files.

    Raises:
        Busy: it exchanges them for longer.
        RootUnavailable: the disk fails, or a link or a file stands in place of a folder; the switch stays
            written down.
    """
    with device.store.read() as tables:
        if not tables.switch(oaio_id):
            return
    with locked(device.client_root / LOCK_FILE, seconds, f"puts files of {oaio_id} in place"):
        with device.store.read() as tables:
            plan = tables.switch(oaio_id)
        if plan:
            _finish(device, plan)


def check_none(tables: Tables, oaio_id: str) -> None:
    """Raises Busy if files of the object are being exchanged, as the transaction of ``tables`` sees it."""
    if tables.switch(oaio_id):
        raise Busy(f"files of {oaio_id} are being put in place")


def stuck(device: Device, oaio_id: str) -> str:
    """The plan of the object's switch if it can't be finished; empty if none is left.

    Raises:
        Busy: as :func:`finish`.
    """
    try:
        finish(device, oaio_id)
    except RootUnavailable:
        with device.store.read() as tables:
            return tables.switch(oaio_id)
    return ""


def _finish(device: Device, plan: str) -> None:
    switch = Switch.parse(plan)
    root = device.root_of(switch.after)
    try:
        kept = _exchange_all(device, root, switch.exchanges)
    except OSError as err:
        raise RootUnavailable(
            f"files of a newer version can't be put in place: {err.strerror}: {err.filename}",
            "Make room for them, then: oaio sync",
        ) from err
    with device.store.write() as tables:
        if tables.switch(switch.after.oaio_id) == plan:  # else it was deleted meanwhile
            tables.drop_switch(switch.after.oaio_id)
            _record(tables, switch.after, is_whole=not kept)


def _exchange_all(device: Device, root: Path, exchanges: Collection[Exchange]) -> list[str]:
    """Exchange the files, durably; the paths of those that their user changed meanwhile, which stay."""
    kept = [one.path for one in exchanges if not one.staged and not _remove(device, root, one)]
    kept += [one.path for one in exchanges if one.staged and not _put(device, root, one)]
    for folder in {_nearest_folder(root / one.path) for one in exchanges}:
        durable.sync_folder(folder)
    return kept


def _nearest_folder(path: Path) -> Path:
    """The folder of ``path``; if it went with its last file, the one that it went from."""
    return next(folder for folder in path.parents if folder.is_dir())


def _record(tables: Tables, after: Holding, *, is_whole: bool) -> None:
    """Take what lies on the disk now into the records, beside what else became of the object meanwhile."""
    now = tables.holding(after.oaio_id)
    if now is None or now.root != after.root or after.version is None:
        return
    version = now.version if now.version and now.number > after.number else after.version
    root_id = now.root_id
    if now.root and not root_id and (root := Path(now.root)).is_dir():
        root_id = root_identity(root)
    tables.put_holding(attrs.evolve(now, version=version, disk=after.disk, root_id=root_id))
    if now.version is not None and now.version.id != version.id:
        tables.add_source(after.oaio_id, now.version)
    incoming = tables.incoming(after.oaio_id)
    if version.id != after.version.id and incoming is None:
        tables.put_incoming(Incoming(oaio_id=after.oaio_id, version=version))
    elif incoming and incoming.version and incoming.version.id == after.version.id:
        tables.drop_incoming(after.oaio_id)
    if not is_whole:
        tables.set_meta(**{overtaking(after.oaio_id): after.version.id})


def checksum_at(path: Path) -> str:
    """SHA-256 of the file at ``path``.

    Empty if nothing is there; ``"?"`` if it is no file that can be read.
    """
    if not os.path.lexists(path):
        return ""
    if path.is_symlink() or not path.is_file():
        return "?"
    try:
        return hash_file(path).checksum
    except NotFound:
        return ""


def check_inside(root: Path, path: str, known: Collection[str] = ()) -> None:
    """Check that nothing but folders and ``known`` files stands where ``path`` needs folders below ``root``.

    Raises:
        RootUnavailable: a link or another file does.
    """
    folder = root
    for part in Path(path).parts[:-1]:
        folder = folder / part
        if folder.relative_to(root).as_posix() in known:
            return
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise RootUnavailable(
                f"{folder} is a link or a file where the object has a folder", "Move it away, then: oaio sync"
            )


def _remove(device: Device, root: Path, one: Exchange) -> bool:
    check_inside(root, one.path)
    target = root / one.path
    found = checksum_at(target)
    if found and found != one.old:
        return False
    if found:
        durable.to_trash(target, device.trash, flush=False)
    durable.remove_empty_folders(target.parent, root)
    return True


def _put(device: Device, root: Path, one: Exchange) -> bool:
    check_inside(root, one.path)
    staged, target = Path(one.staged), root / one.path
    found = checksum_at(target)
    if found == one.new:
        staged.unlink(missing_ok=True)
    elif found != one.old and found:
        staged.unlink(missing_ok=True)
        return False
    elif staged.exists():
        if found:
            durable.to_trash(target, device.trash, flush=False)
        durable.put(staged, target, flush=False)
    else:  # its user removed it after it was put there
        return False
    _set_mode(target, one.executable)
    return True


def _set_mode(path: Path, executable: bool) -> None:  # noqa: FBT001 - a file's bit
    mode = path.stat().st_mode & 0o777
    readable = (mode | 0o600 | (0o444 & ~umask())) & ~0o111
    wanted = readable | ((readable & 0o444) >> 2 if executable else 0)
    if mode != wanted and os.name == "posix":
        path.chmod(wanted)


def umask() -> int:
    """The process's mask of file modes."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
