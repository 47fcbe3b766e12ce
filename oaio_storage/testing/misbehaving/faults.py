"""A host that fails by a plan: any fault at any of its operations."""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum

import attrs

from oaio_storage.errors import AccessDenied, OaioError, QuotaExceeded, Throttled, TimedOut, Unavailable

READS = frozenset({"read"})
LISTINGS = frozenset({"list"})
CONTENTS = frozenset({"write", "copy"})
CHANGES = CONTENTS | {"delete", "swap_folders", "clean_up"}
ASKING = frozenset({"read", "stat", "list", "sign_url"})
ALL = ASKING | CHANGES


class Crash(BaseException):
    """The client died here. No handler of errors catches it; what is on the host stays as it is."""


class Fault(Enum):
    """What can go wrong with one operation; the value says what happens, :attr:`applies_to` to which."""

    FAIL_BEFORE = "nothing is done; Unavailable"
    FAIL_AFTER = "it is done; TimedOut: the answer was lost"
    HANG = "nothing is done; TimedOut, after a minute of virtual time: the request was lost"
    TORN = "the first half of the content is stored; Unavailable"
    SHORT = "the first half of the content is stored or answered, and success reported"
    LATE = "TimedOut; it is done when two more operations have been, or at settle(): a request on its way"
    DUPLICATE = "it is done, and once more after two more operations, or at settle(): a request sent twice"
    STALE = "it is answered as before the last change"
    PAGE_LOST = "a third of the listing is left out, but for the first file"
    PAGE_REPEATED = "a third of the listing comes twice"
    FLIP = "one bit of the content differs, and success is reported"
    THROTTLE = "nothing is done; Throttled"
    QUOTA = "nothing is done; QuotaExceeded"
    DENIED = "nothing is done; AccessDenied"
    SLOW = "it is done, after a minute of virtual time"
    CRASH_BEFORE = "nothing is done; Crash, and again at every later operation"
    CRASH_TORN = "the first half of the content is stored; Crash, and again at every later operation"
    CRASH_AFTER = "it is done; Crash, and again at every later operation"

    @property
    def applies_to(self) -> frozenset[str]:
        """The operations to which it makes a difference; at others nothing happens."""
        return _APPLIES.get(self, ALL)

    @property
    def is_crash(self) -> bool:
        """Whether the client dies of it."""
        return self in _CRASHES

    @property
    def is_told(self) -> bool:
        """Whether the operation raises; if not, only who looks at the content or asks again can find it."""
        return self.is_crash or self in _RAISED

    @property
    def error(self) -> BaseException:
        """What it raises; only if :attr:`is_told`."""
        return Crash(self.name) if self.is_crash else _RAISED[self](f"injected: {self.name}")


_CRASHES = frozenset({Fault.CRASH_BEFORE, Fault.CRASH_TORN, Fault.CRASH_AFTER})
_RAISED: Mapping[Fault, type[OaioError]] = {
    Fault.FAIL_BEFORE: Unavailable,
    Fault.FAIL_AFTER: TimedOut,
    Fault.HANG: TimedOut,
    Fault.TORN: Unavailable,
    Fault.LATE: TimedOut,
    Fault.THROTTLE: Throttled,
    Fault.QUOTA: QuotaExceeded,
    Fault.DENIED: AccessDenied,
}
_APPLIES: Mapping[Fault, frozenset[str]] = {
    Fault.FAIL_AFTER: CHANGES,
    Fault.TORN: CONTENTS,
    Fault.SHORT: READS | CONTENTS,
    Fault.LATE: CHANGES - {"swap_folders"},
    Fault.DUPLICATE: CHANGES - {"swap_folders"},
    Fault.STALE: frozenset({"read", "stat", "list"}),
    Fault.PAGE_LOST: LISTINGS,
    Fault.PAGE_REPEATED: LISTINGS,
    Fault.FLIP: READS | CONTENTS,
    Fault.QUOTA: CONTENTS,
    Fault.CRASH_TORN: CONTENTS,
    Fault.CRASH_AFTER: CHANGES,
}

LATER = 2
"""Operations after which what was late or sent twice takes effect."""

SLOW_SECONDS = 60.0
"""Virtual seconds that a slow operation, or one that hangs, takes."""


@attrs.define
class Faults:
    """A plan of faults, and the record of what happened; shared by all hosts of one client.

    Attributes:
        plan: the fault at the k-th operation, counted from 1 over all hosts that share this.
        from_on: a fault at an operation and at all later ones: its number and the fault; None for none.
        operations: name and path of all operations so far, in order.
        struck: number and fault of those that met an operation to which they make a difference.
        seconds: virtual time that passed in slow operations.
        crashed: whether the client is dead.
        before: the content of each changed path as it was before its last change; None where it was absent.
    """

    plan: Mapping[int, Fault] = attrs.field(factory=dict)
    from_on: tuple[int, Fault] | None = None
    operations: list[tuple[str, str]] = attrs.field(factory=list, init=False)
    struck: list[tuple[int, Fault]] = attrs.field(factory=list, init=False)
    seconds: float = attrs.field(default=0.0, init=False)
    crashed: bool = attrs.field(default=False, init=False)
    before: dict[str, bytes | None] = attrs.field(factory=dict, init=False, repr=False)
    _pending: list[tuple[int, Callable[[], object]]] = attrs.field(factory=list, init=False)
    _lock: threading.RLock = attrs.field(factory=threading.RLock, init=False, repr=False)

    @property
    def count(self) -> int:
        """How many operations there were."""
        return len(self.operations)

    def next(self, operation: str, path: str) -> Fault | None:
        """Count an operation; the fault that meets it.

        What was late and is due takes effect first.

        Raises:
            Crash: the client is dead already.
        """
        with self._lock:
            if self.crashed:
                raise Crash("the client is dead")
            self.operations.append((operation, path))
            self._settle(self.count)
            fault = self._planned(self.count)
            if fault is None or operation not in fault.applies_to:
                return None
            self.struck.append((self.count, fault))
            self.crashed = fault.is_crash
            if fault in (Fault.SLOW, Fault.HANG):
                self.seconds += SLOW_SECONDS
            return fault

    def later(self, act: Callable[[], object]) -> None:
        """Let ``act`` take effect when so many more operations have been; its errors reach nobody."""
        with self._lock:
            self._pending.append((self.count + LATER, act))

    def settle(self) -> None:
        """Let take effect what is still on its way. Safe to repeat."""
        with self._lock:
            self._settle(None)

    def _planned(self, number: int) -> Fault | None:
        if self.from_on is not None and number >= self.from_on[0]:
            return self.from_on[1]
        return self.plan.get(number)

    def _settle(self, now: int | None) -> None:
        due = [act for at, act in self._pending if now is None or at < now]
        self._pending = [(at, act) for at, act in self._pending if now is not None and at >= now]
        for act in due:
            with suppress(OaioError):  # nobody waits for the answer any more
                act()
