"""The layout ``swapped``: plain files, replaced by exchanging two folders; on hosts with whole folders."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import attrs

from oaio_storage.errors import InvalidArgument, NotGuaranteed
from oaio_storage.hash_cache import HashCache
from oaio_storage.hosts import CshApi
from oaio_storage.hosts.roots import MARKER, has_state
from oaio_storage.manifest import Manifest
from oaio_storage.progress import Report, ignore
from oaio_storage.publish.opening import Opened
from oaio_storage.publish.plan import Plan
from oaio_storage.publish.published import PublishedTree
from oaio_storage.publish.receiving import Receiver
from oaio_storage.publish.results import Cleaned, Mended, Published, Verified
from oaio_storage.publish.sending import look, publish_folder, unmarked_plan
from oaio_storage.publish.switcher import LAYOUT
from oaio_storage.publish.tree import PlainTree
from oaio_storage.publish.verifying import repairs, verify
from oaio_storage.trees.hints import REPAIR
from oaio_storage.trees.switches import Switch

if TYPE_CHECKING:
    from oaio_storage.trees.writing import CheckedOut


@attrs.frozen
class SwappedLayout(PublishedTree):
    """A tree of plain files.

    Attributes:
        tree: it, with all its parts.
    """

    layout: ClassVar[str] = LAYOUT

    tree: PlainTree

    @property
    def name(self) -> str:
        """As the interface says."""
        return self.tree.name

    @property
    def host(self) -> CshApi:
        """As the interface says."""
        return self.tree.host

    # ---- looking

    def version(self) -> str:
        """As the interface says."""
        return self.tree.version()

    def seen(self) -> tuple[Switch | None, str]:
        """As the interface says."""
        return self.tree.seen()

    def history(self) -> tuple[Switch, ...]:
        """As the interface says."""
        history, live = self.tree.history(), self.tree.live()
        return history if live is None or live in history else (*history, live)

    def kept(self) -> list[str]:
        """As the interface says."""
        return self.tree.recorded()

    def manifest(self, generation: str) -> Manifest:
        """As the interface says."""
        return self.tree.record(generation).manifest

    def live_manifest(self, *, yes: bool = False) -> Manifest:
        """As the interface says."""
        return self.tree.live_manifest(yes=yes)

    def open(self, generation: str = "", *, stays: bool = False) -> AbstractContextManager[Opened]:  # noqa: ARG002
        """As the interface says; it always stays."""
        return self.tree.open(generation)

    # ---- publishing

    def prepare(self) -> None:
        """As the interface says."""
        self.host.create_root()

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
        if has_state(self.host, MARKER):
            manifest = look(self.tree, folder, yes=yes, cache=cache, report=report)
            plan = self.tree.plan(manifest, yes=yes)
        else:
            plan = unmarked_plan(self.tree, folder, yes=yes, cache=cache, report=report)
        wrong = repairs(self.tree, content=check, report=report) if plan.base else ()
        return Published(plan, repairs=wrong)

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
        """As the interface says."""
        return publish_folder(self.tree, folder, plan, yes=yes, check=check, cache=cache, report=report)

    def receiver(self, base: str, transaction: str, room: str, guards: Mapping[str, str]) -> Receiver:
        """As the interface says."""
        from oaio_storage.publish.receiving_plain import PlainReceiver  # noqa: PLC0415 - for web apps alone

        return PlainReceiver(self.tree, base, transaction, room, guards)

    def rollback(self, generation: str = "", *, yes: bool = False) -> Switch:
        """As the interface says."""
        self.prepare()  # whose marker may be lost
        return self.tree.rollback(generation, yes=yes)

    # ---- keeping it sound

    def clean_up(
        self,
        *,
        at_once: bool = False,
        dry_run: bool = False,
        forget_readers: bool = False,  # noqa: ARG002 - the host knows who reads
    ) -> Cleaned:
        """As the interface says; what is in use stays in any case."""
        from oaio_storage.publish.cleaning import clean_up  # noqa: PLC0415 - not for publications

        return clean_up(self.tree, at_once=at_once, dry_run=dry_run)

    def verify(self, report: Report = ignore) -> Verified:
        """As the interface says."""
        return verify(self.tree, report=report)

    def repair(self, source: PublishedTree | Path | None = None, report: Report = ignore) -> Mended:
        """As the interface; only the live generation is repaired, from the folder that it was published from.

        Raises:
            InvalidArgument: the folder holds something else.
        """
        if not isinstance(source, Path):
            raise NotGuaranteed(f"the plain files of {self.name!r} are repaired by publishing", REPAIR)
        if look(self.tree, source) != self.live_manifest():
            raise InvalidArgument(
                f"the folder {str(source)!r} does not hold what is live in {self.name!r}",
                f"Publish it: {REPAIR}",
            )
        done = publish_folder(self.tree, source, check=True, report=report)
        return Mended(done.sent, (), done.bytes_sent, verify(self.tree, report=report))

    def check_out(
        self, folder: Path, generation: str = "", *, cache: HashCache | None = None, report: Report = ignore
    ) -> "CheckedOut":
        """As the interface says."""
        from oaio_storage.publish.checkout import check_out  # noqa: PLC0415 - not for publications

        return check_out(self.tree, folder, generation, cache=cache, report=report)
