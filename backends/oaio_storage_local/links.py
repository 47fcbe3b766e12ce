"""Second names for many files: folders stay open from one file to the next."""

import attrs

from oaio_storage.hosts.folders import Link, Placed
from oaio_storage_local import trees
from oaio_storage_local.folders import Folders

_OPEN_FOLDERS = 64


@attrs.define
class Linker:
    """Gives files below an open root second names; to be closed."""

    folders: Folders
    root: int
    _open: dict[trees.Parts, int] = attrs.field(factory=dict, init=False)

    def link(self, link: Link) -> Placed | None:
        """The second name; None, and nothing there, if the file is not as expected or can't have one."""
        disk = self.folders.disk
        *origin_parts, source = link.source.split("/")
        *folder_parts, target = link.target.split("/")
        try:
            origin = self._opened(tuple(origin_parts), make=False)
            folder = self._opened(tuple(folder_parts), make=True)
            disk.link(source, target, source_folder=origin, target_folder=folder)
            placed = trees.placed_of(disk.lstat(target, folder=folder))
        except OSError:  # a source that is gone, a disk without links, too many of them
            return None
        if placed == Placed(link.size, link.mark, link.executable):
            return placed
        disk.unlink(target, folder=folder)
        return None

    def close(self) -> None:
        """Close the folders."""
        while self._open:
            self.folders.disk.close(self._open.popitem()[1])

    def _opened(self, parts: trees.Parts, *, make: bool) -> int:
        found = self._open.pop(parts, None)
        if found is None:
            if len(self._open) >= _OPEN_FOLDERS:
                longest_unused = next(iter(self._open))
                self.folders.disk.close(self._open.pop(longest_unused))
            opening = trees.make if make else trees.open_folder
            found = opening(self.folders, self.root, parts)
        self._open[parts] = found
        return found
