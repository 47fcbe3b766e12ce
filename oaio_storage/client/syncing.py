"""Synchronising from an app.

Under the lock, asked for or on the side of an edit, with a back-off while the server is away.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from oaio_storage.client import placing, resolving
from oaio_storage.client.device import Device
from oaio_storage.client.engine import Engine
from oaio_storage.client.hosts_pool import HostsPool
from oaio_storage.client.locking import locked
from oaio_storage.client.remote import Remote
from oaio_storage.client.reports import SyncReport, Tally
from oaio_storage.errors import Busy, OaioError, Offline, TimedOut
from oaio_storage.progress import Report, ignore

LOCK_FILE = "sync.lock"
LOCK_SECONDS = 60.0
CONNECT_SECONDS, IMPLICIT_CONNECT_SECONDS = 10.0, 2.0
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 300.0


@attrs.define
class Pause:
    """How long implicit synchronisations stay away from a server that could not be reached.

    Doubling, up to five minutes.
    """

    now: Callable[[], float] = time.monotonic
    _until: float = attrs.field(default=0.0, init=False)
    _length: float = attrs.field(default=0.0, init=False)

    def is_on(self) -> bool:
        """Whether to stay away."""
        return self.now() < self._until

    def failed(self) -> None:
        """The server could not be reached."""
        self._length = min(max(self._length * 2, FIRST_PAUSE), LONGEST_PAUSE)
        self._until = self.now() + self._length

    def succeeded(self) -> None:
        """It was reached."""
        self._until = self._length = 0.0


@attrs.define
class Syncing:
    """Synchronises one client_root through one session.

    What synchronisations on the side of edits counted and found is told by the next report of :meth:`sync`.
    """

    device: Device
    remote: Remote
    pause: Pause = attrs.field(factory=Pause)
    _tally: Tally = attrs.field(factory=Tally, init=False)
    _new_conflicts: set[str] = attrs.field(factory=set, init=False)

    def sync(self, report: Report = ignore) -> SyncReport:
        """Synchronise now.

        Raises:
            Busy: another process synchronised this client_root for too long.
            Offline: the server can't be reached; edits are kept.
            OaioError: the server refuses, for instance LoginNeeded.
        """
        self.remote.connect_seconds = CONNECT_SECONDS
        with lock(self.device.client_root, LOCK_SECONDS):
            self._run(report, look_everywhere=True)
        done = SyncReport(
            conflicts=tuple(one for one in resolving.conflicts(self.device) if one.id in self._new_conflicts),
            problems=tuple(resolving.problems(self.device)),
            **self._tally.as_dict(),
        )
        self._tally, self._new_conflicts = Tally(), set()
        return done

    def try_to_sync(self) -> bool:
        """Synchronise on the side of an edit, if nobody else does and the server was there last time.

        Returns:
            Whether it did.

        Raises:
            OaioError: as :meth:`sync`; the caller tells it without failing the edit.
        """
        if self.pause.is_on():
            return False
        self.remote.connect_seconds = IMPLICIT_CONNECT_SECONDS
        try:
            with lock(self.device.client_root, 0.0):
                self._run(ignore, look_everywhere=False)
        except Busy:
            return False
        return True

    def finish_leftovers(self) -> None:
        """Put given bytes in place and wipe what is to go, as the edits before said; without a connection."""
        placing.finish(self.device)

    def _run(self, report: Report, *, look_everywhere: bool) -> None:
        self.remote.tally = tally = self._tally
        before = {one.id for one in resolving.conflicts(self.device)}
        hosts = HostsPool(self.remote)
        engine = Engine(device=self.device, server=self.remote, hosts=hosts, tally=tally, report=report)
        try:
            engine.synchronise(look_everywhere=look_everywhere)
        except (Offline, TimedOut):
            self.pause.failed()
            raise
        finally:
            hosts.close()
        self.pause.succeeded()
        self._new_conflicts |= {one.id for one in resolving.conflicts(self.device)} - before


@contextmanager
def lock(client_root: Path, seconds: float) -> Iterator[None]:
    """Keep others from synchronising ``client_root`` for the block.

    The system frees it when the process ends, however it ends.

    Raises:
        Busy: it was not free within ``seconds``.
    """
    with locked(client_root / LOCK_FILE, seconds, f"synchronises {client_root}"):
        yield


def told(err: OaioError) -> str:
    """An error as ``error_message`` tells it: what happened, and what to do."""
    return f"{err.message}. {err.hint}".removesuffix(". ")
