"""Reading one file of this device: its state and checksum, and that nobody wrote to it meanwhile."""

import errno
import os
import stat
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from oaio_storage.errors import InvalidArgument, NotFound, RootUnavailable, SourceChanged
from oaio_storage.manifest import MAX_SIZE, FileEntry

_OPEN_FILE = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_BLOCK = 1 << 18
KINDS = {stat.S_IFDIR: "a folder", stat.S_IFLNK: "a symbolic link", stat.S_IFIFO: "a pipe"}
KINDS |= {stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
_REASONS = {
    errno.ELOOP: "a symbolic link",
    errno.ENXIO: "a socket",
    errno.ENOTDIR: "a link or a file where a folder was looked for",
    errno.EACCES: "not readable",
    errno.EPERM: "not readable",
}


Digest = Callable[[int, int], str]
"""Reads so many bytes of an open file: their SHA-256, empty if there are fewer. It may be called again for
the same file, and by several threads at once."""


class LargeFileError(Exception):
    """A file that is put off."""


def hash_file(path: Path) -> FileEntry:
    """What is known of the regular file at ``path`` after reading it.

    Raises:
        NotFound: nothing is there.
        InvalidArgument: it is a folder, a link, a pipe, a device or a socket.
        RootUnavailable: it can't be read.
        SourceChanged: it was written to while it was read, twice.
    """
    try:
        return entry_of(*read_file(None, path, MAX_SIZE + 1))
    except FileNotFoundError as err:
        raise NotFound(f"there is no file {str(path)!r}") from err
    except (OSError, ValueError) as err:
        message = f"can't read {str(path)!r} ({reason_of(err)})"
        if isinstance(err, ValueError) or err.errno in (errno.EINVAL, errno.ELOOP, errno.ENXIO):
            raise InvalidArgument(message) from err
        raise RootUnavailable(message) from err


def checksum_of(file: int, size: int) -> str:
    """SHA-256 of the first ``size`` bytes; empty if there are fewer."""
    digest = sha256()
    while size > 0 and (block := os.read(file, min(size, _BLOCK))):
        digest.update(block)
        size -= len(block)
    return "" if size else digest.hexdigest()


def read_file(
    folder: int | None, name: str | Path, below: int, digest: Digest = checksum_of
) -> tuple[os.stat_result, str]:
    """State and SHA-256 of a regular file, found out by ``digest``.

    Raises:
        OSError: it is no regular file, or can't be read.
        LargeFileError: it has ``below`` bytes or more.
        SourceChanged: it was written to during both of two readings.
    """
    for _ in range(2):
        file = os.open(name, _OPEN_FILE, dir_fd=folder)
        try:
            before = os.fstat(file)
            if not stat.S_ISREG(before.st_mode):
                raise OSError(errno.EINVAL, KINDS[stat.S_IFMT(before.st_mode)])
            if before.st_size >= below:
                raise LargeFileError
            checksum = digest(file, before.st_size)
            if checksum and _state(os.fstat(file)) == _state(before):
                return before, checksum
        finally:
            os.close(file)
    raise SourceChanged(f"the file {str(name)!r} changed while it was read")


def entry_of(state: os.stat_result, checksum: str) -> FileEntry:
    """What a manifest says of a file with this state and checksum."""
    return FileEntry(state.st_size, checksum, bool(state.st_mode & stat.S_IXUSR), state.st_mtime_ns)


def reason_of(err: OSError | ValueError) -> str:
    """Why a file could not be read, for people."""
    return (isinstance(err, OSError) and (_REASONS.get(err.errno or 0) or err.strerror)) or str(err)


def _state(of: os.stat_result) -> tuple[int, int, int]:
    return of.st_size, of.st_mtime_ns, of.st_ctime_ns
