"""A tree of generations on a host: :class:`TreeStore`."""

import getpass
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

import attrs

from oaio_storage.errors import Changed, Corrupt, InvalidArgument, NotFound
from oaio_storage.hosts import CshApi
from oaio_storage.manifest import FileEntry, Manifest
from oaio_storage.trees.generation import FORMAT, MAX_GENERATION_BYTES, Generation
from oaio_storage.trees.head import Head, HeadStore
from oaio_storage.trees.heads import StoredHead
from oaio_storage.trees.hints import PUBLISH, SEE_FAULTS, SEE_GENERATIONS
from oaio_storage.trees.lines import StoredFile, all_pieces, is_listed, parse_stored
from oaio_storage.trees.local import LocalState
from oaio_storage.trees.moving import parse_plan
from oaio_storage.trees.packing import Piece, parse_pieces
from oaio_storage.trees.paths import Paths, checked_id
from oaio_storage.trees.reading import Chunks
from oaio_storage.trees.switches import Switch

if TYPE_CHECKING:
    from oaio_storage.trees.filesystem import GenerationFileSystem

MAX_LABEL = 200
"""Characters of the label of a pin."""


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name
        return ""


@attrs.frozen(eq=False)
class TreeStore:
    """One tree, as immutable generations in the state folder of a host.

    Whatever is read is verified; whatever is changed happens by one swap of the head, so that readers and
    other writers see all of it or nothing. What went wrong half-way is repeated safely.

    Attributes:
        host: where.
        name: of the tree.
        local: what this device remembers of it; None: nothing, so that each commit sends everything.
        heads: where the head is kept; as a file on the host, unless the caller knows better.
        by: who commits; informs only.
        clock: tells the time that the log shows.
        ids: draws ids of 32 hexadecimal digits.
    """

    host: CshApi
    name: str = attrs.field(validator=lambda _self, _field, value: Paths(value) and None)
    local: LocalState | None = None
    heads: HeadStore = attrs.field(
        default=attrs.Factory(
            lambda self: StoredHead(self.host.state, self.paths, self.host, self.local), takes_self=True
        )
    )
    by: str = attrs.field(factory=_user)
    clock: Callable[[], datetime] = attrs.field(default=lambda: datetime.now(UTC), repr=False)
    ids: Callable[[], str] = attrs.field(default=lambda: secrets.token_hex(16), repr=False)
    chunks: Chunks = attrs.field(
        default=attrs.Factory(lambda self: Chunks(self.host.state, self.paths), takes_self=True),
        init=False,
        repr=False,
    )

    @classmethod
    def on(cls, host: CshApi, name: str, cache: Path, *, by: str | None = None) -> Self:
        """The tree ``name`` on ``host``, with what this device remembers of it below the folder ``cache``.

        Raises:
            WrongRoot: the root of the host has no marker that can be read.
        """
        local = LocalState.of(cache, host.root_id(), Paths(name).tree)
        return cls(host, name, local, by=_user() if by is None else by)

    @property
    def paths(self) -> Paths:
        """Where everything lies in the state folder."""
        return Paths(self.name)

    # ---- what is there

    def live(self) -> Switch:
        """The switch that made the live generation live.

        Raises:
            NotFound: nothing was committed yet.
        """
        head, _ = self.heads.read()
        if head is None or head.live is None:
            raise NotFound(f"nothing was published as {self.name!r}", PUBLISH)
        return head.live

    def history(self) -> tuple[Switch, ...]:
        """All switches, oldest first; which of their generations are kept says :meth:`kept`."""
        head, _ = self.heads.read()
        return self.heads.history(head) if head else ()

    def kept(self) -> tuple[Switch, ...]:
        """The switches whose generations are there still, oldest first."""
        head, _ = self.heads.read()
        return tuple(switch for switch in self.heads.history(head) if head.has(switch)) if head else ()

    def generation(self, generation: str = "") -> Generation:
        """The record of a generation; of the live one if none is named.

        Raises:
            NotFound: there is no such generation, or it is not kept any more.
            Corrupt: its record is damaged, or of a newer format.
        """
        if not generation:
            return self._live_generation()
        try:
            content = self.host.state.read(self.paths.generation(generation), 0, MAX_GENERATION_BYTES)
        except NotFound as err:
            raise NotFound(
                f"{self.name!r} has no generation {generation}, or keeps it no more", SEE_GENERATIONS
            ) from err
        return Generation.parse(generation, content)

    def _live_generation(self) -> Generation:
        live, before = self.live().generation, ""
        while live != before:  # it may be overtaken, and collected, between two looks
            with suppress(NotFound):
                return self.generation(live)
            live, before = self.live().generation, live
        raise Corrupt(f"the live generation of {self.name!r} is missing", SEE_FAULTS)

    def lines(self, generation: Generation) -> Iterator[str]:
        """The stored lines of a generation, in bounded memory; from this device, if it remembers them.

        Raises:
            Corrupt: a part of them is missing or damaged.
        """
        known = self.local.lines(generation.id) if self.local else None
        return self.fetched_lines(generation) if known is None else known

    def fetched_lines(self, generation: Generation) -> Iterator[str]:
        """The stored lines of a generation as they are on the host."""
        if generation.inline:
            return iter(generation.inline.splitlines(keepends=True))
        return _as_lines(self.chunks.read_all(self.text_pieces(generation)))

    def text_pieces(self, generation: Generation) -> list[Piece]:
        """The chunks of the stored manifest of a generation."""
        if not generation.is_list:
            return list(generation.text)
        return self.listed(generation.text)

    def files(self, generation: str = "") -> Iterator[StoredFile]:
        """The files of a generation, sorted by path; of the live one if none is named."""
        return map(parse_stored, self.lines(self.generation(generation)))

    def manifest(self, generation: str = "") -> Manifest:
        """The manifest of a generation, the live one if none is named, with the times as attributes."""
        return Manifest({file.path: file.entry for file in self.files(generation)})

    def pieces(self, file: StoredFile) -> Iterable[Piece]:
        """The chunks of a file, in order."""
        return self.listed(file.listed) if file.listed else file.pieces

    def listed(self, pieces: Iterable[Piece]) -> list[Piece]:
        """The chunks that a long list names, given those that hold it."""
        return parse_pieces(b"".join(self.chunks.read_all(pieces)).decode())

    def all_pieces(self, generation: Generation) -> Iterator[Piece]:
        """All chunks that a generation needs: of its files, of their long lists, and of its manifest.

        Raises:
            Corrupt: a part of what names them is missing or damaged; those before it were given.
        """
        yield from generation.text
        if generation.is_list:
            yield from self.text_pieces(generation)
        for line in self.lines(generation):
            pieces = all_pieces(line)
            yield from pieces
            if is_listed(line):
                yield from self.listed(pieces)

    def content(self, file: StoredFile) -> Iterator[bytes]:
        """The content of a file, chunk by chunk, each of them verified.

        Raises:
            Corrupt: a chunk is missing or damaged.
        """
        return self.chunks.read_all(self.pieces(file))

    def filesystem(self, generation: str = "") -> "GenerationFileSystem":
        """A generation, the live one if none is named, as a read-only fsspec file system."""
        from oaio_storage.trees.filesystem import GenerationFileSystem  # noqa: PLC0415 - fsspec is heavy

        return GenerationFileSystem(self, generation)

    # ---- pins

    def pin(self, label: str, generation: str = "") -> str:
        """Keep a generation, the live one if none is named, whatever is collected; its id. Safe to repeat.

        Args:
            label: what it is kept for; another generation that has the label loses it.
            generation: which.

        Raises:
            NotFound: it is not kept any more, or about to be removed.
            Changed: somebody else was first, again and again.
        """
        if not label or len(label) > MAX_LABEL or not label.isprintable():
            raise InvalidArgument(f"not a label: {label[:MAX_LABEL]!r}", "Use a short text.")

        def pinned(head: Head) -> Head:
            wanted = checked_id(generation) if generation else head.generation
            self.check_usable(head, wanted)
            return attrs.evolve(head, pins={**head.pins, label: wanted})

        return self.change_head(pinned).pins[label]

    def unpin(self, label: str) -> None:
        """Let the generation with this label go with the next collection. Safe to repeat."""

        def unpinned(head: Head) -> Head:
            return attrs.evolve(head, pins={name: one for name, one in head.pins.items() if name != label})

        self.change_head(unpinned)

    def check_usable(self, head: Head, generation: str) -> None:
        """Do nothing if a generation is there, and no collection is about to remove it (T14).

        Raises:
            NotFound: otherwise.
        """
        history = self.heads.history(head)
        is_kept = any(switch.generation == generation and head.has(switch) for switch in history)
        if not is_kept or self.paths.generation(generation) in self.dropped(head):
            raise NotFound(
                f"{self.name!r} has no generation {generation}, or keeps it no more",
                SEE_GENERATIONS,
            )

    def dropped(self, head: Head) -> set[str]:
        """The paths that collections under way remove; nobody may use them (T14).

        Raises:
            Changed: one of them came to its end meanwhile; the head has to be read again.
        """
        try:
            plans = [self.host.state.read(self.paths.plan(plan)) for plan in head.plans]
        except NotFound as err:
            raise Changed(f"a collection of {self.name!r} came to its end meanwhile", "Try again.") from err
        return {path for plan in plans for path in parse_plan(plan)}

    def change_head(self, change: Callable[[Head], Head], attempts: int = 20) -> Head:
        """Swap the head for what ``change`` makes of it, which may be asked again; the new one.

        Raises:
            NotFound: nothing was committed yet.
            Changed: somebody else was first, each time.
        """
        for _ in range(attempts):
            head, version = self.heads.read()
            if head is None:
                raise NotFound(f"nothing was published as {self.name!r}", PUBLISH)
            with suppress(Changed):
                changed = attrs.evolve(change(head), nonce=self.ids())
                self.heads.swap(changed, version)
                return changed
        raise Changed(f"the head of {self.name!r} was changed by others, again and again", "Try again.")

    # ---- the format

    def check_format(self) -> None:
        """Do nothing if this version can read the tree, or there is none yet (T21).

        Raises:
            Corrupt: it is of a newer format, or the file that tells it is damaged.
        """
        with suppress(NotFound):
            _check_format(self.host.state.read(self.paths.format, 0, 64))

    def write_format(self) -> None:
        """Write down the version of the format, unless it is there. Safe to repeat.

        Raises:
            Corrupt: as for :meth:`check_format`.
        """
        try:
            _check_format(self.host.state.read(self.paths.format, 0, 64))
        except NotFound:
            self.host.state.write(self.paths.format, f"{FORMAT}\n".encode())


def entries(files: Iterable[StoredFile]) -> dict[str, FileEntry]:
    """What is known of files, by path."""
    return {file.path: file.entry for file in files}


def _as_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.decode() + "\n"
    if rest:
        raise Corrupt("a stored manifest ends within a line")


def _check_format(content: bytes) -> None:
    text = content.decode(errors="replace")
    if not re.fullmatch("[1-9][0-9]*\n", text):
        raise Corrupt("the file that tells the format of the tree is damaged", SEE_FAULTS)
    if int(text) > FORMAT:
        raise Corrupt(
            f"the tree has format {text.strip()}, this version knows {FORMAT}", "Upgrade oaio-storage."
        )
