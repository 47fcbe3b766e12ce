"""The system calls that :class:`~oaio_storage_local.LocalApi` rests on, as a port that can be replaced."""

import errno
import fcntl
import os
from pathlib import Path
from typing import Any, Protocol

from oaio_storage.system_calls import exchange, sync_all
from oaio_storage_local.births import birth

_NO_FULL_SYNC = frozenset({errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL})


class Disk(Protocol):
    """A disk as POSIX describes it: open files and folders are numbers, names are relative to open folders.

    Each method does what the system call of its name does, and raises OSError with the call's ``errno``. What
    a disk can't do raises one of ENOSYS, ENOTSUP, EOPNOTSUPP, EINVAL and, where others are common for a call,
    those.
    """

    @property
    def workers(self) -> int:
        """So many threads may as well use it at once, where much is to be done."""

    def open(self, name: str, flags: int, mode: int = 0o777, *, folder: int | None = None) -> int:
        """The system call openat(2); without ``folder`` the name is an absolute path."""

    def dup(self, handle: int) -> int:
        """One more number for what is open, with its lock and place."""

    def close(self, handle: int) -> None:
        """Give a number back."""

    def read(self, file: int, size: int, position: int) -> bytes:
        """The system call pread(2)."""

    def read_into(self, file: int, buffer: Any, position: int) -> int:  # noqa: ANN401 - a writable buffer
        """The system call preadv(2), for one buffer."""

    def write(self, file: int, content: "bytes | memoryview") -> int:
        """Write at the place where the file stands; how many bytes were taken."""

    def copy_range(self, source: int, target: int, size: int, position: int) -> int:
        """The system call copy_file_range(2), from ``position`` of ``source`` to where ``target`` stands."""

    def fstat(self, handle: int) -> os.stat_result:
        """What is open."""

    def birth(self, handle: int) -> int:
        """When what is open was made, in ns since 1970; 0 where the disk does not tell: statx(2)."""

    def mount(self, handle: int) -> int:
        """Tells the mount that holds what is open from all others, as far as the system does."""

    def lstat(self, name: str, *, folder: int) -> os.stat_result:
        """The system call fstatat(2) with AT_SYMLINK_NOFOLLOW."""

    def names(self, folder: int) -> list[str]:
        """The names in an open folder, in no order."""

    def entries(self, folder: int) -> dict[str, os.stat_result]:
        """The names in an open folder and what each is; names that vanish meanwhile may be left out."""

    def inodes(self, folder: int) -> dict[str, tuple[int, bool]]:
        """The names in an open folder, and of each the inode and whether it is a folder: readdir(3) alone."""

    def mkdir(self, name: str, *, folder: int) -> None:
        """The system call mkdirat(2)."""

    def rmdir(self, name: str, *, folder: int) -> None:
        """The system call unlinkat(2) with AT_REMOVEDIR."""

    def unlink(self, name: str, *, folder: int) -> None:
        """The system call unlinkat(2)."""

    def link(self, source: str, target: str, *, source_folder: int, target_folder: int) -> None:
        """The system call linkat(2); a symbolic link is not followed."""

    def rename(self, source: str, target: str, *, folder: int, target_folder: int | None = None) -> None:
        """The system call renameat(2); without ``target_folder`` within one folder."""

    def symlink(self, pointed_at: str, name: str, *, folder: int) -> None:
        """The system call symlinkat(2)."""

    def readlink(self, name: str, *, folder: int) -> str:
        """The system call readlinkat(2)."""

    def chmod(self, handle: int, mode: int) -> None:
        """The system call fchmod(2)."""

    def exchange(self, folder_a: int, a: str, folder_b: int, b: str) -> None:
        """The system call renameat2(2) with RENAME_EXCHANGE."""

    def lock(self, handle: int, operation: int) -> None:
        """The system call flock(2)."""

    def sync(self, handle: int) -> None:
        """Make the content of a file, or the names in a folder, survive a loss of power: fsync(2) or more."""

    def sync_all(self, folder: int) -> None:
        """Make all content and all names of the disk of an open folder survive a loss of power: syncfs(2)."""


