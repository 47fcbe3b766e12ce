"""What is known of publications over HTTP, on the host: any worker or machine goes on with them.

In the state folder, ``transfers/COURSE/`` holds::

    PROCESS/session            what every request has to know; without it the rest is litter
    PROCESS/offered            what the client offered, and has to send
    PROCESS/notes/<nonce>      what one request brought
    PROCESS/chunks/<n>/<name>  chunks of the n-th archive, each named by its offset, size and checksum
    PROCESS/archives/<n>       the chunks of an archive that was unpacked
    PROCESS/prepared           it is complete, and all is ready for the switch
    PROCESS/refused            it takes nothing any more
    times/<digest>             what a client told of the files of a tree with this digest

Every file is written once, under a name that nobody else writes another content to, so that no host has to
decide between writers. Content that comes lies elsewhere, where its publisher keeps it.
"""

import json
import secrets
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from hashlib import sha256
from typing import Any

import attrs

from oaio_storage.errors import Corrupt, NotFound
from oaio_storage.file_transfer.offers import Fields
from oaio_storage.file_transfer.session import Begun, Chunk, Session, Word, check_process_id
from oaio_storage.hosts import CshApi
from oaio_storage.hosts.bulk import delete_files
from oaio_storage.publish.receiving import Note
from oaio_storage.trees.paths import check_tree_name

_ROOM = "transfers"
_RECEIVED = "received"
_TIMES = "times"


@attrs.frozen
class Kept:
    """What came of one publication so far.

    Attributes:
        word: whether more may come.
        notes: names of what requests brought.
        chunks: archive -> chunks of it that came, unless it was unpacked.
        unpacked: archives that were unpacked.
    """

    word: Word
    notes: tuple[str, ...]
    chunks: Mapping[int, tuple[Chunk, ...]]
    unpacked: frozenset[int]

    @property
    def size(self) -> int:
        """Bytes of chunks that were not unpacked yet."""
        return sum(chunk.size for chunks in self.chunks.values() for chunk in chunks)


