"""Open folders below a root, reached without following any link (openat(2), O_NOFOLLOW)."""

import errno
import fcntl
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs

from oaio_storage.errors import AlreadyExists, Busy, WrongRoot
from oaio_storage.names import MAX_PATH_BYTES, fold
from oaio_storage_local.disk import Disk

LOCK_SECONDS = 20.0
"""How long an operation waits for others that change the same root."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MOST_SETTLED = 10_000
_DEEPEST = MAX_PATH_BYTES // 2  # what lies in more folders has no path
_NO_LOCKS = frozenset(
    {errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.EBADF}
)
_TEMPORARY = re.compile(r"\.oaio-[0-9a-f]{32}(?:\u00e9|e\u0301)?\.\Z", re.IGNORECASE)


def temporary_name(mark: str = "") -> str:
    """A new name that no path can have, since it ends in a dot; so it never hides a stored file."""
    return f".oaio-{secrets.token_hex(16)}{mark}."


def is_temporary(name: str) -> bool:
    """Whether :func:`temporary_name` made it."""
    return _TEMPORARY.match(name) is not None


def twin_of(name: str, names: Sequence[str]) -> str:
    """The one of ``names`` that some disk takes for ``name`` though spelled otherwise; empty if none."""
    if name in names:
        return ""
    folded = fold(name)
    return next((other for other in names if fold(other) == folded), "")


@attrs.frozen
class Folders:
    """The folders of a disk, each opened anew for one operation.

    Attributes:
        disk: where they are.
    """

    disk: Disk
    _settled: set[tuple[tuple[str, ...], int, int]] = attrs.field(factory=set, init=False, repr=False)

    @contextmanager
    def opened(self, root_folder: str) -> Iterator[int]:
        """The root, opened anew for one operation, so that a disk that came or went is noticed.

        Raises:
            WrongRoot: it is missing, not a folder, or not readable.
        """
        try:
            root = self.disk.open(root_folder, _FOLDER)
        except FileNotFoundError as err:
            raise WrongRoot(
                f"the root folder {root_folder} is missing: not mounted, or another machine's disk"
            ) from err
        except NotADirectoryError as err:
            raise WrongRoot(f"the root {root_folder} is not a folder", "Name a folder instead.") from err
        except PermissionError as err:
            raise WrongRoot(
                f"the root folder {root_folder} is not readable", "Give this user the right to read it."
            ) from err
        try:
            yield root
        finally:
            self.disk.close(root)

    def make_root(self, root_folder: str) -> None:
        """Make the root, and the folders above it as far as they are missing, each durable before the next.

        Raises:
            FileExistsError, NotADirectoryError: one of them is there, but no folder.
        """
        above = str(Path(root_folder).parent)
        try:
            self.disk.close(self.disk.open(root_folder, _FOLDER))
        except FileNotFoundError:
            self.make_root(above)
        else:
            with suppress(PermissionError), self._opened(above) as parent:
                self.disk.sync(parent)  # whoever made it may have been cut off
            return
        with self._opened(above) as parent:
            with suppress(FileExistsError):
                self.disk.mkdir(Path(root_folder).name, folder=parent)
            self.disk.sync(parent)

    @contextmanager
    def _opened(self, path: str) -> Iterator[int]:
        handle = self.disk.open(path, _FOLDER)
        try:
            yield handle
        finally:
            self.disk.close(handle)

    @contextmanager
    def folder(self, root: int, parts: Sequence[str]) -> Iterator[int]:
        """The open folder that ``parts`` lead to.

        Raises:
            FileNotFoundError: one of them is missing.
            NotADirectoryError: one of them is a file or a link.
        """
        current = root
        try:
            for part in parts:
                below = self._open_folder(part, current)
                if current != root:
                    self.disk.close(current)
                current = below
            yield current
        finally:
            if current != root:
                self.disk.close(current)

    def _open_folder(self, name: str, parent: int) -> int:
        try:
            return self.disk.open(name, _FOLDER | os.O_NOFOLLOW, folder=parent)
        except OSError as err:
            if err.errno == errno.ELOOP:  # what some systems say of a link instead
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), name) from err
            raise

    def make_folder(self, root: int, parts: Sequence[str]) -> None:
        """Make the folders that ``parts`` name as far as they are missing; :meth:`settle` makes them last."""
        missing, rest = [], parts
        while rest:
            try:
                self._make_last(root, rest)
            except FileNotFoundError:
                missing.append(rest)
                rest = rest[:-1]
            else:
                break
        for made in reversed(missing):
            self._make_last(root, made)

    def _make_last(self, root: int, parts: Sequence[str]) -> None:
        with self.folder(root, parts[:-1]) as parent, suppress(FileExistsError):
            self.disk.mkdir(parts[-1], folder=parent)

    def settle(self, root: int, parts: Sequence[str], opened_folder: int) -> None:
        """Make the names durable that lead to this open folder.

        Whoever made them may have been cut off before; what was seen to be durable is not made so again.
        """
        seen = self.disk.fstat(opened_folder)
        known = tuple(parts), seen.st_dev, seen.st_ino
        if known in self._settled:
            return
        for depth in range(len(parts)):
            with self.folder(root, parts[:depth]) as parent:
                self.disk.sync(parent)
        if len(self._settled) >= _MOST_SETTLED:
            self._settled.clear()
        self._settled.add(known)

    def prune(self, root: int, parts: Sequence[str]) -> None:
        """Remove the folder that ``parts`` lead to and those above it as far as they are empty, durably."""
        depth, removed = len(parts), False
        while depth:
            try:
                with self.folder(root, parts[: depth - 1]) as parent:
                    self.disk.rmdir(parts[depth - 1], folder=parent)
                removed = True
            except FileNotFoundError:
                pass  # gone already
            except OSError:  # not empty: the usual end; or not ours to remove
                break
            depth -= 1
        if removed:
            self.sync_deepest(root, parts[:depth])

    def sync_deepest(self, root: int, parts: Sequence[str]) -> None:
        """Make durable what is missing on the way that ``parts`` name, by the last folder that is there."""
        for depth in range(len(parts), -1, -1):
            with suppress(FileNotFoundError, NotADirectoryError), self.folder(root, parts[:depth]) as left:
                self.disk.sync(left)
                return

    def remove_hollow(self, root: int, parts: Sequence[str]) -> bool:
        """Remove a folder that holds nothing, or nothing but such folders; whether it did."""
        hollow = [tuple(parts)]
        try:
            for found in hollow:  # which grows
                with self.folder(root, found) as inside:
                    below = self.disk.entries(inside)
                if len(found) > _DEEPEST or not all(stat.S_ISDIR(seen.st_mode) for seen in below.values()):
                    return False
                hollow += [(*found, name) for name in below]
            for found in reversed(hollow):
                with self.folder(root, found[:-1]) as parent:
                    self.disk.rmdir(found[-1], folder=parent)
        except OSError:  # somebody's
            return False
        return True

    def is_same(self, root: int, parts: Sequence[str], opened_folder: int) -> bool:
        """Whether ``parts`` still lead to this open folder."""
        try:
            with self.folder(root, parts) as found:
                return os.path.samestat(self.disk.fstat(found), self.disk.fstat(opened_folder))
        except (FileNotFoundError, NotADirectoryError):
            return False

    def open_file(self, parent: int, name: str) -> int:
        """The open regular file ``name`` in the open folder ``parent``, for reading.

        Raises:
            FileNotFoundError: there is none; a link, a folder or a device does not count.
        """
        absent = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        try:
            file = self.disk.open(name, _FILE, folder=parent)
        except OSError as err:
            if err.errno in (errno.ELOOP, errno.ENXIO, errno.EMLINK):
                raise absent from err
            raise
        if stat.S_ISREG(self.disk.fstat(file).st_mode):
            return file
        self.disk.close(file)
        raise absent

    def exists(self, parent: int, name: str) -> bool:
        """Whether anything has this ``name`` in the open folder ``parent``."""
        try:
            self.disk.lstat(name, folder=parent)
        except FileNotFoundError:
            return False
        return True

    def is_folder(self, parent: int, name: str) -> bool:
        """Whether ``name`` is a folder in the open folder ``parent``."""
        try:
            return stat.S_ISDIR(self.disk.lstat(name, folder=parent).st_mode)
        except FileNotFoundError:
            return False

    def refuse_twins(self, root: int, parts: Sequence[str]) -> None:
        """Refuse a part that is there in another spelling, on disks that take the two for one name.

        Raises:
            AlreadyExists: there is one.
        """
        for depth, name in enumerate(parts):
            try:
                with self.folder(root, parts[:depth]) as parent:
                    names = self.disk.names(parent)
            except FileNotFoundError:
                return
            if twin := twin_of(name, names):
                raise AlreadyExists(
                    f"{'/'.join(parts)!r} is not stored: this disk takes {name!r} for {twin!r}"
                )

    @contextmanager
    def locked(self, root: int) -> Iterator[None]:
        """Exclude all others that change names below ``root``, in any process, where the disk knows locks.

        Raises:
            Busy: they hold it for longer than LOCK_SECONDS.
        """
        end, pause = time.monotonic() + LOCK_SECONDS, 0.0005
        while not self._try_lock(root):
            if time.monotonic() > end:
                raise Busy("another process holds the lock of the root folder")
            time.sleep(pause)
            pause = min(2 * pause, 0.02)
        try:
            yield
        finally:
            self.unlock(root)

    def has_locks(self, root: int) -> bool:
        """Whether the disk of ``root`` knows locks."""
        try:
            self.disk.lock(root, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError as err:
            if err.errno in _NO_LOCKS:
                return False
            raise
        self.unlock(root)
        return True

    def is_held(self, folder: int) -> bool:
        """Whether somebody holds an open folder alone; if not, nobody does so before it is closed."""
        try:
            self.disk.lock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError as err:
            if err.errno not in _NO_LOCKS:
                raise
        return False

    def unlock(self, root: int) -> None:
        """Give the lock back; nothing if there is none."""
        try:
            self.disk.lock(root, fcntl.LOCK_UN)
        except OSError as err:
            if err.errno not in _NO_LOCKS:
                raise

    def _try_lock(self, root: int) -> bool:
        try:
            self.disk.lock(root, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as err:
            if err.errno not in _NO_LOCKS:
                raise
        return True
