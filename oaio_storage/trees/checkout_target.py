"""The folder that a checkout writes to, held open; nothing in it is reached through a link."""

import errno
import fcntl
import hashlib
import os
import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Self

import attrs

from oaio_storage.errors import Corrupt, OaioError
from oaio_storage.hash_cache import RESOLUTION
from oaio_storage.manifest import FileEntry
from oaio_storage.system_calls import exchange, sync_all
from oaio_storage.trees.hints import SEE_FAULTS

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK = 1 << 20
_NO_EXCHANGE = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP})
_NO_LINKS = frozenset({errno.ENOSYS, errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK})
_IN_THE_WAY = frozenset({errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY})


class ChangedHereError(Exception):
    """What is there is not what was seen before; it was left as it is. The text says why."""


@attrs.frozen
class Target:
    """An open folder.

    Attributes:
        folder: its number.
        trash: the open folder that displaced and removed files go to; None: they are removed.
    """

    folder: int
    trash: int | None = None

    @classmethod
    def of(cls, folder: Path, trash: Path | None = None) -> Self:
        """The folder, open.

        Raises:
            OSError: it is none, or a link.
        """
        if trash is not None:
            trash.mkdir(parents=True, exist_ok=True)
        return cls(os.open(folder, _FOLDER), None if trash is None else os.open(trash, _FOLDER))

    def close(self) -> None:
        """Close it, and give up the lock."""
        os.close(self.folder)
        if self.trash is not None:
            os.close(self.trash)

    def sync(self) -> None:
        """Make all that was written durable, in one go.

        Raises:
            OSError: something could not be written.
        """
        try:
            sync_all(self.folder)
        except OSError as err:
            if err.errno != errno.ENOSYS:
                raise
            os.sync()

    def lock(self) -> bool:
        """Whether nobody else holds the lock; it ends with :meth:`close`."""
        try:
            fcntl.flock(self.folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def is_at(self, folder: Path) -> bool:
        """Whether the folder still has this name."""
        with suppress(OSError):
            return os.path.samestat(folder.lstat(), os.fstat(self.folder))
        return False

    def place(self, path: str, entry: FileEntry, content: Iterable[bytes], there: FileEntry | None) -> None:
        """Write one file, all or nothing, in place of ``there`` (None: of nothing).

        It is durable after :meth:`sync`. What is displaced is looked at once more after it was: if it is not
        ``there``, it has its name back.

        Raises:
            ChangedHereError: something else is there.
            Corrupt: ``content`` is not what ``entry`` says.
        """
        with self._only_changes(), self._parent(path, make=True) as (parent, name):
            draft = _draft_name()
            try:
                write_file(parent, draft, path, entry, content)
                _check(parent, name, there)
                if there is None:
                    _name(parent, draft, name)
                else:
                    self._replace(parent, draft, name, there)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(draft, dir_fd=parent)

    def _replace(self, parent: int, draft: str, name: str, there: FileEntry) -> None:
        ours = os.stat(draft, dir_fd=parent, follow_symlinks=False)
        try:
            exchange(parent, draft, parent, name)
        except OSError as err:
            if err.errno not in _NO_EXCHANGE:
                raise
            self._replace_by_link(parent, draft, name, there)
            return
        try:
            _check_displaced(parent, draft, there)
        except ChangedHereError:
            exchange(parent, draft, parent, name)
            if not os.path.samestat(os.stat(draft, dir_fd=parent, follow_symlinks=False), ours):
                os.rename(draft, f"{name}.kept-{secrets.token_hex(4)}", src_dir_fd=parent, dst_dir_fd=parent)
            raise
        self._discard(parent, draft, name)

    def _replace_by_link(self, parent: int, draft: str, name: str, there: FileEntry) -> None:
        aside = _draft_name()
        os.link(name, aside, src_dir_fd=parent, dst_dir_fd=parent, follow_symlinks=False)
        os.rename(draft, name, src_dir_fd=parent, dst_dir_fd=parent)
        try:
            _check_displaced(parent, aside, there)
        except ChangedHereError:
            os.rename(aside, name, src_dir_fd=parent, dst_dir_fd=parent)
            raise
        self._discard(parent, aside, name)

    def remove(self, path: str, there: FileEntry) -> None:
        """Remove one file, and the folders around it that are empty then.

        Raises:
            ChangedHereError: something else than ``there`` is there.
        """
        with self._only_changes():
            with self._parent(path) as (parent, name):
                _check(parent, name, there)
                aside = _draft_name()
                os.rename(name, aside, src_dir_fd=parent, dst_dir_fd=parent)
                try:
                    _check_displaced(parent, aside, there)
                except ChangedHereError:
                    os.rename(aside, name, src_dir_fd=parent, dst_dir_fd=parent)
                    raise
                self._discard(parent, aside, name)
            folder = path.rpartition("/")[0]
            while folder:
                with self._parent(folder) as (parent, name):
                    try:
                        os.rmdir(name, dir_fd=parent)
                    except OSError:
                        return
                folder = folder.rpartition("/")[0]

    def _discard(self, parent: int, displaced: str, name: str) -> None:
        """Get rid of a file that was displaced from ``name``."""
        if self.trash is None:
            os.unlink(displaced, dir_fd=parent)
            return
        target = f"{secrets.token_hex(4)}-{os.fsdecode(os.fsencode(name)[-200:])}"
        try:
            os.rename(displaced, target, src_dir_fd=parent, dst_dir_fd=self.trash)
        except OSError as err:
            if err.errno != errno.EXDEV:
                raise
            _copy_across(parent, displaced, self.trash, target)
            os.unlink(displaced, dir_fd=parent)

    @contextmanager
    def _parent(self, path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """The open folder of ``path``, and the name in it."""
        *parts, name = path.split("/")
        folder = os.dup(self.folder)
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


def _check_displaced(parent: int, name: str, there: FileEntry) -> None:
    """As :func:`_check`, once nobody finds the file by its name; if times can't tell, its content does."""
    _check(parent, name, there)
    if time.time_ns() - there.mtime < RESOLUTION:
        with open(os.open(name, _READ, dir_fd=parent), "rb") as file:  # noqa: PTH123 - relative to a folder
            if hashlib.file_digest(file, "sha256").hexdigest() != there.checksum:
                raise ChangedHereError("changed meanwhile")


def _name(parent: int, draft: str, name: str) -> None:
    """Give a draft a name that nothing has; where the disk knows no second names, that may not be noticed."""
    try:
        os.link(draft, name, src_dir_fd=parent, dst_dir_fd=parent, follow_symlinks=False)
    except OSError as err:
        if err.errno not in _NO_LINKS:
            raise
        os.rename(draft, name, src_dir_fd=parent, dst_dir_fd=parent)


def blocks(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """The content of a stream that should have ``size`` bytes; of a longer one, one byte too many (P10)."""
    left = size + 1
    while left and (block := stream.read(min(left, _BLOCK))):
        left -= len(block)
        yield block


def write_file(parent: int, name: str, path: str, entry: FileEntry, content: Iterable[bytes]) -> None:
    """Write a new file that is what ``entry`` says; if that fails, what there is of it is left.

    Args:
        parent: the open folder that it gets into.
        name: what it is called there.
        path: what messages call it.
        entry: what it has to be.
        content: its bytes.

    Raises:
        Corrupt: ``content`` is not what ``entry`` says.
        FileExistsError: there is such a file.
    """
    file = os.open(name, _CREATE, 0o777 if entry.executable else 0o666, dir_fd=parent)
    try:
        digest, left = hashlib.sha256(), entry.size
        for block in content:
            left -= len(block)
            if left < 0:
                break
            digest.update(block)
            _write_all(file, block)
        if left or digest.hexdigest() != entry.checksum:
            raise Corrupt(f"{path!r} of the published tree is damaged", SEE_FAULTS)
        if entry.mtime:
            os.utime(file, ns=(entry.mtime, entry.mtime))
    finally:
        os.close(file)


def _write_all(file: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]


def _draft_name() -> str:
    return f".{secrets.token_hex(8)}.oaio"


def _copy_across(parent: int, name: str, folder: int, target: str) -> None:
    """Copy a file to another disk, durably."""
    with open(os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=parent), "rb") as source:  # noqa: PTH123
        copied = os.open(target, _CREATE, 0o600, dir_fd=folder)
        with open(copied, "wb") as out:  # noqa: PTH123 - a descriptor, as above
            while block := source.read(_BLOCK):
                out.write(block)
            out.flush()
            os.fsync(copied)
