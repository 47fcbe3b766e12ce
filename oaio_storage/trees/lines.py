r"""The lines of a stored manifest: what each file is, then where its content lies; pure (clause T3).

::

    <canonical line of the manifest>\t<mtime in ns>\t<content>\n

The content of a file is empty for an empty one, a place for one of a single chunk (whose digest is the
file's checksum), chunks separated by spaces for a longer one, and ``@`` with chunks where the list would be
long: those hold it.
"""

import sys
from collections.abc import Iterable, Iterator
from hashlib import sha256

import attrs

from oaio_storage.errors import Corrupt, InvalidManifest
from oaio_storage.manifest import FileEntry
from oaio_storage.manifest.entry import line_of, parse_line
from oaio_storage.manifest.tree import HEADER, trailer_of
from oaio_storage.trees.chunking import WHOLE
from oaio_storage.trees.packing import Piece, Place, parse_pieces

LISTED = 64
"""Chunks that a line names at most; the list of more is a chunk itself."""


@attrs.frozen
class StoredFile:
    """One file of a generation.

    Attributes:
        path: of the file.
        entry: what is known of it.
        pieces: its chunks in order; empty if ``listed`` names them, or if it is empty.
        listed: the chunks that hold the list of its chunks; empty if the line itself names them.
    """

    path: str
    entry: FileEntry
    pieces: tuple[Piece, ...]
    listed: tuple[Piece, ...] = ()


def canonical_line(path: str, entry: FileEntry) -> str:
    """The line as the manifest has it, without its newline; all that identity covers (T4)."""
    return line_of(path, entry)[:-1]


def stored_line(canonical: str, mtime: int, content: str) -> str:
    """A line of a stored manifest."""
    return f"{canonical}\t{mtime}\t{content}\n"


def canonical_part(line: str) -> str:
    """What identity covers of a stored line, without a newline."""
    return line.partition("\t")[0]


def content_part(line: str) -> str:
    """What a stored line says of where the content lies."""
    return line.rpartition("\t")[2][:-1]


def is_listed(line: str) -> bool:
    """Whether the chunks of a line hold the list of its chunks."""
    return content_part(line).startswith("@")


def checksum_part(line: str) -> str:
    """The checksum that a stored line tells."""
    return line[:64]


def path_part(line: str) -> str:
    """The path of a stored or canonical line."""
    return canonical_part(line).split(" ", 3)[-1]


def parse_entry(line: str) -> tuple[str, FileEntry]:
    """Path and entry that a stored line tells; where the content lies is not looked at.

    Raises:
        Corrupt: it is no such line.
    """
    try:
        canonical, mtime, _ = line.removesuffix("\n").split("\t")
        return parse_line(canonical, int(mtime))
    except (ValueError, InvalidManifest) as err:
        raise Corrupt(f"not a line of a stored manifest: {line[:200]!r}") from err


def place_order(line: str) -> tuple[str, int, int]:
    """What sorts lines of small files as they lie in packs.

    Raises:
        Corrupt: it is no such line.
    """
    try:
        pack, offset, _, inside = content_part(line).split(":")
        return sys.intern(pack), int(offset), int(inside)
    except ValueError as err:
        raise Corrupt(f"not a line of a small file: {line[:200]!r}") from err


def parse_stored(line: str) -> StoredFile:
    """What a stored line says.

    Raises:
        Corrupt: it is no such line.
    """
    path, entry = parse_entry(line)
    content = content_part(line)
    if content.startswith("@"):
        return StoredFile(path, entry, (), tuple(parse_pieces(content[1:])))
    pieces = _pieces(entry, content)
    if sum(piece.size for piece in pieces) != entry.size:
        raise Corrupt(f"the chunks of {path!r} are not as long as the file")
    return StoredFile(path, entry, pieces)


def all_pieces(line: str) -> list[Piece]:
    """The chunks that a stored line names: of a long list those that hold it.

    Raises:
        Corrupt: it is no such line.
    """
    content = content_part(line)
    if not content:
        return []
    if " " in content or content.startswith("@") or content.count(":") > 3:  # noqa: PLR2004 - those of a place
        return parse_pieces(content.removeprefix("@"))
    size = line.split(" ", 2)[1]
    return [Piece.parse(f"{checksum_part(line)}:{size}:{content}")]


def canonical_text(lines: Iterable[str]) -> Iterator[str]:
    """The lines of the manifest's canonical text, given those of the stored one."""
    digest = sha256(HEADER.encode())
    yield HEADER
    for line in lines:
        canonical = canonical_part(line) + "\n"
        digest.update(canonical.encode())
        yield canonical
    yield trailer_of(digest.hexdigest())


def _pieces(entry: FileEntry, content: str) -> tuple[Piece, ...]:
    if 0 < entry.size <= WHOLE:
        return (Piece(entry.checksum, entry.size, Place.parse(content)),)
    return tuple(parse_pieces(content))
