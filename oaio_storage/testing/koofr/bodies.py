"""The contents of files, on a local disk; each has an id of its own and never changes."""

import hashlib
import secrets
from collections.abc import Container, Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Self

import attrs

from oaio_storage.testing.koofr.operations import Content


class Bodies:
    """Contents below ``folder``; nothing else may write there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def receive(self) -> "Incoming":
        """Begin a new content."""
        body = secrets.token_hex(16)
        return Incoming(body, self._path(body), self._path(body).open("xb"))

    def open(self, body: str) -> BinaryIO:
        """Open a content; what was opened can be read to its end though it is discarded meanwhile."""
        return self._path(body).open("rb")

    def discard(self, bodies: Iterable[str]) -> None:
        """Remove contents that nobody uses any more."""
        for body in bodies:
            self._path(body).unlink(missing_ok=True)

    def sweep(self, used: Container[str]) -> None:
        """Remove all contents that are not ``used``: of uploads that never ended."""
        self.discard([path.name for path in self._folder.iterdir() if path.name not in used])

    def _path(self, body: str) -> Path:
        return self._folder / body


@attrs.define
class Incoming:
    """A content that is being received. Used in a ``with``; without :meth:`finish` nothing of it stays."""

    body: str
    _path: Path
    _file: BinaryIO
    size: int = attrs.field(default=0, init=False)
    _md5: "hashlib._Hash" = attrs.field(factory=lambda: hashlib.md5(usedforsecurity=False), init=False)
    _kept: bool = attrs.field(default=False, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if not self._kept:
            with suppress(FileNotFoundError):
                self._path.unlink()

    def write(self, piece: bytes) -> None:
        """Add ``piece``."""
        self._file.write(piece)
        self._md5.update(piece)
        self.size += len(piece)

    def finish(self) -> Content:
        """Hand all that was written to the system, so that an end of this process leaves it whole."""
        self._file.close()
        return Content(self.body, self.size, self._md5.hexdigest())

    def keep(self) -> None:
        """Leave the content where it is: a file has it now."""
        self._kept = True
