"""Which chunks a commit carries along, so that small packs don't pile up; pure (T8)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import attrs

from oaio_storage.trees.lines import all_pieces, content_part
from oaio_storage.trees.packing import Piece, Place
from oaio_storage.trees.paths import blob_size

FEW = 16
"""Packs that may be small, or less than half live, before any of them is carried along."""

SMALL = 1 << 20
"""Bytes below which a pack is small."""

MOST = 1 << 24
"""Bytes of chunks that one commit carries along at most."""


@attrs.define
class _Live:
    """What is live of one pack.

    Attributes:
        pieces: digest -> chunk.
        frames: offset of a frame -> bytes of chunks that are live in it, and its length.
    """

    pieces: dict[str, Piece] = attrs.field(factory=dict)
    frames: dict[int, tuple[int, int]] = attrs.field(factory=dict)

    @property
    def size(self) -> int:
        """About how many bytes of the pack are needed."""
        return sum(min(sizes) for sizes in self.frames.values())


def carried(pieces: Iterable[Piece], moved: Mapping[str, Place], fresh: frozenset[str]) -> list[Piece]:
    """The chunks to be stored once more, neighbours side by side; none as long as few packs are small.

    Args:
        pieces: all chunks of the new generation.
        moved: digest -> new place of chunks that were carried along before.
        fresh: the packs of this commit.
    """
    packs: dict[str, _Live] = defaultdict(_Live)
    for piece in pieces:
        place = moved.get(piece.digest, piece.place)
        live = packs[place.pack]
        if place.pack not in fresh and piece.digest not in live.pieces:
            live.pieces[piece.digest] = piece._replace(place=place)
            size, length = live.frames.get(place.offset, (0, place.length))
            live.frames[place.offset] = size + piece.size, length
    poor = {name: live for name, live in packs.items() if live.pieces and _is_poor(name, live)}
    if len(poor) <= FEW:
        return []
    taken: list[Piece] = []
    size = 0
    for _, live in sorted(poor.items(), key=lambda item: item[1].size):
        size += sum(piece.size for piece in live.pieces.values())
        if size > MOST:
            break
        taken += live.pieces.values()
    return sorted(taken, key=lambda piece: piece.place)


def _is_poor(name: str, live: _Live) -> bool:
    size = blob_size(name)
    return size < SMALL or live.size * 2 < size


def pack_names(lines: Iterable[str]) -> set[str]:
    """The packs that lines name, found faster than by parsing them; long lists are not looked into."""
    names = set()
    for line in lines:
        content = content_part(line)
        if content.count(":") > 3:  # noqa: PLR2004 - a place has three
            names |= {piece.place.pack for piece in all_pieces(line)}
        elif content:
            names.add(content.partition(":")[0])
    return names
