"""Who decides which of several publications of a tree is first: its host, or the one machine that says so."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs

from oaio_storage.errors import NotGuaranteed, WrongRoot
from oaio_storage.hosts import CshApi
from oaio_storage.hosts.roots import claim_root
from oaio_storage.publish.arbiter import ArbitedHead, Arbiter
from oaio_storage.trees.head import LAYOUT
from oaio_storage.trees.hints import PUBLISH
from oaio_storage.trees.local import LocalState
from oaio_storage.trees.paths import Paths


@attrs.define
class Deciding:
    """For one tree, on one host.

    Attributes:
        host: where it lies.
        name: its name.
        memory: the folder in which this machine keeps what it decided.
        exclusive: whether it says that it alone publishes; if it ever did, it goes on to decide.
    """

    host: CshApi
    name: str
    memory: Path
    exclusive: bool
    _is_tried: bool = attrs.field(default=False, init=False)

    def head(self, root: str, local: LocalState | None) -> ArbitedHead | None:
        """The head as this machine decides it; None: the host does, which is tried out if need be.

        Args:
            root: the id of the host's root.
            local: what this device remembers of the tree.

        Raises:
            NotGuaranteed: nobody does; the host fails the test of its conditions.
        """
        if arbited := self._arbited(root):
            return arbited
        if not (self._is_tried or (local and local.is_decided)):
            from oaio_storage.hosts.probe import condition_test  # noqa: PLC0415 - for first publications alone

            with _told_of_arbiter(self.host):
                condition_test(self.host)
            if local:
                local.keep_decided()
        self._is_tried = True
        return None

    def look_out(self, root: str) -> None:
        """Refuse what :meth:`head` or its use would refuse, as far as is seen without a change.

        Raises:
            NotGuaranteed: nobody decides.
            ForeignPublisher: another machine changed the head that this one decides.
        """
        if arbited := self._arbited(root):
            arbited.look()
            return
        with suppress(WrongRoot), _told_of_arbiter(self.host):
            if self.host.guarantees.read_only or not self.host.guarantees.conditional_write:
                raise NotGuaranteed(f"the host {self.host.name} does not decide conditions in one step")

    def create_root(self) -> str:
        """Make the host's root and its marker unless they exist; the marker's id. A repeat is safe.

        Raises:
            NotGuaranteed: nobody decides which marker is first.
        """
        try:
            with _told_of_arbiter(self.host):
                return self.host.create_root()
        except NotGuaranteed:
            if not self.exclusive:
                raise
        return claim_root(self.host)

    def begin(self, root: str, local: LocalState | None, *, takes_over: bool) -> None:
        """Take note that this machine decides, if it does: from what is there now, before its first switch.

        Args:
            root: the id of the host's root.
            local: as for :meth:`head`.
            takes_over: also later, whoever wrote what is there.

        Raises:
            NotGuaranteed: as for :meth:`head`.
        """
        arbited = self.head(root, local)
        if arbited and (takes_over or arbited.arbiter.noted() is None):
            arbited.accept()

    def _arbited(self, root: str) -> ArbitedHead | None:
        arbiter = Arbiter(self.memory, root, self.name)
        if self.exclusive or arbiter.noted():
            return ArbitedHead(self.host.state, Paths(self.name), arbiter)
        return None


@contextmanager
def _told_of_arbiter(host: CshApi) -> Iterator[None]:
    try:
        yield
    except NotGuaranteed as err:
        if host.guarantees.read_only:
            raise
        raise NotGuaranteed(
            f"{err.message}, so two publishers could overwrite each other",
            f"If this machine alone publishes there: {PUBLISH} --layout {LAYOUT} --exclusive",
        ) from err
