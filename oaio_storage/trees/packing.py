"""Packs: blobs that hold many chunks, and the places of chunks in them; pure (clause T2)."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self

import attrs

from oaio_storage.errors import Corrupt
from oaio_storage.trees.chunking import MAX_CHUNK
from oaio_storage.trees.frames import MAX_FRAME, framed
from oaio_storage.trees.paths import blob_name

PACK = (1 << 23) - (1 << 16)
"""Bytes that the chunks of a pack have at most: a bucket takes what is below 8 MiB in one piece."""

MOST_CHUNKS = 1 << 14
"""Chunks of a pack, so that what is noted of one stays small where files are tiny."""

FRAME = 1 << 18
"""Bytes from which on a frame of small chunks is full."""

_NUMBER = "(0|[1-9][0-9]{0,9})"
_PLACE = re.compile(
    f"([0-9a-f]{{32}}-[0-9a-f]{{8}}-[0-9a-f]{{1,8}}-[0-9a-f]{{32}}):{_NUMBER}:{_NUMBER}:{_NUMBER}"
)
_PIECE = re.compile(f"([0-9a-f]{{64}}):{_NUMBER}:(.+)")


class Place(NamedTuple):
    """Where a chunk lies: a hint, since its digest alone is the truth (T7).

    Attributes:
        pack: the name of the pack.
        offset: of the frame in it, in bytes.
        length: of the frame.
        inside: offset of the chunk in the content of the frame.
    """

    pack: str
    offset: int
    length: int
    inside: int

    def text(self) -> str:
        """The place as lines have it."""
        return f"{self.pack}:{self.offset}:{self.length}:{self.inside}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The place with this text.

        Raises:
            Corrupt: there is none.
        """
        parts = _PLACE.fullmatch(text)
        if not parts or int(parts[3]) > MAX_FRAME:
            raise Corrupt(f"not a place of a chunk: {text[:200]!r}")
        return cls(parts[1], int(parts[2]), int(parts[3]), int(parts[4]))


class Piece(NamedTuple):
    """A chunk: its SHA-256, its size in bytes, and where it lies."""

    digest: str
    size: int
    place: Place

    def text(self) -> str:
        """The chunk as lines have it."""
        return f"{self.digest}:{self.size}:{self.place.text()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The chunk with this text.

        Raises:
            Corrupt: there is none.
        """
        parts = _PIECE.fullmatch(text)
        if not parts or not 0 < int(parts[2]) <= MAX_CHUNK:
            raise Corrupt(f"not a chunk of a file: {text[:200]!r}")
        return cls(parts[1], int(parts[2]), Place.parse(parts[3]))


def pieces_text(pieces: Iterable[Piece]) -> str:
    """A list of chunks as a text."""
    return " ".join(piece.text() for piece in pieces)


def parse_pieces(text: str) -> list[Piece]:
    """The chunks of a list.

    Raises:
        Corrupt: there is none.
    """
    return [Piece.parse(word) for word in text.split(" ")] if text else []


@attrs.frozen
class Packed:
    """A pack that is ready to be stored: its name, its bytes, and the places of its chunks by digest."""

    name: str
    content: bytes
    places: Mapping[str, Place]


@attrs.define
class Packer:
    """A pack that is being filled. Not thread-safe.

    Attributes:
        digests: of the chunks so far.
        size: bytes of the pack as far as known.
    """

    digests: set[str] = attrs.field(factory=set, init=False)
    size: int = attrs.field(default=0, init=False)
    _frames: list[bytes] = attrs.field(factory=list, init=False)
    _places: dict[str, tuple[int, int, int]] = attrs.field(factory=dict, init=False)
    _open: list[tuple[str, bytes]] = attrs.field(factory=list, init=False)
    _open_size: int = attrs.field(default=0, init=False)

    def has_room(self, size: int) -> bool:
        """Whether one more chunk of so many bytes fits in; into an empty pack any does."""
        is_small = self.size + self._open_size + size <= PACK
        return not self.digests or (is_small and len(self.digests) < MOST_CHUNKS)

    def add(self, digest: str, content: bytes) -> None:
        """Take in one chunk, unless it is in already."""
        if digest in self.digests:
            return
        self.digests.add(digest)
        if len(content) >= FRAME:
            self._append([(digest, content)])
            return
        self._open.append((digest, content))
        self._open_size += len(content)
        if self._open_size >= FRAME:
            self._close_frame()

    def packed(self, transaction: str, nonce: str) -> Packed:
        """The pack with all chunks so far; it is empty again afterwards."""
        self._close_frame()
        content = b"".join(self._frames)
        name = blob_name(transaction, nonce, content)
        places = {digest: Place(name, *place) for digest, place in self._places.items()}
        self.digests, self._frames, self._places, self.size = set(), [], {}, 0
        return Packed(name, content, places)

    def _close_frame(self) -> None:
        if self._open:
            self._append(self._open)
            self._open, self._open_size = [], 0

    def _append(self, chunks: list[tuple[str, bytes]]) -> None:
        frame = framed(b"".join(content for _, content in chunks))
        inside = 0
        for digest, content in chunks:
            self._places[digest] = self.size, len(frame), inside
            inside += len(content)
        self._frames.append(frame)
        self.size += len(frame)
