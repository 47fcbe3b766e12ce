"""A folder takes the place of another, below an open and locked root."""

import errno
from collections.abc import Callable
from functools import partial

from oaio_storage.errors import AlreadyExists, Changed, NotFound
from oaio_storage.hosts.folders import Guards, How, displaced
from oaio_storage.hosts.streams import sha256_of
from oaio_storage.names import STATE_FOLDER
from oaio_storage_local import trees
from oaio_storage_local.disk import Disk
from oaio_storage_local.folders import Folders, temporary_name

TakeBack = Callable[[], object]

IMPOSSIBLE = frozenset(
    {errno.EXDEV, errno.EBUSY, errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
)
"""What a disk says that can't do it in this way."""


def check(folders: Folders, root: int, guards: Guards) -> None:
    """Do nothing if each file of the state folder has the version that it must have.

    Raises:
        Changed: one has another, or is not there.
    """
    for path, version in guards.items():
        try:
            with trees.open_file(folders, root, f"{STATE_FOLDER}/{path}") as file:
                found = sha256_of(file)
        except NotFound:
            found = ""
        if found != version:
            raise Changed(f"{path!r} was changed by somebody else")


def rename(disk: Disk, folder: int, name: str, target_folder: int, target: str) -> None:
    """Rename durably; what can't be made durable is taken back."""
    disk.rename(name, target, folder=folder, target_folder=target_folder)
    take_back = partial(disk.rename, target, name, folder=target_folder, target_folder=folder)
    _sync(disk, (target_folder, folder), take_back)


def switch(folders: Folders, root: int, staged: str, place: str, how: How) -> None:
    """Let the folder ``staged`` take the ``place``, durably; see ``HostFolders.switch``.

    Raises:
        OSError: with a number of :data:`IMPOSSIBLE` where it can't be done in this way.
    """
    parts = trees.parts_of(staged)
    with folders.folder(root, parts[:-1]) as parent:
        if not folders.is_folder(parent, parts[-1]):
            raise Changed(f"the folder {staged!r} that was to become live is gone")
        take_back = _placed(folders, (root, place), (parent, staged), how)
        _sync(folders.disk, (root, parent), take_back)


def _sync(disk: Disk, changed: tuple[int, int], take_back: TakeBack) -> None:
    try:
        for folder in changed:
            disk.sync(folder)
    except OSError:
        take_back()  # once a flush failed, another one that succeeds proves nothing
        raise


def _placed(folders: Folders, live: tuple[int, str], new: tuple[int, str], how: How) -> TakeBack:
    """Switch, each side being an open folder and what is in it; what takes it back."""
    disk, (root, place), (parent, staged) = folders.disk, live, new
    name = staged.rpartition("/")[2]
    if how == "point":
        return _point(folders, (root, place), (parent, staged))
    if how == "gap":
        _rename_pair(folders, root, parent, name, place)
        return partial(_rename_pair, folders, root, parent, name, place)
    if folders.exists(root, place):
        disk.exchange(parent, name, root, place)
        return partial(disk.exchange, parent, name, root, place)
    disk.rename(name, place, folder=parent, target_folder=root)
    return partial(disk.rename, place, name, folder=root, target_folder=parent)


def _rename_pair(folders: Folders, root: int, parent: int, staged: str, place: str) -> None:
    disk, aside = folders.disk, displaced(staged)
    disk.rename(place, aside, folder=root, target_folder=parent)
    try:
        disk.rename(staged, place, folder=parent, target_folder=root)
    except OSError:
        disk.rename(aside, place, folder=parent, target_folder=root)
        raise
    disk.rename(aside, staged, folder=parent)


def _point(folders: Folders, live: tuple[int, str], new: tuple[int, str]) -> TakeBack:
    disk, (root, place), (parent, staged) = folders.disk, live, new
    if folders.is_folder(root, place):
        raise AlreadyExists(f"{place!r} is a folder, so it can't become a link in one step")
    before = disk.readlink(place, folder=root) if folders.exists(root, place) else ""
    name = temporary_name()
    disk.symlink(staged, name, folder=parent)  # not in the root, where readers would see it
    try:
        disk.rename(name, place, folder=parent, target_folder=root)
    except OSError:
        disk.unlink(name, folder=parent)
        raise
    if before:
        return partial(_point, folders, live, (parent, before))
    return partial(disk.unlink, place, folder=root)
