"""Second names for many files: folders stay open from one file to the next."""

import attrs

from oaio_storage.hosts.folders import Link
from oaio_storage_local import trees
from oaio_storage_local.folders import Folders

_OPEN_FOLDERS = 64


@attrs.define
class Linker:
    """Gives files below an open root second names; to be closed."""

    folders: Folders
    root: int
    _open: dict[str, int] = attrs.field(factory=dict, init=False)

    def link(self, link: Link) -> bool:
        """Whether the file has its second name; if not, it is not as expected, or can't have one."""
        disk = self.folders.disk
        origin, _, source = link.source.rpartition("/")
        place, _, target = link.target.rpartition("/")
        try:
            folder = self._opened(place, make=True)
            disk.link(source, target, source_folder=self._opened(origin), target_folder=folder)
            placed = trees.placed_of(disk.lstat(target, folder=folder))
        except OSError:  # a source that is gone, a disk without links, too many of them
            return False
        if placed == link.placed:
            return True
        disk.unlink(target, folder=folder)
        return False

    def close(self) -> None:
        """Close the folders."""
        while self._open:
            self.folders.disk.close(self._open.popitem()[1])

    def _opened(self, path: str, *, make: bool = False) -> int:
        found = self._open.pop(path, None)
        if found is None:
            if len(self._open) >= _OPEN_FOLDERS:
                longest_unused = next(iter(self._open))
                self.folders.disk.close(self._open.pop(longest_unused))
            opening = trees.make if make else trees.open_folder
            found = opening(self.folders, self.root, trees.parts_of(path))
        self._open[path] = found
        return found
