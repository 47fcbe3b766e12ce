"""The body of a request, read as it comes, within bounds."""

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

from oaio_storage.errors import InvalidArgument, TooLarge
from oaio_storage.file_transfer.limits import Limits

_BLOCK = 1 << 16


class Stream(Protocol):
    """Where a body comes from."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most ``size``; none at the end."""


class Body:
    """A body, to be read once.

    Attributes:
        broken: why it can't be read any more; None: it can.
    """

    def __init__(
        self,
        stream: Stream,
        length: int | None,
        limits: Limits,
        *,
        is_chunked: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.broken: HTTPStatus | None = None
        self._stream = stream
        self._left = length if length is not None else None if is_chunked else 0
        self._limits = limits
        self._count = 0
        self._clock = clock
        self._deadline = clock() + limits.seconds

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most ``size`` (if negative, as many as are at hand); none at the end.

        Raises:
            TooLarge: it has more bytes than is allowed.
            InvalidArgument: it was cut, or comes too slowly; ``broken`` says what the client is told.
        """
        if self.broken:
            raise InvalidArgument("the request was cut")
        if self._count + (self._left or 0) > self._limits.body_bytes:
            raise TooLarge(f"a request of more than {self._limits.body_bytes} bytes")
        return self._read(_BLOCK if size < 0 else min(size, _BLOCK))

    def read_all(self, at_most: int) -> bytes:
        """All that is left.

        Raises:
            TooLarge: that is more than ``at_most`` bytes.
        """
        return read_all(self, at_most)

    def drain(self) -> bool:
        """Read what is left, so that the client reads the answer; False if there is too much of it."""
        for _ in range(0, self._limits.drained_bytes, _BLOCK):
            if self.broken:
                break
            try:
                if not self._read(_BLOCK):
                    return True
            except InvalidArgument:
                break
        return False

    def _read(self, size: int) -> bytes:
        if self._left is not None:
            size = min(size, self._left)
        if not size:
            return b""
        if self._clock() > self._deadline:
            self.broken = HTTPStatus.REQUEST_TIMEOUT
            raise InvalidArgument("the request comes too slowly")
        try:
            piece = self._stream.read(size)
        except TimeoutError as err:
            self.broken = HTTPStatus.REQUEST_TIMEOUT
            raise InvalidArgument("the request comes too slowly") from err
        except Exception as err:  # each server has its own errors for a broken connection
            self.broken = HTTPStatus.BAD_REQUEST
            raise InvalidArgument("the request was cut") from err
        if not piece and self._left:
            self.broken = HTTPStatus.BAD_REQUEST
            raise InvalidArgument("the request was cut")
        self._count += len(piece)
        if self._left is not None:
            self._left -= len(piece)
        return piece


def read_all(stream: Stream, at_most: int) -> bytes:
    """All that a stream holds.

    Raises:
        TooLarge: that is more than ``at_most`` bytes.
    """
    content = bytearray()
    while piece := stream.read(_BLOCK):
        content += piece
        if len(content) > at_most:
            raise TooLarge(f"more than {at_most} bytes where that many are allowed")
    return bytes(content)
