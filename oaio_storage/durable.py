"""Files of our own on a local disk, which survive a crash.

Written whole or not at all, moved away instead of removed.
"""

import os
import re
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

PRIVATE = 0o600

KEPT_IN_TRASH = 30 * 86_400.0
"""Seconds."""

_OF_TRASH = re.compile("[0-9a-f]{8}-")


def write_file(path: Path, content: bytes, mode: int = PRIVATE) -> None:
    """Put ``content`` at ``path``, all or nothing, durable when it returns. A repeat is safe."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(fd, "wb") as file:  # noqa: PTH123 - a descriptor, opened with its mode
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Make the content of ``path`` durable."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable, where the system can."""
    try:
        sync_file(folder)
    except PermissionError:  # Windows opens no folders
        return


def make_folder(folder: Path) -> None:
    """Create ``folder`` and its parents; what was created is durable."""
    missing = [folder, *folder.parents]
    missing = [one for one in missing if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in missing:
        sync_folder(one.parent)


def put(source: Path, target: Path, *, flush: bool = True) -> None:
    """Put the file ``source`` at ``target`` in one step, also from another disk.

    ``source`` is gone afterwards.

    Args:
        source: the file, durable already.
        target: where it goes; a file there is replaced.
        flush: False: the caller calls :func:`sync_folder` once for many files; until then a loss of power
            may leave each of them at either place.
    """
    make_folder(target.parent)
    try:
        source.replace(target)
    except OSError:
        temporary = target.with_name(f".{secrets.token_hex(8)}.oaio")
        try:
            shutil.copy2(source, temporary)
            sync_file(temporary)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(target.parent)  # before the only other copy goes
        source.unlink()
    if flush:
        sync_folder(target.parent)


def to_trash(path: Path, trash: Path, *, flush: bool = True) -> Path:
    """Move a file or folder into ``trash``, under a name of its own.

    Args:
        path: the file or folder.
        trash: the folder; it is made if it is missing.
        flush: as for :func:`put`, about the folder that ``path`` is taken from.

    Returns:
        Where it lies now.
    """
    make_folder(trash)
    target = trash / f"{secrets.token_hex(4)}-{os.fsdecode(os.fsencode(path.name)[-200:])}"
    try:
        path.replace(target)
    except OSError:
        shutil.move(path, target)
    if flush:
        sync_folder(path.parent)
    return target


def empty_trash(trash: Path, older_than: float = KEPT_IN_TRASH) -> int:
    """Remove what has lain in ``trash`` for ``older_than`` seconds; how many files and folders that were.

    Only what :func:`to_trash` and checkouts named is removed; what can't be is left for the next time. When
    it came there tells the system's time of change, which moving renews. A repeat is safe.
    """
    removed, latest = 0, time.time() - older_than
    with suppress(FileNotFoundError), os.scandir(trash) as entries:
        for entry in entries:
            with suppress(OSError):
                if _OF_TRASH.match(entry.name) and entry.stat(follow_symlinks=False).st_ctime <= latest:
                    if entry.is_dir(follow_symlinks=False):
                        shutil.rmtree(entry.path)
                    else:
                        os.unlink(entry.path)  # noqa: PTH108 - an entry has no path object
                    removed += 1
    return removed


def remove_empty_folders(folder: Path, root: Path) -> None:
    """Remove ``folder`` and its parents below ``root``, as long as they are empty."""
    while folder != root and root in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent
