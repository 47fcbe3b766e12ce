"""How a staged folder becomes live: intent, switch, record; and what to do about an intent that is found."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import cast

import attrs

from oaio_storage.errors import (
    AlreadyExists,
    Changed,
    Corrupt,
    ForeignPublisher,
    InvalidArgument,
    NotFound,
    NotGuaranteed,
    OaioError,
)
from oaio_storage.hosts import CshApi
from oaio_storage.hosts.folders import HeldFolder, HostFolders, How, Standing, displaced, is_reusable
from oaio_storage.publish.comparing import holds, keeps_some
from oaio_storage.publish.head import Head, Intent, Switch
from oaio_storage.publish.head_file import HeadFile
from oaio_storage.publish.neighbours import check_distinct
from oaio_storage.publish.places import Places
from oaio_storage.publish.record import Record
from oaio_storage.publish.records import Records
from oaio_storage.publish.staging import Staging
from oaio_storage.publish.switching import Outcome, outcome, ways

LAYOUT = "swapped"
PATIENCE = 20.0
"""Seconds to wait for a publisher that is about to switch, before its intent is taken back."""

_PAUSE = 0.02


@attrs.frozen(kw_only=True)
class Switcher:
    """The switches of one tree; see :class:`~oaio_storage.publish.tree.PlainTree` and decision 0060.

    Attributes:
        adopted: identities of folders that were found to hold what is live, to the byte.
    """

    host: CshApi
    folders: HostFolders
    places: Places
    head: HeadFile
    records: Records
    by: str
    allow_gap: bool
    clock: Callable[[], datetime]
    ids: Callable[[], str]
    sleep: Callable[[float], None]
    adopted: set[str]

    def recovered(self) -> tuple[Head | None, str]:
        """The head and its version, after a switch that was interrupted was completed or taken back.

        What was displaced by the last switch lies where old generations are kept, afterwards.

        Raises:
            ForeignPublisher: something else stands in the tree's place than any publisher put there.
        """
        waited = 0.0
        while True:
            head, version = self.head.read()
            if head is None or head.intent is None:
                if head is not None and head.live is not None:
                    self.settle(head.live)
                return head, version
            transaction = head.intent.switch.transaction
            if waited < PATIENCE and self.folders.is_held(self.places.committing(transaction)):
                self.sleep(_PAUSE)
                waited += _PAUSE
            else:
                with suppress(Changed):
                    self._decide(head, version)

    def seen_live(self, head: Head) -> Switch | None:
        """What is live, given a head in which a switch may be under way. Nothing is changed."""
        intent = head.intent
        if intent is not None and self.folders.identity(self.places.live) == intent.staged:
            return intent.switch
        return head.live

    def check_place(self) -> None:
        """Do nothing if the next generation may take the tree's place as things are. Nothing is changed.

        Raises:
            AlreadyExists, ForeignPublisher, NotGuaranteed: as for ``Transactions.commit``.
        """
        check_distinct(self.host, self.places.tree)
        found = self.folders.standing(self.places.live)
        while found.kind:
            head, version = self.head.read()
            with suppress(Changed):
                self._ways(found, head, version)
                return
            found = self.folders.standing(self.places.live)

    def switch(self, staging: Staging, head: Head | None, version: str) -> Switch:
        """Let a complete staging become live on top of ``head``, which has no intent; how it did.

        Raises:
            Changed: the head is another one by now; nothing of this publication is visible, or somebody else
                completed it.
            InvalidArgument, Superseded, NotGuaranteed, AlreadyExists, ForeignPublisher: as for
                ``Transactions.commit``.
        """
        head = head or Head(layout=LAYOUT, nonce=self.ids())
        switch = self._entry(staging, head)
        guards = {self.places.state(switch.transaction): staging.gate.close()}
        try:
            marks = staging.complete()
        except InvalidArgument:
            staging.go_on()
            raise
        found = self.folders.standing(self.places.live)
        hows = self._ways(found, head, version)
        self.folders.take_modes(staging.files, self.places.live)
        try:
            self.folders.flush(staging.files)
        except OaioError:
            staging.discard()
            raise
        record = Record(self.places.tree, switch.generation, switch.transaction, staging.plan.manifest, marks)
        self.host.state.write(self.places.record(switch.generation), record.text().encode())
        staged = staging.files
        if hows == ("point",):
            staged = self.places.kept(switch.generation)
            self.folders.move(staging.files, staged)
        intent = Intent(switch=switch, staged=self.folders.identity(staged), live=found.folder)
        if not intent.staged:
            raise Changed("somebody else goes on with the same publication")
        if self.folders.standing(self.places.live) != found:
            raise Changed("something else stands in the tree's place than a moment ago")
        head = attrs.evolve(head, intent=intent, nonce=self.ids())
        version = self.head.swap(head, version)
        self._take_place(staged, hows, found, {self.places.head: version, **guards}, head)
        self.head.swap(head.switched(self.ids()), version)
        self.settle(switch)
        return switch

    def settle(self, switch: Switch) -> None:
        """Put what was live before a switch where old generations are kept. A repeat is safe."""
        if switch.parent:
            staged = self.places.staged(switch.transaction)
            for folder in (staged, displaced(staged)):
                self.folders.move(folder, self.places.kept(switch.parent))

    def _ways(self, found: Standing, head: Head | None, version: str) -> tuple[How, ...]:
        try:
            return ways(
                found.kind,
                is_ours=self._is_ours(found, head),
                is_first=head is None or head.live is None,
                can_exchange=self.host.guarantees.swap,
                allow_gap=self.allow_gap,
            )
        except (AlreadyExists, ForeignPublisher) as err:
            if self.head.read()[1] != version:
                raise Changed(f"{self.places.tree!r} was published by somebody else meanwhile") from err
            raise
        except NotGuaranteed:
            if found.kind != "mount":
                self.folders.check_writable()  # else nobody could try out what the disk is able to do
            raise

    def _is_ours(self, found: Standing, head: Head | None) -> bool:
        """Whether a publication put there what was found in the tree's place (decision 0064)."""
        if found.kind == "link":
            return self.places.is_kept(found.pointed_at)
        if found.kind != "folder" or head is None:
            return not found.kind
        intent = head.intent
        known = {"", head.folder, *((intent.staged, intent.live) if intent else ())}
        if found.folder in known | self.adopted and self._is_lasting(found.folder, head):
            return True
        if head.live is not None and self._is_there(head.generation, holds):
            self.adopted.add(found.folder)
            return True
        return False

    def _is_lasting(self, identity: str, head: Head) -> bool:
        """Whether a folder that has a known identity is the one that had it first."""
        made = [head.generation, *([head.intent.switch.generation] if head.intent else [])]
        return not is_reusable(identity) or any(self._is_there(one, keeps_some) for one in made if one)

    def _is_there(self, generation: str, by: Callable[[Record, HeldFolder], bool]) -> bool:
        """Whether a generation lies in the tree's place, as far as ``by`` tells."""
        try:
            record = self.records.read(generation)
            with self.folders.hold(self.places.live) as folder:
                return by(record, folder)
        except (Corrupt, NotFound):
            return False

    def _entry(self, staging: Staging, head: Head) -> Switch:
        plan = staging.plan
        return Switch(
            sequence=head.sequence + 1,
            generation=plan.generation,
            parent=head.generation,
            transaction=plan.transaction,
            kind="rollback" if staging.restored else "publish",
            restored=staging.restored,
            by=self.by,
            at=self.clock().isoformat(timespec="seconds"),
            digest=plan.manifest.digest(),
            files=len(plan.manifest),
            size=plan.manifest.size,
        )

    def _take_place(
        self, staged: str, hows: Sequence[How], found: Standing, guards: Mapping[str, str], head: Head
    ) -> None:
        """Switch in the first way that is possible; if none is, take the intent back."""
        for how in hows:
            try:
                self.folders.switch(staged, self.places.live, how, found=found, guards=guards)
            except NotGuaranteed:
                if how == hows[-1]:
                    with suppress(Changed):
                        self._decide(head, guards[self.places.head])
                    raise
            else:
                return

    def _decide(self, head: Head, version: str) -> None:
        """Complete the switch of an intent, or take the intent back.

        Raises:
            Changed: somebody else did so.
        """
        intent = cast("Intent", head.intent)
        aside = displaced(self.places.staged(intent.switch.transaction))
        live = self.places.live
        try:
            what = outcome(intent, self.folders.durable_identity(live), self.folders.identity(aside))
        except ForeignPublisher as err:
            if self.head.read()[1] != version:  # somebody else decided, and went on
                raise Changed(f"{self.places.tree!r} was published by somebody else meanwhile") from err
            what = self._judged(head, err)
        if what == "halfway":
            self.folders.move(aside, live)
        if what == "happened":
            self.head.swap(head.switched(self.ids()), version)
            self.settle(intent.switch)
        else:
            self.head.swap(attrs.evolve(head, intent=None, nonce=self.ids()), version)

    def _judged(self, head: Head, doubt: ForeignPublisher) -> Outcome:
        """The outcome of a switch where identities don't tell: a restored copy has others.

        Raises:
            ForeignPublisher: content does not tell either.
        """
        if not self.folders.kind(self.places.live):
            return "did not happen"  # whatever was there is gone; the next publication puts it right
        if self._is_there(cast("Intent", head.intent).switch.generation, holds):
            return "happened"
        if self._is_there(head.generation, holds):
            return "did not happen"
        raise doubt
