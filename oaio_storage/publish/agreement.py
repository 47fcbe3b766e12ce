"""What a publication of generations is going to do, and whether somebody wants that; pure."""

from pathlib import Path
from typing import cast

import attrs

from oaio_storage.errors import SourceChanged
from oaio_storage.manifest import Manifest, diff
from oaio_storage.publish.plan import Plan, transaction_id
from oaio_storage.publish.source import check_known
from oaio_storage.trees.committing import Proposal
from oaio_storage.trees.head import LAYOUT
from oaio_storage.trees.hints import MAKE_ANEW
from oaio_storage.trees.switches import Switch


@attrs.frozen
class PlanMaker:
    """Makes plans for one tree.

    Attributes:
        tree: its name.
        root: the id of the host's root; empty where it has none yet.
        by: who publishes.
    """

    tree: str
    root: str
    by: str

    def plan(self, base: str, before: Manifest, after: Manifest) -> Plan:
        """The plan that turns one manifest into another.

        Args:
            base: the generation that has the first; empty: there is none.
            before: the first.
            after: the second.
        """
        return Plan(
            tree=self.tree,
            root=self.root,
            layout=LAYOUT,
            base=base,
            transaction=transaction_id(self.root, self.tree, base, after.digest(), self.by),
            manifest=after,
            changes=diff(before, after),
        )


@attrs.define
class Agreement:
    """Looks at what is about to become live, and refuses what nobody wants.

    Attributes:
        maker: of plans for the tree.
        folder: what is published.
        given: a plan that was made earlier.
        yes: also if nothing, or less than half, would be left.
        plan: what is going to be done; None as long as nothing is.
    """

    maker: PlanMaker
    folder: Path
    given: Plan | None
    yes: bool = attrs.field(kw_only=True)
    plan: Plan | None = attrs.field(default=None, init=False)

    def __call__(self, about: Proposal) -> None:
        """Do nothing if it may become live.

        Raises:
            RootUnavailable: something in the folder can't be told.
            SourceChanged: the folder is not what the plan says.
            MassDeletion: nobody said yes.
        """
        check_known(self.folder, about.found)
        if self.given and self.given.manifest != about.after:
            raise SourceChanged(f"{str(self.folder)!r} has changed since the plan was made", MAKE_ANEW)
        plan = self.maker.plan(about.base, about.before, about.after)
        if not (self.yes or plan.is_empty):
            plan.check_deletions()
        self.plan = plan

    def already_live(self, live: Switch | None) -> Plan | None:
        """The plan to change nothing, if somebody else made live what this was about to; else None."""
        wanted = self.plan.manifest if self.plan else None
        if wanted is None or live is None or live.digest != wanted.digest():
            return None
        return self.maker.plan(live.generation, wanted, wanted)

    @property
    def sent(self) -> int:
        """How many files have a content that no kept or removed one of the generation before had."""
        changes = cast("Plan", self.plan).changes
        known = {entry.checksum for entry in (*changes.keep.values(), *changes.remove.values())}
        return sum(entry.checksum not in known for entry in (*changes.new.values(), *changes.update.values()))
