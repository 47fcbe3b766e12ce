"""The generation of a tree that is live, kept open for as long as it is."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock

import attrs

from oaio_storage.errors import NotFound
from oaio_storage.publish.tree import Opened, PublishedTree


@attrs.define(eq=False)
class _Kept:
    """An open generation, closed when it is neither the newest nor in use."""

    opened: Opened
    closing: ExitStack
    users: int = 1  # the holder itself


class LiveTree:
    """What is live in a tree, for many requests in many threads.

    Each request costs one look at the head's version; the record of a generation is read once. Whoever saw a
    generation here is never given an older one later. While it is in use clean-up leaves a generation alone.
    """

    def __init__(self, tree: PublishedTree) -> None:
        self.tree = tree
        self._lock = Lock()
        self._kept: _Kept | None = None
        self._version = ""

    @contextmanager
    def opened(self) -> Iterator[Opened]:
        """The live generation, which stays as it is until the block ends.

        Raises:
            NotFound: nothing was published.
            OaioError: the host can't be read.
        """
        kept = self._newest()
        try:
            yield kept.opened
        finally:
            self._release(kept)

    def close(self) -> None:
        """Close it; the next request opens it again. A repeat is safe."""
        with self._lock:
            kept, self._kept, self._version = self._kept, None, ""
        if kept:
            self._release(kept)

    def _newest(self) -> _Kept:
        state, place = self.tree.host.state, self.tree.places.head
        version = state.stat(place).version
        with self._lock:
            kept = self._kept if version == self._version else None
            kept = kept or self._renewed()
            kept.users += 1
            return kept

    def _renewed(self) -> _Kept:
        """What is live now, opened unless it is open already."""
        head, version = self.tree.head.read()
        live = self.tree.live()
        if head is None or live is None:
            raise NotFound(f"nothing was published as {self.tree.name!r}")
        kept = before = self._kept
        if kept is None or kept.opened.switch.sequence < live.sequence:
            closing = ExitStack()
            kept = self._kept = _Kept(closing.enter_context(self.tree.open()), closing)
            if before is not None:
                self._drop(before)
        self._version = "" if head.intent else version  # a switch may happen without another head
        return kept

    def _release(self, kept: _Kept) -> None:
        with self._lock:
            self._drop(kept)

    @staticmethod
    def _drop(kept: _Kept) -> None:
        kept.users -= 1
        if not kept.users:
            kept.closing.close()
