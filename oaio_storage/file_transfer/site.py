"""Courses that receive trees from outside, on one host: each step of a publication, without HTTP."""

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, partial
from hashlib import sha256
from io import BufferedIOBase
from os import PathLike
from pathlib import Path
from typing import BinaryIO, cast
from uuid import uuid4

import attrs

from oaio_storage.config import STATE_VARIABLE, host_of
from oaio_storage.errors import (
    Corrupt,
    InvalidArgument,
    InvalidConfiguration,
    NotFound,
    Superseded,
    TooLarge,
)
from oaio_storage.file_transfer import session as deciding
from oaio_storage.file_transfer.archive import Content, Member, members
from oaio_storage.file_transfer.bodies import Stream
from oaio_storage.file_transfer.gzip_stream import ends_here, may_end
from oaio_storage.file_transfer.limits import Limits
from oaio_storage.file_transfer.session import Begun, Chunk, ChunkHeaders, Live, Session
from oaio_storage.file_transfer.sessions import Kept, Sessions, courses_on
from oaio_storage.hosts import CshApi
from oaio_storage.hosts.roots import local_folder
from oaio_storage.manifest import FileEntry, OriginalEntry
from oaio_storage.publish.layouts import published_tree
from oaio_storage.publish.published import PublishedTree
from oaio_storage.publish.receiving import Receiver
from oaio_storage.trees.switches import Switch

_GZIP = b"\x1f\x8b"


