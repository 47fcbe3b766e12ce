"""New places of chunks, and lists of names to be dropped: the two kinds of blobs beside packs; pure.

Clauses T3, T7 and T13. Both are frames of a sealed text.
"""

from collections.abc import Iterable, Mapping

from oaio_storage.errors import Corrupt
from oaio_storage.trees.frames import framed, unframed
from oaio_storage.trees.packing import Place
from oaio_storage.trees.sealed import sealed, unsealed

MAX_BLOB_BYTES = 1 << 28
_MOVED, _DROPPED = "oaio-moved 1\n", "oaio-dropped 1\n"


def moved_content(places: Mapping[str, Place]) -> bytes:
    """The blob that says where chunks lie now."""
    return _content(_MOVED, (f"{digest}:{place.text()}" for digest, place in sorted(places.items())))


def parse_moved(content: bytes) -> dict[str, Place]:
    """Digest of a chunk -> its new place.

    Raises:
        Corrupt: the blob is damaged, or of a newer format.
    """
    pairs = (line.partition(":") for line in _lines(_MOVED, content))
    return {digest: Place.parse(place) for digest, _, place in pairs}


def plan_content(paths: Iterable[str]) -> bytes:
    """The blob that says which files a collection drops."""
    return _content(_DROPPED, sorted(paths))


def parse_plan(content: bytes) -> list[str]:
    """The paths that a collection drops, sorted.

    Raises:
        Corrupt: the blob is damaged, or of a newer format.
    """
    return _lines(_DROPPED, content)


def _content(header: str, lines: Iterable[str]) -> bytes:
    return framed(sealed(header + "".join(f"{line}\n" for line in lines)).encode())


def _lines(header: str, content: bytes) -> list[str]:
    try:
        body = unsealed(unframed(content, MAX_BLOB_BYTES).decode()) or ""
    except UnicodeDecodeError as err:
        raise Corrupt("a blob of the tree is no text") from err
    if not body.startswith(header):
        raise Corrupt(f"a blob of the tree is damaged, or of another version than {header.strip()!r}")
    return body[len(header) :].split("\n")[:-1]
