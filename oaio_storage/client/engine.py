"""One synchronisation, from looking at the folders to a quiet end.

The decisions are in :mod:`.planner`, the work in its neighbours.
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import attrs

from oaio_storage.client import placing, planner, roots, switching
from oaio_storage.client.applying import Applier
from oaio_storage.client.device import STAGING_DIR, Device
from oaio_storage.client.hosts_pool import Hosts
from oaio_storage.client.learning import Learner
from oaio_storage.client.planner import Step
from oaio_storage.client.records import Edit, Entry, Holding, Incoming
from oaio_storage.client.remote import Server
from oaio_storage.client.reports import Tally
from oaio_storage.client.sending import Sender, batches
from oaio_storage.client.switching import Switch
from oaio_storage.client.tables import Tables
from oaio_storage.errors import BadAnswer, OaioError, TryAgain
from oaio_storage.model import MAY_UPDATE, AccessRight, checked_stamp, stamp_plus
from oaio_storage.progress import Report, ignore

MAX_ROUNDS = 12  # in a row after which no less is waiting than before
FEED_LIMIT = 500
MAX_EDITS = 5000  # of one round; stamps are reserved for them at once


@attrs.define(kw_only=True)
class Engine:
    """Synchronises one device with one server. The caller holds the lock, if there can be others.

    Attributes:
        tally: what is counted on the way.
        report: told about files on their way, in the caller's thread.
    """

    device: Device
    server: Server
    hosts: Hosts
    tally: Tally = attrs.field(factory=Tally)
    report: Report = ignore
    _stamps: Iterator[str] = attrs.field(factory=lambda: iter(()), init=False)

    def synchronise(self, *, look_everywhere: bool = True) -> None:
        """Send edits and apply changes until there is nothing left to do.

        A repeat is safe, a crash at any point too.

        Args:
            look_everywhere: look at the folders of all objects, not only of those that are about to change.

        Raises:
            Offline, TimedOut: no answer; what was done until then stays done.
            TryAgain: others change the same objects again and again; what is left is kept for the next time.
            OaioError: the server refuses the request as a whole.
        """
        self.finish()
        with self.device.store.read() as tables:
            with_files = tables.with_files() if look_everywhere else []
        for oaio_id in with_files:
            roots.look(self.device, oaio_id, self.report)
        self._pull(len(self._ready()))
        self._settle()
        self._learner().describe_conflicts()

    def finish(self) -> None:
        """Finish what a crash interrupted: bytes not in place, files not switched, files not wiped.

        A repeat is safe.
        """
        placing.finish(self.device)
        with self.device.store.read() as tables:
            switches = tables.switches()
        for text in switches:
            with suppress(OaioError, OSError):  # this object's alone; looking at its folder tells it
                switching.finish(self.device, Switch.parse(text).after.oaio_id)
        self._clear_litter()

    def _clear_litter(self) -> None:
        """Remove staged files that no version in the inbox and no begun switch needs any more."""
        with self.device.store.read() as tables:
            coming = {one.version.id for one in tables.all_incoming() if one.version}
            begun = [Switch.parse(text).after.version for text in tables.switches()]
        coming |= {version.id for version in begun if version}
        staging = self.device.client_root / STAGING_DIR
        for folder in staging.iterdir() if staging.is_dir() else ():
            if folder.name not in coming:
                shutil.rmtree(folder, ignore_errors=True)

    def _settle(self) -> None:
        """Take rounds until nothing moves any more, for as long as less and less is waiting."""
        fewest, in_vain = self._waiting(), 0
        while self._round():
            waiting = self._waiting()
            in_vain = 0 if waiting < fewest else in_vain + 1
            fewest = min(fewest, waiting)
            if in_vain == MAX_ROUNDS:
                raise TryAgain(
                    f"{waiting} edits and changes still wait: others change the same objects meanwhile",
                    "Nothing is lost; when they are done: oaio sync",
                )

    def _waiting(self) -> int:
        with self.device.store.read() as tables:
            return tables.waiting()

    def _round(self) -> bool:
        """Plan, send and apply once; whether anything moved."""
        applicable = self._plan()
        ready = self._ready()
        moved = bool(ready) and self._send(ready)
        for incoming in applicable:
            moved = self._apply(incoming) or moved
        return moved

    def _pull(self, stamps: int) -> None:
        """Ask for news until there is no more, and for ``stamps`` stamps."""
        answer = self._exchange(stamps, [])
        if stamps:
            first = checked_stamp(str(answer.get("stamp")))
            self._stamps = (stamp_plus(first, count) for count in range(stamps))
        while answer.get("more"):
            answer = self._exchange(0, [])

    def _exchange(self, stamps: int, batch: Sequence[Edit]) -> dict[str, Any]:
        """One request.

        What it answers is in the records when this returns, in the transaction that moves the cursor (O8).
        """
        with self.device.store.read() as tables:
            cursor = tables.meta("cursor")
        answer = self.server.call(
            "sync",
            {
                "cursor": cursor,
                "stamps": stamps,
                "items": [edit.item.as_json() for edit in batch],
                "limit": FEED_LIMIT,
            },
        )
        try:
            entries = [Entry.from_json(entry) for entry in answer["entries"]]
            results = answer["results"]
            offer = {"offer": json.dumps(answer["hosts"]), "default_host": str(answer["default_host"])}
            facts = offer | {"cursor": str(answer["cursor"]), "server_id": str(answer["server_id"])}
        except (KeyError, TypeError, ValueError) as err:
            raise BadAnswer(f"the server's answer is malformed: {type(err).__name__} {err}") from err
        if len(results) != len(batch):
            raise BadAnswer(f"the server answered {len(results)} results for {len(batch)} versions")
        with self.device.store.write() as tables:
            known = tables.meta("server_id")
            if known and known != facts["server_id"]:
                raise BadAnswer(
                    "this is another server than the one that this client_root belongs to",
                    "Use another client_root.",
                )
            for edit, result in zip(batch, results, strict=True):
                self._sender().settle(tables, edit, result)
            for entry in entries:
                _absorb(tables, entry)
            tables.set_meta(**facts)
        return answer

    def _plan(self) -> list[Incoming]:
        """Decide about every object that something is known to change; what is to be applied."""
        with self.device.store.read() as tables:
            waiting = tables.all_incoming()
        applicable = []
        for incoming in waiting:
            step = self._next_step(incoming)
            if step is Step.APPLY and incoming.version:
                may_change = roots.look(self.device, incoming.oaio_id, self.report)
                if not may_change and not incoming.version.deleted:
                    continue
                step = self._next_step(incoming)  # the look may have found an edit
            if step is Step.REBASE:
                self._rebase(incoming)
            elif step is Step.APPLY:
                applicable.append(incoming)
        return applicable

    def _next_step(self, incoming: Incoming) -> Step:
        if incoming.version is None:
            return Step.APPLY
        with self.device.store.read() as tables:
            holding, edits = tables.holding(incoming.oaio_id), tables.edits(incoming.oaio_id)
        step = planner.next_step(holding.number if holding else 0, incoming.version, edits)
        if step is Step.IGNORE:
            with self.device.store.write() as tables:
                if tables.incoming(incoming.oaio_id) == incoming:
                    tables.drop_incoming(incoming.oaio_id)
        return step

    def _rebase(self, incoming: Incoming) -> None:
        version = incoming.version
        assert version is not None
        with self.device.store.write() as tables:
            edits = tables.edits(incoming.oaio_id)
            holding = tables.holding(incoming.oaio_id) or Holding(oaio_id=incoming.oaio_id)
            if planner.next_step(holding.number, version, edits) is not Step.REBASE:
                return
            rebased = planner.rebased(edits[0], version)
            if rebased is None:
                tables.drop_edit(edits[0])
                for later in edits[1:]:
                    tables.put_edit(attrs.evolve(later, item=attrs.evolve(later.item, base=version.id)))
            elif rebased.item.base is None:
                why = "an object of this id was deleted; a deleted id is never accepted again"
                tables.put_edit(attrs.evolve(edits[0], held="AlreadyExists", why=why))
                return
            else:
                tables.put_edit(rebased)
            tables.put_holding(attrs.evolve(holding, version=version))
            if holding.version is not None:
                tables.add_source(incoming.oaio_id, holding.version)

    def _ready(self) -> list[Edit]:
        """The first edit of each object, if it may be sent now."""
        ready = []
        with self.device.store.read() as tables:
            offer = self.device.offer(tables)
            for edit in tables.first_edits():
                holding, incoming = tables.holding(edit.oaio_id), tables.incoming(edit.oaio_id)
                overtaken = incoming and (
                    incoming.version is None
                    or (holding is not None and incoming.version.number > holding.number)
                )
                is_held = edit.held and not (edit.held == "UnknownHost" and edit.item.csh_id in offer)
                if edit.attempted or not (is_held or overtaken):
                    ready.append(edit)
        return ready[:MAX_EDITS]

    def _send(self, ready: Sequence[Edit]) -> bool:
        """Send what can be; whether the server answered about any of it."""
        ready = [edit for edit in ready if not self._refused_here(edit)]
        fresh = sum(not edit.attempted and not edit.stamped for edit in ready)
        stamps = list(self._stamps)
        if fresh > len(stamps):
            self._pull(fresh)
            stamps = list(self._stamps)
        prepared = []
        sender = self._sender()
        for edit in ready:
            with self.device.store.read() as tables:
                holding = tables.holding(edit.oaio_id) or Holding(oaio_id=edit.oaio_id)
                default = tables.meta("default_host")
            if edit.item.attached and not edit.item.csh_id:
                with self.device.store.write() as tables:
                    if tables.edit(edit.seq) != edit:
                        continue  # a later edit took its place
                    edit = attrs.evolve(edit, item=attrs.evolve(edit.item, csh_id=default))  # noqa: PLW2901 - completed
                    tables.put_edit(edit)
            stamp = stamps.pop(0) if not edit.attempted and not edit.stamped else ""
            if made := sender.prepare(edit, holding, stamp):
                prepared.append(made)
        self._stamps = iter(stamps)
        for batch in batches(prepared):
            if begun := sender.begin(batch):
                answer = self._exchange(0, begun)
                if answer.get("more"):
                    self._pull(0)
        return [edit.item for edit in self._ready()] != [edit.item for edit in ready]

    def _refused_here(self, edit: Edit) -> bool:
        """Hold an edit that the last known right does not allow, without sending it."""
        if edit.attempted:
            return False
        with self.device.store.write() as tables:
            holding = tables.holding(edit.oaio_id)
            if holding is None or planner.allowed(edit.item, holding.right):
                return False
            if tables.edit(edit.seq) != edit:
                return True  # a later edit took its place
            why = f"your right is {holding.right!s} now, which does not allow this edit"
            tables.put_edit(attrs.evolve(edit, held="Forbidden", why=why))
        return True

    def _apply(self, incoming: Incoming) -> bool:
        if self._next_step(incoming) is not Step.APPLY:
            return False
        return self._applier().apply(incoming)

    def _sender(self) -> Sender:
        return Sender(device=self.device, hosts=self.hosts, tally=self.tally, report=self.report)

    def _learner(self) -> Learner:
        return Learner(device=self.device, hosts=self.hosts, tally=self.tally, report=self.report)

    def _applier(self) -> Applier:
        return Applier(device=self.device, hosts=self.hosts, tally=self.tally, report=self.report)


def _absorb(tables: Tables, entry: Entry) -> None:
    """Take one entry of the feed into the records.

    Right and conflicts as they are, the version into the inbox if it is newer.
    """
    holding = tables.holding(entry.oaio_id)
    version = entry.version
    if entry.right == AccessRight.NONE or version is None:
        if holding is not None:
            tables.put_holding(attrs.evolve(holding, right=AccessRight.NONE))
            tables.put_incoming(Incoming(oaio_id=entry.oaio_id, version=None))
        return
    is_back = holding is not None and holding.right == AccessRight.NONE
    number = holding.number if holding else 0
    if holding is None:
        if version.deleted and not entry.conflicts:
            tables.put_holding(Holding(oaio_id=entry.oaio_id, right=entry.right, version=version))
            return
        holding = Holding(oaio_id=entry.oaio_id)
    if holding.right != entry.right or holding.version is None:
        tables.put_holding(attrs.evolve(holding, right=entry.right))
    tables.set_conflicts(entry.oaio_id, entry.conflicts)
    waiting = tables.incoming(entry.oaio_id)
    newest = waiting.version.number if waiting and waiting.version else 0
    if version.number > max(number, newest) or is_back or (waiting and waiting.version is None):
        tables.put_incoming(Incoming(oaio_id=entry.oaio_id, version=version))
    if entry.right in MAY_UPDATE:
        for edit in tables.edits(entry.oaio_id):
            if edit.held == "Forbidden" and planner.allowed(edit.item, entry.right):
                tables.put_edit(attrs.evolve(edit, held="", why=""))
