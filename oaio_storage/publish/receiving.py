"""Publishing files that come one by one, over many requests and processes, before their sizes are known."""

import json
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import BinaryIO, Protocol, Self, cast

import attrs

from oaio_storage.errors import Corrupt
from oaio_storage.manifest import FileEntry, Manifest
from oaio_storage.trees.switches import Switch

_PIECE = 1 << 16
_IN_MEMORY = 1 << 20


class Source(Protocol):
    """A content that is read once."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""


@attrs.frozen
class Note:
    """What one process received of a publication, for those that go on with it.

    Attributes:
        files: path -> what came.
        where: how they are found again; only the receiver understands it.
    """

    files: Mapping[str, FileEntry]
    where: Mapping[str, object]

    def text(self) -> bytes:
        """The note as a text, for :meth:`parse`."""
        files = {path: [entry.size, entry.checksum] for path, entry in self.files.items()}
        return json.dumps({"files": files, "where": self.where}, separators=(",", ":")).encode()

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """The note with this text.

        Raises:
            Corrupt: it is damaged.
        """
        try:
            fields = json.loads(text)
            files = {path: received(*told) for path, told in fields["files"].items()}
            return cls(files, fields["where"])
        except (ValueError, TypeError, KeyError, AttributeError) as err:
            raise Corrupt("what is known of a publication under way is damaged", "Publish again.") from err


class Receiver(ABC):
    """Takes in files of one publication, and lets it become live; used in a ``with`` block, for one request.

    Others may go on with the same publication, at the same time or later, given the notes of all.
    """

    @abstractmethod
    def __enter__(self) -> Self:
        """It."""

    @abstractmethod
    def __exit__(self, *_: object) -> None:
        """Let go what is not needed by others."""

    @abstractmethod
    def take(self, path: str, content: Source, size: int, checksum: str = "") -> FileEntry:
        """Keep one file; what it is. A repeat is safe.

        Args:
            path: in the tree.
            content: read to its end.
            size: bytes of it.
            checksum: that it must have; empty: any.

        Raises:
            Corrupt: it is something else; nothing of it counts.
            Superseded, Changed: something else became live, or the publication was given up.
        """

    @abstractmethod
    def copy(self, path: str, entry: FileEntry) -> None:
        """Take note that a file has the content of another one that came, now or earlier."""

    @abstractmethod
    def note(self) -> Note:
        """What was taken, once it is stored for good."""

    @abstractmethod
    def prepare(self, manifest: Manifest, notes: Sequence[Note]) -> str:
        """Make all ready, so that :meth:`commit` only switches; a text for it. A repeat is safe.

        Args:
            manifest: what is to be live: files that came, and others that the base has.
            notes: of all who took files.

        Raises:
            Superseded: something else became live.
            InvalidArgument: files that came are not there any more.
        """

    @abstractmethod
    def commit(self, prepared: str, again: Callable[[], str]) -> Switch:
        """Let it become live; how it did. A repeat is safe.

        Args:
            prepared: of :meth:`prepare`.
            again: prepares once more, if what was made ready could be gone.

        Raises:
            Superseded: something else became live.
        """

    @abstractmethod
    def abort(self) -> None:
        """Remove what came, if nobody commits it. A repeat is safe."""


def received(size: int, checksum: str) -> FileEntry:
    """The entry of a file that came without further properties."""
    return FileEntry(size, checksum, executable=False)


@contextmanager
def spooled(path: str, content: Source, size: int, checksum: str) -> Iterator[tuple[BinaryIO, FileEntry]]:
    """A content in an open file of this machine, after it was found to be what was announced; and what it is.

    Raises:
        Corrupt: it is something else.
    """
    digest, left = sha256(), size
    with tempfile.TemporaryFile(buffering=_IN_MEMORY) as file:
        while piece := content.read(_PIECE):
            digest.update(piece)
            file.write(piece)
            left -= len(piece)
        if left or checksum not in ("", digest.hexdigest()):
            raise Corrupt(f"{path[:200]!r} has another content than was announced", "Send it again.")
        file.seek(0)
        yield cast("BinaryIO", file), received(size, digest.hexdigest())