@attrs.frozen
class Site:
    """The courses of one host. Safe for use by many threads, processes and machines.

    A host that can't decide conditions is used by the workers of one machine, which share its state folder.

    Attributes:
        host: where they are.
        limits: how much is taken.
        by: who publishes, for the log.
        clock: tells the time in seconds, for how long publications were idle; safety never rests on it.
    """

    host: CshApi
    limits: Limits = attrs.field(factory=Limits)
    by: str = ""
    clock: Callable[[], float] = time.time

    def tree(self, course: str) -> PublishedTree:
        """The tree of a course.

        Raises:
            InvalidName: there can't be one.
        """
        return published_tree(self.host, course, by=self.by, exclusive=not _decides(self.host))

    def offer(self, course: str, offered: Mapping[str, OriginalEntry], file_type: str) -> Session:
        """Begin a publication of what a client offers; what has to be sent.

        Publications that were idle for too long are given up, and so is the one idle for longest if too many
        are under way.

        Raises:
            InvalidManifest: nothing is offered, or a time that counts lacks.
            Superseded: it is not newer than what is live.
        """
        tree, sessions = self.tree(course), Sessions(self.host, course)
        tree.prepare()
        self.clean_up(course, at_most=self.limits.publications - 1)
        live = self._live(tree, sessions)
        session = deciding.begin(course, str(uuid4()), offered, live, file_type)
        sessions.begin(session)
        return session

    def take_archive(self, course: str, process_id: str, source: Stream) -> None:
        """Receive the files of an archive. A repeat is safe.

        Raises:
            NotFound: no such publication is under way.
            Superseded: it takes nothing any more.
            InvalidArgument, TooLarge: the archive is refused, and so is all that comes later.
        """
        sessions = Sessions(self.host, course)
        session, _ = self._taking(sessions, process_id)
        self._unpack(sessions, session, source)

    def take_chunk(self, course: str, process_id: str, headers: ChunkHeaders, content: bytes) -> bool:
        """Receive a part of an archive; whether that is complete. A repeat is safe.

        Raises:
            NotFound, Superseded, TooLarge: as :meth:`take_archive`.
            InvalidArgument: the same; or the chunk is not what its headers say, and nothing was changed.
            Changed: the chunk contradicts those that came; nothing was changed.
        """
        headers.check_size(len(content))
        sessions = Sessions(self.host, course)
        session, kept = self._taking(sessions, process_id)
        chunk = Chunk(headers.offset, len(content), sha256(content).hexdigest())
        if headers.archive in kept.unpacked:
            deciding.is_repeated(chunk, sessions.unpacked(process_id, headers.archive))
            return True
        held = kept.chunks.get(headers.archive, ())
        if not deciding.is_repeated(chunk, held):
            if chunk.offset == 0 and not content.startswith(_GZIP):
                raise InvalidArgument("the archive is no gzip stream")
            if kept.size + chunk.size > self.limits.unpacked_bytes:
                raise TooLarge(f"archives of more than {self.limits.unpacked_bytes} bytes in chunks")
            sessions.add_chunk(process_id, headers.archive, chunk, content)
            held = (*held, chunk)
        chunks = tuple(deciding.in_order(held))
        ends = headers.ends(chunk) if chunk == chunks[-1] else False
        if ends is None:
            ends = may_end(content) and ends_here(_opened(sessions, process_id, headers.archive, chunks))
        if ends:
            source = _opened(sessions, process_id, headers.archive, chunks)
            self._unpack(sessions, session, source)
            sessions.set_unpacked(process_id, headers.archive, chunks)
        return ends

    def complete(self, course: str, process_id: str) -> None:
        """Make all ready for the switch, after the last file came. A repeat is safe.

        Raises:
            NotFound: no such publication is under way.
            InvalidArgument: files lack.
            Superseded: something else became live since it began, or it was refused.
        """
        sessions = Sessions(self.host, course)
        begun, kept = sessions.begun(process_id), sessions.kept(process_id)
        deciding.check_takes(kept.word)
        with self._receiver(sessions, begun) as receiver:
            self._prepare(sessions, process_id, kept, receiver)

    def publish(self, course: str, process_id: str) -> Switch:
        """Let a publication become live; how it did. A repeat is safe.

        Raises:
            NotFound: no such publication is under way.
            InvalidArgument: files lack; it is refused for good.
            Superseded: something else became live since it began; it is refused for good.
        """
        sessions, tree = Sessions(self.host, course), self.tree(course)
        begun, live = sessions.begun(process_id), tree.live()
        kept = sessions.kept(process_id)
        if kept.word == "refused":
            raise Superseded("the publication was refused", "Begin a new one.")
        with self._receiver(sessions, begun) as receiver:
            prepare = partial(self._prepare, sessions, process_id, kept, receiver)
            try:
                prepared = sessions.prepared(process_id) if kept.word == "complete" else prepare()
                switch = receiver.commit(prepared, prepare)
            except (InvalidArgument, Superseded):
                sessions.refuse(process_id)
                raise
        if live is not None and live.digest == switch.digest:
            sessions.set_times(switch.digest, sessions.session(process_id).times)
        return switch

    def courses(self) -> list[str]:
        """The courses of which a publication is under way, or was, sorted."""
        return courses_on(self.host)

    def clean_up(self, course: str, idle_seconds: float | None = None, at_most: int | None = None) -> int:
        """Give up publications of a course that were idle; how many. A repeat is safe.

        Where the host does not say when something came, only ``at_most`` counts.

        Args:
            course: which.
            idle_seconds: for how long; None: as the limits say.
            at_most: so many stay, those that were idle for the shortest time; None: all others.
        """
        sessions = Sessions(self.host, course)
        idle = self.limits.idle_seconds if idle_seconds is None else idle_seconds
        now = self.clock()
        seen = {one: last or now * 1e9 for one, last in sessions.last_activity().items()}
        found = sorted(seen.items(), key=lambda item: item[1])
        surplus = max(0, len(found) - at_most) if at_most is not None else 0
        limit = (now - idle) * 1e9
        old = [one for number, (one, last) in enumerate(found) if number < surplus or last <= limit]
        for process_id in old:
            with suppress(NotFound):  # litter of a name that was never given out
                self._give_up(sessions, process_id)
        tree = self.tree(course)
        kept = {*tree.kept()} if tree.is_known() else set()
        digests = {switch.digest for switch in tree.history() if switch.generation in kept}
        sessions.forget_times(digests, limit)
        return len(old)

    # ---- inside

    def _live(self, tree: PublishedTree, sessions: Sessions) -> Live:
        live = tree.live()
        if live is None:
            return Live()
        return Live(live.generation, tree.live_manifest(yes=True), sessions.times(live.digest))

    def _taking(self, sessions: Sessions, process_id: str) -> tuple[Session, Kept]:
        session = sessions.session(process_id)
        kept = sessions.kept(process_id)
        deciding.check_takes(kept.word)
        return session, kept

    def _receiver(self, sessions: Sessions, session: Begun) -> Receiver:
        process_id = session.process_id
        return self.tree(session.course).receiver(
            session.base, session.transaction, sessions.room(process_id), sessions.guards(process_id)
        )

    def _unpack(self, sessions: Sessions, session: Session, source: Stream) -> None:
        with _refusing(sessions, session.process_id), self._receiver(sessions, session) as receiver:
            links, came = [], dict[str, FileEntry]()
            found = members(source, session.asked, only_listed=session.exists, limits=self.limits)
            for member in found:
                if member.content is None:
                    links.append(member.path)
                    continue
                came[member.path] = _taken(receiver, member, session.offered[member.path].checksum)
            for path, entry in self._copies(sessions, session, links, came):
                receiver.copy(path, entry)
            sessions.add_note(session.process_id, receiver.note())

    @staticmethod
    def _copies(
        sessions: Sessions, session: Session, links: Collection[str], came: Mapping[str, FileEntry]
    ) -> Iterator[tuple[str, FileEntry]]:
        """Links, each with the file that came whose content it has: now, or earlier."""
        known = {entry.checksum: entry for entry in came.values()}
        if any(session.offered[path].checksum not in known for path in links):
            kept = sessions.kept(session.process_id)
            earlier = sessions.notes(session.process_id, kept)
            known |= {entry.checksum: entry for note in earlier for entry in note.files.values()}
        for path in links:
            if (entry := known.get(session.offered[path].checksum)) is None:
                raise InvalidArgument(f"{path[:200]!r} is a link to what is not in the archive")
            yield path, entry

    def _prepare(self, sessions: Sessions, process_id: str, kept: Kept, receiver: Receiver) -> str:
        session = sessions.session(process_id)
        notes = sessions.notes(session.process_id, kept)
        received = {path: entry for note in notes for path, entry in note.files.items()}
        tree = self.tree(session.course)
        live = tree.live()
        if (live.generation if live else "") != session.base:
            raise Superseded("something else was published since this publication began", "Begin a new one.")
        files = tree.live_manifest(yes=True) if session.exists else {}
        manifest = session.manifest(files, received)
        prepared = receiver.prepare(manifest, notes)
        if live is None or live.digest != manifest.digest():  # else that is told once it is published
            sessions.set_times(manifest.digest(), session.times)
        sessions.set_prepared(session.process_id, prepared)
        return prepared

    def _give_up(self, sessions: Sessions, process_id: str) -> None:
        with suppress(Corrupt):
            receiver = self._receiver(sessions, sessions.begun(process_id))
            sessions.remove(process_id)
            receiver.abort()
            return
        sessions.remove(process_id)


