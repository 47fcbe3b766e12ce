"""One version of a large file as a stream that asks for the next blocks before they are read."""

import io
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from oaio_storage.hosts.streams import Positioned
from oaio_storage_s3.multipart import Rooms
from oaio_storage_s3.pouring import Pouring, Ranges, write_at
from oaio_storage_s3.resuming import Stream, resumed

FIRST, BLOCK = 1 << 20, 4 << 20
"""Bytes of the first block, which is asked for when a file is opened, and of the others."""

AHEAD = 3
"""Blocks that are on their way while another is read."""


class Ahead(Positioned):
    """A stream whose first block is there already; it holds one block, and AHEAD more if memory allows."""

    def __init__(self, stream: Stream, size: int, first: memoryview, rooms: Rooms) -> None:
        super().__init__(size)
        self._stream, self._rooms = stream, rooms
        self._number, self._block = 0, first
        self._coming: dict[int, Future[memoryview]] = {}
        self._pool: ThreadPoolExecutor | None = None

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a writable buffer, as in io.RawIOBase
        """Fill ``buffer`` up to the end of a block; 0 at the end of the file."""
        if self._position >= self._size:
            return 0
        number = self._number_of(self._position)
        offset = self._position - self._span(number)[0]
        if number != self._number:
            is_next = number == self._number + 1
            if not is_next and number not in self._coming and len(buffer) < BLOCK:
                return self._looked_up(buffer)
            self._block, self._number = self._taken(number, is_next=is_next), number
        content = self._block[offset : offset + len(buffer)]
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)

    def readall(self) -> bytes:
        """The rest."""
        whole = io.BytesIO()
        buffer = bytearray(BLOCK)
        while count := self.readinto(memoryview(buffer)):
            whole.write(memoryview(buffer)[:count])
        return whole.getvalue()

    def pour(self, handle: int) -> None:
        """As a stream that fills files; blocks come in parallel, and are written in any order."""
        done = 0
        if self._number == 0:
            write_at(handle, self._block, 0)
            done = len(self._block)
        if done < self._size:
            self._block, self._number = memoryview(b""), -1  # its memory is for what comes now
            Pouring(self._stream, handle, Ranges(done, self._size), self._rooms).run()

    def close(self) -> None:
        """Let go of what is on its way."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._coming.clear()
        super().close()

    def _read(self, start: int, end: int) -> memoryview:
        content, count = memoryview(bytearray(end - start)), 0
        for piece in resumed(self._stream, start, end):
            content[count : count + len(piece)] = piece
            count += len(piece)
        return content

    def _looked_up(self, buffer: Any) -> int:  # noqa: ANN401 - same
        """Read what is asked for and no more, for those who jump about."""
        end = min(self._position + len(buffer), self._size)
        content = self._read(self._position, end)
        buffer[: len(content)] = content
        self._position = end
        return len(content)

    def _taken(self, number: int, *, is_next: bool) -> memoryview:
        coming = self._coming.pop(number, None)
        if is_next:
            for later in range(number + (coming is None), min(number + AHEAD, self._last) + 1):
                self._ask(later)
        for old in [other for other in self._coming if not number < other <= number + AHEAD]:
            self._coming.pop(old).cancel()
        return self._read(*self._span(number)) if coming is None else coming.result()

    @property
    def _last(self) -> int:
        return self._number_of(self._size - 1)

    @staticmethod
    def _number_of(position: int) -> int:
        return (position - FIRST) // BLOCK + 1

    def _span(self, number: int) -> tuple[int, int]:
        """Where a block begins and ends."""
        end = FIRST + number * BLOCK
        return max(0, end - BLOCK), min(end, self._size)

    def _ask(self, number: int) -> None:
        if number in self._coming or (give_back := self._rooms.take_free()) is None:
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(AHEAD, "oaio-ahead")
        asked = self._pool.submit(self._read, *self._span(number))
        asked.add_done_callback(lambda _: give_back())
        self._coming[number] = asked
