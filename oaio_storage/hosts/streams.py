"""The two streams between callers and hosts: one that watches what is sent, one that reads by ranges."""

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast, runtime_checkable

from oaio_storage.errors import BadAnswer, Corrupt, InvalidArgument, OaioError, SourceChanged
from oaio_storage.hosts.guarantees import Stat

ReadRange = Callable[[str, int, int | None, str | None], bytes]

PIECE = 1 << 20
"""Bytes that are held in memory at a time when a file is moved."""


@runtime_checkable
class Pourable(Protocol):
    """A seekable raw stream that fills a file faster than by being read."""

    def pour(self, handle: int) -> None:
        """Write the whole content into an open, empty file, from its beginning; the caller flushes it.

        After an error the file holds anything, and nothing writes to it any more.
        """


def check_range(start: object, end: object) -> None:
    """Do nothing if bytes from ``start`` to ``end`` can be asked for.

    Raises:
        InvalidArgument: they are no numbers, or negative ones.
    """
    for offset in (start, 0 if end is None else end):
        if isinstance(offset, bool) or not isinstance(offset, int) or offset < 0:
            raise InvalidArgument(f"a range of bytes has offsets from 0 on, not {start!r} and {end!r}")


class Source(io.RawIOBase):
    """A stream that fails unless it yields exactly the announced number of bytes (reliability, B20).

    It looks one byte beyond the end before it hands out the last piece, so a host that reads no further than
    the announced size does not miss a longer one.

    Attributes:
        size: announced number of bytes, None if unknown.
        failure: what the wrapped stream, or the check, raised; the caller's fault and not the host's.
    """

    def __init__(self, stream: BinaryIO, size: int | None, mismatch: type[OaioError] = Corrupt) -> None:
        super().__init__()
        self.size = size
        self.failure: Exception | None = None
        self._stream, self._mismatch = stream, mismatch
        self._count = 0
        self._length = size
        self._start = stream.tell() if _is_seekable(stream) else None

    def readable(self) -> bool:
        """Yes."""
        return True

    @property
    def is_repeatable(self) -> bool:
        """Whether it can be sent once more."""
        return self._start is not None

    def rewind(self) -> None:
        """Start again where the stream stood when it was given; only if :attr:`is_repeatable`."""
        self.seek(cast("int", self._start))

    def seekable(self) -> bool:
        """As :attr:`is_repeatable`, so that a host around a host that repeats does not keep it from that."""
        return self.is_repeatable

    def tell(self) -> int:
        """The position of the wrapped stream."""
        return self._stream.tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the wrapped stream; only if :attr:`is_repeatable`."""
        position = self._stream.seek(offset, whence)
        self._count = position - cast("int", self._start)
        return position

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a writable buffer, as in io.RawIOBase
        """Fill ``buffer`` as far as the stream has bytes; 0 at its end.

        Of a stream that does not end, one byte more than was announced is asked for, and no more.
        """
        content = self._taken(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def read(self, size: int | None = -1, /) -> bytes:
        """``size`` bytes, fewer at the end, or all. What is in memory already is not copied."""
        return self.readall() if size is None or size < 0 else self._taken(size)

    def _taken(self, size: int) -> bytes:
        most = size if self.size is None else min(size, self.size - self._count + 1)
        try:
            content = self._stream.read(most)
            self._count += len(content)
            if not content:
                self._length = self._count
            if self.size is not None:
                self._check(at_end=not content)
        except Exception as err:
            self.failure = err
            raise
        return content

    def checked(self, stored: Stat) -> Stat:
        """``stored``, the host's answer, if it tells of as many bytes as there are (reliability, B21).

        Raises:
            BadAnswer: it tells of another number.
        """
        if self._length not in (None, stored.size):
            raise BadAnswer(
                f"{self._length} bytes of {stored.path!r} were sent, the host says {stored.size}",
                "Write it again; oaio doctor tells what the host keeps.",
            )
        return stored

    def _check(self, *, at_end: bool) -> None:
        too_long = self._count > cast("int", self.size) or (self._count == self.size and self._stream.read(1))
        if too_long or (at_end and self._count != self.size):
            found = "more" if too_long else f"only {self._count}"
            raise self._mismatch(
                f"{self.size} bytes were announced, {found} came", "Nothing was stored; send it again."
            )


def sha256_of(stream: BinaryIO) -> str:
    """The SHA-256 of what ``stream`` has left, as 64 lower-case hexadecimal digits."""
    digest = hashlib.sha256()
    while piece := stream.read(PIECE):
        digest.update(piece)
    return digest.hexdigest()


def _is_seekable(stream: BinaryIO) -> bool:
    try:
        return stream.seekable()
    except AttributeError:
        return False


@contextmanager
def opened(content: bytes | Path | BinaryIO, size: int | None) -> Iterator[Source]:
    """``content`` as a stream that is checked against ``size``; that of a file or bytes need not be told.

    Raises:
        InvalidArgument: ``content`` is of no such type, or ``size`` is no size.
        SourceChanged: the file ``content`` is gone, unreadable, or changes its size while it is read.
    """
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 0):
        raise InvalidArgument(f"not a number of bytes: {size!r}")
    if isinstance(content, bytes | bytearray | memoryview):
        yield _announced(Source(io.BytesIO(content), len(content)), size)
    elif isinstance(content, Path):
        try:
            stream = content.open("rb")
        except OSError as err:
            raise SourceChanged(
                f"can't read {content}: {err.strerror or err}", "Make the file readable."
            ) from err
        with stream:
            yield _announced(Source(stream, os.fstat(stream.fileno()).st_size, SourceChanged), size)
    elif callable(getattr(content, "read", None)):
        yield Source(content, size)
    else:
        raise InvalidArgument(
            f"content has to be bytes, a Path or a binary stream, not {type(content).__name__}"
        )


def _announced(source: Source, size: int | None) -> Source:
    if size is not None and size != source.size:
        raise Corrupt(
            f"{size} bytes were announced, {source.size} are there", "Nothing was stored; send it again."
        )
    return source


class Positioned(io.RawIOBase):
    """The base of readable streams of a known size that keep their own position in ``_position``."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size, self._position = size, 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """The position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to ``offset`` and return the new position.

        Raises:
            ValueError: before the beginning, or an unknown ``whence``.
        """
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}.get(whence)
        if base is None or base + offset < 0:
            raise ValueError(f"can't seek to {offset} from {whence}")
        self._position = base + offset
        return self._position


class RangeReader(Positioned):
    """One version of a stored file as a seekable stream; Changed or NotFound once it is gone."""

    def __init__(self, read: ReadRange, path: str, version: str, size: int) -> None:
        super().__init__(size)
        self._read, self._path, self._version = read, path, version

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a writable buffer, as in io.RawIOBase
        """Fill ``buffer`` as far as the file goes; 0 at its end."""
        content = self._take(self._position + len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def readall(self) -> bytes:
        """The rest, in one request."""
        return self._take(self._size)

    def _take(self, end: int) -> bytes:
        end = min(end, self._size)
        if end <= self._position:
            return b""
        content = self._read(self._path, self._position, end, self._version)
        if len(content) != end - self._position:
            raise Corrupt(
                f"{end - self._position} bytes of {self._path!r} were asked for, {len(content)} came"
            )
        self._position = end
        return content
