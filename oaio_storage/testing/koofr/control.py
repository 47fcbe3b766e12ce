"""What tests tell a running server, and what they ask it: its switches, and the requests it saw."""

import time
from collections import deque
from collections.abc import Mapping
from threading import Lock
from typing import Any

import attrs

from oaio_storage.testing.koofr.switches import MIB, Fault, Switches

_REMEMBERED = 100_000


@attrs.frozen
class Seen:
    """A request that was answered: its call, request line, and status; 0 where no answer was sent."""

    call: str
    method: str
    target: str
    status: int


class Control:
    """The switches and what was seen, for any number of threads."""

    def __init__(self, switches: Switches) -> None:
        self._lock = Lock()
        self._switches = switches
        self._seen: deque[Seen] = deque(maxlen=_REMEMBERED)

    @property
    def switches(self) -> Switches:
        """The switches as they are now; faults in there are counted down by :meth:`take` alone."""
        return self._switches

    def change(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Set some switches; all of them as they are then. :exc:`InvalidArgument` if one can't be set so."""
        with self._lock:
            self._switches = self._switches.changed(values)
            return attrs.asdict(self._switches)

    def take(self, call: str) -> Fault | None:
        """The fault that a request of ``call`` meets."""
        with self._lock:
            return self._switches.take(call)

    def now(self) -> int:
        """The server's time, in milliseconds since the epoch."""
        return int((time.time() + self._switches.clock) * 1000)

    def quota(self, mount: str) -> int:
        """Bytes that fit into a mount."""
        return self._switches.quota_of(mount) * MIB

    def saw(self, seen: Seen) -> None:
        """Remember a request; the oldest are forgotten."""
        with self._lock:
            self._seen.append(seen)

    def seen(self) -> list[dict[str, Any]]:
        """The requests since the last time this was asked, oldest first; they are forgotten."""
        with self._lock:
            seen = [attrs.asdict(each) for each in self._seen]
            self._seen.clear()
            return seen
