"""One publication from a folder to a web app, from the first look to the last answer."""

import io
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import attrs

from oaio_storage.errors import (
    BadAnswer,
    CallerError,
    InvalidArgument,
    InvalidManifest,
    MassDeletion,
    QuotaExceeded,
    TimedOut,
)
from oaio_storage.file_transfer.client.answers import Selected
from oaio_storage.file_transfer.client.batches import Batch, batches
from oaio_storage.file_transfer.client.choosing import choose
from oaio_storage.file_transfer.client.memory import Begun, Memory
from oaio_storage.file_transfer.client.offer import Offer, offer_of
from oaio_storage.file_transfer.client.packing import pack
from oaio_storage.file_transfer.client.wire import CHUNK, Wire
from oaio_storage.hash_cache import HashCache
from oaio_storage.progress import Progress, Report, ignore
from oaio_storage.web import base_url

MOST_PARALLEL = 4
_IN_MEMORY = 2 << 20
"""Bytes of an archive that are not on the disk."""
_MAX_TOKEN = 16_384


@attrs.frozen
class Sent:
    """What was done.

    Attributes:
        course: where to.
        process_id: which publication, at the server.
        new: paths that the server did not have, sorted.
        update: paths of which it had something else, or that it asked for all the same, sorted.
        removed: how many files of the live tree went; None: the server does not tell.
        files: of the tree.
        bytes: of its files.
        sent: how many files this call sent.
        bytes_sent: of archives.
        resumed: whether an earlier call had begun it.
        live: whether it is live now; False after a dry run.
    """

    course: str
    process_id: str
    new: tuple[str, ...]
    update: tuple[str, ...]
    removed: int | None
    files: int
    bytes: int
    sent: int = 0
    bytes_sent: int = 0
    resumed: bool = False
    live: bool = False


def send(  # noqa: PLR0913 - each is a choice of its own
    folder: Path,
    api: str,
    course: str,
    token: str,
    *,
    state: Path,
    yes: bool = False,
    dry_run: bool = False,
    cache: HashCache | None = None,
    report: Report = ignore,
) -> Sent:
    """Make ``folder`` live as ``course`` at a web app: all of it at once, or nothing.

    A repeat is safe: a call that was cut off is gone on with, if the folder is the same still. Memory is
    bounded, but for the manifest; archives wait in temporary files.

    Args:
        folder: only read.
        api: the address below which the courses are; see :func:`oaio_storage.web.base_url`.
        course: a name without slashes.
        token: what the server knows the publisher by.
        state: a folder for what this device remembers of its publications.
        yes: also if nothing would be left, or more than half of the live files would go.
        dry_run: only ask the server what it needs; it forgets that by itself.
        cache: checksums of earlier looks at files.
        report: told how far it has come, in this thread.

    Raises:
        InvalidArgument: the address, the course or the token can't be one.
        InvalidName: a name can't be sent.
        MassDeletion: ``yes`` is needed; nothing was sent.
        SourceChanged: a file changed meanwhile; nothing became live.
        Superseded: what is live is newer.
        TimedOut: it is not known whether it became live.
        OaioError: what the server said, or that it can't be reached.
    """
    wire = Wire(base_url(api), _checked_course(course), _checked_token(token))
    offer = offer_of(folder, cache=cache, report=report)
    if not offer.files and not yes:
        raise MassDeletion(f"{course!r}: an empty tree would be published", "Add --yes if that is meant.")
    with Memory.of(state, wire.api, course) as memory:
        try:
            return Sending(wire, offer, memory, yes=yes, report=report).run(dry_run=dry_run)
        finally:
            wire.close()


def _checked_course(course: str) -> str:
    if not course or "/" in course or not course.isprintable() or course in {".", ".."}:
        raise InvalidArgument(f"not the name of a course: {course[:200]!r}", "A name without slashes.")
    return course


def _checked_token(token: str) -> str:
    """``token``, if it can stand in a header; it is not part of the message."""
    if not token or len(token) > _MAX_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidArgument("the token is not one", "It is one line of letters, digits, dots and dashes.")
    return token


