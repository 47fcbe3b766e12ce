"""A folder takes the place of another, below an open and locked root."""

import errno

from oaio_storage.errors import AlreadyExists, Changed, NotFound
from oaio_storage.hosts.folders import Guards, How, displaced
from oaio_storage.hosts.streams import sha256_of
from oaio_storage.names import STATE_FOLDER
from oaio_storage_local import trees
from oaio_storage_local.folders import Folders, temporary_name

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


def switch(folders: Folders, root: int, staged: str, place: str, how: How) -> None:
    """Let the folder ``staged`` take the ``place``, durably; see ``HostFolders.switch``.

    Raises:
        OSError: with a number of :data:`IMPOSSIBLE` where it can't be done in this way.
    """
    parts = trees.parts_of(staged)
    with folders.folder(root, parts[:-1]) as parent:
        if not folders.is_folder(parent, parts[-1]):
            raise Changed(f"the folder {staged!r} that was to become live is gone")
        if how == "point":
            _point(folders, root, staged, place)
        elif how == "gap":
            _rename_pair(folders, root, parent, parts[-1], place)
        elif folders.exists(root, place):
            folders.disk.exchange(parent, parts[-1], root, place)
        else:
            folders.disk.rename(parts[-1], place, folder=parent, target_folder=root)
        folders.disk.sync(root)
        folders.disk.sync(parent)


def _rename_pair(folders: Folders, root: int, parent: int, staged: str, place: str) -> None:
    disk, aside = folders.disk, displaced(staged)
    disk.rename(place, aside, folder=root, target_folder=parent)
    try:
        disk.rename(staged, place, folder=parent, target_folder=root)
    except OSError:
        disk.rename(aside, place, folder=parent, target_folder=root)
        raise
    disk.rename(aside, staged, folder=parent)


def _point(folders: Folders, root: int, staged: str, place: str) -> None:
    if folders.is_folder(root, place):
        raise AlreadyExists(f"{place!r} is a folder, so it can't become a link in one step")
    name = temporary_name()
    folders.disk.symlink(staged, name, folder=root)
    try:
        folders.disk.rename(name, place, folder=root)
    except OSError:
        folders.disk.unlink(name, folder=root)
        raise
