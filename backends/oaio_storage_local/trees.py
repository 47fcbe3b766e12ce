"""Folders and all that is in them, below an open root of a disk."""

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, cast

from oaio_storage.errors import NotFound, Unavailable
from oaio_storage.hosts.folders import Placed
from oaio_storage.hosts.streams import PIECE
from oaio_storage.names import MAX_PATH_BYTES, STATE_FOLDER
from oaio_storage_local.disk import Disk
from oaio_storage_local.files import OneVersion
from oaio_storage_local.folders import Folders, temporary_name

Parts = tuple[str, ...]

DEEPEST = MAX_PATH_BYTES // 2
"""Folders in folders that any path can name; what lies deeper is a stranger's, and no file of a tree."""

_ATTEMPTS = 100  # to make a folder that others remove meanwhile
_REACH = 32  # folders that a removal has open at once


def parts_of(path: str) -> Parts:
    """The names that lead to ``path``; none for the root itself."""
    return tuple(path.split("/")) if path else ()


def placed_of(found: os.stat_result) -> Placed:
    """What is known of a file that was looked at."""
    return Placed(found.st_size, _mark(found), bool(found.st_mode & stat.S_IXUSR))


def is_placed(found: os.stat_result, placed: Placed) -> bool:
    """Whether :func:`placed_of` ``found`` is ``placed``, a little faster."""
    is_same = found.st_size == placed.size and _mark(found) == placed.mark
    return is_same and bool(found.st_mode & stat.S_IXUSR) == placed.executable


def is_inode(mark: str, inode: int | None) -> bool:
    """Whether the file with a mark is the one with this inode."""
    return mark.startswith(f"{inode}:")


@contextmanager
def closing(disk: Disk, handle: int) -> Iterator[int]:
    """What is open, closed at the end."""
    try:
        yield handle
    finally:
        disk.close(handle)


def enter(folders: Folders, root: int, path: str) -> int:
    """The open folder at ``path``, or the one in the state folder that a link there names.

    Raises:
        NotFound: there is none.
    """
    try:
        try:
            return open_folder(folders, root, parts_of(path))
        except NotADirectoryError:
            return open_folder(folders, root, parts_of(_pointed_at(folders.disk, root, path)))
    except (FileNotFoundError, NotADirectoryError) as err:
        raise NotFound(f"there is no folder {path!r}") from err


def open_folder(folders: Folders, root: int, parts: Parts) -> int:
    """The open folder that ``parts`` lead to.

    Raises:
        FileNotFoundError, NotADirectoryError: there is none.
    """
    with folders.folder(root, parts) as found:
        return folders.disk.dup(found)


def make(folders: Folders, root: int, parts: Parts) -> int:
    """The open folder that ``parts`` lead to, made as far as it is missing; not durable by itself."""
    for _ in range(_ATTEMPTS):
        with suppress(FileNotFoundError):
            return open_folder(folders, root, parts)
        with suppress(FileNotFoundError):
            folders.make_folder(root, parts)
    raise Unavailable(f"the folder {'/'.join(parts)!r} is removed as often as it is made")


def open_file(folders: Folders, root: int, path: str) -> BinaryIO:
    """A buffered stream of the file at ``path``.

    Raises:
        NotFound: there is no regular file.
    """
    parts = parts_of(path)
    try:
        with folders.folder(root, parts[:-1]) as parent:
            file = folders.open_file(parent, parts[-1])
    except (FileNotFoundError, NotADirectoryError) as err:
        raise NotFound(f"there is no file {path!r}") from err
    return cast("BinaryIO", io.BufferedReader(OneVersion(folders.disk, file, path), PIECE))


def placed(
    folders: Folders, folder: int, prefix: str = "", deepest: int = DEEPEST
) -> Iterator[tuple[str, Placed | None]]:
    """Everything below an open folder that is no folder, by relative path; None for what is no file.

    A folder that lies deeper than any path leads is named like what is no file.
    """
    for name, found in folders.disk.entries(folder).items():
        if stat.S_ISDIR(found.st_mode) and deepest:
            with folders.folder(folder, [name]) as below:
                yield from placed(folders, below, f"{prefix}{name}/", deepest - 1)
        else:
            yield prefix + name, placed_of(found) if stat.S_ISREG(found.st_mode) else None


