"""Receiving the files of a publication on a host with whole folders: they get their places without a copy."""

import json
from collections.abc import Callable, Sequence
from typing import BinaryIO, Self, cast

import attrs

from oaio_storage.errors import InvalidArgument
from oaio_storage.hosts.folders import Guards, Incoming
from oaio_storage.manifest import FileEntry, Manifest, diff
from oaio_storage.names import STATE_FOLDER
from oaio_storage.publish.plan import Plan
from oaio_storage.publish.receiving import Note, Receiver, Source, received, spooled
from oaio_storage.publish.record import Record
from oaio_storage.publish.staging import Tree
from oaio_storage.publish.switcher import LAYOUT
from oaio_storage.publish.transactions import check_base
from oaio_storage.publish.tree import PlainTree
from oaio_storage.trees.switches import Switch


@attrs.define
class PlainReceiver(Receiver):
    """For a tree of plain files.

    Attributes:
        tree: it.
        base: the generation that the publication follows; empty: none.
        transaction: its id.
        room: a folder in the state folder for what comes, before it is known to be complete.
        guards: nothing comes once these files of the state folder change.
    """

    tree: PlainTree
    base: str
    transaction: str
    room: str
    guards: Guards
    _files: dict[str, FileEntry] = attrs.field(factory=dict, init=False)
    _marks: dict[str, str] = attrs.field(factory=dict, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def take(self, path: str, content: Source, size: int, checksum: str = "") -> FileEntry:
        """As the interface says."""
        if not checksum:
            with spooled(path, content, size, "") as (file, entry):
                return self.take(path, file, size, entry.checksum)
        incoming = Incoming(
            path=f"{self._came}/{path}", checksum=checksum, executable=False, drafts=f"{self._room}/incoming"
        )
        placed = self.tree.folders.receive(incoming, cast("BinaryIO", content), guards=self.guards)
        self._files[path], self._marks[path] = received(placed.size, checksum), placed.mark
        return self._files[path]

    def copy(self, path: str, entry: FileEntry) -> None:
        """As the interface says."""
        self._files[path] = entry

    def note(self) -> Note:
        """As the interface says; that it survives a loss of power is for :meth:`prepare`."""
        return Note(self._files, self._marks)

    def prepare(self, manifest: Manifest, notes: Sequence[Note]) -> str:
        """As the interface says."""
        plan = self._plan(manifest)
        staging = self.tree.transactions.begin(plan, yes=True)
        if staging.wanted():
            staging.take_over([self._tree(notes)])
        if lost := next(iter(staging.wanted()), None):
            raise InvalidArgument(f"{lost[:200]!r} is not there any more", "Begin a new publication.")
        if staging.takes_files:
            self.tree.folders.flush(staging.files)
            self.tree.folders.remove(self._came)
        return json.dumps({"plan": plan.text(), "marks": dict(staging.marks)}, separators=(",", ":"))

    def commit(self, prepared: str, again: Callable[[], str]) -> Switch:
        """As the interface says."""
        if done := self.tree.transactions.done(self.transaction):
            return done
        check_base_of(self.tree, self.base)
        kept = json.loads(prepared)
        plan = Plan.parse(kept["plan"], self._before())
        try:
            return self.tree.transactions.commit(self.tree.transactions.resumed(plan, kept["marks"]))
        except InvalidArgument:
            kept = json.loads(again())
            return self.tree.transactions.commit(self.tree.transactions.resumed(plan, kept["marks"]))

    def abort(self) -> None:
        """As the interface says."""
        if self.tree.transactions.abort(self.transaction):
            self.tree.folders.remove(self._room)

    @property
    def _room(self) -> str:
        return f"{STATE_FOLDER}/{self.room}"

    @property
    def _came(self) -> str:
        return f"{self._room}/files"

    def _before(self) -> Manifest:
        return self.tree.live_manifest(yes=True) if self.base else Manifest()

    def _plan(self, manifest: Manifest) -> Plan:
        check_base_of(self.tree, self.base)
        return Plan(
            tree=self.tree.name,
            root=self.tree.host.root_id(),
            layout=LAYOUT,
            base=self.base,
            transaction=self.transaction,
            manifest=manifest,
            changes=diff(self._before(), manifest),
        )

    def _tree(self, notes: Sequence[Note]) -> Tree:
        files = {path: note.files[path] for note in notes for path in note.where}
        marks = {path: str(mark) for note in notes for path, mark in note.where.items()}
        record = Record(self.tree.name, self.base, self.transaction, Manifest(files), marks)
        return Tree(folder=self._came, record=record)


def check_base_of(tree: PlainTree, base: str) -> None:
    """Do nothing if ``base`` is live.

    Raises:
        Superseded: something else is.
    """
    head, _ = tree.recovered()
    check_base(tree.name, base, head)
