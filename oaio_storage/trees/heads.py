"""The head of a tree of generations as a file on its host."""

from typing import ClassVar

import attrs

from oaio_storage.hosts import CshApi
from oaio_storage.trees.head import Head
from oaio_storage.trees.head_file import HeadFile
from oaio_storage.trees.local import LocalState


@attrs.frozen
class StoredHead(HeadFile[Head]):
    """The head of one tree of generations, on a host with conditional writes.

    Attributes:
        host: the host, whose conditions are tried out before the first commit.
        local: remembers the last head, so that a request finds out that it is the same still.
    """

    kind: ClassVar[type[Head]] = Head

    host: CshApi
    local: LocalState | None = None

    def check(self) -> None:
        """Do nothing if the host is known to decide conditions in one step; try it out if it is not known.

        Raises:
            NotGuaranteed: it does not.
        """
        from oaio_storage.hosts.probe import condition_test  # noqa: PLC0415 - for first commits alone

        condition_test(self.host)

    def _content(self, version: str) -> bytes:
        known = self.local.head(version) if self.local and self.host.guarantees.strong_version else None
        return super()._content(version) if known is None else known

    def _seen(self, version: str, text: bytes) -> None:
        if self.local:
            self.local.keep_head(version, text)
