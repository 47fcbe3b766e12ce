"""An account that lasts: decided and changed in memory, written to a journal, contents beside it."""

from collections.abc import Callable
from pathlib import Path
from threading import RLock
from typing import BinaryIO, TypeVar

import filelock

from oaio_storage.errors import Busy, InvalidConfiguration
from oaio_storage.testing.koofr.account import Account
from oaio_storage.testing.koofr.bodies import Bodies, Incoming
from oaio_storage.testing.koofr.changes import Change
from oaio_storage.testing.koofr.journal import Journal
from oaio_storage.testing.koofr.nodes import File
from oaio_storage.testing.koofr.refusals import Refused

_Made = TypeVar("_Made", bound=Change)
_Seen = TypeVar("_Seen")


class Store:
    """The account in ``folder``, for one process at a time and any number of threads.

    Raises:
        Busy: another process has it.
        InvalidConfiguration: it has files of a mount that is not among ``mounts``.
        LocalStateDamaged: what is there is not of such a store.
    """

    def __init__(self, folder: Path, *mounts: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = RLock()
        self._owner = filelock.FileLock(folder / "lock")
        try:
            self._owner.acquire(blocking=False)
        except filelock.Timeout:
            raise Busy(f"another server has {folder}", hint="stop it, or name another folder") from None
        self._account = Account.of(*mounts)
        self._journal = Journal(folder / "journal")
        self._bodies = Bodies(folder / "bodies")
        for change in self._journal.changes():
            self._apply_stored(change, folder)
        self._bodies.sweep(self._account.references)

    def _apply_stored(self, change: Change, folder: Path) -> None:
        try:
            self._account.apply(change)
        except Refused as err:
            raise InvalidConfiguration(
                f"{folder} has files of a mount that is not named now", hint="name the mounts as before"
            ) from err

    def look(self, seen: Callable[[Account], _Seen]) -> _Seen:
        """What ``seen`` makes of the account, between two changes."""
        with self._lock:
            return seen(self._account)

    def change(self, decide: Callable[[Account], _Made], incoming: Incoming | None = None) -> _Made:
        """Make the change that ``decide`` returns, as one step for everybody; it stays when this returns.

        Args:
            decide: may raise, then nothing changes.
            incoming: the content that the change brings.
        """
        with self._lock:
            change = decide(self._account)
            self._journal.append(change)
            if incoming is not None:
                incoming.keep()
            self._bodies.discard(self._account.apply(change))
        return change

    def receive(self) -> Incoming:
        """Begin a new content."""
        return self._bodies.receive()

    def open(self, find: Callable[[Account], File]) -> tuple[File, BinaryIO]:
        """The file that ``find`` returns, and its content from the begin."""
        with self._lock:
            file = find(self._account)
            return file, self._bodies.open(file.body)

    def close(self) -> None:
        """Let another process have it."""
        with self._lock:
            self._journal.close()
            self._owner.release()
