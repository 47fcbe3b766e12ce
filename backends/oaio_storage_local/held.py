"""A folder that is kept open: what it is, whatever its name leads to meanwhile."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO

import attrs

from oaio_storage.hosts.folders import Placed, reusable
from oaio_storage_local import trees
from oaio_storage_local.disk import Disk
from oaio_storage_local.folders import Folders


@attrs.frozen
class Held:
    """An open folder; see :class:`~oaio_storage.hosts.folders.HeldFolder`."""

    _folders: Folders
    _folder: int
    _path: str
    _only_ours: Callable[..., AbstractContextManager[None]] = attrs.field(repr=False)

    @property
    def identity(self) -> str:
        """As in ``HeldFolder``."""
        return identity_of(self._folders.disk, self._folder)

    def read(self, path: str) -> BinaryIO:
        """As in ``HeldFolder``."""
        with self._only_ours("read", f"{self._path}/{path}"):
            return trees.open_file(self._folders, self._folder, path)

    def placed(self) -> Iterator[tuple[str, Placed | None]]:
        """As in ``HeldFolder``."""
        with self._only_ours("list", self._path):
            yield from trees.placed(self._folders, self._folder)


def identity_of(disk: Disk, folder: int) -> str:
    """Inode and birth: another folder may get the inode at once after this one went (ext4), never both."""
    inode, birth = disk.fstat(folder).st_ino, disk.birth(folder)
    return f"{inode}@{birth}" if birth else reusable(str(inode))
