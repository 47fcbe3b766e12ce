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
from oaio_storage.client.records import Holding, parse_version, version_text
from oaio_storage.errors import NotFound, RootUnavailable
from oaio_storage.scan import hash_file, root_identity


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


def begin(device: Device, switch: Switch) -> None:
    """Write down what is going to happen, then do it."""
    with device.store.write() as tables:
        tables.put_switch(switch.after.oaio_id, switch.text())
    finish(device, switch)


def finish(device: Device, switch: Switch) -> None:
    """Do what is left of the switch, then take it into the records. A repeat is safe.

    A file that is not what it was when the switch was planned was changed by its user meanwhile: it stays,
    and becomes an edit that had not seen the new version.

    Raises:
        RootUnavailable: a link or a file stands in place of a folder.
        OSError: the disk fails; the switch stays written down.
    """
    after = switch.after
    root = device.root_of(after)
    kept = [one.path for one in switch.exchanges if not one.staged and not _remove(device, root, one)]
    kept += [one.path for one in switch.exchanges if one.staged and not _put(device, root, one)]
    if not after.root_id and after.root and root.is_dir():
        after = attrs.evolve(after, root_id=root_identity(root))
    with device.store.write() as tables:
        tables.put_holding(after)
        tables.drop_switch(after.oaio_id)
        incoming = tables.incoming(after.oaio_id)
        if incoming and incoming.version and after.version and incoming.version.id == after.version.id:
            tables.drop_incoming(after.oaio_id)
        if kept and after.version:
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
    """Raises RootUnavailable if a link.

    Or a file that is not ``known``, stands where ``path`` needs a folder below ``root``.
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
        durable.to_trash(target, device.trash)
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
            durable.to_trash(target, device.trash)
        durable.put(staged, target)
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
