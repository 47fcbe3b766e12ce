"""Files in parts: uploads in bounded memory, and copies above the limit of one request."""

import io
import os
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

import attrs

from oaio_storage.errors import TooLarge
from oaio_storage.hosts.guarantees import Expect
from oaio_storage.hosts.streams import PIECE
from oaio_storage_s3.answers import answer_of, required
from oaio_storage_s3.clients import Clients
from oaio_storage_s3.store import Meta, condition, metered, stored_with

PART = 8 << 20
"""Bytes of a part; a server refuses less than 5 MiB, but for the last."""

MAX_PARTS = 10_000
STEP = 2_000
"""Parts of one size, where the whole length is not known; those that follow are four times as large."""

LARGEST_PART = 5 << 30
"""Bytes of a part that a server takes."""

HELD = PART
"""Bytes of a part that is held in memory; a larger one waits on the disk, in a temporary file."""

PARALLEL = 3
ROOMS = 4
PATIENCE = 10.0
"""Seconds that a part waits for memory that others hold, whose sources may stand still for long; then it goes
by the disk."""

COPY_PART = 512 << 20
FAILED = 500

Upload = Mapping[str, str]
"""What names an upload: bucket, key and its id."""


@attrs.frozen(eq=False)
class Rooms:
    """The memory for parts of all files that a host moves at the same time: so many of PART bytes.

    A fork has its own: what its parent holds is never given back there.
    """

    _of: dict[int, threading.BoundedSemaphore] = attrs.field(factory=dict, init=False)

    def take(self) -> Callable[[], None] | None:
        """Wait for room, for PATIENCE seconds; what gives it back, or None."""
        free = self._free
        return free.release if free.acquire(timeout=PATIENCE) else None

    def take_free(self) -> Callable[[], None] | None:
        """Room without waiting, or None; what gives it back."""
        free = self._free
        return free.release if free.acquire(blocking=False) else None

    @property
    def _free(self) -> threading.BoundedSemaphore:
        pid = os.getpid()
        return self._of.get(pid) or self._of.setdefault(pid, threading.BoundedSemaphore(ROOMS))


def _nothing() -> None:
    pass


