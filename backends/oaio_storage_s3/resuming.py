"""A range of a file as it comes, taken up again where a connection broke off."""

from collections.abc import Callable, Iterator

from oaio_storage.errors import Corrupt, TryAgain, Unavailable

RESUMED, PROGRESS = 3, 1 << 20
"""How often a range that broke off is taken up again before so many more bytes have come."""

Stream = Callable[[int, int], Iterator[bytes | memoryview]]
"""What a file has from an offset to another (exclusive), in pieces; asked for when the first is read."""


def resumed(stream: Stream, start: int, end: int) -> Iterator[bytes | memoryview]:
    """What ``stream`` has from ``start`` to ``end``, all of it, in pieces.

    Raises:
        TryAgain: it broke off too often, with too little in between.
        Corrupt: more came than was asked for.
    """
    lost, lost_at = 0, start
    while start < end:
        try:
            for piece in stream(start, end):
                start += len(piece)
                if start > end:
                    raise Corrupt(f"{len(piece)} bytes came where fewer were asked for")
                yield piece
            if start < end:
                raise Unavailable(f"the answer ended {end - start} bytes too early")
        except TryAgain:
            if start - lost_at >= PROGRESS:
                lost = 0
            lost, lost_at = lost + 1, start
            if lost > RESUMED:
                raise
