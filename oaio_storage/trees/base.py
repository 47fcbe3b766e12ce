"""What a commit knows of the generation that it follows: lines, and contents that may be used again; pure.

Clauses T10 and T11: what exists is known from the base and never asked for, and of that a writer uses only
what this device has itself sent or verified.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

import attrs

from oaio_storage.trees.generation import Generation
from oaio_storage.trees.lines import all_pieces, checksum_part, content_part, parse_stored
from oaio_storage.trees.packing import Piece, Place

_KEY = 16
"""Bytes of a digest that find it again; the rest is compared."""


@attrs.define(slots=False)
class Base:
    """The generation that a commit follows.

    Attributes:
        generation: its record; None: there is none.
        lines: its stored lines.
        text: the chunks of those.
        doubtful: numbers of lines whose contents must not be used.
        lists: reads the list of chunks of a file, given the chunks that hold it.
    """

    generation: Generation | None = None
    lines: Sequence[str] = ()
    text: Sequence[Piece] = ()
    doubtful: frozenset[int] = frozenset()
    lists: Callable[[Sequence[Piece]], Iterable[Piece]] = attrs.field(default=lambda _pieces: ())

    @property
    def digest(self) -> str:
        """Of the manifest; empty if there is none."""
        return self.generation.digest if self.generation else ""

    def content(self, checksum: str) -> str | None:
        """What a line says of where the content with this checksum lies; None if that is not known."""
        number = self._numbers.get(_key(checksum))
        if number is None or checksum_part(self.lines[number]) != checksum:
            return None
        return content_part(self.lines[number])

    def place(self, digest: str) -> Place | None:
        """Where a chunk of a large file lies, or of the lines; None if that is not known."""
        return self._places.get(bytes.fromhex(digest))

    @cached_property
    def text_places(self) -> Mapping[str, Place]:
        """Digest -> place of the chunks of the lines."""
        return {piece.digest: piece.place for piece in self.text}

    @cached_property
    def _numbers(self) -> dict[bytes, int]:
        return {
            _key(line): number
            for number, line in enumerate(self.lines)
            if number not in self.doubtful and content_part(line)
        }

    @cached_property
    def _places(self) -> dict[bytes, Place]:
        found = {}
        for number, line in enumerate(self.lines):
            if number not in self.doubtful and line[-2:-1] != "\t":
                found.update(self._chunks_of(line))
        return found

    def _chunks_of(self, line: str) -> dict[bytes, Place]:
        content = content_part(line)
        if not content.startswith("@") and " " not in content:
            return {}  # a single chunk is found by the file's checksum
        pieces = self.lists(parse_stored(line).listed) if content.startswith("@") else all_pieces(line)
        return {bytes.fromhex(piece.digest): piece.place for piece in pieces}


def _key(text: str) -> bytes:
    return bytes.fromhex(text[: 2 * _KEY])
