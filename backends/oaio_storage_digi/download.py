"""The content of a file as it comes."""

import json
from functools import partial
from types import TracebackType
from typing import Self

import requests

from oaio_storage.errors import BadAnswer, OaioError, Unavailable
from oaio_storage.hosts.streams import PIECE
from oaio_storage_digi import errors
from oaio_storage_digi.entries import Entry

_WHOLE, _PART = 200, 206


class Download:
    """Bytes of a file from ``start`` on, streamed; to be closed, or used as a context.

    A service that ignores the range is read over it, so what comes is always what was asked for.

    Attributes:
        entry: what the answer tells of the file; None if it does not.
        position: offset in the file of what :meth:`read` answers next.
    """

    def __init__(self, answer: requests.Response, failed: str, start: int, end: int | None) -> None:
        self._answer, self._failed, self._end = answer, failed, end
        self.entry = _told(answer)
        self.position = start
        self._is_empty = answer.status_code == errors.BAD_RANGE or (end is not None and end <= start)
        if answer.status_code in (_WHOLE, _PART) and not _tells_length(answer):
            answer.close()
            raise Unavailable(f"{failed}: the answer does not tell its length, so it may have been cut")
        if answer.status_code == _PART:
            found = answer.headers.get("Content-Range", "")
            if not found.startswith(f"bytes {start}-"):
                answer.close()
                raise BadAnswer(f"{failed}: the service answers with another range than was asked for")
        elif answer.headers.get("Content-Encoding", "identity") != "identity":
            answer.close()
            raise BadAnswer(f"{failed}: the service encodes what was asked for as it is")
        elif answer.status_code == _WHOLE:
            self._skip(start)
        elif not self._is_empty:
            answer.close()
            raise BadAnswer(f"{failed}: status {answer.status_code}")

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes, fewer only at the end, or before a connection that ended.

        Raises:
            Unavailable, TimedOut: the connection ended before, and nothing more came.
        """
        wanted = size if self._end is None else min(size, self._end - self.position)
        if self._is_empty or wanted <= 0:
            return b""
        with errors.on_the_way(self._failed, changes=False):
            content: bytes = self._answer.raw.read(wanted, decode_content=False)
        self.position += len(content)
        return content

    def read_all(self) -> bytes:
        """All that is left; errors are those of :meth:`read`."""
        return b"".join(iter(partial(self.read, PIECE), b""))

    def close(self) -> None:
        """Give the connection back, or end it if not all was read. Safe to repeat."""
        self._answer.close()

    def _skip(self, count: int) -> None:
        try:
            with errors.on_the_way(self._failed, changes=False):
                while count > 0 and (content := self._answer.raw.read(min(PIECE, count))):
                    count -= len(content)
        except OaioError:
            self._answer.close()
            raise
        self._is_empty = self._is_empty or count > 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _tells_length(answer: requests.Response) -> bool:
    """Whether its end can be told from that of a connection, which may come in its head already."""
    return "Content-Length" in answer.headers or "Transfer-Encoding" in answer.headers


def _told(answer: requests.Response) -> Entry | None:
    """The file as the header ``X-File-Info`` describes it (Koofr API, section 7); None without one."""
    header = answer.headers.get("X-File-Info")
    if not header:
        return None
    try:
        return Entry.of(json.loads(header.encode("latin-1")))
    except (ValueError, RecursionError, OaioError):
        return None
