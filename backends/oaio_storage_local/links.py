"""Second names for many files: folders stay open from one file to the next, until the end."""

import errno
from collections.abc import Callable

import attrs

from oaio_storage.hosts.folders import Link
from oaio_storage_local import trees
from oaio_storage_local.folders import Folders

_OPEN_FOLDERS = 64
_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
_NOT_HERE = {
    errno.EPERM,
    errno.EXDEV,
    errno.EMLINK,
    errno.ENOSYS,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.EINVAL,
}
_NO_LINK = frozenset(_GONE | _NOT_HERE | {errno.EEXIST})
"""A source that is gone, a disk without links, or with too many of this file, a name that is taken."""


@attrs.define
class Linker:
    """Gives files in the folder ``source`` names in the folder ``target``; both are below an open root."""

    folders: Folders
    root: int
    source: str
    target: str
    _open: dict[str, int] = attrs.field(factory=dict, init=False)

    def link(self, link: Link) -> bool:
        """Whether the file has its second name; if not, it is not as expected, or can't have one."""
        disk = self.folders.disk
        origin, _, name = link.source.rpartition("/")
        place, _, new_name = link.target.rpartition("/")
        try:
            folder = self._opened(self.target, place, trees.make)
            origin_folder = self._opened(self.source, origin, trees.open_folder)
            disk.link(name, new_name, source_folder=origin_folder, target_folder=folder)
            found = disk.lstat(new_name, folder=folder)
        except OSError as err:
            if err.errno not in _NO_LINK:
                raise
            return False
        if trees.is_placed(found, link.placed):
            return True
        disk.unlink(new_name, folder=folder)
        return False

    def close(self) -> None:
        """Close the folders."""
        while self._open:
            self.folders.disk.close(self._open.popitem()[1])

    def _opened(self, top: str, inner: str, opening: Callable[[Folders, int, trees.Parts], int]) -> int:
        path = f"{top}/{inner}" if inner else top
        found = self._open.pop(path, None)
        if found is None:
            if len(self._open) >= _OPEN_FOLDERS:
                longest_unused = next(iter(self._open))
                self.folders.disk.close(self._open.pop(longest_unused))
            found = opening(self.folders, self.root, trees.parts_of(path))
        self._open[path] = found
        return found