def read_exactly(source: BinaryIO, size: int) -> bytes:
    """``size`` bytes, or fewer at the end of ``source``."""
    pieces, left = [], size
    while left and (piece := source.read(left)):
        pieces.append(piece)
        left -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def part_sizes(size: int | None) -> Iterator[int]:
    """The sizes of the parts of a file of ``size`` bytes, or of an unknown number.

    Raises:
        TooLarge: it has more bytes than any server takes in parts.
    """
    least = PART if size is None else max(PART, -(-size // MAX_PARTS))
    if least <= LARGEST_PART:
        for number in range(MAX_PARTS):
            yield least if size is not None else PART << 2 * (number // STEP)
    raise TooLarge(f"no server takes {size or 'so many'} bytes in parts", "Split the file.")


@attrs.frozen(eq=False)
class Part:
    """A part that is to be sent.

    Attributes:
        body: its content, in memory or, if it is large, in a file that nobody else sees.
        size: in bytes.
        give_back: gives back the memory that it may use.
    """

    body: BinaryIO
    size: int
    give_back: Callable[[], None]

    def close(self) -> None:
        """Let the content go. Safe to repeat."""
        if not self.body.closed:
            self.body.close()
            self.give_back()


def parts_of(source: BinaryIO, size: int | None, rooms: Rooms, begun: bytes) -> Iterator[Part]:
    """What ``source`` has after the bytes ``begun``, in parts; not the next before one is asked for.

    What the source raises passes, and TooLarge as of :func:`part_sizes`.
    """
    for length in part_sizes(size):
        room = rooms.take()
        give_back = room or _nothing
        try:
            body, count = _taken(source, begun, length, in_memory=room is not None and length <= HELD)
        except BaseException:
            give_back()
            raise
        begun = b""
        part = Part(body, count, give_back)
        if not count:
            part.close()
            return
        yield part
        del part, body


def _taken(source: BinaryIO, begun: bytes, length: int, *, in_memory: bool) -> tuple[BinaryIO, int]:
    """``begun`` and what of ``source`` makes it ``length`` bytes, if there are so many; and how many."""
    if in_memory:
        content = begun + read_exactly(source, max(0, length - len(begun)))
        return _Body(content), len(content)
    spool: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - open until the part is sent
    try:
        count = spool.write(begun)
        while count < length and (piece := source.read(min(PIECE, length - count))):
            count += spool.write(piece)
        spool.seek(0)
    except BaseException:
        spool.close()
        raise
    return spool, count


@attrs.frozen(eq=False)
class Multipart:
    """Moves in parts, of one bucket.

    Attributes:
        clients: of the bucket.
        rooms: the memory for parts.
    """

    clients: Clients
    rooms: Rooms

    def send(self, key: str, parts: Iterator[Part], expect: Expect, headers: Mapping[str, str]) -> str:
        """Store a file of several parts under a condition, or nothing; its ETag."""
        with self._begun(key, stored_with(self.clients, headers)) as sent:
            for part in parts:
                sent.add(self._part, part)
                del part
            return sent.completed(condition(expect))

    def copy(self, source: str, target: str, seen: Meta, kept: Mapping[str, Any]) -> str:
        """Copy the version ``seen`` of a file on the server, or nothing; the ETag of the copy."""
        size = max(COPY_PART, -(-seen.size // MAX_PARTS))
        with self._begun(target, kept) as sent:
            for start in range(0, seen.size, size):
                end = min(start + size, seen.size) - 1
                sent.add(self._copied_part, source, seen.etag, f"bytes={start}-{end}")
            return sent.completed({})

    def abort(self, key: str, upload_id: str) -> None:
        """Drop the parts of an upload that is not completed; if it is, nothing happens."""
        from botocore.exceptions import ClientError  # noqa: PLC0415 - slow, and in use by now

        with suppress(ClientError):
            self.clients.client.abort_multipart_upload(
                Bucket=self.clients.options.bucket, Key=key, UploadId=upload_id
            )

    @contextmanager
    def _begun(self, key: str, kept: Mapping[str, Any]) -> Iterator["_Sent"]:
        client = self.clients.client
        upload = {"Bucket": self.clients.options.bucket, "Key": key}
        upload["UploadId"] = required(client.create_multipart_upload(**upload, **kept), "UploadId")
        sent = _Sent(client, upload)
        try:
            yield sent
        except BaseException as err:
            sent.stop()
            if not (sent.is_completing and _is_unknown(err)):
                with suppress(Exception):  # what led here matters more, and clean_up finds the parts
                    self.abort(key, upload["UploadId"])
            raise
        finally:
            sent.stop()

    def _part(self, upload: Upload, number: int, part: Part) -> dict[str, Any]:
        try:
            done = self.clients.client.upload_part(**upload, PartNumber=number, Body=part.body)
        finally:
            part.close()
        return {"PartNumber": number, "ETag": required(done, "ETag")}

    def _copied_part(
        self, upload: Upload, number: int, source: str, etag: str, copied: str
    ) -> dict[str, Any]:
        done = self.clients.client.upload_part_copy(
            **upload,
            PartNumber=number,
            CopySource={"Bucket": upload["Bucket"], "Key": source},
            CopySourceIfMatch=etag,
            CopySourceRange=copied,
        )
        return {"PartNumber": number, "ETag": required(done.get("CopyPartResult", {}), "ETag")}


class _Body(io.BytesIO):
    """A part that is handed out in large pieces: urllib3 asks for 16 KiB at a time, and copies bytes."""

    def read(self, size: int | None = -1, /) -> bytes:
        """At least ``PIECE`` bytes, if there are so many."""
        return super().read(max(size, PIECE) if size is not None and size > 0 else size)


def _is_unknown(err: BaseException) -> bool:
    """Whether the server may have done what was asked."""
    answer = answer_of(err) if isinstance(err, Exception) else None
    return answer is not None and (answer.status >= FAILED or bool(answer.failure))


@attrs.define(eq=False)
class _Sent:
    """The parts of one upload: a few under way, the others done."""

    client: Any
    upload: Upload
    is_completing: bool = False
    _count: int = 0
    _pool: ThreadPoolExecutor = attrs.field(factory=lambda: ThreadPoolExecutor(PARALLEL, "oaio-part"))
    _running: deque["Future[dict[str, Any]]"] = attrs.field(factory=deque)
    _done: list[dict[str, Any]] = attrs.field(factory=list)

    def add(self, send: Callable[..., dict[str, Any]], *given: object) -> None:
        """Let the next part be sent beside others; wait while there are enough of them."""
        self._count += 1
        self._running.append(self._pool.submit(send, self.upload, self._count, *given))
        while len(self._running) >= PARALLEL:
            self._done.append(self._running.popleft().result())

    def completed(self, conditions: Mapping[str, str]) -> str:
        """Make one file of the parts; its ETag."""
        self._done.extend(future.result() for future in self._running)
        self._running.clear()
        self.is_completing = True
        done = self.client.complete_multipart_upload(
            **self.upload, **conditions, MultipartUpload={"Parts": self._done}
        )
        return metered(0, done.get("ETag"), None).etag

    def stop(self) -> None:
        """Wait for those under way, which give their memory back. Safe to repeat."""
        self._pool.shutdown(wait=True)
