"""What one publication over HTTP may do next; pure.

A client offers a manifest and learns what is asked of it; it sends that, in archives whole or in chunks; then
it lets the tree become live. What came so far is told by whoever kept it: nothing here remembers.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Literal, Self
from uuid import UUID

import attrs

from oaio_storage.errors import (
    Changed,
    Corrupt,
    InvalidArgument,
    InvalidManifest,
    NotFound,
    Superseded,
    TooLarge,
)
from oaio_storage.file_transfer.limits import Limits
from oaio_storage.file_transfer.offers import INDEXED, Fields, check_newer
from oaio_storage.manifest import FileEntry, Manifest, OriginalEntry, import_original

_FORMAT = 1
Word = Literal["open", "complete", "refused"]


@attrs.frozen
class Live:
    """What is live while a client offers a manifest.

    Attributes:
        base: the id of its generation; empty: none is.
        files: its files; empty also where they can't be told any more.
        times: what its publisher told of them, ``mtime`` among it; empty if that is not known.
    """

    base: str = ""
    files: Mapping[str, FileEntry] = attrs.field(factory=dict)
    times: Mapping[str, Fields] = attrs.field(factory=dict)


@attrs.frozen
class Begun:
    """What every request of a publication has to know. It never changes.

    Attributes:
        course: the name of the tree.
        process_id: which publication; nobody else can know it.
        base: the generation that it follows; empty before the first.
        exists: whether files of that can be kept; else the client sends all.
        removed: how many files of the base go.
    """

    course: str
    process_id: str
    base: str
    exists: bool
    removed: int

    @property
    def transaction(self) -> str:
        """The id of the publication for the tree's log."""
        return UUID(self.process_id).hex

    def head(self) -> bytes:
        """It as a text, for :meth:`parse_head`."""
        names = [field.name for field in attrs.fields(Begun)]
        return json.dumps({"format": _FORMAT, **{name: getattr(self, name) for name in names}}).encode()

    @staticmethod
    def parse_head(text: bytes) -> "Begun":
        """The one with this text.

        Raises:
            Corrupt: it is damaged, or of a newer version.
        """
        with _damaged():
            fields = json.loads(text)
            if fields.pop("format") != _FORMAT:
                raise Corrupt("a publication was begun by a newer version", "Upgrade oaio-storage.")
            return Begun(**fields)


@attrs.frozen(slots=False)
class Session(Begun):
    """What was agreed upon when a manifest was offered. It never changes.

    Attributes:
        offered: what is to be live.
        new: paths that the client has to send, as nothing is live there.
        update: paths that it has to send, as something else is live there, or nothing differs anywhere.
    """

    offered: Mapping[str, OriginalEntry]
    new: Sequence[str]
    update: Sequence[str]

    @cached_property
    def asked(self) -> frozenset[str]:
        """All paths that the client has to send."""
        return frozenset((*self.new, *self.update))

    @property
    def times(self) -> dict[str, Fields]:
        """All that the client told of its files, by path."""
        return {path: entry.fields for path, entry in self.offered.items()}

    def missing(self, received: Collection[str]) -> list[str]:
        """The paths that are asked for and did not come, sorted."""
        return sorted(self.asked.difference(received))

    def manifest(self, live: Mapping[str, FileEntry], received: Mapping[str, FileEntry]) -> Manifest:
        """What is going to be live: what came, and what is kept of the base.

        Raises:
            InvalidArgument: files lack.
            Corrupt: a file that is to be kept is not in the base as it was.
        """
        if missing := self.missing(received):
            raise InvalidArgument(f"not completed: {len(missing)} files lack, {missing[0][:200]!r} first")
        entries = {}
        for path, offered in self.offered.items():
            entry = received[path] if path in self.asked else live.get(path)
            if entry is None or offered.checksum not in ("", entry.checksum):
                raise Corrupt(f"what is live has no {path[:200]!r} as it had when the publication began")
            entries[path] = entry
        return Manifest(entries)

    def text(self) -> bytes:
        """All but what :meth:`head` tells as a text, for :meth:`parse`."""
        offered = {path: dict(entry.fields) for path, entry in self.offered.items()}
        fields = {"offered": offered, "new": list(self.new), "update": list(self.update)}
        return json.dumps(fields, separators=(",", ":")).encode()

    @classmethod
    def parse(cls, begun: Begun, text: bytes) -> Self:
        """The session that begins so, and goes on with this text.

        Raises:
            Corrupt: it is damaged.
        """
        with _damaged():
            fields = json.loads(text)
            fields["offered"] = import_original(fields["offered"])
            return cls(**attrs.asdict(begun), **fields)


@contextmanager
def _damaged() -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError) as err:
        raise Corrupt("what is known of a publication under way is damaged", "Publish again.") from err


def begin(
    course: str, process_id: str, offered: Mapping[str, OriginalEntry], live: Live, file_type: str
) -> Session:
    """The session that a manifest begins. Checksums decide what is asked for, not times.

    Raises:
        InvalidManifest: it is empty, or lacks a time that counts.
        Superseded: it is not newer than what is live.
    """
    if not offered:
        raise InvalidManifest("the manifest is empty: an empty tree is not published")
    if live.base:
        check_newer(live.times, {path: entry.fields for path, entry in offered.items()}, file_type)
    new = sorted(path for path in offered if path not in live.files)
    update = sorted(path for path, entry in offered.items() if _differs(entry, live.files.get(path)))
    if live.files:
        update = sorted({*update, *_always(offered, live.files, file_type, has_none=not (new or update))})
    removed = len(live.files.keys() - offered.keys())
    return Session(course, process_id, live.base, bool(live.files), removed, offered, new, update)


