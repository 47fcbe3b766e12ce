"""Storing chunks in packs while they come in, a few packs at a time (T2, T9, T10)."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock, Semaphore
from typing import Self

import attrs

from oaio_storage.errors import InvalidArgument
from oaio_storage.hosts import CshApi
from oaio_storage.progress import Progress, Report, ignore
from oaio_storage.trees.packing import Packed, Packer, Place
from oaio_storage.trees.paths import Paths

IN_FLIGHT = 3
"""Packs that are stored at the same time, if nobody says otherwise."""

EARLY = 1 << 21
"""Bytes from which on a pack is stored while nothing else is: a host that waits is faster than we are."""


@attrs.define
class Sender:
    """Packs under way to a host. Safe for use by many threads; used in a ``with`` block.

    Attributes:
        state: the state folder of the host.
        paths: of the tree.
        transaction: of the commit.
        nonces: draws a nonce for each pack.
        before: called before each pack is stored, by whichever thread does it; what it raises stops that.
        stored: called when a pack is stored for good, by one thread at a time.
        places: where the chunks lie that were packed so far, or earlier under the same transaction.
        report: told the bytes that were stored, in a thread that adds or waits.
        in_flight: packs that are stored at the same time.
        sent: bytes that were stored.
    """

    state: CshApi
    paths: Paths
    transaction: str
    nonces: Callable[[], str]
    before: Callable[[], object] = lambda: None
    stored: Callable[[Packed], None] = lambda _packed: None
    places: dict[str, Place] = attrs.field(factory=dict)
    report: Report = ignore
    in_flight: int = IN_FLIGHT
    sent: int = attrs.field(default=0, init=False)
    _packer: Packer = attrs.field(factory=Packer, init=False)
    _pool: ThreadPoolExecutor | None = attrs.field(default=None, init=False)
    _under_way: list[Future[int]] = attrs.field(factory=list, init=False)
    _slots: Semaphore = attrs.field(
        default=attrs.Factory(lambda self: Semaphore(self.in_flight), takes_self=True), init=False
    )
    _filling: Lock = attrs.field(factory=Lock, init=False)
    _noting: Lock = attrs.field(factory=Lock, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def has(self, digest: str) -> bool:
        """Whether a chunk was added already."""
        return digest in self.places or digest in self._packer.digests

    def add(self, digest: str, content: bytes) -> None:
        """Store a chunk, unless it was added already. Waits while enough packs are under way.

        Raises:
            StorageError, TryAgain: a pack could not be stored; which chunks it held is not told.
        """
        with self._filling:
            if not self.has(digest):
                if not self._packer.has_room(len(content)):
                    self._send()
                self._packer.add(digest, content)
                if self._packer.size >= EARLY and all(future.done() for future in self._under_way):
                    self._send()

    def flush(self) -> None:
        """Let all chunks have their places, and be on their way."""
        with self._filling:
            if self._packer.digests:
                self._send()

    def wait(self) -> None:
        """Return once all that was added is stored for good.

        Raises:
            StorageError, TryAgain: something could not be stored.
        """
        self.flush()
        while self._under_way:
            self._note(self._under_way[0])

    def meanwhile(self, act: Callable[[], None]) -> "Future[None]":
        """Do something in a thread that the sender waits for at its end."""
        return self._threads().submit(act)

    def write(self, path: str, content: bytes) -> None:
        """Store one more file of the commit."""
        self.state.write(path, content)
        self.sent += len(content)

    def _send(self) -> None:
        for future in [future for future in self._under_way if future.done()]:
            self._note(future)
        self._slots.acquire()  # given back by whoever has stored the pack
        packed = self._packer.packed(self.transaction, self.nonces()[:8])
        self.places.update(packed.places)
        self._under_way.append(self._threads().submit(self._store, packed))

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.in_flight, thread_name_prefix="oaio-send")
        return self._pool

    def _note(self, future: Future[int]) -> None:
        self._under_way.remove(future)
        self.sent += future.result()
        self.report(Progress("send", self.sent, None, "bytes"))

    def _store(self, packed: Packed) -> int:
        try:
            self.before()
            self.state.write(self.paths.pack(packed.name), packed.content)
            with self._noting:
                self.stored(packed)
            return len(packed.content)
        finally:
            self._slots.release()


def place_of(digest: str, *known: Mapping[str, Place] | Callable[[str], Place | None]) -> Place:
    """Where a chunk lies, by whoever knows it.

    Raises:
        InvalidArgument: nobody does.
    """
    for one in known:
        place = one(digest) if callable(one) else one.get(digest)
        if place is not None:
            return place
    raise InvalidArgument(f"the content {digest} was never given")
