"""The body of a request as it comes over the connection, with its length told or in chunks."""

from collections.abc import Mapping
from typing import Protocol

import attrs

from oaio_storage.testing.koofr.refusals import Code, Refused

PIECE = 256 * 1024
"""Bytes that are read at once, at most."""
_LONGEST_LINE = 8192


class CutShort(Exception):
    """The connection ended before the body did."""


class Source(Protocol):
    """The connection's reading side."""

    def read1(self, size: int = ..., /) -> bytes:
        """Some bytes, ``size`` at most; none at the end."""

    def readline(self, size: int = ..., /) -> bytes:
        """The bytes of a line, ``size`` at most."""


@attrs.define
class Body:
    """A body that is read once, in pieces. With a ``limit`` it never ends: it is cut there, or at its end."""

    _source: Source
    _left: int
    _chunked: bool = False
    limit: int | None = None
    ended: bool = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.ended = not self._chunked and not self._left

    @classmethod
    def of(cls, source: Source, headers: Mapping[str, str]) -> "Body":
        """The body that the headers announce.

        Raises:
            Refused: ``BadRequest``: a length that is no number, or another coding than ``chunked``.
        """
        coding = headers.get("Transfer-Encoding", "").strip().lower()
        if coding == "chunked":
            return cls(source, 0, chunked=True)
        length = headers.get("Content-Length", "0").strip()
        if coding or not (length.isascii() and length.isdigit() and len(length) < 20):
            raise Refused(Code.BAD_REQUEST, "Neither a length nor chunks.")
        return cls(source, int(length))

    def read(self) -> bytes:
        """The next piece; empty at the end.

        Raises:
            CutShort: the connection ended.
        """
        if not self.ended and not self._left:
            self.ended = not self._next_chunk()
        if self.limit == 0 or (self.limit is not None and self.ended):
            raise CutShort
        if self.ended:
            return b""
        most = min(PIECE, self._left)
        if self.limit is not None:
            most = min(most, self.limit)
        piece = self._source.read1(most)
        if not piece:
            raise CutShort
        self._left -= len(piece)
        if self.limit is not None:
            self.limit -= len(piece)
        if self._chunked:
            if not self._left and self._line():
                raise CutShort
        else:
            self.ended = not self._left
        return piece

    def read_all(self, most: int) -> bytes:
        """The whole body.

        Raises:
            Refused: ``BadRequest``: it has more than ``most`` bytes.
            CutShort: the connection ended.
        """
        pieces = bytearray()
        while piece := self.read():
            pieces += piece
            if len(pieces) > most:
                raise Refused(Code.BAD_REQUEST, "Body too long.")
        return bytes(pieces)

    def _next_chunk(self) -> bool:
        """Go to the next chunk; whether there is one."""
        if not self._chunked:
            return False
        size = self._line().partition(b";")[0].strip()
        try:
            self._left = int(size, 16)
        except ValueError:
            raise CutShort from None
        if self._left < 0:
            raise CutShort
        if not self._left:
            while self._line():
                pass  # trailers say nothing that matters here
        return bool(self._left)

    def _line(self) -> bytes:
        line = self._source.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise CutShort
        return line.rstrip(b"\r\n")