def _differs(offered: OriginalEntry, live: FileEntry | None) -> bool:
    return live is not None and offered.checksum != live.checksum


def _always(
    offered: Mapping[str, OriginalEntry], live: Mapping[str, FileEntry], file_type: str, *, has_none: bool
) -> set[str]:
    """What is asked for though it is live: the index page, or else a file, so that there is some to send.

    The original client does not say that it is done if it is asked for nothing.
    """
    index = f"index.{file_type}"
    if file_type in INDEXED and index in offered and index in live:
        return {index}
    if not has_none:
        return set()
    return {max(offered, key=lambda path: (offered[path].mtime or 0, path))}


def check_process_id(process_id: object) -> str:
    """``process_id`` itself, if one like it is ever given out.

    Raises:
        NotFound: none is.
    """
    try:
        known = str(UUID(process_id)) if isinstance(process_id, str) else ""
    except ValueError:
        known = ""
    if not known or known != process_id:
        raise NotFound("no such publication is under way", "Send the manifest again.")
    return known


def check_takes(word: Word) -> None:
    """Do nothing if content may come.

    Raises:
        Superseded: the publication is complete, or was refused.
    """
    if word == "complete":
        raise Superseded("the publication is complete, and takes no more files", "Publish it.")
    if word == "refused":
        raise Superseded("the publication was refused, and takes no more files", "Begin a new one.")


@attrs.frozen(order=True)
class Chunk:
    """A part of an archive that comes in chunks.

    Attributes:
        offset: of its first byte.
        size: bytes.
        checksum: SHA-256 of its content.
    """

    offset: int
    size: int
    checksum: str

    @property
    def end(self) -> int:
        """The offset after its last byte."""
        return self.offset + self.size


@attrs.frozen
class ChunkHeaders:
    """What the headers of a chunk say.

    Attributes:
        archive: which of the archives of this publication.
        offset: of the chunk's first byte.
        nominal: bytes of every chunk but the last.
        end: the offset after its last byte; None if that is not told.
        is_last: whether it may be the last one; clients say so of others, too.
        is_last_archive: whether nothing comes after this archive.
    """

    archive: int
    offset: int
    nominal: int
    end: int | None
    is_last: bool
    is_last_archive: bool

    @classmethod
    def parse(cls, headers: Mapping[str, Any], limits: Limits) -> Self:
        """From the headers of a request, with names in the usual letter case.

        Raises:
            InvalidArgument: one is missing, or no number.
            TooLarge: one is above its limit.
        """
        archive = _number(headers, "X-File-Index")
        if archive >= limits.archives:
            raise TooLarge(f"more than {limits.archives} archives in chunks")
        nominal = _number(headers, "X-Chunk-Size")
        if nominal > limits.chunk_bytes:
            raise TooLarge(f"chunks of more than {limits.chunk_bytes} bytes")
        end = _number(headers, "X-Chunk-Offset") if headers.get("X-Chunk-Offset") is not None else None
        return cls(
            archive,
            _number(headers, "X-Chunk-Index"),
            nominal,
            end,
            headers.get("X-Last-Chunk") is not None,
            headers.get("X-Last-File") is not None,
        )

    def check_size(self, size: int) -> None:
        """Do nothing if a chunk of ``size`` bytes fits the headers.

        Raises:
            InvalidArgument: it does not.
        """
        if not size:
            raise InvalidArgument("an empty chunk")
        if self.end is not None and self.end != self.offset + size:
            raise InvalidArgument(f"a chunk of {size} bytes at {self.offset} can't end at {self.end}")
        if size > self.nominal or (size < self.nominal and not self.is_last):
            raise InvalidArgument(f"a chunk of {size} bytes, not of {self.nominal}, that is not the last")

    def ends(self, chunk: Chunk) -> bool | None:
        """Whether the archive ends with this chunk; None: only its content can tell."""
        if not self.is_last:
            return False
        return True if chunk.size < self.nominal else None


def is_repeated(chunk: Chunk, held: Sequence[Chunk]) -> bool:
    """Whether a chunk came before, and not for the first time now.

    Raises:
        Changed: other bytes came for this offset, or the offset is not where the last chunk ended.
    """
    if chunk in held:
        return True
    end = max((one.end for one in held), default=0)
    if chunk.offset < end:
        raise Changed(f"other bytes came at {chunk.offset} before", "Begin a new publication.")
    if chunk.offset > end:
        raise Changed(f"a chunk at {chunk.offset}, but only {end} bytes came", f"Go on at {end}.")
    return False


def in_order(held: Collection[Chunk]) -> list[Chunk]:
    """Chunks that make up the first part of an archive, from its first byte on.

    Raises:
        Changed: two that came at the same time contradict each other.
    """
    chunks, end = sorted(held), 0
    for chunk in chunks:
        if chunk.offset != end:
            raise Changed("chunks that came at the same time differ", "Begin a new publication.")
        end = chunk.end
    return chunks


def _number(headers: Mapping[str, Any], name: str) -> int:
    text = headers.get(name)
    if not isinstance(text, str) or not text.isascii() or not text.isdigit() or len(text) > 15:  # noqa: PLR2004
        raise InvalidArgument(f"the header {name} is no number" if text else f"the header {name} is missing")
    return int(text)
