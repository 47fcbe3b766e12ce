"""A folder that a checkout fills from nothing: nobody else knows of it, so files get their names at once."""

import os
from collections import OrderedDict
from collections.abc import Iterable

import attrs

from oaio_storage.manifest import FileEntry
from oaio_storage.trees.checkout_target import write_file

_OPEN_FOLDERS = 64
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@attrs.define
class NewFolder:
    """An open folder with nothing in it.

    Attributes:
        root: the open folder; closed by whoever opened it.
    """

    root: int
    _open: OrderedDict[str, int] = attrs.field(factory=OrderedDict, init=False)

    def write(self, path: str, entry: FileEntry, content: Iterable[bytes]) -> None:
        """Write one file; what there is of it stays if that fails.

        Raises:
            Corrupt: ``content`` is not what ``entry`` says.
            OSError: there is no room, or the name is taken.
        """
        folder, _, name = path.rpartition("/")
        write_file(self._folder(folder), name, path, entry, content)

    def close(self) -> None:
        """Close the folders in it."""
        while self._open:
            os.close(self._open.popitem()[1])

    def _folder(self, path: str) -> int:
        if not path:
            return self.root
        if path in self._open:
            self._open.move_to_end(path)
            return self._open[path]
        outer, _, name = path.rpartition("/")
        parent = self._folder(outer)
        try:
            opened = os.open(name, _FOLDER, dir_fd=parent)
        except FileNotFoundError:
            os.mkdir(name, dir_fd=parent)
            opened = os.open(name, _FOLDER, dir_fd=parent)
        self._open[path] = opened
        if len(self._open) > _OPEN_FOLDERS:
            os.close(self._open.popitem(last=False)[1])
        return opened
