"""A tree that is published on a host as plain files, its generations, and how the next one becomes live."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime

import attrs

from oaio_storage.errors import Corrupt, NotFound, Superseded
from oaio_storage.hosts import CshApi
from oaio_storage.hosts.folders import HostFolders
from oaio_storage.manifest import Manifest, diff
from oaio_storage.publish.head import Head, Switch
from oaio_storage.publish.head_file import HeadFile
from oaio_storage.publish.opening import Opened, Opener
from oaio_storage.publish.places import Places, is_id
from oaio_storage.publish.plan import Plan, transaction_id
from oaio_storage.publish.record import Record
from oaio_storage.publish.records import Records
from oaio_storage.publish.switcher import LAYOUT, Switcher
from oaio_storage.publish.transactions import Transactions, check_base
from oaio_storage.trees.hints import SEE_FAULTS, SEE_GENERATIONS

_NO_FILES = Manifest()


@attrs.frozen(kw_only=True)
class PlainTree:
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
        return self.seen()[0]

    def version(self) -> str:
        """Another text whenever something else may have become live; costs one look.

        Raises:
            NotFound: nothing was published.
        """
        return self.host.state.stat(self.places.head).version

    def seen(self) -> tuple[Switch | None, str]:
        """What is live, and the version that says so; empty while it may change without another one."""
        head, version = self.head.read()
        live = self._switcher.seen_live(head) if head else None
        return live, "" if head is None or head.intent else version

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

    @property
    def transactions(self) -> Transactions:
        """The publications, from their plans to their ends."""
        return Transactions(self._switcher)

    def plan(self, manifest: Manifest, *, yes: bool = False) -> Plan:
        """What publishing ``manifest`` would do. Nothing is changed.

        Args:
            manifest: what is to be live.
            yes: also if the record of what is live is lost: then all files are new, and nothing is known of
                others that lie there.

        Raises:
            Corrupt: ``yes`` is needed.
            AlreadyExists, ForeignPublisher, NotGuaranteed: it can't be published, as for
                ``Transactions.commit``.
        """
        self.check_place()
        while True:
            with suppress(Superseded):
                return self._planned(manifest, self._generation(), yes=yes)

    def check_place(self) -> None:
        """Do nothing if a publication could become live, as far as is seen without one. Nothing is changed.

        Raises:
            AlreadyExists, ForeignPublisher, NotGuaranteed: as for ``Transactions.commit``.
        """
        self._switcher.check_place()

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
            AlreadyExists, ForeignPublisher, NotGuaranteed: as for ``Transactions.commit``.
        """
        head, _ = self._switcher.recovered()
        live = self._opener.wanted(head, "")
        target = self._opener.wanted(head, generation or live.parent).generation
        if not generation and not live.parent:
            raise NotFound(f"nothing was live in {self.name!r} before", SEE_GENERATIONS)
        self._check_kept(target, head)
        plan = self._planned(self.record(target).manifest, live.generation, target, yes=yes)
        with self.transactions.begun(plan, yes=yes, restored=target) as staging:
            if lost := next(iter(staging.wanted()), None):
                head, _ = self._switcher.recovered()
                check_base(plan.tree, plan.base, head)  # else the files went with a clean-up meanwhile
                self._check_kept(target, head)
                raise Corrupt(f"generation {target} of {self.name!r} is damaged, {lost!r} first", SEE_FAULTS)
            return self.transactions.commit(staging)

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

    def _check_kept(self, generation: str, head: Head | None) -> None:
        if (head is not None and generation in head.collecting) or generation not in self.recorded():
            raise NotFound(f"generation {generation} of {self.name!r} is not kept any more", SEE_GENERATIONS)
