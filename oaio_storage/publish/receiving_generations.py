"""Receiving the files of a publication of generations: their pieces are stored in packs as they come."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Self, cast

import attrs

from oaio_storage.errors import Changed, InvalidArgument, SourceChanged, Superseded
from oaio_storage.manifest import FileEntry, Manifest
from oaio_storage.publish.receiving import Note, Receiver, Source, spooled
from oaio_storage.trees.attempt import Attempt, begun
from oaio_storage.trees.generation import Generation
from oaio_storage.trees.head import Head
from oaio_storage.trees.local import Journal
from oaio_storage.trees.packing import Place
from oaio_storage.trees.store import TreeStore
from oaio_storage.trees.switches import Switch

_ATTEMPTS = 20

IN_FLIGHT = 2
"""Packs that one request stores at the same time: a site has many requests, and each pack takes memory."""


@attrs.define
class GenerationsReceiver(Receiver):
    """For a tree of generations.

    Attributes:
        store: the tree, to be changed.
        base: the generation that the publication follows; empty: none.
        transaction: its id.
    """

    store: TreeStore
    base: str
    transaction: str
    _files: dict[str, FileEntry] = attrs.field(factory=dict, init=False)
    _attempt: Attempt | None = attrs.field(default=None, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._attempt:
            self._attempt.sender.__exit__()

    def take(self, path: str, content: Source, size: int, checksum: str = "") -> FileEntry:
        """As the interface says."""
        with spooled(path, content, size, checksum) as (file, entry):
            attempt = self._begun()
            if not attempt.intake.knows(entry.checksum):
                attempt.intake.take(file.fileno(), size)
        self._files[path] = entry
        return entry

    def copy(self, path: str, entry: FileEntry) -> None:
        """As the interface says."""
        self._files[path] = entry

    def note(self) -> Note:
        """As the interface says."""
        if self._attempt is None:
            return Note(self._files, {})
        self._attempt.sender.wait()
        recipes = self._attempt.intake.recipes.items()
        where: dict[str, object] = {
            "epoch": self._attempt.journal.epoch,
            "places": self._attempt.sender.places,
            "recipes": {checksum: b64encode(recipe).decode() for checksum, recipe in recipes},
        }
        return Note(self._files, where)

    def prepare(self, manifest: Manifest, notes: Sequence[Note]) -> str:
        """As the interface says."""
        attempt = self._resumed([cast("Mapping[str, Any]", note.where) for note in notes])
        epoch = attempt.journal.epoch
        if attempt.head and attempt.head.live and attempt.changes_nothing(manifest):
            return json.dumps({"epoch": epoch, "id": "", "record": ""})
        with attempt.sender:
            try:
                generation = attempt.composed(manifest).generation
            except SourceChanged as err:
                raise InvalidArgument(
                    "files that were received are not there any more", "Begin a new publication."
                ) from err
            made = attempt.record(generation)
        return json.dumps({"epoch": epoch, "id": made, "record": b64encode(generation.content()).decode()})

    def commit(self, prepared: str, again: Callable[[], str]) -> Switch:
        """As the interface says."""
        kept = json.loads(prepared)
        for _ in range(_ATTEMPTS):
            head, version = self.store.heads.read()
            if done := self._done(head):
                return done
            self._check_base(head)
            if kept["epoch"] != _epoch(head):  # a collection came to its end meanwhile
                kept = json.loads(again())
                continue
            if not kept["id"]:
                return cast("Switch", cast("Head", head).live)
            generation = Generation.parse(kept["id"], b64decode(kept["record"]))
            journal = Journal(None, self.transaction, kept["epoch"], {}, (kept["id"], generation.nonce))
            attempt = begun(self.store, journal, head, version, with_base=False)
            with suppress(Changed), attempt.sender:
                return attempt.switch(generation)
        raise Changed(f"the head of {self.store.name!r} was changed by others, again and again", "Try again.")

    def abort(self) -> None:
        """As the interface says: what came is for the next clean-up of the tree."""

    # ---- inside

    def _begun(self) -> Attempt:
        if self._attempt is None:
            self._attempt = self._resumed(())
        return self._attempt

    def _resumed(self, wheres: Sequence[Mapping[str, Any]]) -> Attempt:
        """An attempt that knows what came so far."""
        places = {
            digest: Place(*place) for where in wheres for digest, place in where.get("places", {}).items()
        }
        recipes = {
            checksum: b64decode(recipe)
            for where in wheres
            for checksum, recipe in where.get("recipes", {}).items()
        }
        epochs = {int(where["epoch"]) for where in wheres if where}
        for _ in range(_ATTEMPTS):
            head, version = self.store.heads.read()
            self._check_base(head)
            epoch = epochs.pop() if len(epochs) == 1 else -1 if epochs else _epoch(head)
            journal = Journal(None, self.transaction, epoch, dict(places))
            with suppress(Changed):
                attempt = begun(self.store, journal, head, version, anew=True, in_flight=IN_FLIGHT)
                attempt.base.doubtful = frozenset()  # what is kept stays as it is live (decision 0110)
                attempt.intake.recall(recipes)
                return attempt
            epochs = {-1}
        raise Changed(f"the head of {self.store.name!r} was changed by others, again and again", "Try again.")

    def _done(self, head: Head | None) -> Switch | None:
        if head is None:
            return None
        history = self.store.heads.history(head) if head.generation != self.base else head.log
        return next((made for made in reversed([*history]) if made.transaction == self.transaction), None)

    def _check_base(self, head: Head | None) -> None:
        if (head.generation if head else "") != self.base:
            live = head.live if head else None
            who = f" by {live.by or 'somebody'} at {live.at}" if live else ""
            raise Superseded(f"{self.store.name!r} was published{who} since this publication began")


def _epoch(head: Head | None) -> int:
    return head.epoch if head else 0
