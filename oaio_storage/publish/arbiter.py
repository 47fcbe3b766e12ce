"""The head of a tree on a host that can't decide conditions: one machine decides, and knows what it wrote.

Each switch is first written down here, then done on the host, then confirmed. A switch that was cut off is
done again by whoever changes the head next, so it makes no difference whether the host still does it later.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

import attrs
from filelock import FileLock, Timeout

from oaio_storage.errors import Busy, Changed, ForeignPublisher, NotFound, OaioError, StorageError, TryAgain
from oaio_storage.trees.head import Head
from oaio_storage.trees.head_file import HeadFile
from oaio_storage.trees.hints import PUBLISH, SEE_LIVE
from oaio_storage.trees.switches import MAX_HEAD_BYTES

PATIENCE = 60.0
"""Seconds to wait for another process of this machine that is about to switch."""

_ATTEMPTS = 100
_SCHEMA = """
CREATE TABLE IF NOT EXISTS heads (
    root TEXT, tree TEXT, text BLOB, intended BLOB, PRIMARY KEY (root, tree)
) WITHOUT ROWID
"""


@attrs.frozen
class Noted:
    """What this machine knows of a head.

    Attributes:
        text: what it wrote last; empty: nothing.
        intended: what it was about to write instead; empty: nothing.
    """

    text: bytes = b""
    intended: bytes = b""

    def explains(self, found: bytes) -> bool:
        """Whether this machine wrote what was found, or began to: not every host writes all or nothing."""
        return found == self.text or (bool(self.intended) and self.intended.startswith(found))


@attrs.frozen
class Arbiter:
    """What this machine knows of the head of one tree, for all of its processes; durable.

    Attributes:
        folder: where this machine keeps its state; made when it is needed.
        root: the id of the host's root.
        tree: the name.
    """

    folder: Path
    root: str
    tree: str

    @property
    def file(self) -> Path:
        """The database, of all trees."""
        return self.folder / "arbiter.sqlite"

    def noted(self) -> Noted | None:
        """What is known of the head; None if this machine does not decide for the tree."""
        if not self.file.exists():
            return None
        with self._opened() as database:
            query = "SELECT text, intended FROM heads WHERE root = ? AND tree = ?"
            row = database.execute(query, (self.root, self.tree)).fetchone()
        return Noted(*row) if row else None

    def note(self, noted: Noted) -> None:
        """Write down what is known of the head."""
        with self._opened() as database:
            query = "INSERT OR REPLACE INTO heads VALUES (?, ?, ?, ?)"
            database.execute(query, (self.root, self.tree, noted.text, noted.intended))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep all other processes of this machine from switching until the block ends, or the process.

        Raises:
            Busy: another one does not end.
        """
        name = sha256(f"{self.root} {self.tree}".encode()).hexdigest()[:32]
        lock = FileLock(self.folder / f"{name}.lock", timeout=PATIENCE)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout as err:
            raise Busy(f"another process of this machine publishes {self.tree!r}") from err
        except OSError as err:
            raise self._failed(err) from err
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.file, timeout=PATIENCE)) as database, database:
                database.execute("PRAGMA synchronous = FULL")
                database.execute(_SCHEMA)
                yield database
        except (OSError, sqlite3.Error) as err:
            if isinstance(err, OaioError):
                raise
            raise self._failed(err) from err

    def _failed(self, err: Exception) -> StorageError:
        return StorageError(
            f"what this machine knows of the trees that it publishes alone can't be kept: {err}",
            f"Make {self.folder} a folder that you may write to, or name another one in OAIO_STATE_DIR.",
        )


@attrs.frozen
class ArbitedHead(HeadFile[Head]):
    """The head of one tree of generations, which one machine alone changes.

    Attributes:
        arbiter: what this machine knows.
    """

    kind: ClassVar[type[Head]] = Head

    arbiter: Arbiter

    def accept(self) -> None:
        """Take what is there, whoever wrote it, for what this machine wrote. A repeat is safe."""
        with self.arbiter.alone():
            self.arbiter.note(Noted(self._text()))

    def check(self) -> None:
        """Do nothing: that nobody else changes the head is this machine's word."""

    def read(self) -> tuple[Head | None, str]:
        """The head and its version, see :class:`~oaio_storage.trees.head.HeadStore`.

        A switch that was cut off is done first.

        Raises:
            ForeignPublisher: it is not what this machine wrote.
        """
        noted = self.arbiter.noted()
        if noted and noted.intended:
            with self.arbiter.alone():
                self._settled()
        return self.look()

    def look(self) -> tuple[Head | None, str]:
        """As :meth:`read`, and nothing is changed: a switch that was cut off was done, or was not."""
        for _ in range(_ATTEMPTS):
            before, text = self.arbiter.noted(), self._text()
            if self.arbiter.noted() == before:
                self._check(before, text)
                if before and text not in (before.text, before.intended):
                    text = before.text  # the other one is written by half so far
                return (Head.parse(text) if text else None), _version(text)
        raise Changed("the head of the tree changes faster than it can be read", "Try again.")

    def swap(self, head: Head, version: str) -> str:
        """Replace the head, see :class:`~oaio_storage.trees.head.HeadStore`.

        Raises:
            ForeignPublisher: it is not what this machine wrote; nothing was changed.
        """
        with self.arbiter.alone():
            found = self._settled()
            if _version(found) != version:
                raise Changed(f"{self.places.tree!r} was published by somebody else meanwhile", SEE_LIVE)
            text = self._shortened(head).text().encode()
            self._write(Noted(found, text))
            return _version(text)

    def _settled(self) -> bytes:
        """The head, after a switch that was cut off was done."""
        noted, found = self.arbiter.noted(), self._text()
        self._check(noted, found)
        if noted is None or not noted.intended:
            return found
        self._write(noted)
        return noted.intended

    def _write(self, noted: Noted) -> None:
        self.arbiter.note(noted)
        try:
            self.state.write(self.places.head, noted.intended)
        except TryAgain:
            if self._text() != noted.intended:
                raise  # whoever comes next does it again
        except OaioError:
            if self._text() == noted.text:
                self.arbiter.note(Noted(noted.text))
            raise
        self.arbiter.note(Noted(noted.intended))

    def _text(self) -> bytes:
        try:
            return self.state.read(self.places.head, 0, MAX_HEAD_BYTES)
        except NotFound:
            return b""

    def _check(self, noted: Noted | None, found: bytes) -> None:
        if noted is None or noted.explains(found):
            return
        what = "was changed" if found else "was removed"
        raise ForeignPublisher(
            f"the head of {self.places.tree!r} {what} by another than this machine, which publishes alone",
            "Find out who it was. To go on from what is there now, see what is live, then: "
            f"{PUBLISH} --exclusive --take-over",
        )


def _version(text: bytes) -> str:
    return sha256(text).hexdigest() if text else ""
