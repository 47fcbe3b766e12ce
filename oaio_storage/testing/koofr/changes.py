"""What can happen to an account, as values, and as lines of JSON."""

import json
from typing import Any

import attrs

from oaio_storage.testing.koofr.names import Place


def _place(value: Any) -> Place:  # noqa: ANN401 - a place, or what JSON made of one
    return value if isinstance(value, Place) else Place(value["mount"], tuple(value["path"]))


@attrs.frozen
class FolderMade:
    """A new empty folder at ``place``, which was free."""

    place: Place = attrs.field(converter=_place)
    modified: int


@attrs.frozen
class FileStored:
    """A new file at ``place``, instead of the one there."""

    place: Place = attrs.field(converter=_place)
    modified: int
    size: int
    hash: str
    body: str


@attrs.frozen
class Removed:
    """What lay at ``place``, with everything below it, is gone, and the trash tells of it."""

    place: Place = attrs.field(converter=_place)
    deleted: int


@attrs.frozen
class Moved:
    """What lay at ``source`` lies at ``target``, which was free."""

    source: Place = attrs.field(converter=_place)
    target: Place = attrs.field(converter=_place)


@attrs.frozen
class Copied:
    """A copy of what lies at ``source`` lies at ``target``, which was free."""

    source: Place = attrs.field(converter=_place)
    target: Place = attrs.field(converter=_place)
    modified: int


Change = FolderMade | FileStored | Removed | Moved | Copied

_KINDS: dict[str, type[Change]] = {
    kind.__name__: kind for kind in (FolderMade, FileStored, Removed, Moved, Copied)
}


def dump(change: Change) -> bytes:
    """The change as one line, its end included."""
    values: dict[str, Any] = {"change": type(change).__name__, **attrs.asdict(change)}
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


def load(line: bytes) -> Change:
    """The change that :func:`dump` wrote.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it is no such line.
    """
    values = json.loads(line)
    return _KINDS[values.pop("change")](**values)
