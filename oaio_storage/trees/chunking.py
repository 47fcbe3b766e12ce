"""Cutting contents into chunks where the content itself says so; pure (clauses T1 and T3).

The cuts are part of the format: other parameters make other chunks, so that nothing would be found again.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pyfastcdc import FastCDC

WHOLE = 1 << 20
"""Bytes up to which a file is one chunk."""

MAX_CHUNK = 1 << 21
"""Bytes of the longest chunk."""

_MEAN = 1 << 19
_TEXT_MEAN, _TEXT_MAX = 1 << 14, 1 << 16


class Reader(Protocol):
    """What can be cut: a binary stream."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` as far as there are bytes; 0 at the end."""


def cut(stream: Reader) -> Iterator[memoryview]:
    """The chunks of a file of more than :data:`WHOLE` bytes, each valid until the next is asked for."""
    for chunk in _cutter(_MEAN, MAX_CHUNK).cut_stream(stream):
        yield chunk.data


def cut_text(stream: Reader) -> Iterator[memoryview]:
    """The chunks of a text of lines, each valid until the next is asked for."""
    for chunk in _cutter(_TEXT_MEAN, _TEXT_MAX).cut_stream(stream):
        yield chunk.data


def _cutter(mean: int, longest: int) -> "FastCDC":
    """Not to be shared: it is not thread-safe."""
    from pyfastcdc import FastCDC  # noqa: PLC0415 - commits that change nothing do without it

    return FastCDC(mean, min_size=mean // 4, max_size=longest, normalized_chunking=1, seed=0)
