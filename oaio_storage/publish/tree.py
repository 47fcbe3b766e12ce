"""A tree that is published on a host as plain files, its generations, and how the next one becomes live."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from typing import cast

import attrs

from oaio_storage.errors import Busy, Changed, Corrupt, InvalidArgument, NotFound, Superseded, Unavailable
from oaio_storage.hosts import CshApi
from oaio_storage.hosts.folders import HeldFolder, HostFolders, displaced
from oaio_storage.manifest import Manifest, diff
from oaio_storage.publish.gate import given_up
from oaio_storage.publish.head import Head, Intent, Switch
from oaio_storage.publish.head_file import HeadFile
from oaio_storage.publish.hints import PUBLISH, SEE_FAULTS, SEE_GENERATIONS, SEE_LIVE
from oaio_storage.publish.places import Places, checked_id, is_id
from oaio_storage.publish.plan import Plan, transaction_id
from oaio_storage.publish.record import Record
from oaio_storage.publish.staging import Staging, Tree
from oaio_storage.publish.switcher import LAYOUT, Switcher

_SEE_FAULTS = "See what is wrong: oaio verify NAME --at HOST"
_ATTEMPTS, _PAUSE = 100, 0.02
_NO_FILES = Manifest()


@attrs.frozen
class Opened:
    """One generation, open for reading.

    Attributes:
        switch: how it became live.
        record: its files.
        folder: where they are read from; stays the same whatever becomes live meanwhile.
    """

    switch: Switch
    record: Record
    folder: HeldFolder


@attrs.frozen(kw_only=True)
class PublishedTree:
    """A tree on a host with whole folders, such as ``Local``; safe for use by many threads and processes.

    One generation of it is live: the plain files below ``name``. It is replaced as a whole, in one step; a
    crash at any moment leaves the old or the new one, and whoever comes next completes what was begun
    (decision 0060). Every changing call may be repeated; with the same plan it makes nothing twice.

    Attributes:
        host: where the tree lies.
        name: the tree's name, one part of a path.
        by: who publishes, for the log; not judged.
        allow_gap: whether readers may find nothing for a moment where the disk can't do better.
        clock: tells the time, for the log and for how long things were not used; safety never rests on it.
        ids: makes ids that nobody else makes.
        sleep: waits for so many seconds.
    """

    host: CshApi
    name: str
    by: str = ""
    allow_gap: bool = False
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ids: Callable[[], str] = lambda: secrets.token_hex(16)
    sleep: Callable[[float], None] = time.sleep
    places: Places = attrs.field(init=False)
    _records: dict[str, Record] = attrs.field(factory=dict, init=False, repr=False, eq=False)

    @places.default
    def _places(self) -> Places:
        return Places(self.name)

    @property
    def folders(self) -> HostFolders:
        """The folders of the host.

        Raises:
            NotGuaranteed: it has none; such a host publishes in another layout.
        """
        return self.host.folders

    @property
    def head(self) -> HeadFile:
        """The file that says what is live."""
        return HeadFile(self.host.state, self.places)

    # ---- looking

    def live(self) -> Switch | None:
        """How the generation that is live became so; None if none ever was."""
        head, _ = self.head.read()
        return self._switcher.seen_live(head) if head else None

    def history(self) -> tuple[Switch, ...]:
        """All switches that ever were, oldest first."""
        head, _ = self.head.read()
        return self.head.history(head) if head else ()

    def record(self, generation: str, *, like: Manifest | None = None) -> Record:
        """What is kept of a generation; the last one asked for is remembered. ``like`` saves time.

        Raises:
            NotFound: there is no such generation, or it was collected.
            Corrupt: its record is damaged.
        """
        if known := self._records.get(generation):
            return known
        try:
            text = self.host.state.read(self.places.record(generation))
        except NotFound as err:
            raise NotFound(
                f"there is no generation {generation} of {self.name!r} any more, or never was",
                SEE_GENERATIONS,
            ) from err
        record = Record.parse(text, self.name, generation, like=like)
        self._records.clear()
        self._records[generation] = record
        return record

    @contextmanager
    def open(self, generation: str = "") -> Iterator[Opened]:
        """One generation, the live one if none is named, kept as it is until the block ends.

        Raises:
            NotFound: nothing was published, or this generation is not kept any more.
        """
        with ExitStack() as stack:
            yield self._opened(generation, stack)

    # ---- publishing

    def plan(self, manifest: Manifest) -> Plan:
        """What publishing ``manifest`` would do. Nothing is changed."""
        while True:
            base = self.live()
            try:
                return self._planned(manifest, base.generation if base else "")
            except NotFound:
                if self.live() == base:  # else it was replaced, and collected, meanwhile
                    raise

    def begin(self, plan: Plan, *, yes: bool = False, restored: str = "") -> Staging:
        """Make ready for the files of ``plan``; what the host has already is taken over.

        Args:
            plan: made of what is live now.
            yes: also if the tree would be empty, or more than half of its files would go.
            restored: a generation to take files from, too.

        Raises:
            Superseded: something else is live than the plan was made of.
            MassDeletion: ``yes`` is needed.
        """
        staging = self._staging(plan, restored)
        if not self._is_done(plan, yes=yes):
            self._fill(staging)
        return staging

    @contextmanager
    def begun(self, plan: Plan, *, yes: bool = False, restored: str = "") -> Iterator[Staging]:
        """As :meth:`begin`, with the publication for this process alone until the block ends, or the process.

        Nobody else works on it meanwhile, and no clean-up gives it up. A commit belongs into the block.

        Raises:
            As :meth:`begin`, and Busy: somebody else works on it; QuotaExceeded: no room is left.
        """
        staging = self._staging(plan, restored)
        if self._is_done(plan, yes=yes):
            yield staging
            return
        with staging.alone():
            self._fill(staging)
            yield staging
        if self.done(plan.transaction):
            self.folders.remove(self.places.staging(plan.transaction))

    def commit(self, staging: Staging) -> Switch:
        """Let what was staged become live, durably; how it did.

        Raises:
            Superseded: something else became live since the plan was made, or the staging was given up.
            InvalidArgument: files are missing.
            NotGuaranteed: this disk can't switch folders in one step.
        """
        transaction = staging.plan.transaction
        while True:
            head, version = self._switcher.recovered()
            if head is not None and (done := head.find(transaction)):
                break
            self._check_base(staging.plan, head)
            try:
                with self.folders.hold(self.places.committing(transaction), alone=True):
                    self._switcher.switch(staging, head, version)
            except Changed:
                pass
            except Busy:  # somebody else commits the same publication
                self.sleep(_PAUSE)
            except NotFound as err:
                if self.done(transaction) is None:
                    raise given_up() from err
            except (InvalidArgument, Superseded, Unavailable):
                if self.done(transaction) is None:
                    self._check_base(staging.plan, self.head.read()[0])
                    raise
        self._switcher.settle(done)
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
            head, version = self.recovered()
            if head is not None and (done := head.find(transaction)):
                self._switcher.settle(done)
            with suppress(Changed):  # somebody published meanwhile, perhaps this very publication
                return self.folders.remove(staging, guards={self.places.head: version})

    def rollback(self, generation: str = "", *, yes: bool = False) -> Switch:
        """Bring an older generation's content back, as a new one.

        Args:
            generation: its id; empty: what was live before the live one.
            yes: also if more than half of the files would go.

        Raises:
            NotFound: there is none, or it is not kept any more.
            Superseded: somebody else published meanwhile.
            MassDeletion: ``yes`` is needed.
            Corrupt: files of it are damaged.
        """
        head, _ = self._switcher.recovered()
        live = self._wanted(head, "")
        target = self._wanted(head, generation or live.parent).generation
        if not generation and not live.parent:
            raise NotFound(f"nothing was live in {self.name!r} before", SEE_GENERATIONS)
        if head is not None and target in head.collecting:
            raise NotFound(f"generation {target} of {self.name!r} is being removed", SEE_GENERATIONS)
        plan = self._planned(self.record(target).manifest, live.generation, restored=target)
        with self.begun(plan, yes=yes, restored=target) as staging:
            if lost := next(iter(staging.wanted()), None):
                raise Corrupt(f"generation {target} of {self.name!r} is damaged, {lost!r} first", _SEE_FAULTS)
            return self.commit(staging)

    # ---- for clean-up and verification

    def recovered(self) -> tuple[Head | None, str]:
        """The head and its version, after a switch that was interrupted was completed or taken back."""
        return self._switcher.recovered()

    def recorded(self) -> list[str]:
        """The ids of all generations of which a record is kept, sorted."""
        found = (stat.path.rpartition("/")[2] for stat in self.host.state.list(self.places.records))
        return sorted(name for name in found if is_id(name))

    # ---- inside

    @property
    def _switcher(self) -> Switcher:
        return Switcher(
            host=self.host,
            folders=self.folders,
            places=self.places,
            head=self.head,
            by=self.by,
            allow_gap=self.allow_gap,
            clock=self.clock,
            ids=self.ids,
            sleep=self.sleep,
        )

    def done(self, transaction: str) -> Switch | None:
        """The switch that a transaction made; None if it made none so far."""
        head, _ = self._switcher.recovered()
        return head.find(transaction) if head else None

    def _staging(self, plan: Plan, restored: str) -> Staging:
        return Staging(
            state=self.host.state,
            folders=self.folders,
            places=self.places,
            plan=plan,
            ids=self.ids,
            restored=restored,
        )

    def _is_done(self, plan: Plan, *, yes: bool) -> bool:
        """Whether it became live already; else it is checked that it may."""
        head, _ = self._switcher.recovered()
        if head is not None and head.find(plan.transaction):
            return True
        self._check_base(plan, head)
        if not yes:
            plan.check_deletions()
        return False

    def _fill(self, staging: Staging) -> None:
        """Let files come, and take over what the host has."""
        staging.open()
        plan = staging.plan
        try:
            trees = list(self._trees(plan.base, staging.restored))
        except NotFound:
            self._check_base(plan, self._switcher.recovered()[0])  # else it was collected meanwhile
            raise
        with suppress(Superseded):  # it may have been committed by a twin; commit says what holds
            staging.take_over(trees)

    def _planned(self, manifest: Manifest, base: str, restored: str = "") -> Plan:
        root = self.host.root_id()
        live = self.record(base, like=manifest).manifest if base else _NO_FILES
        return Plan(
            tree=self.name,
            root=root,
            layout=LAYOUT,
            base=base,
            transaction=transaction_id(root, self.name, base, manifest.digest(), self.by, restored),
            manifest=manifest,
            changes=diff(live, manifest),
        )

    def _check_base(self, plan: Plan, head: Head | None) -> None:
        live = head.live if head else None
        if plan.base == (live.generation if live else ""):
            return
        if live is None:
            raise Superseded(f"the plan for {self.name!r} was made of a generation that was never live here")
        who = f"by {live.by or 'somebody'} at {live.at} (generation {live.generation})"
        raise Superseded(f"{self.name!r} was published {who} since the plan was made", SEE_LIVE)

    def _trees(self, base: str, restored: str) -> Iterator[Tree]:
        if base:
            is_plain = self.folders.kind(self.places.live) in ("folder", "mount")
            folder = self.places.live if is_plain else self.places.kept(base)
            yield Tree(folder=folder, record=self.record(base))
        if restored:
            yield Tree(folder=self.places.kept(restored), record=self.record(restored))

    def _wanted(self, head: Head | None, generation: str) -> Switch:
        """The switch that made ``generation`` live; the last one if it is empty."""
        if generation:
            checked_id(generation)
        live = self._switcher.seen_live(head) if head else None
        if head is None or live is None:
            raise NotFound(f"nothing was published as {self.name!r}", PUBLISH)
        history = (live, *reversed(head.log)) if not generation else (live, *self.head.history(head))
        found = next((made for made in history if made.generation == generation), None)
        if generation and found is None:
            raise NotFound(f"{self.name!r} has no generation {generation}", SEE_GENERATIONS)
        return found or live

    def _opened(self, generation: str, stack: ExitStack) -> Opened:
        for _ in range(_ATTEMPTS):
            head, version = self.head.read()
            switch = self._wanted(head, generation)
            for folder in self._folders_of(switch, cast("Head", head)):
                with suppress(NotFound, Busy):
                    held = stack.enter_context(self.folders.hold(folder))
                    is_live = folder == self.places.live
                    is_same = self.head.read()[1] == version
                    if is_same and (not is_live or _is_of(cast("Head", head).intent, switch, held)):
                        return Opened(switch, self.record(switch.generation), held)
                stack.close()
            self.sleep(_PAUSE)
        raise NotFound(
            f"the files of generation {switch.generation} of {self.name!r} are not there", SEE_FAULTS
        )

    def _folders_of(self, switch: Switch, head: Head) -> Iterator[str]:
        """Where the files of a generation may lie, given the head."""
        live = self._switcher.seen_live(head)
        if live is not None and live.generation == switch.generation:
            yield self.places.live
            return
        yield self.places.kept(switch.generation)
        after = [head.intent.switch] if head.intent else []
        for follower in (*after, *reversed(head.log)):
            if follower.parent == switch.generation:  # and was interrupted before it put these files away
                staged = self.places.staged(follower.transaction)
                yield from (staged, displaced(staged))


def _is_of(intent: Intent | None, switch: Switch, held: HeldFolder) -> bool:
    """Whether the folder that was found in the tree's place is the one of ``switch``."""
    if intent is None:
        return True
    return held.identity == (intent.staged if switch == intent.switch else intent.live)
