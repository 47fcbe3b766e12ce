"""Comparing what is kept of a tree with what should be: structure, a sample, or every byte (T20)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from random import Random
from typing import Literal

import attrs

from oaio_storage.errors import Corrupt, ForeignPublisher, NotFound
from oaio_storage.progress import Progress, Report, ignore
from oaio_storage.trees.frames import unframed
from oaio_storage.trees.generation import MAX_GENERATION_BYTES, Generation
from oaio_storage.trees.head import Head
from oaio_storage.trees.hints import PUBLISH
from oaio_storage.trees.lines import canonical_text
from oaio_storage.trees.moving import parse_plan
from oaio_storage.trees.packing import Piece
from oaio_storage.trees.paths import BLOB, blob_size, is_blob, short_digest
from oaio_storage.trees.reading import is_chunk
from oaio_storage.trees.store import TreeStore
from oaio_storage.trees.switches import parse_log

What = Literal["missing", "short", "long", "altered", "swapped", "foreign"]
Depth = Literal["structure", "sample", "content"]

SAMPLE = 16
"""Packs of which a sample reads every byte."""


@attrs.frozen(order=True)
class Fault:
    """Something that is not as it should be.

    Attributes:
        path: the file, relative to the state folder of the host.
        what: what is wrong with it.
    """

    path: str
    what: What


@attrs.frozen
class Verified:
    """What a verification found.

    Attributes:
        generations: how many were looked at.
        packs: how many were.
        bytes: how many bytes of them were read.
        faults: all that is wrong, sorted.
        lost: digest -> chunk of those that lie in a damaged pack and nowhere else, as far as was looked.
    """

    generations: int = 0
    packs: int = 0
    bytes: int = 0
    faults: tuple[Fault, ...] = ()
    lost: Mapping[str, Piece] = attrs.field(factory=dict)


def verify(
    store: TreeStore, depth: Depth = "content", *, dice: Random | None = None, report: Report = ignore
) -> Verified:
    """Look at the head, all generations that are kept, and what they need. Nothing is changed.

    Damage that does no harm, since the chunks were moved elsewhere, is no fault.

    Args:
        store: the tree.
        depth: ``"structure"``: names, sizes, records and manifests; ``"sample"``: a few packs besides;
            ``"content"``: every byte.
        dice: draws the sample.
        report: told the bytes that were read.

    Raises:
        NotFound: nothing was committed under this name.
        Corrupt: the tree is of a newer format.
        StorageError, TryAgain: the host does not answer.
    """
    survey = _Survey(attrs.evolve(store, local=None), report)
    survey.look_at_names()
    survey.look_at_head()
    survey.look_at_generations()
    packs = sorted(survey.sizes)
    if depth == "sample":
        packs = sorted((dice or Random()).sample(packs, min(SAMPLE, len(packs))))  # noqa: S311 - no secret
    survey.look_at_packs(packs if depth != "structure" else [])
    return survey.outcome()


@attrs.define
class _Survey:
    """One verification under way."""

    store: TreeStore
    report: Report
    faults: set[Fault] = attrs.field(factory=set, init=False)
    head: Head | None = attrs.field(default=None, init=False)
    sizes: dict[str, int] = attrs.field(factory=dict, init=False)
    _listed: set[str] = attrs.field(factory=set, init=False)
    _generations: set[str] = attrs.field(factory=set, init=False)
    _needed: dict[str, set[Piece]] = attrs.field(factory=lambda: defaultdict(set), init=False)
    _damaged: dict[str, What] = attrs.field(factory=dict, init=False)
    _absent: set[str] = attrs.field(factory=set, init=False)
    _lost: dict[str, Piece] = attrs.field(factory=dict, init=False)
    _read: int = attrs.field(default=0, init=False)

    def look_at_names(self) -> None:
        paths = self.store.paths
        for seen in self.store.host.state.list(paths.folder):
            name = seen.path.rpartition("/")[2]
            self._listed.add(seen.path)
            if not paths.known(seen.path):
                self._note(seen.path, "foreign")
            elif BLOB.fullmatch(name):
                size = blob_size(name)
                what: What | None = "short" if seen.size < size else "long" if seen.size > size else None
                if seen.path.startswith(f"{paths.packs}/"):
                    self.sizes[name] = size
                    if what:
                        self._damaged[name] = what
                else:
                    self._look_at_moved(name, seen.path, what)
            elif seen.path.startswith(f"{paths.generations}/"):
                self._generations.add(name)
        if not self._listed:
            raise NotFound(f"nothing was published as {self.store.name!r}", PUBLISH)

    def look_at_head(self) -> None:
        paths, state = self.store.paths, self.store.host.state
        self._look_at_format()
        try:
            self.head, _ = self.store.heads.read()
        except (Corrupt, ForeignPublisher) as err:
            self._note(paths.head, "altered", err)
            return
        if self.head is None:
            self._note(paths.head, "missing")
            return
        for path, parse in [
            *((path, parse_log) for path in self.head.logs),
            *((paths.plan(plan), parse_plan) for plan in self.head.plans),
        ]:
            try:
                parse(state.read(path))
            except NotFound:
                self._note(path, "missing")
            except Corrupt:
                self._note(path, "altered")

    def look_at_generations(self) -> None:
        needed = self._expected() if self.head else self._generations
        expected = self._generations | needed
        for number, generation in enumerate(sorted(expected)):
            path = self.store.paths.generation(generation)
            try:
                content = self.store.host.state.read(path, 0, MAX_GENERATION_BYTES)
                record = Generation.parse(generation, content)
            except NotFound:
                self._note(path, "missing")
            except Corrupt as err:
                others = self._generations - {generation}
                is_other = short_digest(content) in others
                self._note(path, "swapped" if is_other else "altered", err)
            else:
                if generation in needed:  # what others need is of no use to anybody
                    self._look_at_text(path, record)
            self.report(Progress("verify", number + 1, len(expected), "generations", path))

    def look_at_packs(self, names: Iterable[str]) -> None:
        """Read packs, and take all others for good whose size is right."""
        self._resolve()
        for name in names:
            content = self._content(name)
            if not is_blob(name, content):
                self._damaged[name] = self._how(name, content)
            elif not all(is_chunk(piece, _chunk(piece, content)) for piece in self._needed.get(name, ())):
                self._damaged[name] = "altered"
        for name in self._needed.keys() - self.sizes.keys():
            self._damaged[name] = "missing"
        if self._absent and any(what == "missing" for what in self._damaged.values()):
            for name in self._absent:  # it may have told where they are
                self._note(f"{self.store.paths.moved}/{name}", "missing")

    def outcome(self) -> Verified:
        for name, what in self._damaged.items():
            needed = self._needed.get(name, ())
            lost = {piece.digest: piece for piece in needed if not self._is_covered(piece.digest)}
            self._lost |= lost
            may_be_moved = what == "missing" and any("/moved/" in fault.path for fault in self.faults)
            if (lost and not may_be_moved) or (name not in self._needed and not self._is_overtaken(name)):
                self._note(self.store.paths.pack(name), what)
        return Verified(
            len(self._generations), len(self.sizes), self._read, tuple(sorted(self.faults)), self._lost
        )

    # ---- inside

    def _resolve(self) -> None:
        """Look for chunks of packs that are not there in those that they were moved to."""
        for name in self._needed.keys() - self.sizes.keys():
            for piece in list(self._needed[name]):
                moved = self.store.chunks.moved().get(piece.digest, ())
                there = [place for place in moved if place.pack in self.sizes]
                if place := next(iter([*there, *moved]), None):
                    self._needed[name].remove(piece)
                    self._needed[place.pack].add(piece._replace(place=place))
            if not self._needed[name]:
                del self._needed[name]

    def _note(self, path: str, what: What, err: Exception | None = None) -> None:
        if isinstance(err, Corrupt) and "has format" in str(err):
            raise err
        self.faults.add(Fault(path, what))

    def _look_at_format(self) -> None:
        path = self.store.paths.format
        try:
            self.store.check_format()
        except Corrupt as err:
            self._note(path, "altered", err)
        if path not in self._listed:
            self._note(path, "missing")

    def _look_at_moved(self, name: str, path: str, what: What | None) -> None:
        content = self.store.host.state.read(path)
        if what is None and not is_blob(name, content):
            what = "altered"
        if what:
            self._note(path, what)

    def _expected(self) -> set[str]:
        """The generations that have to be there."""
        head = self.head
        if head is None:
            return set()
        try:
            history = self.store.heads.history(head)
        except Corrupt:
            history = head.log
        return {switch.generation for switch in history if head.has(switch)} | {*head.pins.values()}

    def _look_at_text(self, path: str, record: Generation) -> None:
        """Take note of the chunks that a generation needs, as far as its manifest can be read."""
        moved = self.store.paths.moved
        if self.head and record.id == self.head.generation:  # older ones may name what was taken over since
            self._absent = {name for name in record.moved if f"{moved}/{name}" not in self._listed}
        try:
            for piece in self.store.all_pieces(record):
                self._needed[piece.place.pack].add(piece)
            *_, trailer = canonical_text(self.store.lines(record))
        except Corrupt:
            for piece in record.text:
                self._needed[piece.place.pack].add(piece)
            self._look_at_lost_text(record)
        else:
            if trailer.split()[1] != record.digest:
                self._note(path, "altered")

    def _look_at_lost_text(self, record: Generation) -> None:
        """Find out which packs keep a manifest from being read."""
        pieces: Iterable[Piece] = record.text
        while pieces:
            readable = True
            for piece in pieces:
                self._needed[piece.place.pack].add(piece)
                if not self._is_readable(piece):
                    readable = False
                    self._damaged.setdefault(piece.place.pack, self._how_is(piece.place.pack))
            is_last = not record.is_list or pieces is not record.text
            pieces = () if is_last or not readable else self.store.text_pieces(record)

    def _how_is(self, name: str) -> What:
        if name not in self.sizes:
            return "missing"
        return self._how(name, self._content(name))

    def _how(self, name: str, content: bytes) -> What:
        if short_digest(content) in {parts[4] for parts in map(BLOB.fullmatch, self.sizes) if parts}:
            return "swapped"
        size = blob_size(name)
        return "short" if len(content) < size else "long" if len(content) > size else "altered"

    def _content(self, name: str) -> bytes:
        try:
            content = self.store.host.state.read(self.store.paths.pack(name))
        except NotFound:
            return b""
        self._read += len(content)
        self.report(Progress("verify", self._read, sum(self.sizes.values()), "bytes", name))
        return content

    def _is_overtaken(self, pack: str) -> bool:
        """Whether all chunks that were moved to a damaged pack, at least one, were moved once more."""
        moved = self.store.chunks.moved()
        inside = [digest for digest, places in moved.items() if pack in {place.pack for place in places}]
        return bool(inside) and all(map(self._is_covered, inside))

    def _is_covered(self, digest: str) -> bool:
        """Whether a chunk of a damaged pack lies in a whole one, too."""
        moved = self.store.chunks.moved().get(digest, ())
        return any(place.pack in self.sizes and place.pack not in self._damaged for place in moved)

    def _is_readable(self, piece: Piece) -> bool:
        try:
            self.store.chunks.read(piece)
        except Corrupt:
            return False
        return True


def _chunk(piece: Piece, content: bytes) -> bytes:
    place = piece.place
    try:
        frame = unframed(content[place.offset : place.offset + place.length])
    except Corrupt:
        return b""
    return frame[place.inside : place.inside + piece.size]
