"""A gzip stream that is unpacked bit by bit, in bounded memory."""

import zlib

from oaio_storage.errors import InvalidArgument, TooLarge
from oaio_storage.file_transfer.bodies import Stream
from oaio_storage.file_transfer.limits import Limits

_GZIP = 31
_BLOCK = 1 << 16
TRAILER = 4
"""Bytes at the end of a gzip stream that tell the size of what it holds."""


class GzipStream:
    """What one gzip stream holds, to be read once; strict about what follows it.

    Attributes:
        unpacked: bytes that were given so far.
    """

    def __init__(self, source: Stream, limits: Limits) -> None:
        self.unpacked = 0
        self._source = source
        self._limits = limits
        self._packed = 0
        self._inflate = zlib.decompressobj(_GZIP)
        self._ready = b""

    def read(self, size: int) -> bytes:
        """The next bytes, at most ``size`` and at least one, unless the stream has ended.

        Raises:
            InvalidArgument: it is no gzip stream, is damaged, was cut, or is followed by something.
            TooLarge: it holds more than is allowed.
        """
        size = min(size, _BLOCK)
        while not self._inflate.eof:
            try:
                content = self._inflate.decompress(self._ready or self._next(), size)
            except zlib.error as err:
                raise InvalidArgument("the archive is no gzip stream, or is damaged") from err
            self._ready = self._inflate.unconsumed_tail
            if content:
                self._count(len(content))
                return content
        self.end()
        return b""

    def read_exactly(self, size: int) -> bytes:
        """The next ``size`` bytes, fewer only at the end of the stream."""
        pieces = []
        while size and (piece := self.read(size)):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def end(self) -> None:
        """Do nothing if the stream has ended and nothing follows it.

        Raises:
            InvalidArgument: otherwise.
        """
        if not self._inflate.eof or self._inflate.unused_data or self._source.read(1):
            raise InvalidArgument("something follows the archive")

    def _next(self) -> bytes:
        packed = self._source.read(_BLOCK)
        if not packed:
            raise InvalidArgument("the archive is cut: its end is missing")
        self._packed += len(packed)
        return packed

    def _count(self, size: int) -> None:
        self.unpacked += size
        limits = self._limits
        if self.unpacked > limits.unpacked_bytes:
            raise TooLarge(f"the archive holds more than {limits.unpacked_bytes} bytes")
        if self.unpacked > limits.ratio_from and self.unpacked > limits.ratio * self._packed:
            raise TooLarge(f"the archive holds more than {limits.ratio} times its own size")


def may_end(last_bytes: bytes) -> bool:
    """Whether a gzip stream of a tar may end with these bytes: the size that they tell fits one.

    It is wrong once in 512 cases, so whoever hears yes has to unpack the stream.
    """
    return int.from_bytes(last_bytes[-TRAILER:], "little") % 512 == 0


def ends_here(source: Stream) -> bool:
    """Whether the gzip stream that ``source`` begins with ends exactly where ``source`` does.

    Reads all of it, in bounded memory.

    Raises:
        InvalidArgument: it is no gzip stream, or damaged.
    """
    inflate = zlib.decompressobj(_GZIP)
    try:
        while packed := source.read(_BLOCK):
            while packed and not inflate.eof:
                inflate.decompress(packed, 1 << 20)
                packed = inflate.unconsumed_tail
            if inflate.eof:
                return not inflate.unused_data and not source.read(1)
    except zlib.error as err:
        raise InvalidArgument("the archive is no gzip stream, or is damaged") from err
    return False
