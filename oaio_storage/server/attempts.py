"""How often a wrong password may be tried.

Per account and address, so that nobody locks the owner out elsewhere (A19).
"""

import hashlib
import threading
import time
from collections.abc import Callable

from oaio_storage.errors import Throttled

MAX_FAILURES = 10
"""Wrong passwords in a row for one account from one address."""

WINDOW = 300.0
"""Seconds after the first of them until trying is allowed again."""

_MAX_KEPT = 100_000


class Attempts:
    """Counts failures in memory; thread-safe; forgets the oldest when there are too many to keep."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: dict[bytes, tuple[float, int]] = {}

    def check(self, who: tuple[str, str]) -> None:
        """Raises Throttled if ``who`` (account, address) has failed too often."""
        with self._lock:
            since, count = self._failures.get(_key(who), (0.0, 0))
            if count >= MAX_FAILURES and self._clock() - since < WINDOW:
                raise Throttled("too many wrong passwords for this user from here", "Wait five minutes.")

    def failed(self, who: tuple[str, str]) -> None:
        """Note a wrong password."""
        now = self._clock()
        with self._lock:
            since, count = self._failures.pop(_key(who), (now, 0))
            self._failures[_key(who)] = (now, 1) if now - since >= WINDOW else (since, count + 1)
            if len(self._failures) > _MAX_KEPT:
                del self._failures[next(iter(self._failures))]

    def succeeded(self, who: tuple[str, str]) -> None:
        """Forget the failures of ``who``."""
        with self._lock:
            self._failures.pop(_key(who), None)


def _key(who: tuple[str, str]) -> bytes:
    return hashlib.sha256(repr(who).encode(errors="surrogatepass")).digest()


ATTEMPTS = Attempts()
