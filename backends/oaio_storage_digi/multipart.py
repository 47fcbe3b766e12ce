"""A file as the body of an upload: a form of one part, streamed, of a length that is known before."""

import secrets
from collections.abc import Callable, Iterator
from typing import BinaryIO

from oaio_storage.errors import Corrupt
from oaio_storage_digi.digest import Digest

PIECE = 1 << 18
"""Bytes that are sent at a time: few enough for a slow line within one time-out."""


def _ignore(_: int) -> None:
    pass


class Upload:
    """``size`` bytes of ``source``, from where it stands, as multipart/form-data (RFC 7578).

    Iterating it yields the body, and begins anew each time; a source that can't be read again yields it once.
    The file's name is not in it: clients put it into the address, since servers read it differently
    (Koofr API, section 6).

    Attributes:
        size: bytes of the file.
        is_repeatable: whether the body can be sent once more.
        md5: of what was yielded last, as 32 lower-case hexadecimal digits.
        failure: what reading the source raised; never the service's fault.
    """

    def __init__(self, source: BinaryIO, size: int, sent: Callable[[int], object] = _ignore) -> None:
        boundary = secrets.token_hex(24)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self.size = size
        self.is_repeatable = source.seekable()
        self.md5 = ""
        self.failure: BaseException | None = None
        self._source, self._sent = source, sent
        self._start = source.tell() if self.is_repeatable else 0
        self._head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()

    def __len__(self) -> int:
        return len(self._head) + self.size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        if self.size <= PIECE:  # at once, since each piece costs a system call
            yield b"".join((self._head, *self._content(), self._tail))
            return
        yield self._head
        yield from self._content()
        yield self._tail

    def _content(self) -> Iterator[bytes]:
        digest = Digest(self.size)
        try:
            if self.is_repeatable:
                self._source.seek(self._start)
            left = self.size
            while left:
                piece = self._source.read(min(PIECE, left))
                self._check(left, has_ended=not piece)
                digest.update(piece)
                left -= len(piece)
                self._sent(len(piece))
                yield piece
            self._check(left, has_ended=not self._source.read(1))
            self.md5 = digest.hexdigest()
        except Exception as err:
            self.failure = err
            raise
        finally:
            digest.close()

    def _check(self, left: int, *, has_ended: bool) -> None:
        if has_ended != (left == 0):
            came = f"only {self.size - left}" if left else "more"
            raise Corrupt(
                f"{self.size} bytes were announced, {came} came", "Nothing was stored; send it again."
            )
