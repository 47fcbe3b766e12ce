"""The layout ``generations``: a tree store, whose live generation is read through its head; on any host."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, ClassVar, cast

import attrs

from oaio_storage.config import state_folder
from oaio_storage.errors import (
    Corrupt,
    InvalidArgument,
    NotFound,
    OaioError,
    Superseded,
    WrongRoot,
)
from oaio_storage.hash_cache import HashCache
from oaio_storage.hosts import CshApi
from oaio_storage.hosts.roots import has_state, local_folder
from oaio_storage.manifest import Manifest
from oaio_storage.progress import Progress, Report, ignore
from oaio_storage.publish.agreement import Agreement, PlanMaker
from oaio_storage.publish.deciding import Deciding
from oaio_storage.publish.harm import told
from oaio_storage.publish.plan import Plan
from oaio_storage.publish.published import PublishedTree
from oaio_storage.publish.receiving import Receiver
from oaio_storage.publish.results import Cleaned, Fault, Mended, Published, Verified, still_live
from oaio_storage.publish.source import check_known, check_place
from oaio_storage.scan import check_apart, scan
from oaio_storage.trees import checkout, collecting, committing, repairing, verifying
from oaio_storage.trees.filesystem import GenerationFileSystem
from oaio_storage.trees.head import LAYOUT
from oaio_storage.trees.hints import PUBLISH, SEE_GENERATIONS
from oaio_storage.trees.local import LocalState
from oaio_storage.trees.paths import Paths, checked_id
from oaio_storage.trees.store import TreeStore
from oaio_storage.trees.switches import Switch
from oaio_storage.trees.writing import CheckedOut

_OPEN = "open since "
"""How the label of a pin begins that keeps a generation while somebody reads it."""


_AT_ONCE = {"last": 1, "time": timedelta(days=-36_500), "young": timedelta(days=-36_500)}
"""Nothing was live lately, and nothing is young, whatever the clocks of publishers say."""


@attrs.frozen
class StoredGeneration:
    """One generation, open for reading; every byte is verified before it is given.

    Attributes:
        switch: how it became live.
        files: it, as a file system.
        manifest: its files.
    """

    switch: Switch
    files: GenerationFileSystem
    manifest: Manifest = attrs.field(
        default=attrs.Factory(lambda self: self.files.manifest, takes_self=True), init=False
    )

    def read(self, path: str) -> BinaryIO:
        """A file of it; it may be read after the generation was closed."""
        return cast("BinaryIO", self.files.open(path))


@attrs.define(kw_only=True, eq=False)
class GenerationsLayout(PublishedTree):
    """A tree of generations.

    Attributes:
        host: where it lies.
        name: its name.
        by: who publishes, for the log; not judged.
        cache: the folder in which this device remembers what it sent; None: nowhere.
        exclusive: this machine says that it alone publishes the tree, and decides in the host's place. It
            stays so.
        takes_over: with it, what somebody else made live is accepted.
        memory: the folder in which this machine keeps what it decided.
        clock: tells the time, for the log and for how long things were not used; safety never rests on it.
    """

    layout: ClassVar[str] = LAYOUT

    host: CshApi
    name: str = attrs.field(validator=lambda _self, _field, value: Paths(value) and None)
    by: str = ""
    cache: Path | None = None
    exclusive: bool = False
    takes_over: bool = False
    memory: Path = attrs.field(factory=state_folder)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _root: str = attrs.field(default="", init=False)
    _deciding: Deciding = attrs.field(init=False)

    @_deciding.default
    def _who_decides(self) -> Deciding:
        return Deciding(self.host, self.name, self.memory, self.exclusive)

    @property
    def store(self) -> TreeStore:
        """It, to be read."""
        with suppress(WrongRoot):
            self._root = self._root or self.host.root_id()
        local = LocalState.of(self.cache, self._root, self.name) if self.cache and self._root else None
        return TreeStore(self.host, self.name, local, by=self.by, clock=self.clock)

    @property
    def writer(self) -> TreeStore:
        """It, to be changed.

        Raises:
            NotGuaranteed: the host can't decide who is first, and this machine does not.
        """
        store = self.store
        arbited = self._deciding.head(self._root, store.local)
        return attrs.evolve(store, heads=arbited) if arbited else store

    # ---- looking

    def is_known(self) -> bool:
        """Whether it was published before; nothing is asked where this device remembers it."""
        local = self.store.local
        return bool(local and local.has_head) or has_state(self.host, Paths(self.name).head)

    def version(self) -> str:
        """As the interface says."""
        if self.host.guarantees.strong_version:
            return self.host.state.stat(Paths(self.name).head).version
        if version := self.seen()[1]:
            return version
        raise NotFound(f"nothing was published as {self.name!r}", PUBLISH)

    def seen(self) -> tuple[Switch | None, str]:
        """As the interface says."""
        head, version = self.store.heads.read()
        if head is None:
            return None, ""
        return head.live, version if self.host.guarantees.strong_version else head.nonce

    def history(self) -> tuple[Switch, ...]:
        """As the interface says."""
        return self.store.history()

    def kept(self) -> list[str]:
        """As the interface says."""
        return [switch.generation for switch in self.store.kept()]

    def manifest(self, generation: str) -> Manifest:
        """As the interface says."""
        return self.store.manifest(generation)

    def live_manifest(self, *, yes: bool = False) -> Manifest:
        """As the interface says."""
        try:
            return self.store.manifest() if self.live() else Manifest()
        except Corrupt:
            if yes:
                return Manifest()
            raise

    @contextmanager
    def open(self, generation: str = "", *, stays: bool = False) -> Iterator[StoredGeneration]:
        """As the interface says."""
        store = self.store
        switch = self._switch(store, generation)
        with self._pinned(switch.generation) if stays else nullcontext():
            files = store.filesystem(switch.generation if stays else generation)
            if files.generation.id != switch.generation:  # something else became live meanwhile
                switch = self._switch(store, files.generation.id)
            yield StoredGeneration(switch, files)

    # ---- publishing

    def prepare(self) -> None:
        """As the interface says."""
        with suppress(WrongRoot):
            self._root = self._root or self.host.root_id()
        self._root = self._root or self._deciding.create_root()
        self._deciding.begin(self._root, self.store.local, takes_over=self.takes_over)

    def planned(
        self,
        folder: Path,
        *,
        yes: bool = False,
        check: bool = False,
        cache: HashCache | None = None,
        report: Report = ignore,
    ) -> Published:
        """As the interface says."""
        check_place(folder, self.host)
        _ = self.store  # finds the root, if there is one
        if not self.takes_over:
            self._deciding.look_out(self._root)
        found = scan(folder, cache=cache, report=report)
        check_known(folder, found)
        live, before = self.live(), self.live_manifest(yes=yes)
        after = found.changes(before).apply(before) if found.ignored else found.manifest
        plan = self._maker.plan(live.generation if live else "", before, after)
        return Published(plan, repairs=self.verify(report).faults if check and live else ())

    def publish(  # noqa: PLR0913 - as the interface
        self,
        folder: Path,
        plan: Plan | None = None,
        *,
        yes: bool = False,
        check: bool = False,
        cache: HashCache | None = None,
        report: Report = ignore,
    ) -> Published:
        """As the interface says; each file is read once, and sent in pieces as far as it is new."""
        check_place(folder, self.host)
        self.prepare()
        wrong = self._put_right(folder, report) if check and self.live() else ()
        agreed = Agreement(self._maker, folder, plan, yes=yes)
        try:
            done = committing.commit(
                self.writer,
                folder,
                base=plan.base if plan else None,
                transaction=plan.transaction if plan else "",
                agree=agreed,
                anew=yes,
                cache=cache,
                report=report,
            )
        except Superseded:
            if plan or not (same := agreed.already_live(self.live())):
                raise
            return Published(same, repairs=wrong)
        what = plan or cast("Plan", agreed.plan)
        if agreed.plan is None:  # it became live before
            return Published(what, still_live(self.live(), done.switch))
        if not done.is_new:
            return Published(what, repairs=wrong)
        return Published(what, done.switch, agreed.sent, done.sent, wrong or None)

    def receiver(
        self,
        base: str,
        transaction: str,
        room: str,  # noqa: ARG002 - what comes is stored in packs
        guards: Mapping[str, str],  # noqa: ARG002 - what comes too late is referred to by nothing
    ) -> Receiver:
        """As the interface says."""
        from oaio_storage.publish.receiving_generations import (  # noqa: PLC0415 - for web apps alone
            GenerationsReceiver,
        )

        return GenerationsReceiver(self.writer, base, transaction)

    def rollback(self, generation: str = "", *, yes: bool = False) -> Switch:
        """As the interface says."""
        self.prepare()  # whose marker may be lost
        writer = self.writer
        live = writer.live()
        target = generation or live.parent
        if not target:
            raise NotFound(f"nothing was live in {self.name!r} before", SEE_GENERATIONS)
        after = writer.manifest(target)
        if not yes:
            self._maker.plan(live.generation, self.live_manifest(), after).check_deletions()
        return committing.rollback(writer, target, base=live.generation)

    # ---- keeping it sound

    def clean_up(
        self, *, at_once: bool = False, dry_run: bool = False, forget_readers: bool = False
    ) -> Cleaned:
        """As the interface says; of publications under way nothing is told, and their pieces may go.

        A publisher whose pieces went sends them again.
        """
        writer = self.writer
        head, _ = writer.heads.read()
        pins = head.pins if head else {}
        readers = {label: one for label, one in pins.items() if label.startswith(_OPEN)}
        if forget_readers and not dry_run:
            for label in readers:
                writer.unpin(label)
        limits = _AT_ONCE if at_once else {}
        done = collecting.collect(writer, dry_run=dry_run, **limits)  # type: ignore[arg-type]  # as they are named
        in_use = {*readers.values()} - {head.generation if head else ""} if not forget_readers else ()
        return Cleaned(done.generations, in_use=tuple(sorted(in_use)), litter=(*done.packs, *done.others))

    def verify(self, report: Report = ignore) -> Verified:
        """As the interface says."""
        return told(self.store, verifying.verify(self.store, report=report))

    def repair(self, source: PublishedTree | Path | None = None, report: Report = ignore) -> Mended:
        """As the interface says."""
        report(Progress("repair", 0, None, "bytes"))
        self.prepare()
        self.writer.heads.read()  # refuses a foreign publisher's
        given = source.store if isinstance(source, GenerationsLayout) else source
        if isinstance(given, PublishedTree):
            raise InvalidArgument(
                f"{given.name!r} is kept in the layout {given.layout!r} there",
                "Check it out, then repair from that folder: oaio checkout NAME FOLDER --from HOST",
            )
        done = repairing.repair(self.writer, given)
        return Mended(done.chunks, done.records, done.sent, told(self.store, done.left))

    def check_out(
        self, folder: Path, generation: str = "", *, cache: HashCache | None = None, report: Report = ignore
    ) -> CheckedOut:
        """As the interface says."""
        if root := local_folder(self.host):
            check_apart(folder, root)
        return checkout.check_out(self.store, folder, generation, cache=cache, report=report)

    # ---- inside

    def _switch(self, store: TreeStore, generation: str) -> Switch:
        """The switch that made a generation live; the last one if none is named."""
        if not generation:
            return store.live()
        checked_id(generation)
        found = (made for made in reversed(store.history()) if made.generation == generation)
        if made := next(found, None):
            return made
        raise NotFound(f"{self.name!r} has no generation {generation}", SEE_GENERATIONS)

    @property
    def _maker(self) -> PlanMaker:
        return PlanMaker(self.name, self._root, self.by)

    @contextmanager
    def _pinned(self, generation: str) -> Iterator[None]:
        """Keep a generation from being collected until the block ends, if that can be said."""
        label = f"{_OPEN}{self.clock().isoformat(timespec='seconds')} {self.store.ids()[:8]}"
        with suppress(OaioError):  # who may only read relies on how long generations are kept
            self.writer.pin(label, generation)
        try:
            yield
        finally:
            with suppress(OaioError):
                self.writer.unpin(label)

    def _put_right(self, folder: Path, report: Report) -> tuple[Fault, ...]:
        """Store anew what is damaged and in ``folder``; what was wrong."""
        found = self.verify(report)
        if found.faults:
            left = self.repair(folder, report).left.faults
            return tuple(fault for fault in found.faults if fault not in left)
        return ()
