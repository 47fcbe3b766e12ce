"""Names and paths as the service takes them: case is kept and does not matter, Unicode forms do."""

from collections.abc import Iterator
from itertools import count

import attrs

from oaio_storage.testing.koofr.refusals import Code, Refused

Path = tuple[str, ...]
"""The names from the root of a mount down; the empty one is the root."""


@attrs.frozen
class Place:
    """A path in the mount of an id."""

    mount: str
    path: Path

    def __str__(self) -> str:
        return shown(self.path)

    @property
    def name(self) -> str:
        """The last name of the path; the root has none."""
        return self.path[-1]

    @property
    def parent(self) -> "Place":
        """The folder that it lies in."""
        return Place(self.mount, self.path[:-1])

    def beside(self, name: str) -> "Place":
        """The place of another name in the same folder."""
        return Place(self.mount, (*self.path[:-1], name))

    def below(self, name: str) -> "Place":
        """The place of a name in this folder."""
        return Place(self.mount, (*self.path, name))

    def holds(self, other: "Place") -> bool:
        """Whether ``other`` is this place or lies below it; case does not matter."""
        begin = other.path[: len(self.path)]
        return self.mount == other.mount and tuple(map(fold, begin)) == tuple(map(fold, self.path))


MAX_DEPTH = 200
"""Names in a path at most; the limit of the live service is not known."""


def fold(name: str) -> str:
    """What two names that the service takes for one have in common."""
    return name.lower()


def parse_path(text: str) -> Path:
    """The path that ``text`` means; slashes before, after and between that add nothing are dropped.

    Raises:
        Refused: ``InvalidPath``: a part that no name may be, or too many of them.
    """
    names = tuple(part for part in text.split("/") if part)
    for name in names:
        _check(name, Code.INVALID_PATH)
    if len(names) > MAX_DEPTH:
        raise Refused(Code.INVALID_PATH, "Path too deep.")
    return names


def parse_name(text: object) -> str:
    """A name that a file or folder may have.

    Raises:
        Refused: ``BadRequest``: it is empty, ``.`` or ``..``, or has a slash, backslash or control character.
    """
    if not isinstance(text, str):
        raise Refused(Code.BAD_REQUEST, "A name is a text.")
    _check(text, Code.BAD_REQUEST)
    return text


def _check(name: str, code: Code) -> None:
    if name in {"", ".", ".."} or any(each in "/\\\x7f" or each < " " for each in name):
        raise Refused(code, "Invalid name.")
    if any("\ud800" <= each <= "\udfff" for each in name):
        raise Refused(code, "Not a text of Unicode.")


def numbered(name: str) -> Iterator[str]:
    """The names that are tried instead of one that is taken: ``a (1).txt``, ``a (2).txt``, ..."""
    stem, dot, extension = name.rpartition(".")
    if not stem:
        stem, dot, extension = name, "", ""
    return (f"{stem} ({number}){dot}{extension}" for number in count(1))


def shown(path: Path) -> str:
    """The text of a path, with a slash before each name."""
    return "/" + "/".join(path)