class SystemDisk:
    """The disks of this machine."""

    workers = min(2, os.cpu_count() or 1)

    def open(self, name: str, flags: int, mode: int = 0o777, *, folder: int | None = None) -> int:
        """See :class:`Disk`, as for all methods here."""
        return os.open(name, flags, mode, dir_fd=folder)

    dup = staticmethod(os.dup)
    close = staticmethod(os.close)
    read = staticmethod(os.pread)
    write = staticmethod(os.write)
    fstat = staticmethod(os.fstat)
    birth = staticmethod(birth)
    exchange = staticmethod(exchange)
    lock = staticmethod(fcntl.flock)
    chmod = staticmethod(os.fchmod)
    sync_all = staticmethod(sync_all)

    def read_into(self, file: int, buffer: Any, position: int) -> int:  # noqa: ANN401 - a writable buffer
        """See :class:`Disk`."""
        return os.preadv(file, [buffer], position)

    def copy_range(self, source: int, target: int, size: int, position: int) -> int:
        """ENOSYS where the system has no such call."""
        if not hasattr(os, "copy_file_range"):
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        return os.copy_file_range(source, target, size, position)

    def mount(self, handle: int) -> int:
        """On Linux the id of the mount, also where one disk is mounted twice; elsewhere that of the disk."""
        try:
            with Path(f"/proc/self/fdinfo/{handle}").open("rb") as told:
                return next(int(line.split()[1]) for line in told if line.startswith(b"mnt_id:"))
        except (OSError, StopIteration):
            return os.fstat(handle).st_dev

    def lstat(self, name: str, *, folder: int) -> os.stat_result:
        """See :class:`Disk`."""
        return os.lstat(name, dir_fd=folder)

    def names(self, folder: int) -> list[str]:
        """See :class:`Disk`."""
        return os.listdir(folder)

    def entries(self, folder: int) -> dict[str, os.stat_result]:
        """See :class:`Disk`."""
        found = {}
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    found[entry.name] = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
        return found

    def inodes(self, folder: int) -> dict[str, tuple[int, bool]]:
        """See :class:`Disk`."""
        with os.scandir(folder) as entries:
            return {entry.name: (entry.inode(), entry.is_dir(follow_symlinks=False)) for entry in entries}

    def mkdir(self, name: str, *, folder: int) -> None:
        """See :class:`Disk`."""
        os.mkdir(name, dir_fd=folder)

    def rmdir(self, name: str, *, folder: int) -> None:
        """See :class:`Disk`."""
        os.rmdir(name, dir_fd=folder)

    def unlink(self, name: str, *, folder: int) -> None:
        """See :class:`Disk`."""
        os.unlink(name, dir_fd=folder)

    def link(self, source: str, target: str, *, source_folder: int, target_folder: int) -> None:
        """See :class:`Disk`."""
        os.link(source, target, src_dir_fd=source_folder, dst_dir_fd=target_folder, follow_symlinks=False)

    def rename(self, source: str, target: str, *, folder: int, target_folder: int | None = None) -> None:
        """See :class:`Disk`."""
        there = folder if target_folder is None else target_folder
        os.rename(source, target, src_dir_fd=folder, dst_dir_fd=there)

    def symlink(self, pointed_at: str, name: str, *, folder: int) -> None:
        """See :class:`Disk`."""
        os.symlink(pointed_at, name, dir_fd=folder)

    def readlink(self, name: str, *, folder: int) -> str:
        """See :class:`Disk`."""
        return os.readlink(name, dir_fd=folder)

    def sync(self, handle: int) -> None:
        """On macOS F_FULLFSYNC, since fsync(2) alone leaves content in the drive's cache there."""
        full = getattr(fcntl, "F_FULLFSYNC", None)
        if full is not None:
            try:
                fcntl.fcntl(handle, full)
            except OSError as err:
                if err.errno not in _NO_FULL_SYNC:
                    raise  # once a flush failed, another one that succeeds proves nothing
            else:
                return
        os.fsync(handle)
