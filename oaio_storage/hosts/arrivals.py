"""Files that arrive on this device: each complete, verified and durable in its place, or not at all."""

import errno
import hashlib
import io
import os
import secrets
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import attrs

from oaio_storage.errors import Corrupt, OaioError, QuotaExceeded, RootUnavailable
from oaio_storage.hosts.streams import PIECE, Pourable, sha256_of
from oaio_storage.system_calls import sync_all

TOGETHER = 256
"""Short files that are made durable at once."""

SHORT = 1 << 20
"""Bytes of a file that need not be on its way to the disk while others come."""

_WORTH_ALL = 16
"""Files from which on one flush of their disk costs less than one of each."""

_IN_THE_WAY = "Move away what is in its place, then try again."
_HINTS = {
    errno.EISDIR: _IN_THE_WAY,
    errno.ENOTDIR: _IN_THE_WAY,
    errno.EEXIST: _IN_THE_WAY,
    errno.ENAMETOOLONG: "Fetch it under a shorter name.",
}
"""What to do where a place can't take a file; for all else the folder has to be made writable."""


@attrs.define
class Arrivals:
    """Files under way to places on this device; may be used by several threads.

    A short file waits, complete and under a name of its own beside its place, until so many are there that
    one flush of the disk serves all of them.
    """

    _together: int = attrs.field(default=TOGETHER, init=False)
    _waiting: list[tuple[Path, Path]] = attrs.field(factory=list, init=False)
    _changed: set[Path] = attrs.field(factory=set, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def take(self, stream: BinaryIO, path: str, local: Path, size: int | None, checksum: str | None) -> int:
        """Let the content of ``stream``, the file ``path`` of a host, come to ``local``; its bytes.

        Folders are made. It is in its place when :meth:`settle` returns, at the latest.

        Raises:
            Corrupt: it is not of the ``size`` or ``checksum`` (SHA-256) that were announced.
            QuotaExceeded, RootUnavailable: this device can't take it, or another one that waited.
        """
        temporary, is_kept = local.with_name(f".oaio-{secrets.token_hex(8)}.part"), False
        try:
            with _told_for(local), _created(temporary) as target:
                received = _receive(stream, target, path, size, checksum)
                if received > SHORT:
                    os.fsync(target.fileno())
            if received > SHORT:
                self._place(temporary, local)
            is_kept = True
        finally:
            if not is_kept:
                _remove([temporary])
        if received <= SHORT:
            self._wait(temporary, local)
        return received

    def settle(self) -> None:
        """Place what waits, and make all names durable, of each folder once. A repeat is safe.

        What comes later, from threads that an interrupted caller did not wait for, waits no more.

        Raises:
            QuotaExceeded, RootUnavailable: this device can't take some.
        """
        with self._lock:
            waiting, self._waiting, self._together = self._waiting, [], 1
        try:
            self._place_durably(waiting)
        finally:
            changed, self._changed = self._changed, set()
            for folder in changed:
                with _told_for(folder):
                    sync_folder(folder)

    def _wait(self, temporary: Path, local: Path) -> None:
        with self._lock:
            self._waiting.append((temporary, local))
            if len(self._waiting) < self._together:
                return
            waiting, self._waiting = self._waiting, []
        self._place_durably(waiting)

    def _place_durably(self, files: Sequence[tuple[Path, Path]]) -> None:
        """Make these durable, and place them; none stays beside its place, whatever interrupts it."""
        if not files:
            return
        try:
            with _told_for(files[0][1].parent):
                _flush([temporary for temporary, _ in files])
            for temporary, local in files:
                self._place(temporary, local)
        except BaseException:
            _remove(temporary for temporary, _ in files)
            raise

    def _place(self, temporary: Path, local: Path) -> None:
        with _told_for(local):
            temporary.replace(local)
        self._changed.add(local.parent)


def _flush(files: Sequence[Path]) -> None:
    """Make the content of complete files durable."""
    if len(files) >= _WORTH_ALL and _flush_disks({file.parent for file in files}):
        return
    for file in files:
        with file.open("rb") as content:
            os.fsync(content.fileno())


def _flush_disks(folders: Iterable[Path]) -> bool:
    """Make all durable that is on the disks of ``folders``; whether this system can."""
    flushed = set[int]()
    for folder in folders:
        handle = os.open(folder, os.O_RDONLY)
        try:
            if (disk := os.fstat(handle).st_dev) not in flushed:
                sync_all(handle)
                flushed.add(disk)
        except OSError as err:
            if err.errno != errno.ENOSYS:
                raise
            return False
        finally:
            os.close(handle)
    return True


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        with suppress(OSError):  # there is none, or its folder could not be made
            file.unlink()


def _created(file: Path) -> io.FileIO:
    """A new file, open for both; folders are made where one is missing."""
    try:
        return file.open("x+b", buffering=0)
    except FileNotFoundError:
        make_folder(file.parent)
        return file.open("x+b", buffering=0)


def _receive(stream: BinaryIO, target: io.FileIO, path: str, size: int | None, checksum: str | None) -> int:
    raw = getattr(stream, "raw", None)
    if not isinstance(raw, Pourable):
        return _copied(stream, target, path, size, checksum)
    length = stream.seek(0, os.SEEK_END)
    if size is not None and length != size:
        raise Corrupt(f"{path!r} has {length} bytes, {size} were announced")
    raw.pour(target.fileno())
    if checksum is not None and sha256_of(target) != checksum:
        raise Corrupt(f"{path!r} has another content than was announced")
    return length


def _copied(stream: BinaryIO, target: io.FileIO, path: str, size: int | None, checksum: str | None) -> int:
    digest, received = hashlib.sha256(), 0
    while piece := stream.read(PIECE if size is None else min(PIECE, size + 1 - received)):
        received += len(piece)
        if size is not None and received > size:
            raise Corrupt(f"{path!r} is longer than the {size} bytes that were announced")
        if checksum is not None:
            digest.update(piece)
        _write_whole(target, piece)
    if size is not None and received < size:
        raise Corrupt(f"{path!r} has {received} bytes, {size} were announced")
    if checksum is not None and digest.hexdigest() != checksum:
        raise Corrupt(f"{path!r} has another content than was announced")
    return received


def _write_whole(target: io.FileIO, piece: bytes) -> None:
    left = memoryview(piece)
    while left:
        left = left[target.write(left) :]


@contextmanager
def _told_for(local: Path) -> Iterator[None]:
    """Tell what this device can't do with ``local`` by an error of ours."""
    try:
        yield
    except OaioError:
        raise
    except OSError as err:
        if err.errno in (errno.ENOSPC, errno.EDQUOT):
            raise QuotaExceeded(
                f"no room on this device for {local}", "Free some space, then try again."
            ) from err
        hint = _HINTS.get(err.errno or 0, "Make the folder writable, then try again.")
        raise RootUnavailable(f"can't write {local}: {err.strerror or err}", hint) from err


def make_folder(folder: Path) -> None:
    """Make ``folder`` and those above it as far as they are missing, durably. Safe to repeat."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
