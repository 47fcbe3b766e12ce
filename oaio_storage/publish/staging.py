"""One publication under way: its plan, its state, and the files that came so far, on the host."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, cast

import attrs

from oaio_storage.errors import (
    Busy,
    Changed,
    Corrupt,
    InvalidArgument,
    NotFound,
    QuotaExceeded,
    Superseded,
)
from oaio_storage.hosts import CshApi
from oaio_storage.hosts.folders import Guards, HostFolders, Incoming, Link, Placed, unproven
from oaio_storage.hosts.streams import opened, sha256_of
from oaio_storage.manifest import FileEntry
from oaio_storage.publish.gate import Gate
from oaio_storage.publish.places import Places
from oaio_storage.publish.plan import Plan, sources
from oaio_storage.publish.record import Record


@attrs.frozen(kw_only=True)
class Tree:
    """The files of a generation, to take over from.

    Attributes:
        folder: where they lie.
        record: what they are.
    """

    folder: str
    record: Record


@contextmanager
def _while_open() -> Iterator[None]:
    try:
        yield
    except Changed as err:
        raise Superseded("the publication takes no more files: it is being committed or given up") from err


@contextmanager
def _told_of_room(tree: str) -> Iterator[None]:
    try:
        yield
    except QuotaExceeded as err:
        raise QuotaExceeded(
            f"no room is left for this publication of {tree!r}; what is live stays as it is",
            "Make room, then publish again: it goes on where it stopped. This gives it up, and all that can "
            "be gone back to: oaio gc NAME --at HOST --now",
        ) from err


@attrs.define(kw_only=True)
class Staging:
    """The folder of one publication. Many may be under way; each has its own.

    What was received or taken over is remembered as verified by its mark; anything else that is found there
    is read and hashed before the commit.

    Attributes:
        state: the state folder of the host.
        folders: the folders of the host.
        places: of the tree.
        plan: what it is about.
        ids: makes ids that nobody else makes.
        restored: for a rollback the generation that is brought back; else empty.
    """

    state: CshApi
    folders: HostFolders
    places: Places
    plan: Plan
    ids: Callable[[], str]
    restored: str = ""
    _guards: Guards = attrs.field(factory=dict, init=False)
    _verified: dict[str, str] = attrs.field(factory=dict, init=False)

    @property
    def files(self) -> str:
        """The folder that is to become live."""
        return self.places.staged(self.plan.transaction)

    @property
    def gate(self) -> Gate:
        """Whether it still takes files."""
        return Gate(self.state, self.places.state(self.plan.transaction), self.ids)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep all others from working on it, and clean-up from giving it up, until the block ends.

        Raises:
            Busy: somebody else works on it.
            QuotaExceeded: of the block, too: no room is left.
        """
        folder = self.places.staging(self.plan.transaction)
        with _told_of_room(self.plan.tree), ExitStack() as stack:
            while True:
                self.folders.make(folder)
                try:
                    stack.enter_context(self.folders.hold(folder, alone=True))
                except NotFound:  # a clean-up was faster
                    continue
                except Busy as err:
                    raise Busy(f"this very publication of {self.plan.tree!r} is under way already") from err
                break
            yield

    def open(self) -> Guards:
        """Let files come, made or found again; what must stay as it is while they do.

        A commit of the same publication that began before can't switch any more.

        Raises:
            Superseded: clean-up gave it up.
        """
        guards = {self.places.state(self.plan.transaction): self.gate.open()}
        self.state.write(self.places.plan(self.plan.transaction), self.plan.text().encode())
        self.folders.make(self.places.committing(self.plan.transaction))
        return guards

    def gather(self, guards: Guards) -> None:
        """Bring together what came in earlier attempts, for a publisher that holds ``committing`` alone.

        Args:
            guards: of :meth:`open`; nothing comes when they changed.
        """
        # where an attempt to let a link point at it ended
        self.folders.move(self.places.kept(self.plan.generation), self.files)
        if self.folders.kind(unproven(self.files)):
            self.discard()
        self.folders.make(self.files)
        self._guards = guards

    def go_on(self) -> None:
        """Let files come again, for a publisher that holds ``committing`` alone and lacks some."""
        self._guards = self.open()

    @property
    def takes_files(self) -> bool:
        """Whether it was opened; else it became live before."""
        return bool(self._guards)

    @property
    def marks(self) -> Mapping[str, str]:
        """The marks of all files that are there and verified: for :meth:`recall`, by another process."""
        return self._verified

    def recall(self, marks: Mapping[str, str]) -> None:
        """Take for verified what another process found so; the commit finds out whether it is still there."""
        self._verified.update(marks)

    def discard(self) -> None:
        """Let go what came so far: once a flush failed, another one that succeeds would prove nothing."""
        for folder in (self.files, unproven(self.files)):
            self.folders.remove(folder)

    @_while_open()
    def take_over(self, trees: Sequence[Tree]) -> None:
        """Give the files that ``trees`` have a name in this publication, if possible without copying.

        A file that was edited in place since it was published stays wanted. What came in an earlier attempt
        is read and hashed; what is there and not in the plan is removed: a write that was cut off may have
        left it. A repeat is safe.

        Raises:
            Superseded: as for :meth:`receive`.
        """
        for path, placed in list(self.folders.placed(self.files)):
            entry = self.plan.manifest.get(path)
            if entry is None or not self._is_right(path, entry, placed):
                self.folders.discard(f"{self.files}/{path}", guards=self._guards)
        for tree in trees:
            self._take_from(tree)

    def _take_from(self, tree: Tree) -> None:
        """Take over what ``tree`` has of what no other tree had whole."""
        links, copies = [], {}
        wanted, held, marks = self.wanted(), dict(tree.record.manifest.items()), tree.record.marks
        for path, source in sources(wanted, held).items():
            entry, same = wanted[path], held[source]
            is_executable = bool(entry.executable)
            if same is entry or bool(same.executable) == is_executable:
                links.append(Link(source, path, Placed(entry.size, marks[source], is_executable)))
            else:
                copies[path] = source
        failed = self.folders.link(tree.folder, self.files, links, guards=self._guards)
        self._verified.update((target, placed.mark) for _, target, placed in links)
        for link in failed:
            del self._verified[link.target]
            copies[link.target] = link.source
        for path, source in copies.items():
            self._copy(f"{tree.folder}/{source}", path)

    def wanted(self) -> Mapping[str, FileEntry]:
        """What is still to be received, sorted by path; nothing, if it became live before it was opened."""
        entries = self.plan.manifest if self.takes_files else {}
        return {path: entry for path, entry in entries.items() if path not in self._verified}

    @_while_open()
    def receive(self, path: str, content: bytes | BinaryIO) -> None:
        """Store one file of the plan, all or nothing. A repeat is safe.

        Raises:
            InvalidArgument: the plan has no such file.
            Corrupt: it is not what the plan says; nothing of it is kept.
            Superseded: no more files are taken: the publication is being committed, or was given up.
        """
        if not self.takes_files:
            raise Superseded("the publication became live already, and takes no more files")
        entry = self.plan.manifest.get(path)
        if entry is None:
            raise InvalidArgument(f"the plan has no file {path[:200]!r}")
        file = Incoming(
            path=f"{self.files}/{path}",
            checksum=entry.checksum,
            executable=bool(entry.executable),
            drafts=self.places.incoming(self.plan.transaction),
        )
        with opened(content, entry.size) as source:
            placed = self.folders.receive(file, cast("BinaryIO", source), guards=self._guards)
        self._verified[path] = placed.mark

    def complete(self) -> dict[str, str]:
        """The marks of all files, if exactly those of the plan are there, each verified.

        Raises:
            InvalidArgument: something is missing or too much.
        """
        marks = {path: self._verified.get(path, "") for path in self.plan.manifest}
        if self.folders.differing(self.files, marks):
            self._check_each()
            marks = {path: self._verified[path] for path in self.plan.manifest}
        return marks

    def _check_each(self) -> None:
        """Read what is there and was not verified: a twin, or an earlier attempt, may have put it there."""
        found = dict(self.folders.placed(self.files))
        wrong = [
            path
            for path, entry in self.plan.manifest.items()
            if not self._is_right(path, entry, found.get(path))
        ]
        wrong += sorted(found.keys() - self.plan.manifest.keys())
        if wrong:
            raise InvalidArgument(
                f"the publication is not complete: {len(wrong)} files lack or are wrong, {wrong[0]!r} first",
                "Send them, then commit again.",
            )

    def _copy(self, source: str, path: str) -> None:
        """Take over a file by its content; one that was edited in place stays wanted."""
        try:
            with self.folders.read(source) as content:
                self.receive(path, content)
        except (NotFound, Corrupt):
            self._verified.pop(path, None)

    def _is_right(self, path: str, entry: FileEntry, placed: Placed | None) -> bool:
        if placed is None or placed.size != entry.size or placed.executable != bool(entry.executable):
            return False
        if self._verified.get(path) != placed.mark:
            with self.folders.read(f"{self.files}/{path}") as stream:
                if sha256_of(stream) != entry.checksum:
                    return False
            self._verified[path] = placed.mark
        return True
