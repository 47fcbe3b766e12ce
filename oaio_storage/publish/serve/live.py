"""The generation of a tree that is live, kept open for as long as it is."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock

import attrs

from oaio_storage.errors import NotFound
from oaio_storage.publish.published import OpenGeneration, ReadableTree


@attrs.define(eq=False)
class _Kept:
    """An open generation, closed when it is neither the newest nor in use."""

    opened: OpenGeneration
    closing: ExitStack
    users: int = 1  # the holder itself


class LiveTree:
    """What is live in a tree, for many requests in many threads.

    Each request costs one look at the head's version; the record of a generation is read once. Whoever saw a
    generation here is never given an older one later. While it is in use clean-up leaves a generation alone.

    When something else became live one request opens it; those that come meanwhile are given what was live
    before and wait for nothing but their own look, however slow the host is.
    """

    def __init__(self, tree: ReadableTree) -> None:
        self.tree = tree
        self._renewing = Lock()
        self._lock = Lock()  # of what follows; never held while the host is asked
        self._kept: _Kept | None = None
        self._version = ""

    @contextmanager
    def opened(self) -> Iterator[OpenGeneration]:
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
        version = self.tree.version()
        if kept := self._taken(version):
            return kept
        if not self._renewing.acquire(blocking=False):
            if kept := self._taken():
                return kept
            self._renewing.acquire()  # there is nothing to give before it is opened
        try:
            return self._taken(version) or self._renewed()
        finally:
            self._renewing.release()

    def _taken(self, version: str = "") -> _Kept | None:
        """What is open, if it is of this version of the head, or whatever it is of; one more uses it."""
        with self._lock:
            kept = self._kept if version in ("", self._version) else None
            if kept:
                kept.users += 1
            return kept

    def _renewed(self) -> _Kept:
        """What is live now, opened unless it is open already; one more uses it."""
        live, version = self.tree.seen()
        if live is None:
            raise NotFound(f"nothing was published as {self.tree.name!r}")
        kept = self._taken()
        if kept is None or kept.opened.switch.sequence < live.sequence:
            if kept:
                self._release(kept)
            kept = self._put()
        with self._lock:
            self._version = version if self._kept is kept else ""  # somebody may have closed it meanwhile
        return kept

    def _put(self) -> _Kept:
        """Open what is live, in the place of what was; the holder uses it, and one more."""
        closing = ExitStack()
        kept = _Kept(closing.enter_context(self.tree.open()), closing, users=2)
        with self._lock:
            before, self._kept = self._kept, kept
        if before is not None:
            self._release(before)
        return kept

    def _release(self, kept: _Kept) -> None:
        with self._lock:
            kept.users -= 1
            is_unused = not kept.users
        if is_unused:
            kept.closing.close()
