"""The folder that a checkout writes to, held open; nothing in it is reached through a link."""

import errno
import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Self

import attrs

from oaio_storage.errors import Corrupt, OaioError
from oaio_storage.manifest import FileEntry
from oaio_storage.publish.hints import SEE_FAULTS

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK = 1 << 20
_IN_THE_WAY = frozenset({errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY})


class ChangedHereError(Exception):
    """What is there is not what was seen before; it was left as it is. The text says why."""


@attrs.frozen
class Target:
    """An open folder.

    Attributes:
        flushed: whether each file is durable before it gets its name.
    """

    _folder: int
    flushed: bool

    @classmethod
    def of(cls, folder: Path, *, flushed: bool) -> Self:
        """The folder, open.

        Raises:
            OSError: it is none, or a link.
        """
        return cls(os.open(folder, _FOLDER), flushed)

    def close(self) -> None:
        """Close it, and give up the lock."""
        os.close(self._folder)

    def lock(self) -> bool:
        """Whether nobody else holds the lock; it ends with :meth:`close`."""
        try:
            fcntl.flock(self._folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def is_at(self, folder: Path) -> bool:
        """Whether the folder still has this name."""
        with suppress(OSError):
            return os.path.samestat(folder.lstat(), os.fstat(self._folder))
        return False

    def place(self, path: str, entry: FileEntry, source: BinaryIO, there: FileEntry | None) -> None:
        """Write one file, all or nothing, in place of ``there`` (None: of nothing).

        Raises:
            ChangedHereError: something else is there.
            Corrupt: ``source`` is not what ``entry`` says.
        """
        with self._only_changes(), self._parent(path, make=True) as (parent, name):
            draft = f".{secrets.token_hex(8)}.oaio"
            file = os.open(draft, _CREATE, 0o777 if entry.executable else 0o666, dir_fd=parent)
            try:
                with os.fdopen(file, "wb") as out:
                    _copy(source, out, path, entry)
                    if self.flushed:
                        os.fsync(out.fileno())
                _check(parent, name, there)
                os.rename(draft, name, src_dir_fd=parent, dst_dir_fd=parent)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(draft, dir_fd=parent)
                raise

    def remove(self, path: str, there: FileEntry) -> None:
        """Remove one file, and the folders around it that are empty then.

        Raises:
            ChangedHereError: something else than ``there`` is there.
        """
        with self._only_changes():
            with self._parent(path) as (parent, name):
                _check(parent, name, there)
                os.unlink(name, dir_fd=parent)
            folder = path.rpartition("/")[0]
            while folder:
                with self._parent(folder) as (parent, name):
                    try:
                        os.rmdir(name, dir_fd=parent)
                    except OSError:
                        return
                folder = folder.rpartition("/")[0]

    @contextmanager
    def _parent(self, path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """The open folder of ``path``, and the name in it."""
        *parts, name = path.split("/")
        folder = os.dup(self._folder)
        try:
            for part in parts:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=folder)
                outer, folder = folder, os.open(part, _FOLDER, dir_fd=folder)
                os.close(outer)
            yield folder, name
        finally:
            os.close(folder)

    @staticmethod
    @contextmanager
    def _only_changes() -> Iterator[None]:
        try:
            yield
        except OaioError:
            raise
        except OSError as err:
            if err.errno not in _IN_THE_WAY:
                raise
            raise ChangedHereError(f"in the way: {err.strerror}") from err


def _check(parent: int, name: str, there: FileEntry | None) -> None:
    """Do nothing if what was seen is what is there, as far as size and time tell."""
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        found = None
    seen = None if found is None else (stat.S_ISREG(found.st_mode), found.st_size, found.st_mtime_ns)
    if seen != (None if there is None else (True, there.size, there.mtime)):
        raise ChangedHereError("changed meanwhile")


def _copy(source: BinaryIO, out: BinaryIO, path: str, entry: FileEntry) -> None:
    digest, left = hashlib.sha256(), entry.size + 1
    while left and (block := source.read(min(left, _BLOCK))):
        digest.update(block)
        out.write(block)
        left -= len(block)
    if left != 1 or digest.hexdigest() != entry.checksum:
        raise Corrupt(f"{path!r} of the published tree is damaged", SEE_FAULTS)
    out.flush()
