"""The changes between two canonical texts, in memory that does not grow with them."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import islice

import attrs

from oaio_storage.errors import InvalidManifest
from oaio_storage.manifest.entry import FileEntry, parse_line
from oaio_storage.manifest.tree import DAMAGED, TRAILER, check_header, checked_path, trailer_of

_BLOCK_LINES = 4096


@attrs.frozen
class Change:
    """What became of one path: ``old`` is None if it is new, ``new`` is None if it was removed."""

    path: str
    old: FileEntry | None
    new: FileEntry | None


def diff_texts(old: Iterable[str], new: Iterable[str]) -> Iterator[Change]:
    """The changes between two canonical texts, sorted by path, in memory that does not grow with them.

    Lines that both texts have are compared as text only; so two texts of a million lines take about a second.

    Args:
        old: the lines of one text with their newlines, as an open file or ``io.StringIO`` gives them.
        new: the lines of the other.

    Raises:
        InvalidManifest: a text is damaged, cut, or of a later major version. This may be found only at its
            end: act on no change before the last one came.
    """
    left, right = _Lines(old), _Lines(new)
    while left.fill() | right.fill():
        if left.block == right.block:
            left.block, right.block = [], []
            continue
        ends = [side.last_path() for side in (left, right) if not side.ended]
        yield from _changes(left.take(min(ends, default=None)), right.take(min(ends, default=None)))


def _changes(old: list[str], new: list[str]) -> Iterator[Change]:
    """The changes between lines that cover the same range of paths."""
    all_old, all_new = set(old), set(new)
    gone = dict(parse_line(line[:-1]) for line in old if line not in all_new)
    come = dict(parse_line(line[:-1]) for line in new if line not in all_old)
    for path in sorted(gone.keys() | come.keys()):
        yield Change(checked_path(path), gone.get(path), come.get(path))


class _Lines:
    """The entry lines of one canonical text, a block at a time; its digest is checked at the end."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.block: list[str] = []
        self.ended = False
        self._lines = iter(lines)
        header = next(self._lines, "")
        check_header(header)
        self._digest = sha256(header.encode())

    def fill(self) -> bool:
        """Whether there is a block to look at, after it was filled up."""
        if not self.ended and len(self.block) < _BLOCK_LINES:
            came = list(islice(self._lines, _BLOCK_LINES))
            if not came:
                raise InvalidManifest(DAMAGED)
            if came[-1].startswith(TRAILER):
                trailer, self.ended = came.pop(), True
            text = "".join(came)
            self._digest.update(text.encode())
            if self.ended and (
                trailer != trailer_of(self._digest.hexdigest()) or next(self._lines, None) is not None
            ):
                raise InvalidManifest(DAMAGED)
            self.block += came
        return bool(self.block)

    def last_path(self) -> str:
        return _path_of(self.block[-1])

    def take(self, last: str | None) -> list[str]:
        """The lines up to and with the path ``last``, all if it is None; they leave the block."""
        count = len(self.block) if last is None else bisect_right(self.block, last, key=_path_of)
        taken, self.block = self.block[:count], self.block[count:]
        return taken


def _path_of(line: str) -> str:
    return line.split(" ", 3)[-1][:-1]
