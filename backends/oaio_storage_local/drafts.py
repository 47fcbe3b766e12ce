"""A file on its way to its place: written under a temporary name in the same folder, then renamed."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import attrs

from oaio_storage.errors import Busy, Unavailable
from oaio_storage_local import folders

_ATTEMPTS = 100  # to enter a folder that others keep removing because it is empty
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_ONLY = 0o444
_NO_CLONE = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM})
_PIECE = 1 << 20


@attrs.define
class Draft:
    """A read-only file under a temporary name.

    Attributes:
        parent: the open folder that it, and later the file, lies in.
        name: the temporary name.
        file: the open file, for writing.
    """

    parent: int
    name: str
    file: int

    def write(self, content: bytes) -> None:
        """Append ``content``."""
        view = memoryview(content)
        while view:
            view = view[os.write(self.file, view) :]

    def clone(self, source: int) -> None:
        """Append the content of the open file ``source``; disks that can share blocks do."""
        position = 0
        try:
            while count := _copy_range(source, self.file, position):
                position += count
        except OSError as err:
            if err.errno not in _NO_CLONE:
                raise
        while piece := os.pread(source, _PIECE, position):
            self.write(piece)
            position += len(piece)

    def link(self, origin: int, source: str, seen: os.stat_result) -> bool:
        """Become a second name of ``source`` in the open folder ``origin``; False if not as ``seen``."""
        linked = folders.temporary_name()
        try:
            os.link(source, linked, src_dir_fd=origin, dst_dir_fd=self.parent, follow_symlinks=False)
        except OSError:  # a disk without links, or too many of them
            return False
        if os.path.samestat(os.lstat(linked, dir_fd=self.parent), seen):
            os.rename(linked, self.name, src_dir_fd=self.parent, dst_dir_fd=self.parent)
            return True
        os.unlink(linked, dir_fd=self.parent)
        return False

    def sync(self) -> os.stat_result:
        """Make the content durable, and say what it is."""
        folders.sync(self.file)
        return os.fstat(self.file)

    def rename(self, name: str) -> None:
        """Take the final ``name``, in place of the file that has it."""
        os.rename(self.name, name, src_dir_fd=self.parent, dst_dir_fd=self.parent)


def _copy_range(source: int, target: int, position: int) -> int:
    if not hasattr(os, "copy_file_range"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    return os.copy_file_range(source, target, 1 << 30, position)


@contextmanager
def draft(root: int, parts: Sequence[str]) -> Iterator[Draft]:
    """A new draft in the folder of ``parts``, which is made if need be; gone at the end unless renamed."""
    begun = _begin(root, parts)
    try:
        yield begun
    except BaseException:
        _discard(begun)
        with suppress(OSError, Busy), folders.locked(root):  # tidying up must not hide what failed
            folders.prune(root, parts)
        raise
    else:
        _discard(begun)
    finally:
        os.close(begun.file)
        os.close(begun.parent)


def _discard(begun: Draft) -> None:
    with suppress(FileNotFoundError):
        os.unlink(begun.name, dir_fd=begun.parent)


def _begin(root: int, parts: Sequence[str]) -> Draft:
    name = folders.temporary_name()
    for _ in range(_ATTEMPTS):
        try:
            with folders.folder(root, parts) as parent:
                file = os.open(name, _CREATE, _READ_ONLY, dir_fd=parent)
                return Draft(os.dup(parent), name, file)
        except FileNotFoundError:
            with folders.locked(root):
                folders.make_folder(root, parts)
    raise Unavailable(f"the folder {'/'.join(parts)!r} is removed as often as it is made")