@attrs.define(eq=False)
class Sending:
    """One publication under way."""

    _wire: Wire
    _offer: Offer
    _memory: Memory
    _yes: bool = attrs.field(default=False, kw_only=True)
    _report: Report = attrs.field(default=ignore, kw_only=True)
    _files_sent: int = attrs.field(default=0, init=False)
    _bytes_sent: int = attrs.field(default=0, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)  # of the counts and the memory

    def run(self, *, dry_run: bool = False) -> Sent:
        """Do it; errors as :func:`send`."""
        begun = self._memory.begun
        if begun and begun.digest == self._offer.digest and not dry_run:
            try:
                return self._finished(begun, resumed=True)
            except (CallerError, BadAnswer):
                self._memory.forget()  # the server does not know it any more, or has something else by now
        begun = choose(self._wire, self._offer, self._memory.sent)
        self._check_deletions(begun.selected)
        if dry_run:
            return self._told(begun)
        self._memory.begin(begun)
        return self._finished(begun)

    def _finished(self, begun: Begun, *, resumed: bool = False) -> Sent:
        selected = begun.selected
        asked = (*selected.new, *selected.update) if selected.exists else tuple(self._offer.files)
        self._send(selected, [path for path in asked if path not in self._memory.arrived])
        self._wire.publish(selected.process_id)
        self._memory.finish({} if selected.ours else self._remembered(begun.times))
        return attrs.evolve(
            self._told(begun),
            sent=self._files_sent,
            bytes_sent=self._bytes_sent,
            resumed=resumed,
            live=True,
        )

    def _send(self, selected: Selected, waiting: Sequence[str]) -> None:
        """Send what is ``waiting``, and say that nothing comes after it."""
        parallel = min(selected.ours.parallel, MOST_PARALLEL) if selected.ours else 1
        found = batches(waiting, self._offer.files)
        is_last_apart = not found or found[-1].is_large or parallel > 1
        early, last = (found, _NOTHING) if is_last_apart else (found[:-1], found[-1])
        total, done = sum(batch.size for batch in found), 0
        with ThreadPoolExecutor(parallel) as pool:
            running = {pool.submit(self._send_batch, selected, batch): batch for batch in early}
            try:
                for future in as_completed(running):
                    future.result()
                    done += running[future].size
                    self._report(Progress("send", done, total, "bytes", running[future].paths[-1]))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        try:
            self._send_batch(selected, last, ends=True)
        except TimedOut:
            return  # if it arrived, publishing succeeds; else the server says that it is not complete
        self._report(Progress("send", total, total, "bytes"))

    def _send_batch(self, selected: Selected, batch: Batch, *, ends: bool = False) -> None:
        with _archive(self._offer, batch.paths) as archive:
            size = archive.seek(0, io.SEEK_END)
            if batch.is_large:
                self._send_large(selected, archive, size)
            else:
                self._wire.send_form(selected.process_id, archive, last=ends)
        with self._lock:
            self._files_sent += len(batch.paths)
            self._bytes_sent += size
            if not ends:
                self._memory.note_arrived(batch.paths)

    def _send_large(self, selected: Selected, archive: BinaryIO, size: int) -> None:
        """Send an archive in chunks, or whole: under Django, the original's server takes no chunks."""
        try:
            self._send_chunks(selected, archive, size)
        except TimedOut:  # a chunk may have arrived without its answer
            self._send_chunks(selected, archive, size)
        except InvalidManifest:
            if selected.ours:
                raise
            self._wire.send_form(selected.process_id, archive, last=False)

    def _send_chunks(self, selected: Selected, archive: BinaryIO, size: int) -> None:
        with self._lock:
            number = self._memory.next_archive()
        archive.seek(0)
        for offset in range(0, size, CHUNK):
            content, is_last = archive.read(CHUNK), offset + CHUNK >= size
            self._wire.send_chunk(selected.process_id, number, offset, content, last=is_last)

    def _check_deletions(self, selected: Selected) -> None:
        """Do nothing if at most half of what is live goes, as far as anybody can tell.

        Raises:
            MassDeletion: otherwise.
        """
        removed = self._removed(selected) or 0
        before = removed + len(self._offer.files) - len(selected.new)
        if selected.exists and removed * 2 > before and not self._yes:
            what = f"{removed} of {before} files would go"
            raise MassDeletion(f"{self._wire.course!r}: {what}", "Add --yes if that is meant.")

    def _removed(self, selected: Selected) -> int | None:
        """How many live files go; None if nobody knows: the original's server does not tell."""
        if selected.ours or not selected.exists:
            return selected.ours.remove if selected.ours else 0
        return len(self._memory.sent.keys() - self._offer.files.keys()) if self._memory.sent else None

    def _remembered(self, times: Mapping[str, int]) -> dict[str, tuple[str, int]]:
        """What an original's server has now."""
        return {
            path: (entry.checksum, times.get(path, entry.mtime or 0))
            for path, entry in self._offer.files.items()
        }

    def _told(self, begun: Begun) -> Sent:
        selected, files = begun.selected, self._offer.files
        new = selected.new if selected.exists else tuple(files)
        update = selected.update if selected.exists else ()
        return Sent(
            self._wire.course,
            selected.process_id,
            tuple(sorted(new)),
            tuple(sorted(update)),
            self._removed(selected),
            len(files),
            sum(entry.size for entry in files.values()),
        )


_NOTHING = Batch((), 0)


@contextmanager
def _archive(offer: Offer, paths: Sequence[str]) -> Iterator[BinaryIO]:
    """An archive of these files, in memory or in a temporary file that nobody else can name."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        archive = cast("BinaryIO", file)
        try:
            pack(offer, paths, archive)
        except OSError as err:
            raise QuotaExceeded(
                f"no room for an archive in {tempfile.gettempdir()}: {err.strerror}",
                "Make room, or set TMPDIR.",
            ) from err
        yield archive
