"""A file on its way to its place: written under a temporary name in the same folder, then renamed."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import attrs

from oaio_storage.errors import Busy, Unavailable
from oaio_storage_local.disk import Disk
from oaio_storage_local.folders import Folders, temporary_name

_ATTEMPTS = 100  # to enter a folder that others keep removing because it is empty
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_ONLY = 0o444
_NO_CLONE = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM})
_PIECE = 1 << 20


@attrs.define
class Draft:
    """A read-only file under a temporary name.

    Attributes:
        disk: where it is.
        parent: the open folder that it, and later the file, lies in.
        name: the temporary name.
        file: the open file, for writing.
        keeps_old: once placed: it is the file that had the final name before.
        is_new: once placed: nothing had the final name before.
    """

    disk: Disk
    parent: int
    name: str
    file: int
    keeps_old: bool = attrs.field(default=False, init=False)
    is_new: bool = attrs.field(default=False, init=False)

    def write(self, content: bytes) -> None:
        """Append ``content``."""
        view = memoryview(content)
        while view:
            view = view[self.disk.write(self.file, view) :]

    def clone(self, source: int) -> None:
        """Append the content of the open file ``source``; disks that can share blocks do."""
        position = 0
        try:
            while count := self.disk.copy_range(source, self.file, 1 << 30, position):
                position += count
        except OSError as err:
            if err.errno not in _NO_CLONE:
                raise
        while piece := self.disk.read(source, _PIECE, position):
            self.write(piece)
            position += len(piece)

    def link(self, origin: int, source: str, file: int) -> bool:
        """Become a second name of ``source`` in ``origin``; False if that is not the open ``file``."""
        linked = temporary_name()
        try:
            self.disk.link(source, linked, source_folder=origin, target_folder=self.parent)
        except OSError:  # a disk without links, or too many of them
            return False
        if os.path.samestat(self.disk.lstat(linked, folder=self.parent), self.disk.fstat(file)):
            self.disk.rename(linked, self.name, folder=self.parent)
            self.disk.close(self.file)
            self.file = self.disk.dup(file)
            return True
        self.disk.unlink(linked, folder=self.parent)
        return False

    def sync(self) -> os.stat_result:
        """Make the content durable, and say what it is."""
        self.disk.sync(self.file)
        return self.disk.fstat(self.file)

    def place(self, name: str, *, is_taken: bool, can_exchange: bool) -> None:
        """Take the final ``name``; where it is taken and the disk can, the draft becomes the file before."""
        self.keeps_old = is_taken and can_exchange
        if self.keeps_old:
            self.disk.exchange(self.parent, self.name, self.parent, name)
        else:
            self.disk.rename(self.name, name, folder=self.parent)
        self.is_new = not is_taken

    def take_back(self, name: str) -> None:
        """Undo ``place``, as far as it can be undone and nobody else has replaced the file meanwhile."""
        placed = self.disk.fstat(self.file)
        if not os.path.samestat(placed, self.disk.lstat(name, folder=self.parent)):
            return
        if self.keeps_old:
            self.disk.exchange(self.parent, self.name, self.parent, name)
        elif self.is_new:
            self.disk.unlink(name, folder=self.parent)

    def discard(self) -> None:
        """Remove what has the temporary name."""
        with suppress(FileNotFoundError):
            self.disk.unlink(self.name, folder=self.parent)

    def close(self) -> None:
        """Give back the open file and folder."""
        self.disk.close(self.file)
        self.disk.close(self.parent)


@contextmanager
def draft(folders: Folders, root: int, parts: Sequence[str]) -> Iterator[Draft]:
    """A new draft in the folder of ``parts``, which is made if need be; gone at the end unless renamed."""
    begun = _begin(folders, root, parts)
    try:
        folders.settle(root, parts, begun.parent)
        yield begun
    except BaseException:
        with suppress(OSError):  # tidying up must not hide what failed
            begun.discard()
        with suppress(OSError, Busy), folders.locked(root):
            folders.prune(root, parts)
        raise
    else:
        begun.discard()
    finally:
        begun.close()


def _begin(folders: Folders, root: int, parts: Sequence[str]) -> Draft:
    disk, name = folders.disk, temporary_name()
    for _ in range(_ATTEMPTS):
        try:
            with folders.folder(root, parts) as parent:
                file = disk.open(name, _CREATE, _READ_ONLY, folder=parent)
                return Draft(disk, disk.dup(parent), name, file)
        except FileNotFoundError:
            with folders.locked(root):
                folders.make_folder(root, parts)
    raise Unavailable(f"the folder {'/'.join(parts)!r} is removed as often as it is made")
