"""The head of a tree where it lies: read, and replaced by compare-and-swap."""

import secrets
from itertools import chain

import attrs

from oaio_storage.errors import AlreadyExists, Changed, Corrupt, NotFound, TryAgain
from oaio_storage.hosts import Absent, CshApi
from oaio_storage.publish.head import MAX_HEAD_BYTES, Head, Switch, log_text, parse_log
from oaio_storage.publish.hints import SEE_LIVE
from oaio_storage.publish.places import Places

_ATTEMPTS = 100


@attrs.frozen
class HeadFile:
    """The head of one tree on a host with conditional writes.

    Attributes:
        state: the state folder of the host.
        places: of the tree.
    """

    state: CshApi
    places: Places

    def read(self) -> tuple[Head | None, str]:
        """The head and its version; None and an empty text before the first publication. Safe to repeat.

        Raises:
            Corrupt: it is damaged, or of a newer format.
        """
        for _ in range(_ATTEMPTS):
            try:
                version = self.state.stat(self.places.head).version
                text = self.state.read(self.places.head, 0, MAX_HEAD_BYTES, version)
            except NotFound:
                return None, ""
            except Changed:
                continue
            return Head.parse(text), version
        raise Changed("the head of the tree changes faster than it can be read", "Try again.")

    def history(self, head: Head) -> tuple[Switch, ...]:
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

    def swap(self, head: Head, version: str) -> str:
        """Replace the head that has ``version`` (empty: none is there) by ``head``; the new version.

        An outcome that stayed unknown is found out by reading: no two heads are equal.

        Raises:
            Changed: another head is there; nothing was changed.
        """
        text = self._shortened(head).text().encode()
        try:
            return self.state.write(self.places.head, text, expect=version or Absent).version
        except AlreadyExists as err:
            raise Changed(f"{self.places.tree!r} was published by somebody else meanwhile", SEE_LIVE) from err
        except TryAgain:
            _, found = self.read()
            if found == version or self.state.read(self.places.head, version=found) != text:
                raise
            return found

    def _shortened(self, head: Head) -> Head:
        moved, kept = head.split()
        if not moved:
            return head
        blob = secrets.token_hex(16)
        self.state.write(self.places.log(blob), log_text(moved).encode())
        return attrs.evolve(head, log=kept, logs=(*head.logs, self.places.log(blob)))
