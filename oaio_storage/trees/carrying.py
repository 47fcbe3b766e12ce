"""Which chunks a commit carries along, so that small packs don't pile up; pure (T8)."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping

from oaio_storage.trees.lines import all_pieces, content_part
from oaio_storage.trees.packing import MOST_CHUNKS, Piece, Place
from oaio_storage.trees.paths import blob_size

FEW = 16
"""Packs that may be small, or less than half live, before any of them is carried along."""

SMALL = 1 << 20
"""Bytes below which a pack is small, unless it has as many chunks as packs have."""

MOST = 1 << 24
"""Bytes of chunks that one commit carries along at most, and no more chunks than a pack has."""


def carried(
    pieces: Callable[[], Iterable[Piece]], moved: Mapping[str, Place], fresh: Collection[str]
) -> list[Piece]:
    """The chunks to be stored once more, neighbours side by side; none as long as few packs are small.

    Args:
        pieces: gives all chunks of the new generation, perhaps twice; they may be too many for memory.
        moved: digest -> new place of chunks that were carried along before.
        fresh: the packs of this commit.
    """
    frames: dict[str, dict[int, tuple[int, int]]] = defaultdict(dict)
    counts = Counter[str]()
    for digest, size, hint in pieces():
        place = moved.get(digest, hint)
        if place.pack not in fresh:
            before, _ = frames[place.pack].get(place.offset, (0, 0))
            frames[place.pack][place.offset] = before + size, place.length
            counts[place.pack] += 1
    sizes = {name: sum(map(min, live.values())) for name, live in frames.items()}
    poor = [name for name, size in sizes.items() if _is_poor(name, size, counts[name])]
    if len(poor) <= FEW:
        return []
    inside: dict[str, dict[str, Piece]] = {name: {} for name in sorted(poor, key=sizes.__getitem__)}
    for piece in pieces():
        place = moved.get(piece.digest, piece.place)
        if place.pack in inside:
            inside[place.pack][piece.digest] = piece._replace(place=place)
    taken: list[Piece] = []
    total = 0
    for found in inside.values():
        total += sum(piece.size for piece in found.values())
        if total > MOST or len(taken) + len(found) > MOST_CHUNKS:
            break
        taken += found.values()
    return sorted(taken, key=lambda piece: piece.place)


def _is_poor(name: str, live: int, chunks: int) -> bool:
    size = blob_size(name)
    return (size < SMALL and chunks * 2 < MOST_CHUNKS) or live * 2 < size


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
