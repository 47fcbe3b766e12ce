"""Reading open files, each as one version: what is edited in place meanwhile is noticed."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from oaio_storage.errors import Changed
from oaio_storage.hosts.foreign import OS_ERRORS, ours
from oaio_storage.hosts.streams import PIECE, Positioned
from oaio_storage_local.disk import Disk


def digest(disk: Disk, file: int, path: str) -> tuple[str, os.stat_result]:
    """The SHA-256 of the open file, and what it was while it was read.

    Raises:
        Changed: it was edited meanwhile; the message calls it ``path``.
    """
    digest, position, seen = hashlib.sha256(), 0, disk.fstat(file)
    while piece := disk.read(file, PIECE, position):
        digest.update(piece)
        position += len(piece)
    check_unchanged(disk, file, seen, path)
    return digest.hexdigest(), seen


def piece(disk: Disk, file: int, start: int, end: int) -> bytes:
    """The bytes ``start`` to ``end`` of the open file, or up to its end."""
    pieces = []
    while start < end and (some := disk.read(file, end - start, start)):
        pieces.append(some)
        start += len(some)
    return b"".join(pieces)


def check_unchanged(disk: Disk, file: int, before: os.stat_result, path: str) -> None:
    """Do nothing if the open file is still as it was ``before``.

    Raises:
        Changed: it is not.
    """
    now = disk.fstat(file)
    if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise Changed(f"{path!r} was edited in place while it was read")


class OneVersion(Positioned):
    """An open file that refuses to go on once it was edited in place; replacing it leaves it as it is."""

    def __init__(self, disk: Disk, file: int, path: str) -> None:
        self._seen = disk.fstat(file)
        super().__init__(self._seen.st_size)
        self._disk, self._file, self._path = disk, file, path

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a writable buffer, as in io.RawIOBase
        """As its base; raises Changed, and errors of the system as ours."""
        with self._only_ours():
            count = self._disk.read_into(self._file, buffer, self._position)
            self._passed(count)
        return count

    def readall(self) -> bytes:
        """As its base; raises Changed, and errors of the system as ours."""
        with self._only_ours():
            content = piece(self._disk, self._file, self._position, self._size)
            self._passed(len(content))
        return content

    def _passed(self, count: int) -> None:
        self._position += count
        check_unchanged(self._disk, self._file, self._seen, self._path)

    @contextmanager
    def _only_ours(self) -> Iterator[None]:
        try:
            yield
        except OSError as err:
            raise ours(err, OS_ERRORS, f"Local: can't read {self._path!r}") from err

    def close(self) -> None:
        """As its base."""
        if not self.closed:
            self._disk.close(self._file)
        super().close()