def inodes(
    folders: Folders, folder: int, prefix: str = "", deepest: int = DEEPEST
) -> Iterator[tuple[str, int]]:
    """As :func:`placed`, with the inode alone: nothing is looked at."""
    for name, (inode, is_folder) in folders.disk.inodes(folder).items():
        if is_folder and deepest:
            with folders.folder(folder, [name]) as below:
                yield from inodes(folders, below, f"{prefix}{name}/", deepest - 1)
        else:
            yield prefix + name, inode


def take_modes(folders: Folders, folder: int, model: int, deepest: int = DEEPEST) -> None:
    """Give an open folder, and each folder in it, the permissions that its namesake in ``model`` has.

    Their owner may always change them, else they could neither be switched nor removed.
    """
    disk = folders.disk
    disk.chmod(folder, stat.S_IMODE(disk.fstat(model).st_mode) | stat.S_IRWXU)
    for name, (_, is_folder) in disk.inodes(folder).items():
        if not (is_folder and deepest):
            continue
        with (
            suppress(FileNotFoundError, NotADirectoryError),
            folders.folder(model, [name]) as template,
            folders.folder(folder, [name]) as below,
        ):
            take_modes(folders, below, template, deepest - 1)


def flush(folders: Folders, folder: int) -> None:
    """Make everything below an open folder durable: one by one where the disk can't do it at once."""
    try:
        folders.disk.sync_all(folder)
    except OSError as err:
        if err.errno != errno.ENOSYS:
            raise
        _flush_each(folders, folder)


def empty(folders: Folders, folder: int) -> None:
    """Remove all that is in an open folder, however deep it lies."""
    while _emptied(folders, folder, folder, _REACH):
        pass


def discard(folders: Folders, parent: int, name: str, folder: int) -> None:
    """Remove an open folder that has a temporary name in ``parent``, with all that is in it.

    What somebody goes on filling who had opened it before stays, for the next tidying.
    """
    try:
        empty(folders, folder)
        folders.disk.rmdir(name, folder=parent)
    except OSError as err:
        if err.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _emptied(folders: Folders, top: int, folder: int, reach: int) -> bool:
    """Remove what is in ``folder``; whether folders out of reach were moved up to ``top`` instead."""
    disk, moved = folders.disk, False
    _unprotect(disk, folder)
    for name, found in disk.entries(folder).items():
        if not stat.S_ISDIR(found.st_mode):
            disk.unlink(name, folder=folder)
        elif reach:
            with folders.folder(folder, [name]) as below:
                moved |= _emptied(folders, top, below, reach - 1)
            disk.rmdir(name, folder=folder)
        else:
            disk.rename(name, temporary_name(), folder=folder, target_folder=top)
            moved = True
    return moved


def _unprotect(disk: Disk, folder: int) -> None:
    """Let the owner of an open folder change it, if that is us."""
    mode = stat.S_IMODE(disk.fstat(folder).st_mode)
    if mode & stat.S_IRWXU != stat.S_IRWXU:
        with suppress(PermissionError):
            disk.chmod(folder, mode | stat.S_IRWXU)


def _flush_each(folders: Folders, folder: int, deepest: int = DEEPEST) -> None:
    disk = folders.disk
    for name, found in disk.entries(folder).items():
        if stat.S_ISDIR(found.st_mode) and deepest:
            with folders.folder(folder, [name]) as below:
                _flush_each(folders, below, deepest - 1)
        elif stat.S_ISREG(found.st_mode):
            with closing(disk, folders.open_file(folder, name)) as file:
                disk.sync(file)
    disk.sync(folder)


def _mark(found: os.stat_result) -> str:
    return f"{found.st_ino}:{found.st_mtime_ns}"


def _pointed_at(disk: Disk, root: int, path: str) -> str:
    try:
        target = disk.readlink(path, folder=root)
    except OSError as err:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path) from err
    parts = parts_of(target)
    if not parts or parts[0] != STATE_FOLDER or {"", ".", ".."} & set(parts):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
    return target
