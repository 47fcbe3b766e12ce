"""The stored manifest of a new generation, made of its base's; pure (T3, T4)."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256

import attrs

from oaio_storage.manifest import FileEntry
from oaio_storage.manifest.tree import HEADER
from oaio_storage.trees.base import Base
from oaio_storage.trees.chunking import cut_text
from oaio_storage.trees.lines import canonical_line, canonical_part, path_part, stored_line

Content = Callable[[str, int], str]
"""What a line says of where the content with a checksum and size lies."""


@attrs.frozen
class Wanted:
    """The lines of a new generation, as far as its base has them.

    Attributes:
        lines: stored lines, and canonical ones without a newline where the content is not known yet.
        todo: number of such a line -> what is known of the file.
        digest: of the manifest.
    """

    lines: list[str]
    todo: Mapping[int, FileEntry]
    digest: str

    def needed(self) -> dict[str, str]:
        """Checksum -> path of the contents that have to be known."""
        return {
            entry.checksum: path_part(self.lines[number]) for number, entry in self.todo.items() if entry.size
        }

    def completed(self, content: Content) -> list[str]:
        """All lines; they take the place of the canonical ones, which may be many."""
        for number, entry in self.todo.items():
            canonical = canonical_part(self.lines[number])
            self.lines[number] = stored_line(canonical, entry.mtime, content(entry.checksum, entry.size))
        return self.lines


def wanted(files: Mapping[str, FileEntry], base: Base) -> Wanted:
    """What the lines of ``files``, which are sorted by path, have in common with those of the base."""
    digest = sha256(HEADER.encode())
    lines, todo = [], {}
    theirs = _Cursor(base)
    for path, entry in files.items():
        canonical = canonical_line(path, entry)
        digest.update(f"{canonical}\n".encode())
        line = theirs.line_of(path)
        if line is not None and canonical_part(line) == canonical:
            lines.append(line)
        else:
            todo[len(lines)] = entry
            lines.append(canonical)
    return Wanted(lines, todo, digest.hexdigest())


class _Cursor:
    """The lines of a base, walked through once."""

    def __init__(self, base: Base) -> None:
        self._lines = enumerate(base.lines)
        self._doubtful = base.doubtful
        self._number, self._line, self._path = -1, "", ""

    def line_of(self, path: str) -> str | None:
        """The line of ``path``, which is behind all that were asked for; None if its content is no use."""
        while self._path < path:
            self._number, self._line = next(self._lines, (-1, ""))
            if not self._line:
                self._path = "\U0010ffff" * 2  # behind all paths
                break
            self._path = path_part(self._line)
        return self._line if self._path == path and self._number not in self._doubtful else None


class LineStream(io.RawIOBase):
    """Lines as a stream of bytes that is never held in memory as a whole."""

    def __init__(self, lines: Iterable[str]) -> None:
        super().__init__()
        self._blocks = _blocks(lines)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the only kind that comes
        """Fill ``buffer`` as far as there are bytes; 0 at the end."""
        if not self._rest:
            self._rest = memoryview(next(self._blocks, b""))
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def text_chunks(lines: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Digest and content of the chunks of a text of lines."""
    for chunk in cut_text(LineStream(lines)):
        yield sha256(chunk).hexdigest(), bytes(chunk)


_BLOCK_LINES = 1024


def _blocks(lines: Iterable[str]) -> Iterator[bytes]:
    block: list[str] = []
    for line in lines:
        block.append(line)
        if len(block) == _BLOCK_LINES:
            yield "".join(block).encode()
            block.clear()
    if block:
        yield "".join(block).encode()
