"""A host that is asked for a few things at a time."""

import io
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, BinaryIO

import attrs

from oaio_storage.hosts.guarantees import Expect, Stat
from oaio_storage.hosts.wrappers.base import Wrapper, whole_number

LISTED_AT_ONCE = 1000
"""Files of a listing that are taken from the host before others get their turn."""


@attrs.define(eq=False)
class _Turn:
    amount: int
    came: threading.Event = attrs.field(factory=threading.Event)


class Gate:
    """Lets calls in in the order in which they came, as many at a time as there is room for.

    A call that is made inside of another one of the same thread, such as reading the source of a write,
    passes at once: two that wait for each other would wait for ever.
    """

    def __init__(self, calls: int, room: int | None) -> None:
        self._free_calls, self._room = calls, room
        self._free_room = room or 0
        self._waiting: deque[_Turn] = deque()
        self._lock = threading.Lock()
        self._thread = threading.local()

    @contextmanager
    def passing(self, size: int | None = 0) -> Iterator[None]:
        """Be inside for the time of the block; ``size`` bytes travel meanwhile, None if nobody knows."""
        if getattr(self._thread, "is_inside", False):
            yield
            return
        turn = _Turn(self._amount(size))
        self._enter(turn)
        self._thread.is_inside = True
        try:
            yield
        finally:
            self._thread.is_inside = False
            with self._lock:
                self._give_back(turn)

    def _amount(self, size: int | None) -> int:
        """What counts against the room; more than there is can only pass alone."""
        if self._room is None:
            return 0
        return self._room if size is None else min(size, self._room)

    def _enter(self, turn: _Turn) -> None:
        with self._lock:
            self._waiting.append(turn)
            self._admit()
        try:
            turn.came.wait()
        except BaseException:  # an interrupt; others must not wait for this turn
            with self._lock:
                if turn in self._waiting:
                    self._waiting.remove(turn)
                    self._admit()
                else:
                    self._give_back(turn)
            raise

    def _give_back(self, turn: _Turn) -> None:
        self._free_calls += 1
        self._free_room += turn.amount
        self._admit()

    def _admit(self) -> None:
        """Let in from the front of the queue; whoever does not fit yet keeps those behind waiting."""
        while self._waiting and self._free_calls and self._waiting[0].amount <= self._free_room:
            turn = self._waiting.popleft()
            self._free_calls -= 1
            self._free_room -= turn.amount
            turn.came.set()


@attrs.frozen(eq=False)
class Limit(Wrapper):
    """``inner``, asked by this instance, its state folder included, for at most ``calls`` things at a time.

    What comes first is let in first, large or small. A listing takes part anew for each
    :data:`LISTED_AT_ONCE` files, an open stream for each of its reads; between them they hold no place. The
    limit is one of this process.

    Attributes:
        calls: how many, at least 1.
        bytes_in_flight: at most so many bytes of content travel at a time, at least 1; None: any number. What
            is larger, or of unknown length (a stream, a whole file that is read), counts as all of them.
    """

    calls: int = attrs.field(validator=whole_number(1))
    bytes_in_flight: int | None = attrs.field(default=None, validator=whole_number(1))
    gate: Gate = attrs.field(
        default=attrs.Factory(lambda limit: Gate(limit.calls, limit.bytes_in_flight), takes_self=True),
        repr=False,
        kw_only=True,
    )

    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        with self.gate.passing(None if end is None else max(end - start, 0)):
            return super()._read(path, start, end, version)

    def _stat(self, path: str) -> Stat:
        with self.gate.passing():
            return super()._stat(path)

    def _list(self, folder: str) -> Iterator[Stat]:
        listing = super()._list(folder)
        while True:
            with self.gate.passing():
                found = list(islice(listing, LISTED_AT_ONCE))
            if not found:
                return
            yield from found

    def _open(self, path: str) -> io.RawIOBase | None:
        with self.gate.passing():
            stream = super()._open(path)
        return stream and _LimitedStream(stream, self.gate)

    def _write(
        self, path: str, source: BinaryIO, size: int | None, expect: Expect, headers: Mapping[str, str]
    ) -> Stat:
        with self.gate.passing(size):
            return super()._write(path, source, size, expect, headers)

    def _delete(self, path: str, expect: str | None) -> None:
        with self.gate.passing():
            super()._delete(path, expect)

    def _copy(self, source: str, target: str) -> Stat:
        with self.gate.passing(0 if self.guarantees.server_copy else None):
            return super()._copy(source, target)

    def _swap_folders(self, a: str, b: str) -> None:
        with self.gate.passing():
            super()._swap_folders(a, b)

    def _sign_url(self, path: str, seconds: int) -> str:
        with self.gate.passing():
            return super()._sign_url(path, seconds)

    def _clean_up(self, older_than: float) -> int:
        with self.gate.passing():
            return super()._clean_up(older_than)

    def _create_root(self) -> str:
        with self.gate.passing():
            return super()._create_root()


class _LimitedStream(io.RawIOBase):
    """A stream of the host, each of whose reads is a call."""

    def __init__(self, stream: io.RawIOBase, gate: Gate) -> None:
        super().__init__()
        self._stream, self._gate = stream, gate

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """The position in bytes."""
        return self._stream.tell()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to ``offset`` and return the new position."""
        return self._stream.seek(offset, whence)

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - a writable buffer, as in io.RawIOBase
        """As the host's stream."""
        with self._gate.passing(len(buffer)):
            return self._stream.readinto(buffer)

    def readall(self) -> bytes:
        """As the host's stream."""
        with self._gate.passing(None):
            return self._stream.readall()

    def close(self) -> None:
        """Close the host's stream too."""
        self._stream.close()
        super().close()
