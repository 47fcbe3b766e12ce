"""The head of a tree where it lies: read, and replaced by compare-and-swap."""

import secrets
from itertools import chain
from typing import ClassVar, Generic, Protocol, TypeVar, cast

import attrs

from oaio_storage.errors import AlreadyExists, Changed, Corrupt, NotFound, TryAgain
from oaio_storage.hosts import Absent, CshApi
from oaio_storage.trees.hints import SEE_LIVE
from oaio_storage.trees.switches import MAX_HEAD_BYTES, LoggedHead, Switch, log_text, parse_log

_ATTEMPTS = 100

AnyHead = TypeVar("AnyHead", bound=LoggedHead)


class HeadPlaces(Protocol):
    """Where a head and the older parts of its log lie in the state folder."""

    @property
    def tree(self) -> str:
        """The name of the tree."""

    @property
    def head(self) -> str:
        """The file."""

    def log(self, nonce: str) -> str:
        """The file with an older part of the log."""


@attrs.frozen
class HeadFile(Generic[AnyHead]):
    """The head of one tree on a host with conditional writes; a subclass says of which kind.

    Attributes:
        state: the state folder of the host.
        places: of the tree.
    """

    kind: ClassVar[type[LoggedHead]] = LoggedHead

    state: CshApi
    places: HeadPlaces

    def read(self) -> tuple[AnyHead | None, str]:
        """The head and its version; None and an empty text before the first publication. Safe to repeat.

        Raises:
            Corrupt: it is damaged, or of a newer format.
        """
        for _ in range(_ATTEMPTS):
            try:
                version = self.state.stat(self.places.head).version
                text = self._content(version)
            except NotFound:
                return None, ""
            except Changed:
                continue
            head = cast("AnyHead", self.kind.parse(text))
            self._seen(version, text)
            return head, version
        raise Changed("the head of the tree changes faster than it can be read", "Try again.")

    def history(self, head: AnyHead) -> tuple[Switch, ...]:
        """All switches, oldest first, also those that ``head`` holds no more.

        Raises:
            Corrupt: an older part of the log is missing or damaged.
        """
        try:
            older = [parse_log(self.state.read(path)) for path in head.logs]
        except NotFound as err:
            raise Corrupt(
                f"a part of the log of {self.places.tree!r} is missing", "Restore a backup."
            ) from err
        return (*chain.from_iterable(older), *head.log)

    def swap(self, head: AnyHead, version: str) -> str:
        """Replace the head that has ``version`` (empty: none is there) by ``head``; the new version.

        An outcome that stayed unknown is found out by reading: no two heads are equal.

        Raises:
            Changed: another head is there; nothing was changed.
        """
        text = self._shortened(head).text().encode()
        try:
            found = self.state.write(self.places.head, text, expect=version or Absent).version
        except AlreadyExists as err:
            raise Changed(f"{self.places.tree!r} was published by somebody else meanwhile", SEE_LIVE) from err
        except TryAgain:
            _, found = self.read()
            if found == version or self.state.read(self.places.head, version=found) != text:
                raise
        self._seen(found, text)
        return found

    def _content(self, version: str) -> bytes:
        """The head that has this version."""
        return self.state.read(self.places.head, 0, MAX_HEAD_BYTES, version)

    def _seen(self, version: str, text: bytes) -> None:
        """Take note of a head."""

    def _shortened(self, head: AnyHead) -> AnyHead:
        moved, kept = head.split()
        if not moved:
            return head
        blob = secrets.token_hex(16)
        self.state.write(self.places.log(blob), log_text(moved).encode())
        return attrs.evolve(head, log=kept, logs=(*head.logs, self.places.log(blob)))
