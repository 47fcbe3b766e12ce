"""What a GET or HEAD of one generation is answered (RFC 9110)."""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from http import HTTPStatus
from typing import BinaryIO, Self, cast
from urllib.parse import quote

import attrs

from oaio_storage.errors import Corrupt, NotFound
from oaio_storage.manifest import FileEntry
from oaio_storage.publish.published import OpenGeneration
from oaio_storage.publish.serve import conditions, ranges
from oaio_storage.publish.serve.media_types import media_type

INDEX = "index.html"
METHODS = ("GET", "HEAD")
_BLOCK = 1 << 16
_SAFE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}


class Body(Iterator[bytes]):
    """The content of an answer, block by block, from texts and parts of one open file.

    Whoever asked for it has to close it, also if it was not read to its end.
    """

    def __init__(self, pieces: Sequence[bytes | range] = (), file: BinaryIO | None = None) -> None:
        self._file = file
        self._blocks = self._read(pieces)

    def __next__(self) -> bytes:
        return next(self._blocks)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. A repeat is safe."""
        if self._file is not None:
            self._file.close()

    def _read(self, pieces: Sequence[bytes | range]) -> Iterator[bytes]:
        for piece in pieces:
            if isinstance(piece, bytes):
                yield piece
            else:
                yield from self._part(cast("BinaryIO", self._file), piece)
        self.close()

    @staticmethod
    def _part(file: BinaryIO, part: range) -> Iterator[bytes]:
        file.seek(part.start)
        left = len(part)
        while left:
            block = file.read(min(left, _BLOCK))
            if not block:
                raise Corrupt("a published file was cut while it was read")
            left -= len(block)
            yield block


@attrs.frozen
class Answer:
    """An answer to a request.

    Attributes:
        status: of HTTP.
        headers: names and values, in ASCII.
        body: the content; nothing for HEAD. To be closed.
    """

    status: HTTPStatus
    headers: Mapping[str, str]
    body: Body


def answer(  # noqa: PLR0913 - what a request consists of
    method: str,
    path: str,
    headers: Mapping[str, str],
    opened: OpenGeneration,
    *,
    download: bool = False,
    more: Mapping[str, str] | None = None,
) -> Answer:
    """What a request for a file of one generation is answered.

    All of the answer belongs to that generation. The file is open when this returns, so the generation may
    be closed before the body was read. A name is looked up among the names of the generation, as it is: what
    no tree may hold (``..``, NUL, a backslash, ``.oaio``) is not found, and neither is a link, nor a list of
    what is in a folder. Memory is bounded by a block, whatever the size.

    Args:
        method: of HTTP; other than GET and HEAD are not allowed (15.5.6).
        path: decoded, relative to the tree, without a slash in front; empty or with a slash at its end it
            means the ``index.html`` there. A folder that has one, named without its slash, is redirected.
        headers: of the request, names in any letter case; conditions and ranges count.
        opened: the generation.
        download: let browsers store the file instead of showing it (RFC 6266).
        more: headers for every answer, which win over those that are given otherwise; such as a
            Content-Security-Policy, which only the site can know.

    Raises:
        Corrupt: the file is not there, or has another size than the generation says: the tree is damaged.
        OaioError: the host can't be read.
    """
    common = {**_SAFE, **(more or {})}
    asked = {name.lower(): value for name, value in headers.items()}
    if method not in METHODS:
        return _told(HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": ", ".join(METHODS), **common}, method)
    name = f"{path}{INDEX}" if not path or path.endswith("/") else path
    manifest = opened.manifest
    if (entry := manifest.get(name)) is None:
        if f"{name}/{INDEX}" in manifest:
            place = f"./{quote(name.rpartition('/')[2])}/"
            return _told(HTTPStatus.TEMPORARY_REDIRECT, {"Location": place, **common}, method)
        return _told(HTTPStatus.NOT_FOUND, common, method)
    return _Request(method, name, asked, entry, download, common).answered(opened)


def not_available(status: HTTPStatus, method: str, more: Mapping[str, str] | None = None) -> Answer:
    """The answer where there is no generation to look into."""
    return _told(status, {**_SAFE, **(more or {})}, method)


@attrs.frozen
class _Request:
    """A request for a file that exists."""

    method: str
    path: str
    asked: Mapping[str, str]
    entry: FileEntry
    download: bool
    common: Mapping[str, str]

    def answered(self, opened: OpenGeneration) -> Answer:
        tag = conditions.entity_tag(self.entry.checksum)
        headers = {"ETag": tag, **self.common}
        status = conditions.outcome(self.asked, tag)
        if status is HTTPStatus.NOT_MODIFIED:
            return Answer(status, headers, Body())
        if status is not HTTPStatus.OK:
            return _told(status, headers, self.method)
        kind = media_type(self.path)
        headers = {"Content-Type": kind, "Accept-Ranges": "bytes", **headers}
        if self.download:
            headers["Content-Disposition"] = _attachment(self.path)
        size = self.entry.size
        parts = self._parts(tag)
        if parts is None:
            return self._file(opened, HTTPStatus.OK, headers, [range(size)])
        if not parts:
            headers = {"Content-Range": f"bytes */{size}", **self.common}
            return _told(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers, self.method)
        if len(parts) == 1:
            headers["Content-Range"] = ranges.content_range(parts[0], size)
            return self._file(opened, HTTPStatus.PARTIAL_CONTENT, headers, parts)
        boundary = sha256(f"{self.entry.checksum} {parts}".encode()).hexdigest()[:32]
        headers["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
        pieces = _multipart(parts, boundary, kind, size)
        return self._file(opened, HTTPStatus.PARTIAL_CONTENT, headers, pieces)

    def _parts(self, tag: str) -> tuple[range, ...] | None:
        """The parts that are asked for; a Range counts for GET alone (14.2)."""
        header = self.asked.get("range")
        if header is None or self.method != "GET" or not conditions.allows_range(self.asked, tag):
            return None
        return ranges.parts_wanted(header, self.entry.size)

    def _file(
        self,
        opened: OpenGeneration,
        status: HTTPStatus,
        headers: Mapping[str, str],
        pieces: Sequence[bytes | range],
    ) -> Answer:
        headers = {"Content-Length": str(sum(map(len, pieces))), **headers}
        if self.method == "HEAD":
            return Answer(status, headers, Body())
        try:
            file = opened.read(self.path)
        except NotFound as err:
            raise Corrupt(f"the published file {self.path!r} is not there any more") from err
        body = Body(pieces, file)
        if file.seek(0, 2) != self.entry.size:
            body.close()
            raise Corrupt(f"the published file {self.path!r} has another size than the generation says")
        return Answer(status, headers, body)


def _multipart(parts: Sequence[range], boundary: str, kind: str, size: int) -> list[bytes | range]:
    """The pieces of a ``multipart/byteranges`` (14.6)."""
    pieces: list[bytes | range] = []
    for part in parts:
        head = f"Content-Type: {kind}\r\nContent-Range: {ranges.content_range(part, size)}"
        pieces += [f"\r\n--{boundary}\r\n{head}\r\n\r\n".encode(), part]
    return [*pieces, f"\r\n--{boundary}--\r\n".encode()]


def _told(status: HTTPStatus, headers: Mapping[str, str], method: str) -> Answer:
    """An answer that only says its status."""
    text = f"{status.value} {status.phrase}\n".encode()
    told = {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(text)), **headers}
    return Answer(status, told, Body([text] if method != "HEAD" else []))


def _attachment(path: str) -> str:
    """``Content-Disposition`` for a download: its name in ASCII, and as it is (RFC 6266, 4.3 and D)."""
    name = path.rpartition("/")[2]
    plain = "".join(char if char.isascii() and char not in '"%' else "_" for char in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