@attrs.frozen
class Sessions:
    """The publications of one course that are under way.

    Attributes:
        host: where they are.
        course: which.
        ids: makes ids that nobody else makes.

    Raises:
        InvalidName: ``course`` can't be the name of a tree.
    """

    host: CshApi
    course: str = attrs.field(validator=lambda _self, _field, value: check_tree_name(value))
    ids: Callable[[], str] = lambda: secrets.token_hex(16)

    def room(self, process_id: str) -> str:
        """The folder, in the state folder, for content that comes."""
        return f"{_RECEIVED}/{self.course}/{check_process_id(process_id)}"

    # ---- one of them

    def begin(self, session: Session) -> None:
        """Take note of a new one."""
        self.host.state.write(self._place(session.process_id, "offered"), session.text())
        self.host.state.write(self._place(session.process_id, "session"), session.head())

    def begun(self, process_id: str) -> Begun:
        """What every request has to know.

        Raises:
            NotFound: no such publication is under way.
        """
        return Begun.parse_head(self._read(process_id, "session"))

    def session(self, process_id: str) -> Session:
        """What was agreed upon.

        Raises:
            NotFound: no such publication is under way.
        """
        return Session.parse(self.begun(process_id), self._read(process_id, "offered"))

    def guards(self, process_id: str) -> dict[str, str]:
        """What stays as it is while it is under way: a file of the state folder, and its version.

        It is looked at for each file that comes, and on disks that means reading it, so it is short.

        Raises:
            NotFound: it was given up.
        """
        place = self._place(process_id, "session")
        try:
            return {place: self.host.state.stat(place).version}
        except NotFound as err:
            raise NotFound("no such publication is under way", "Send the manifest again.") from err

    def kept(self, process_id: str) -> Kept:
        """What came so far."""
        top = self._place(process_id, "")
        names = [seen.path.removeprefix(top) for seen in self.host.state.list(top.rstrip("/"))]
        chunks: dict[int, list[Chunk]] = defaultdict(list)
        unpacked = {int(name.removeprefix("archives/")) for name in names if name.startswith("archives/")}
        for name in names:
            if name.startswith("chunks/"):
                _, archive, told = name.split("/")
                offset, size, checksum = told.split("-")
                chunks[int(archive)].append(Chunk(int(offset), int(size), checksum))
        word: Word = "refused" if "refused" in names else "complete" if "prepared" in names else "open"
        notes = sorted(name for name in names if name.startswith("notes/"))
        left = {archive: tuple(sorted(held)) for archive, held in chunks.items() if archive not in unpacked}
        return Kept(word, tuple(notes), left, frozenset(unpacked))

    def add_note(self, process_id: str, note: Note) -> None:
        """Take note of what a request brought."""
        self.host.state.write(self._place(process_id, f"notes/{self.ids()}"), note.text())

    def notes(self, process_id: str, kept: Kept) -> list[Note]:
        """What all requests brought."""
        read = self.host.state.read
        return [Note.parse(read(self._place(process_id, name))) for name in kept.notes]

    def prepared(self, process_id: str) -> str:
        """What a receiver made ready."""
        return self.host.state.read(self._place(process_id, "prepared")).decode()

    def set_prepared(self, process_id: str, text: str) -> None:
        """Take note that it is complete."""
        self.host.state.write(self._place(process_id, "prepared"), text.encode())

    def refuse(self, process_id: str) -> None:
        """Let it take nothing any more."""
        self.host.state.write(self._place(process_id, "refused"), b"")

    # ---- its chunks

    def add_chunk(self, process_id: str, archive: int, chunk: Chunk, content: bytes) -> None:
        """Keep a chunk. A repeat is safe."""
        self.host.state.write(self._chunk(process_id, archive, chunk), content)

    def read_chunk(self, process_id: str, archive: int, chunk: Chunk) -> bytes:
        """The content of a chunk.

        Raises:
            Corrupt: it is not what came.
        """
        content = self.host.state.read(self._chunk(process_id, archive, chunk))
        if sha256(content).hexdigest() != chunk.checksum:
            raise Corrupt("a chunk that was received is damaged", "Begin a new publication.")
        return content

    def unpacked(self, process_id: str, archive: int) -> list[Chunk]:
        """The chunks of an archive that was unpacked."""
        text = self.host.state.read(self._place(process_id, f"archives/{archive}"))
        return [Chunk(*chunk) for chunk in json.loads(text)]

    def set_unpacked(self, process_id: str, archive: int, chunks: tuple[Chunk, ...]) -> None:
        """Take note that an archive was unpacked, and let its chunks go."""
        text = json.dumps([attrs.astuple(chunk) for chunk in chunks])
        self.host.state.write(self._place(process_id, f"archives/{archive}"), text.encode())
        delete_files(self.host.state, [self._chunk(process_id, archive, chunk) for chunk in chunks])

    # ---- all of them

    def last_activity(self) -> dict[str, int]:
        """The processes of all that are there, each with when something last came.

        In ns since 1970 by the host's clock; 0 where that is unknown.
        """
        found: dict[str, int] = {}
        for seen in self._all():
            process_id = seen.path.split("/")[2]
            if process_id != _TIMES:
                found[process_id] = max(found.get(process_id, 0), seen.mtime)
        return found

    def remove(self, process_id: str) -> None:
        """Forget it; what came is its receiver's. A repeat is safe."""
        for name in "session":
            self.host.state.delete(self._place(process_id, name))
        top = self._place(process_id, "").rstrip("/")
        delete_files(self.host.state, [seen.path for seen in self.host.state.list(top)])

    # ---- what clients tell of the files that are live

    def times(self, digest: str) -> Mapping[str, Fields]:
        """What the publisher of a tree told of its files; empty if that is not known."""
        try:
            told: Any = json.loads(self.host.state.read(self._times(digest)))
        except (NotFound, ValueError):
            return {}
        return told if isinstance(told, dict) else {}

    def set_times(self, digest: str, times: Mapping[str, Fields]) -> None:
        """Remember what a publisher tells of the files of a tree."""
        text = json.dumps({path: dict(fields) for path, fields in times.items()}, separators=(",", ":"))
        self.host.state.write(self._times(digest), text.encode())

    def forget_times(self, digests: Collection[str], before: float) -> None:
        """Forget what was told before a time (ns since 1970) of trees that have none of these digests."""
        old = [
            seen.path
            for seen in self.host.state.list(f"{_ROOM}/{self.course}/{_TIMES}")
            if seen.path.rpartition("/")[2] not in digests and 0 < seen.mtime <= before
        ]
        delete_files(self.host.state, old)

    # ---- inside

    def _read(self, process_id: str, name: str) -> bytes:
        try:
            return self.host.state.read(self._place(process_id, name))
        except NotFound as err:
            raise NotFound("no such publication is under way", "Send the manifest again.") from err

    def _all(self) -> Iterator[Any]:
        return self.host.state.list(f"{_ROOM}/{self.course}")

    def _place(self, process_id: str, name: str) -> str:
        return f"{_ROOM}/{self.course}/{check_process_id(process_id)}/{name}"

    def _times(self, digest: str) -> str:
        return f"{_ROOM}/{self.course}/{_TIMES}/{digest}"

    def _chunk(self, process_id: str, archive: int, chunk: Chunk) -> str:
        name = f"{chunk.offset:015d}-{chunk.size}-{chunk.checksum}"
        return self._place(process_id, f"chunks/{archive}/{name}")


def courses_on(host: CshApi) -> list[str]:
    """The courses of which anything is known here, sorted."""
    return sorted({seen.path.split("/")[1] for seen in host.state.list(_ROOM)})
