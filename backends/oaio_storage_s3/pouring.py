"""A large file into a local one, several blocks at the same time."""

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import attrs

from oaio_storage_s3.multipart import Rooms

HELPERS = 4

Block = tuple[int, int]
"""Where it begins and where it ends."""


@attrs.frozen(eq=False)
class Pouring:
    """The blocks of one file that are still to be fetched, and the open file that they go to.

    The caller's thread fetches one block at a time; helpers fetch others as far as memory is free, so that
    many files at once take no more of it than a few.
    """

    fetch: Callable[[int, int], memoryview]
    handle: int
    blocks: deque[Block]
    rooms: Rooms

    def run(self) -> None:
        """Fetch all; after an error no further block begins, and it is raised once none is under way."""
        helping: list[Future[None]] = []
        with ThreadPoolExecutor(HELPERS, "oaio-pour") as pool:
            try:
                while block := self._next():
                    busy = sum(not helper.done() for helper in helping)
                    if self.blocks and busy < HELPERS and (give_back := self.rooms.take_free()):
                        helping.append(pool.submit(self._help, give_back))
                    self._move(block)
            finally:
                self.blocks.clear()
        for helper in helping:
            helper.result()

    def _help(self, give_back: Callable[[], None]) -> None:
        try:
            while block := self._next():
                self._move(block)
        except BaseException:
            self.blocks.clear()
            raise
        finally:
            give_back()

    def _next(self) -> Block | None:
        try:
            return self.blocks.popleft()
        except IndexError:
            return None

    def _move(self, block: Block) -> None:
        write_at(self.handle, self.fetch(*block), block[0])


def write_at(handle: int, content: memoryview, offset: int) -> None:
    """Write all of ``content`` into an open file, from ``offset`` on."""
    left = content
    while left:
        count = os.pwrite(handle, left, offset)
        left, offset = left[count:], offset + count
