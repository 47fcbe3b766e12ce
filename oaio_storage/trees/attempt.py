"""One attempt to make the next generation live, step by step, in an order that keeps it safe (T9).

Packs, then new places, then the generation, then the head; each is durable before the next, and nothing ever
refers to what is not.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from threading import Lock
from typing import TYPE_CHECKING, Literal

import attrs

from oaio_storage.errors import Changed, Corrupt, InvalidArgument, NotFound, SourceChanged
from oaio_storage.manifest import FileEntry
from oaio_storage.trees.base import Base
from oaio_storage.trees.carrying import FEW, carried, pack_names
from oaio_storage.trees.composing import Wanted, text_chunks, wanted
from oaio_storage.trees.frames import framed
from oaio_storage.trees.generation import DIRECT, INLINE, Generation, generation_id
from oaio_storage.trees.head import Head
from oaio_storage.trees.hints import SEE_FAULTS
from oaio_storage.trees.intake import Intake
from oaio_storage.trees.lines import all_pieces, is_listed, path_part
from oaio_storage.trees.local import Journal, Known, LocalState
from oaio_storage.trees.moving import moved_content, parse_moved
from oaio_storage.trees.packing import Piece, Place, parse_pieces, pieces_text
from oaio_storage.trees.paths import blob_name
from oaio_storage.trees.sending import IN_FLIGHT, Sender, place_of
from oaio_storage.trees.store import TreeStore
from oaio_storage.trees.switches import Switch

if TYPE_CHECKING:
    from concurrent.futures import Future

_FEW_LINES = 1000
"""More are never short enough to stand in the record."""


@attrs.frozen
class Committed:
    """What a commit did.

    Attributes:
        switch: what is live.
        is_new: whether this commit made it live; False: nothing differed.
        sent: bytes that were stored on the host, those below included.
        carried: bytes of older chunks among them, that were stored anew to keep packs few (T8).
        unknown: path -> why nothing could be said of it, so that it stayed as it was.
    """

    switch: Switch
    is_new: bool
    sent: int = 0
    carried: int = 0
    unknown: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Composed:
    """A generation of which all is stored but its record.

    Attributes:
        generation: it.
        lines: the lines of its manifest.
        pieces: the chunks of those lines, none if they are few.
    """

    generation: Generation
    lines: Sequence[str]
    pieces: Sequence[Piece]


@attrs.define(slots=False)
class Attempt:
    """One attempt to commit on top of one head. Contents come first, by ``intake``; then :meth:`finish`.

    Attributes:
        store: the tree.
        head: what the attempt is based on; None before the first commit.
        version: of the head.
        base: what is known of the live generation.
        sender: stores chunks.
        journal: what was stored so far.
    """

    store: TreeStore
    head: Head | None
    version: str
    base: Base
    sender: Sender
    journal: Journal
    _carried: int = attrs.field(default=0, init=False)
    _planned: tuple[Mapping[str, FileEntry], Wanted] | None = attrs.field(default=None, init=False)

    @cached_property
    def intake(self) -> Intake:
        """Takes in the contents of files."""
        return Intake(self.base, self.sender)

    def missing(self, files: Mapping[str, FileEntry]) -> list[str]:
        """The paths of contents that have to be taken in, and were not so far."""
        needed = self._plan(files).needed()
        return [path for checksum, path in needed.items() if not self.intake.knows(checksum)]

    def changes_nothing(self, files: Mapping[str, FileEntry]) -> bool:
        """Whether ``files`` are what the base has, but for times."""
        return self._plan(files).digest == self.base.digest

    def finish(self, files: Mapping[str, FileEntry], unknown: Mapping[str, str]) -> Committed:
        """Make a generation of ``files``, sorted by path, live, unless they are what is live already.

        Raises:
            Changed: the head is another one by now; a new attempt finds out what that means.
            SourceChanged: a content was never taken in, since the file changes again and again.
        """
        if self.head and self.head.live and self.changes_nothing(files):
            return Committed(self.head.live, is_new=False, sent=self.sender.sent, unknown=unknown)
        made = self.composed(files)
        switch = self.switch(made.generation)
        if self.store.local:
            self._remember(self.store.local, made, self._plan(files))
        return Committed(switch, is_new=True, sent=self.sender.sent, carried=self._carried, unknown=unknown)

    def composed(self, files: Mapping[str, FileEntry]) -> "Composed":
        """A generation of ``files``, sorted by path, that could become live: all that it needs is stored.

        Raises:
            SourceChanged: a content was never taken in.
        """
        plan = self._plan(files)
        self.sender.before()
        lines = self._lines(plan)
        pieces, text = self._stored_text(lines)
        self.sender.wait()
        moved = self._carry(lines, [*pieces, *text])
        generation = Generation(
            parent=self.head.generation if self.head else "",
            sequence=(self.head.sequence if self.head else 0) + 1,
            transaction=self.sender.transaction,
            nonce=self.journal.record[1] or self.store.ids(),
            digest=plan.digest,
            files=len(files),
            size=sum(entry.size for entry in files.values()),
            moved=moved,
            inline="" if text or not lines else "".join(lines),
            text=tuple(text),
            is_list=text != pieces,
        )
        return Composed(generation, lines, pieces)

    def record(self, generation: Generation) -> str:
        """Store the record of a generation, unless it is stored already; its id."""
        content = generation.content()
        made = generation_id(content)
        if self.journal.record[0] != made:
            self.sender.write(self.store.paths.generation(made), content)
            self.journal.recorded(made, generation.nonce)
        return made

    def switch(
        self, generation: Generation, kind: Literal["publish", "rollback"] = "publish", of: str = ""
    ) -> Switch:
        """Store a generation, then swap the head.

        Args:
            generation: what is to be live; all that it needs is stored.
            kind: what the log says.
            of: for a rollback the generation whose content it has.

        Raises:
            Changed: the head is another one by now.
        """
        made = self.record(generation)
        switch = Switch(
            sequence=generation.sequence,
            generation=made,
            parent=generation.parent,
            transaction=generation.transaction,
            kind=kind,
            restored=of,
            by=self.store.by,
            at=self.store.clock().isoformat(timespec="seconds"),
            digest=generation.digest,
            files=generation.files,
            size=generation.size,
        )
        before = self.head or Head(nonce=self.store.ids())
        self.store.heads.swap(
            attrs.evolve(before, nonce=self.store.ids(), log=(*before.log, switch)), self.version
        )
        return switch

    # ---- the steps

    def _plan(self, files: Mapping[str, FileEntry]) -> Wanted:
        if self._planned is None or self._planned[0] is not files:
            self._planned = files, wanted(files, self.base)
        return self._planned[1]

    def _lines(self, plan: Wanted) -> list[str]:
        self.sender.flush()
        self.intake.store_lists()
        self.sender.flush()
        try:
            return plan.completed(self.intake.content)
        except InvalidArgument as err:
            raise SourceChanged("files changed again and again while they were read") from err

    def _stored_text(self, lines: Sequence[str]) -> tuple[list[Piece], list[Piece]]:
        """The chunks of the lines, none if they are few; and those chunks, or of a long list of them."""
        if len(lines) < _FEW_LINES and sum(len(line.encode()) for line in lines) <= INLINE:
            return [], []
        pieces = self._pieces(text_chunks(lines))
        listed = pieces_text(pieces)
        if len(framed(listed.encode())) <= DIRECT:
            return pieces, pieces
        return pieces, self._pieces(text_chunks([listed]))

    def _pieces(self, chunks: Iterator[tuple[str, bytes]]) -> list[Piece]:
        sizes = []
        for digest, content in chunks:
            if digest not in self.base.text_places:
                self.sender.add(digest, content)
            sizes.append((digest, len(content)))
        self.sender.flush()
        places = (self.base.text_places, self.sender.places)
        return [Piece(digest, size, place_of(digest, *places)) for digest, size in sizes]

    def _carry(self, lines: Sequence[str], text: Sequence[Piece]) -> tuple[str, ...]:
        """Carry along chunks of poor packs; the blobs with new places that are known then."""
        known = self.base.generation.moved if self.base.generation else ()
        fresh = frozenset(place.pack for place in self.sender.places.values())
        names = pack_names(lines) | {piece.place.pack for piece in text}
        if len(names - fresh) <= FEW:
            return known
        pieces = partial(self._all_pieces, lines, text)
        moved = self._moved(known) if carried(pieces, {}, fresh) else {}
        again = carried(pieces, moved, fresh)
        if not again:
            return known
        for piece, content in zip(again, self.store.chunks.read_all(again), strict=True):
            self.sender.add(piece.digest, content)
            self._carried += piece.size
        self.sender.wait()
        live = {piece.digest for piece in pieces() if piece.digest in moved}
        moved = {digest: place for digest, place in moved.items() if digest in live}
        moved |= {piece.digest: self.sender.places[piece.digest] for piece in again}
        content = moved_content(moved)
        name = blob_name(self.sender.transaction, self.store.ids()[:8], content)
        self.sender.write(f"{self.store.paths.moved}/{name}", content)
        return (name,)

    def _moved(self, names: Sequence[str]) -> dict[str, Place]:
        moved: dict[str, Place] = {}
        for name in names:
            with suppress(NotFound):  # one that is not needed any more
                moved |= parse_moved(self.store.host.state.read(f"{self.store.paths.moved}/{name}"))
        return moved

    def _all_pieces(self, lines: Sequence[str], text: Sequence[Piece]) -> Iterator[Piece]:
        yield from text
        for line in lines:
            pieces = all_pieces(line)
            yield from pieces
            if is_listed(line):
                yield from self.base.lists(pieces)

    def _remember(self, local: LocalState, composed: "Composed", plan: Wanted) -> None:
        content = composed.generation.content()
        made = generation_id(content)
        local.keep_lines(made, composed.lines)
        local.keep_record(made, content, pieces_text(composed.pieces))
        kept = frozenset(self.base.lines[number] for number in self.base.doubtful)
        lines = enumerate(composed.lines)
        doubtful = (line for number, line in lines if number not in plan.todo and line in kept)
        local.keep_known(Known(made, frozenset(map(path_part, doubtful))))


def begun(  # noqa: PLR0913 - what it begins from, and what of it is needed
    store: TreeStore,
    journal: Journal,
    head: Head | None,
    version: str,
    *,
    with_base: bool = True,
    anew: bool = False,
    in_flight: int = IN_FLIGHT,
) -> Attempt:
    """An attempt on top of a head, which goes on where the journal says that an earlier one stopped.

    Without the base, nothing is known of what exists; for who stores no contents, and ``anew`` where the base
    can't be read.

    On a host that can't decide conditions of a write in one step, the first attempt to store anything raises
    NotGuaranteed.

    Raises:
        Changed: a collection came to its end meanwhile; the head has to be read again.
    """
    if head is not None and journal.epoch != head.epoch:
        _check_journal(store, journal, head)
    sender = Sender(
        store.host.state,
        store.paths,
        journal.transaction,
        store.ids,
        stored=lambda packed: journal.stored(packed.places),
        places=dict(journal.places),
        in_flight=in_flight,
    )
    if head is None:
        sender.before = _Founding(store, sender.meanwhile(store.heads.check))
    base = _current_base(store, head, version, anew=anew) if with_base else Base()
    return Attempt(store, head, version, base, sender, journal)


@attrs.define
class _Founding:
    """What a tree needs before anything of it is stored: a host that keeps its word, and a format. Once."""

    store: TreeStore
    check: "Future[None]"
    _lock: Lock = attrs.field(factory=Lock, init=False)
    _is_done: bool = attrs.field(default=False, init=False)

    def __call__(self) -> None:
        with self._lock:
            if not self._is_done:
                self.check.result()
                self.store.write_format()
                self._is_done = True


def _current_base(store: TreeStore, head: Head | None, version: str, *, anew: bool) -> Base:
    try:
        return load_base(store, head)
    except (NotFound, Corrupt) as err:
        if store.heads.read()[1] != version:  # overtaken, and collected
            raise Changed(f"{store.name!r} was changed by others meanwhile") from err
        if anew:
            return Base()
        if isinstance(err, NotFound):
            raise Corrupt(f"the live generation of {store.name!r} is missing", SEE_FAULTS) from err
        raise


def _check_journal(store: TreeStore, journal: Journal, head: Head) -> None:
    """Let the journal name only what is there, and not about to be removed (T10)."""
    if journal.places:
        dropped = store.dropped(head)
        there = {seen.path for seen in store.host.state.list(store.paths.packs)} - dropped
        journal.places = {
            digest: place for digest, place in journal.places.items() if store.paths.pack(place.pack) in there
        }
    journal.record = "", ""
    journal.begin(head.epoch)


def load_base(store: TreeStore, head: Head | None) -> Base:
    """What is known of the live generation (T10, T11)."""
    if head is None or not head.generation:
        return Base()
    kept = store.local.record(head.generation) if store.local else None
    if kept is not None:
        generation = Generation.parse(head.generation, kept[0])
        text = parse_pieces(kept[1])
    else:
        generation = store.generation(head.generation)
        text = store.text_pieces(generation)
    lines = list(store.lines(generation))
    if kept is None and store.local:
        store.local.keep_lines(generation.id, lines)
        store.local.keep_record(generation.id, generation.content(), pieces_text(text))
    return Base(generation, lines, text, _doubtful(store, generation.id, lines), store.listed)


def _doubtful(store: TreeStore, generation: str, lines: Sequence[str]) -> frozenset[int]:
    """The numbers of lines whose contents this device has neither sent nor verified."""
    known = store.local.known() if store.local else Known()
    if known.generation == generation and not known.doubtful:
        return frozenset()
    theirs = store.local.lines(known.generation) if store.local and known.generation else None
    sure = {line for line in theirs or () if not known.doubtful or path_part(line) not in known.doubtful}
    return frozenset(number for number, line in enumerate(lines) if line not in sure)
