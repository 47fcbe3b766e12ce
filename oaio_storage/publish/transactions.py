"""The publications of a tree of plain files, each from its plan until it is live or given up."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress

import attrs

from oaio_storage.errors import Busy, Changed, InvalidArgument, NotFound, Superseded, Unavailable
from oaio_storage.hosts.folders import HostFolders
from oaio_storage.publish.gate import given_up
from oaio_storage.publish.head import Head, Switch
from oaio_storage.publish.places import Places
from oaio_storage.publish.plan import Plan
from oaio_storage.publish.staging import Staging, Tree
from oaio_storage.publish.switcher import Switcher
from oaio_storage.trees.hints import SEE_LIVE

PAUSE = 0.02


@attrs.frozen
class Transactions:
    """The publications of one tree. Each is known by the transaction id of its plan.

    Attributes:
        switcher: lets what is complete become live.
    """

    switcher: Switcher

    @property
    def places(self) -> Places:
        """Where everything of the tree lies."""
        return self.switcher.places

    @property
    def folders(self) -> HostFolders:
        """The folders of the host."""
        return self.switcher.folders

    def begin(self, plan: Plan, *, yes: bool = False, restored: str = "") -> Staging:
        """Make ready for the files of ``plan``; what the host has already is taken over.

        Args:
            plan: made of what is live now.
            yes: also if the tree would be empty, or more than half of its files would go.
            restored: a generation to take files from, too.

        Raises:
            Superseded: something else is live than the plan was made of.
            MassDeletion: ``yes`` is needed.
            AlreadyExists, ForeignPublisher, NotGuaranteed: as for :meth:`commit`.
        """
        staging = self._staging(plan, restored)
        if self._ready(plan, yes=yes) is not None:
            self._fill(staging)
        return staging

    @contextmanager
    def begun(
        self, plan: Plan, *, yes: bool = False, restored: str = "", damaged: Collection[str] = ()
    ) -> Iterator[Staging]:
        """As :meth:`begin`, with the publication for this process alone until the block ends, or the process.

        Nobody else works on it meanwhile, and no clean-up gives it up. A commit belongs into the block. Live
        files that are ``damaged``, though they look as they were placed, are not taken over.

        Raises:
            As :meth:`begin`, and Busy: somebody else works on it; QuotaExceeded: no room is left.
        """
        staging = self._staging(plan, restored)
        if self._ready(plan, yes=yes) is None:
            yield staging
            return
        with staging.alone():
            self._fill(staging, damaged)
            yield staging
        if self.done(plan.transaction):
            self.folders.remove(self.places.staging(plan.transaction))

    def resumed(self, plan: Plan, marks: Mapping[str, str]) -> Staging:
        """A publication that is complete, to be committed by another process than made it so.

        Args:
            plan: it was begun with.
            marks: of its files.
        """
        staging = self._staging(plan, "")
        staging.recall(marks)
        return staging

    def commit(self, staging: Staging) -> Switch:
        """Let what was staged become live, durably; how it did.

        Raises:
            Superseded: something else became live since the plan was made, or the staging was given up.
            InvalidArgument: files are missing.
            NotGuaranteed: this disk can't switch folders in one step.
            AlreadyExists, ForeignPublisher: something that was not published stands in the tree's place; it
                is left alone, as is all else.
        """
        transaction = staging.plan.transaction
        while True:
            head, version = self.switcher.recovered()
            if head is not None and (done := head.find(transaction)):
                break
            check_base(staging.plan.tree, staging.plan.base, head)
            try:
                with self.folders.hold(self.places.committing(transaction), alone=True):
                    self.switcher.switch(staging, head, version)
            except Changed:
                pass
            except Busy:  # somebody else commits the same publication
                self.switcher.sleep(PAUSE)
            except NotFound as err:
                if self.done(transaction) is None:
                    raise given_up() from err
            except (InvalidArgument, Superseded, Unavailable):
                if self.done(transaction) is None:
                    check_base(staging.plan.tree, staging.plan.base, self.switcher.head.read()[0])
                    raise
        self.switcher.settle(done)
        self.folders.remove(self.places.staging(transaction))
        return done

    def abort(self, transaction: str) -> bool:
        """Give up a publication that was begun, and remove what came of it; False if somebody works on it.

        One that became live meanwhile stays so. A repeat is safe.
        """
        staging = self.places.staging(transaction)
        if any(map(self.folders.is_held, (staging, self.places.committing(transaction)))):
            return False
        while True:
            head, version = self.switcher.recovered()
            if head is not None and (done := head.find(transaction)):
                self.switcher.settle(done)
            with suppress(Changed):  # somebody published meanwhile, perhaps this very publication
                return self.folders.remove(staging, guards={self.places.head: version})

    def done(self, transaction: str) -> Switch | None:
        """The switch that a transaction made; None if it made none so far."""
        head, _ = self.switcher.recovered()
        return head.find(transaction) if head else None

    def _staging(self, plan: Plan, restored: str) -> Staging:
        return Staging(
            state=self.switcher.host.state,
            folders=self.folders,
            places=self.places,
            plan=plan,
            ids=self.switcher.ids,
            restored=restored,
        )

    def _ready(self, plan: Plan, *, yes: bool) -> str | None:
        """The version of the head on which it may become live; None if it did so already."""
        head, version = self.switcher.recovered()
        if head is not None and head.find(plan.transaction):
            return None
        check_base(plan.tree, plan.base, head)
        if not yes:
            plan.check_deletions()
        self.switcher.check_place()
        return version

    def _fill(self, staging: Staging, damaged: Collection[str] = ()) -> None:
        """Let files come, and take over what the host has, unless it became live meanwhile."""
        guards, committing = staging.open(), self.places.committing(staging.plan.transaction)
        while (version := self._ready(staging.plan, yes=True)) is not None:
            try:
                with self.folders.hold(committing, alone=True):
                    if self.switcher.head.read()[1] != version:  # else no twin is live, or about to be
                        continue
                    staging.gather(guards)
                    break
            except Busy:  # a twin commits
                self.switcher.sleep(PAUSE)
            except NotFound as err:
                raise given_up() from err
        else:
            return
        trees = list(self._trees(staging.plan, staging.restored, damaged))
        with suppress(Superseded):  # a twin commits it; commit says what holds
            staging.take_over(trees)

    def _trees(self, plan: Plan, restored: str, damaged: Collection[str]) -> Iterator[Tree]:
        record = self.switcher.records.of_live(plan.base, yes=True) if plan.base else None
        if record:
            is_plain = self.folders.kind(self.places.live) in ("folder", "mount")
            folder = self.places.live if is_plain else self.places.kept(plan.base)
            yield Tree(folder=folder, record=record.without(damaged))
        else:
            check_base(plan.tree, plan.base, self.switcher.recovered()[0])  # else it was collected meanwhile
        if restored:
            yield Tree(folder=self.places.kept(restored), record=self.switcher.records.read(restored))


def check_base(tree: str, base: str, head: Head | None) -> None:
    """Do nothing if what is live is what a plan was made of.

    Args:
        tree: its name.
        base: the generation that the plan was made of; empty: there was none.
        head: what is live.

    Raises:
        Superseded: it is something else.
    """
    live = head.live if head else None
    if base == (live.generation if live else ""):
        return
    if live is None:
        raise Superseded(f"the plan for {tree!r} was made of a generation that was never live here")
    who = f"by {live.by or 'somebody'} at {live.at} (generation {live.generation})"
    raise Superseded(f"{tree!r} was published {who} since the plan was made", SEE_LIVE)
