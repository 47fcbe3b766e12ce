"""A large file into a local one, several ranges at the same time."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import attrs

from oaio_storage.system_calls import begin_writing
from oaio_storage_s3.multipart import PART, Rooms
from oaio_storage_s3.resuming import Stream, resumed

HELPERS = 4
LEAST, LARGEST = 2 * PART, 64 << 20
"""Bytes of a range."""


@attrs.define(eq=False)
class Ranges:
    """What is still to be asked for of a file: ranges of whole parts, smaller towards its end.

    So a request brings much, and yet all who fetch are done at about the same time.
    """

    start: int
    end: int
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def take(self) -> tuple[int, int] | None:
        """Where the next one begins and ends, or None if nothing is left."""
        with self._lock:
            start, left = self.start, self.end - self.start
            if left <= 0:
                return None
            fair = left // (HELPERS + 1) // PART * PART
            self.start = min(start + min(max(LEAST, fair), LARGEST), self.end)
            return start, self.start

    def drop(self) -> None:
        """Leave nothing."""
        with self._lock:
            self.start = self.end


@attrs.frozen(eq=False)
class Pouring:
    """The ranges of one file that are still to be fetched, and the open file that they go to.

    Each is written as it comes, in small pieces. The caller's thread fetches one range at a time; helpers
    fetch others as far as memory is free, so that many files at once take no more of it than a few.
    """

    stream: Stream
    handle: int
    ranges: Ranges
    rooms: Rooms

    def run(self) -> None:
        """Fetch all; after an error no further range begins, and it is raised once none is under way."""
        helping: list[Future[None]] = []
        with ThreadPoolExecutor(HELPERS, "oaio-pour") as pool:
            try:
                while taken := self.ranges.take():
                    while len(helping) < HELPERS and (give_back := self.rooms.take_free()):
                        helping.append(pool.submit(self._help, give_back))
                    self._move(*taken)
            finally:
                self.ranges.drop()
        for helper in helping:
            helper.result()

    def _help(self, give_back: Callable[[], None]) -> None:
        try:
            while taken := self.ranges.take():
                self._move(*taken)
        except BaseException:
            self.ranges.drop()
            raise
        finally:
            give_back()

    def _move(self, start: int, end: int) -> None:
        begun = start
        for piece in resumed(self.stream, start, end):
            write_at(self.handle, piece, start)
            start += len(piece)
            if start - begun >= PART or start == end:
                begin_writing(self.handle, begun, start - begun)
                begun = start


def write_at(handle: int, content: bytes | memoryview, offset: int) -> None:
    """Write all of ``content`` into an open file, from ``offset`` on."""
    left = memoryview(content)
    while left:
        count = os.pwrite(handle, left, offset)
        left, offset = left[count:], offset + count
