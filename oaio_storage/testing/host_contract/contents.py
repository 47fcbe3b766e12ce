"""Contents that need no memory, and sources that fail."""

import hashlib
import io
import os
import random
import time
from typing import Any, BinaryIO, cast

_PERIOD = (1 << 20) + 7  # no multiple of any part size, so that exchanged parts are seen
_PATTERN = random.Random(0).randbytes(_PERIOD)  # noqa: S311 - any bytes


class Generated(io.RawIOBase):
    """A seekable stream of ``size`` bytes that are made when they are asked for.

    Args:
        size: bytes until it ends.
        error: raised at the end instead of ending.
        seekable: whether it can be sent again.
    """

    def __init__(self, size: int, error: Exception | None = None, *, seekable: bool = True) -> None:
        super().__init__()
        self._size, self._error, self._seekable, self._position = size, error, seekable, 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """As was asked for."""
        return self._seekable

    def tell(self) -> int:
        """The position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to ``offset`` from the beginning."""
        assert self._seekable
        assert whence == os.SEEK_SET
        self._position = offset
        return offset

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a writable buffer
        """Fill ``buffer`` as far as it goes, or raise."""
        at = self._position % _PERIOD
        count = min(len(buffer), self._size - self._position, _PERIOD - at)
        if not count and self._error is not None:
            raise self._error
        buffer[:count] = _PATTERN[at : at + count]
        self._position += count
        return count


def generated(size: int, error: Exception | None = None, *, seekable: bool = True) -> BinaryIO:
    """A stream as :class:`Generated`, for whoever wants a BinaryIO."""
    return cast("BinaryIO", Generated(size, error, seekable=seekable))


class InPieces(io.BytesIO):
    """A stream that yields a small piece at a time and lets others have their turn between two."""

    PIECE = 5_000

    def read(self, size: int | None = -1, /) -> bytes:
        """At most one piece."""
        time.sleep(0.001)
        return super().read(self.PIECE if size is None or size < 0 else min(size, self.PIECE))


def content_of(size: int) -> bytes:
    """The same bytes at once."""
    return (_PATTERN * (size // _PERIOD + 1))[:size]


def sha256(content: bytes) -> str:
    """As 64 lower-case hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()
