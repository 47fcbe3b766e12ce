"""Archives that clients send: a tar in a gzip stream, read once from begin to end, in bounded memory.

Nothing of an archive is trusted. A name is looked up among the paths that a manifest has; modes, owners and
times are not looked at. A link is never followed: what it stands for is known by its checksum.
"""

import tarfile
from collections.abc import Collection, Iterator

import attrs

from oaio_storage.errors import InvalidArgument, TooLarge
from oaio_storage.file_transfer.bodies import Stream
from oaio_storage.file_transfer.gzip_stream import GzipStream
from oaio_storage.file_transfer.limits import Limits

_BLOCK = tarfile.BLOCKSIZE
_EMPTY = b"\0" * _BLOCK
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_LINKS = (tarfile.LNKTYPE, tarfile.SYMTYPE)
_EXTENDED = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_LONG = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_SIZE_DIGITS = 18


class Content:
    """The content of one member, to be read once, before the next member."""

    def __init__(self, stream: GzipStream, size: int) -> None:
        self.left = size
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most ``size``; all that are left if it is negative."""
        if size < 0:
            return b"".join(iter(lambda: self.read(1 << 16), b""))
        piece = self._stream.read(min(size, self.left)) if self.left and size else b""
        if self.left and size and not piece:
            raise InvalidArgument("the archive is cut: a file in it has no end")
        self.left -= len(piece)
        return piece


@attrs.frozen
class Member:
    """A file, or a link to one, of an archive.

    Attributes:
        path: as in the manifest.
        size: bytes of its content; 0 for a link.
        content: its content; None for a link.
    """

    path: str
    size: int
    content: Content | None


def members(
    source: Stream, listed: Collection[str], *, only_listed: bool, limits: Limits
) -> Iterator[Member]:
    """The files of an archive that ``listed`` has, and links in their places, in the archive's order.

    What is not read of a content is skipped. Folders may be there; of them, and of what is not listed,
    nothing is given.

    Args:
        source: the archive; read to its end.
        listed: paths.
        only_listed: refuse other files instead of skipping them.
        limits: bounds of what it may hold.

    Raises:
        InvalidArgument: it is no such archive, is cut or damaged, or holds what no archive may: a name that
            leads elsewhere, one file twice, a device, a file that is none on every system.
        TooLarge: it exceeds a bound.
    """
    stream, seen = GzipStream(source, limits), set[str]()
    for number, header in enumerate(_headers(stream, limits), 1):
        if number > limits.members:
            raise TooLarge(f"the archive has more than {limits.members} members")
        path = _path_of(header.name)
        content = Content(stream, header.size)
        if header.kind != tarfile.DIRTYPE and path in listed:
            if path in seen:
                raise InvalidArgument(f"the archive holds {path[:200]!r} twice")
            seen.add(path)
            yield Member(path, header.size, None if header.kind in _LINKS else content)
        elif header.kind != tarfile.DIRTYPE and only_listed:
            raise InvalidArgument(f"the archive holds {path[:200]!r}, which was not asked for")
        elif header.kind != tarfile.DIRTYPE and not path:
            raise InvalidArgument("the archive holds a file without a name")
        while content.left:
            content.read(1 << 16)
        stream.read_exactly(-header.size % _BLOCK)


@attrs.frozen
class _Header:
    name: str
    kind: bytes
    size: int


def _headers(stream: GzipStream, limits: Limits) -> Iterator[_Header]:
    """What stands in front of each member; whoever takes one has to read the member."""
    fields = _Fields(limits.header_bytes)
    while (block := stream.read_exactly(_BLOCK)) != _EMPTY:
        header = _parse(block)
        if header.type in (*_EXTENDED, *_LONG, tarfile.XGLTYPE):
            fields.take(header.type, header.size, stream)
            continue
        if header.type not in (*_FILES, *_LINKS, tarfile.DIRTYPE):
            raise InvalidArgument("the archive holds a device, or something else that is no file")
        size = fields.size(header.size)
        if header.type not in _FILES and size:
            raise InvalidArgument("the archive holds a folder or link with a content")
        yield _Header(fields.path(header.name), header.type, size)
        fields = _Fields(limits.header_bytes)
    while rest := stream.read(1 << 16):
        if rest.strip(b"\0"):
            raise InvalidArgument("something follows the end of the archive")


@attrs.define
class _Fields:
    """What is told of one member in headers of its own, in front of its header."""

    left: int
    _told: dict[str, str] = attrs.field(factory=dict, init=False)

    def take(self, kind: bytes, size: int, stream: GzipStream) -> None:
        self.left -= size
        if self.left < 0:
            raise TooLarge("the archive has a member with too long a name, or too many further fields")
        text = stream.read_exactly(size + -size % _BLOCK)[:size]
        if kind in _EXTENDED:
            self._told |= _records(text)
        elif kind == tarfile.GNUTYPE_LONGNAME:
            self._told["path"] = _decoded(text.partition(b"\0")[0])
        elif kind == tarfile.XGLTYPE and {"path", "size"} & _records(text).keys():
            raise InvalidArgument("the archive names all of its members at once")

    def path(self, default: str) -> str:
        return self._told.get("path", default)

    def size(self, default: int) -> int:
        text = self._told.get("size", str(default))
        if not text.isascii() or not text.isdigit() or len(text) > _SIZE_DIGITS:
            raise InvalidArgument("the archive holds a file of an impossible size")
        return int(text)


def _parse(block: bytes) -> tarfile.TarInfo:
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as err:
        what = "is cut: its end is missing" if len(block) < _BLOCK else "is no tar, or is damaged"
        raise InvalidArgument(f"the archive {what}") from err
    if header.size < 0:
        raise InvalidArgument("the archive holds a file of an impossible size")
    return header


def _records(text: bytes) -> dict[str, str]:
    """The records of a pax header (POSIX.1-2001): each its length, a space, ``key=value`` and a newline."""
    fields = {}
    while text:
        length, _, _ = text[:20].partition(b" ")
        if not length.isdigit() or not 0 < int(length) <= len(text):
            raise InvalidArgument("the archive has a damaged header")
        record, text = text[: int(length)], text[int(length) :]
        key, separator, value = record[len(length) + 1 :].partition(b"=")
        if not separator or not value.endswith(b"\n"):
            raise InvalidArgument("the archive has a damaged header")
        fields[_decoded(key)] = _decoded(value[:-1])
    if any(key.startswith("GNU.sparse.") for key in fields):
        raise InvalidArgument("the archive holds a file with holes; such are not taken")
    return fields


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


def _path_of(name: str) -> str:
    """The path that a member's name stands for; empty for the root.

    Raises:
        InvalidArgument: it leads elsewhere than below the root.
    """
    parts = name.rstrip("/").split("/")
    while parts and parts[0] == ".":
        del parts[0]
    if name.startswith("/") or "\0" in name or "\\" in name or {"", ".", ".."} & {*parts}:
        raise InvalidArgument(f"the archive holds a name that leads elsewhere: {name[:100]!a}")
    return "/".join(parts)
