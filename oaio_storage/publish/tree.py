"""A tree that is published on a host as plain files, its generations, and how the next one becomes live."""

import secrets
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime

import attrs

from oaio_storage.errors import Busy, Changed, Corrupt, InvalidArgument, NotFound, Superseded, Unavailable
from oaio_storage.hosts import CshApi
from oaio_storage.hosts.folders import HostFolders
from oaio_storage.manifest import Manifest, diff
from oaio_storage.publish.gate import given_up
from oaio_storage.publish.head import Head, Switch
from oaio_storage.publish.head_file import HeadFile
from oaio_storage.publish.opening import Opened, Opener
from oaio_storage.publish.places import Places, is_id
from oaio_storage.publish.plan import Plan, transaction_id
from oaio_storage.publish.record import Record
from oaio_storage.publish.records import Records
from oaio_storage.publish.staging import Staging, Tree
from oaio_storage.publish.switcher import LAYOUT, Switcher
from oaio_storage.trees.hints import SEE_FAULTS, SEE_GENERATIONS, SEE_LIVE

_PAUSE = 0.02
_NO_FILES = Manifest()


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
    _records: Records = attrs.field(init=False, repr=False, eq=False)
    _adopted: set[str] = attrs.field(factory=set, init=False, repr=False, eq=False)

    @places.default
    def _places(self) -> Places:
        return Places(self.name)

    @_records.default
    def _of_generations(self) -> Records:
        return Records(self.host.state, self.places)

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
        return self._records.read(generation, like=like)

    def live_manifest(self, *, yes: bool = False) -> Manifest:
        """The files that are live; none if none ever were, or if ``yes`` and the record of them is lost.

        Raises:
            Corrupt: the record is lost, and ``yes`` is needed.
            Superseded: somebody published, and cleaned up, meanwhile.
        """
        return self._manifest_of(self._generation(), yes=yes)

    def is_gone(self) -> bool:
        """Whether nothing stands in the tree's place."""
        return not self.folders.kind(self.places.live)

    @contextmanager
    def open(self, generation: str = "") -> Iterator[Opened]:
        """One generation, the live one if none is named, kept as it is until the block ends.

        Raises:
            NotFound: nothing was published, or this generation is not kept any more.
            Corrupt: its record is damaged or lost.
        """
        with ExitStack() as stack:
            yield self._opener.open(generation, stack)

    # ---- publishing

    def plan(self, manifest: Manifest, *, yes: bool = False) -> Plan:
        """What publishing ``manifest`` would do. Nothing is changed.

        Args:
            manifest: what is to be live.
            yes: also if the record of what is live is lost: then all files are new, and nothing is known of
                others that lie there.

        Raises:
            Corrupt: ``yes`` is needed.
            AlreadyExists, ForeignPublisher, NotGuaranteed: it can't be published, as for :meth:`commit`.
        """
        self.check_place()
        while True:
            with suppress(Superseded):
                return self._planned(manifest, self._generation(), yes=yes)

    def check_place(self) -> None:
        """Do nothing if a publication could become live, as far as is seen without one. Nothing is changed.

        Raises:
            AlreadyExists, ForeignPublisher, NotGuaranteed: as for :meth:`commit`.
        """
        self._switcher.check_place()

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
            Corrupt: files of that generation are damaged, or its record is lost; or that of the live one, and
                ``yes`` is needed.
            AlreadyExists, ForeignPublisher, NotGuaranteed: as for :meth:`commit`.
        """
        head, _ = self._switcher.recovered()
        live = self._opener.wanted(head, "")
        target = self._opener.wanted(head, generation or live.parent).generation
        if not generation and not live.parent:
            raise NotFound(f"nothing was live in {self.name!r} before", SEE_GENERATIONS)
        self._check_kept(target, head)
        plan = self._planned(self.record(target).manifest, live.generation, target, yes=yes)
        with self.begun(plan, yes=yes, restored=target) as staging:
            if lost := next(iter(staging.wanted()), None):
                head, _ = self._switcher.recovered()
                self._check_base(plan, head)  # else the files went with a clean-up meanwhile
                self._check_kept(target, head)
                raise Corrupt(f"generation {target} of {self.name!r} is damaged, {lost!r} first", SEE_FAULTS)
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
            records=self._records,
            by=self.by,
            allow_gap=self.allow_gap,
            clock=self.clock,
            ids=self.ids,
            sleep=self.sleep,
            adopted=self._adopted,
        )

    @property
    def _opener(self) -> Opener:
        return Opener(self._switcher)

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

    def _ready(self, plan: Plan, *, yes: bool) -> str | None:
        """The version of the head on which it may become live; None if it did so already."""
        head, version = self._switcher.recovered()
        if head is not None and head.find(plan.transaction):
            return None
        self._check_base(plan, head)
        if not yes:
            plan.check_deletions()
        self.check_place()
        return version

    def _fill(self, staging: Staging, damaged: Collection[str] = ()) -> None:
        """Let files come, and take over what the host has, unless it became live meanwhile."""
        guards, committing = staging.open(), self.places.committing(staging.plan.transaction)
        while (version := self._ready(staging.plan, yes=True)) is not None:
            try:
                with self.folders.hold(committing, alone=True):
                    if self.head.read()[1] != version:  # else no twin is live, or about to be
                        continue
                    staging.gather(guards)
                    break
            except Busy:  # a twin commits
                self.sleep(_PAUSE)
            except NotFound as err:
                raise given_up() from err
        else:
            return
        trees = list(self._trees(staging.plan, staging.restored, damaged))
        with suppress(Superseded):  # a twin commits it; commit says what holds
            staging.take_over(trees)

    def _generation(self) -> str:
        live = self.live()
        return live.generation if live else ""

    def _manifest_of(self, base: str, *, yes: bool, like: Manifest | None = None) -> Manifest:
        try:
            record = self._records.of_live(base, yes=yes, like=like) if base else None
        except Corrupt as err:
            if self._generation() != base:
                raise Superseded(f"{self.name!r} was published by somebody else meanwhile") from err
            raise
        return record.manifest if record else _NO_FILES

    def _planned(self, manifest: Manifest, base: str, restored: str = "", *, yes: bool = False) -> Plan:
        root = self.host.root_id()
        return Plan(
            tree=self.name,
            root=root,
            layout=LAYOUT,
            base=base,
            transaction=transaction_id(root, self.name, base, manifest.digest(), self.by, restored),
            manifest=manifest,
            changes=diff(self._manifest_of(base, yes=yes, like=manifest), manifest),
        )

    def _check_base(self, plan: Plan, head: Head | None) -> None:
        live = head.live if head else None
        if plan.base == (live.generation if live else ""):
            return
        if live is None:
            raise Superseded(f"the plan for {self.name!r} was made of a generation that was never live here")
        who = f"by {live.by or 'somebody'} at {live.at} (generation {live.generation})"
        raise Superseded(f"{self.name!r} was published {who} since the plan was made", SEE_LIVE)

    def _check_kept(self, generation: str, head: Head | None) -> None:
        if (head is not None and generation in head.collecting) or generation not in self.recorded():
            raise NotFound(f"generation {generation} of {self.name!r} is not kept any more", SEE_GENERATIONS)

    def _trees(self, plan: Plan, restored: str, damaged: Collection[str]) -> Iterator[Tree]:
        record = self._records.of_live(plan.base, yes=True) if plan.base else None
        if record:
            is_plain = self.folders.kind(self.places.live) in ("folder", "mount")
            folder = self.places.live if is_plain else self.places.kept(plan.base)
            yield Tree(folder=folder, record=record.without(damaged))
        else:
            self._check_base(plan, self._switcher.recovered()[0])  # else it was collected meanwhile
        if restored:
            yield Tree(folder=self.places.kept(restored), record=self.record(restored))