def site_at(upload_dir: str | PathLike[str], limits: Limits | None = None) -> Site:
    """The courses at a place; every call in one process with the same place gives the same host.

    Args:
        upload_dir: a path of this machine, a URL, or the id of a host that is configured on this machine. A
            text that is both a path and such an id is a path if something is there.
        limits: how much is taken.

    Raises:
        InvalidConfiguration: the host can't decide between writers, so that the workers of this machine have
            to share a state folder, and ``OAIO_STATE_DIR`` does not name one.
        InvalidArgument, UnknownHost: there is no such host.
    """
    text = os.fspath(upload_dir)
    host = _host(
        str(Path(text).absolute()) if "/" not in text and os.path.lexists(text) else text, os.getpid()
    )
    if not _decides(host) and not os.environ.get(STATE_VARIABLE):
        raise InvalidConfiguration(
            f"the host {host.name} can't decide between two workers that write",
            f"Name a folder in {STATE_VARIABLE} that all workers share, on this machine alone.",
        )
    return Site(host, limits or Limits())


def _decides(host: CshApi) -> bool:
    """Whether the host decides between writers, so that nobody else has to."""
    return local_folder(host) is not None or host.guarantees.conditional_write


@cache
def _host(place: str, pid: int) -> CshApi:  # noqa: ARG001 - connections are not shared with a process forked
    return host_of(place)


@contextmanager
def _refusing(sessions: Sessions, process_id: str) -> Iterator[None]:
    """Let a publication take nothing any more once its content is refused."""
    try:
        yield
    except (InvalidArgument, TooLarge):
        sessions.refuse(process_id)
        raise


def _taken(receiver: Receiver, member: Member, checksum: str) -> FileEntry:
    try:
        return receiver.take(member.path, cast("Content", member.content), member.size, checksum)
    except Corrupt as err:
        raise InvalidArgument(f"{member.path[:200]!r} is not what the manifest says") from err


class _Chunks(BufferedIOBase):
    """The chunks of an archive, one after the other."""

    def __init__(self, contents: Iterator[bytes]) -> None:
        self._contents = contents
        self._ready = b""

    def read(self, size: int | None = -1, /) -> bytes:
        if not self._ready:
            self._ready = next(self._contents, b"")
        end = len(self._ready) if size is None or size < 0 else size
        piece, self._ready = self._ready[:end], self._ready[end:]
        return piece


def _opened(sessions: Sessions, process_id: str, archive: int, chunks: tuple[Chunk, ...]) -> BinaryIO:
    contents = (sessions.read_chunk(process_id, archive, chunk) for chunk in chunks)
    return cast("BinaryIO", _Chunks(contents))
