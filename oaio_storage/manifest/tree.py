"""The files of a tree, and their canonical text."""

from collections.abc import Collection, ItemsView, Iterator, KeysView, Mapping, ValuesView
from hashlib import sha256
from operator import attrgetter
from typing import Self

import attrs

from oaio_storage.errors import InvalidManifest, InvalidName
from oaio_storage.manifest.entry import EMPTY_CHECKSUM, FileEntry, line_of, parse_line
from oaio_storage.names import are_allowed, check_path, collisions

HEADER = "oaio-manifest 1\n"
TRAILER = "digest "
DAMAGED = "a manifest that is damaged or cut: its last line is not the digest of the others"

_TRAILER_BYTES = len(f"{TRAILER}{EMPTY_CHECKSUM}\n")


_size_of = attrgetter("size")


class _Checked(dict[str, FileEntry]):
    """Entries that a manifest may hold, sorted by path."""


def _checked(entries: Mapping[str, FileEntry]) -> _Checked:
    if isinstance(entries, _Checked):
        return entries
    for path, entry in entries.items():
        if not isinstance(path, str) or not isinstance(entry, FileEntry):
            raise InvalidManifest(f"{str(path)[:200]!r} and {type(entry).__name__} are no path and entry")
    check_paths(entries)
    return _Checked((path, entries[path]) for path in sorted(entries))


def checked_path(path: str) -> str:
    """``path`` itself, if a manifest may hold it.

    Raises:
        InvalidManifest: otherwise.
    """
    try:
        return check_path(path)
    except InvalidName as err:
        raise InvalidManifest(err.message, err.hint) from err


def check_paths(paths: Collection[str]) -> None:
    """Do nothing if a manifest may hold all of ``paths`` beside each other.

    Raises:
        InvalidManifest: otherwise.
    """
    if not are_allowed(paths):
        for path in paths:
            checked_path(path)
    _check_apart(paths)


def _check_apart(paths: Collection[str]) -> None:
    if clashes := collisions(paths):
        names = ", ".join(map(repr, clashes[0]))
        raise InvalidManifest(f"names that clash on some systems: {names[:400]}")


@attrs.frozen(eq=False, repr=False)
class Manifest(Mapping[str, FileEntry]):
    """The files of a tree: relative path -> entry, sorted by path. Immutable, comparable, hashable.

    Every path is one that every host can hold, and no two of them clash on any file system.

    Raises:
        InvalidManifest: otherwise.
    """

    _entries: _Checked = attrs.field(factory=_Checked, converter=_checked)
    _texts: list[str] = attrs.field(factory=list, init=False)

    def __getitem__(self, path: str) -> FileEntry:
        return self._entries[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def keys(self) -> KeysView[str]:
        """As of every mapping; so are :meth:`values` and :meth:`items`."""
        return self._entries.keys()

    def values(self) -> ValuesView[FileEntry]:  # noqa: D102 - see keys
        return self._entries.values()

    def items(self) -> ItemsView[str, FileEntry]:  # noqa: D102 - see keys
        return self._entries.items()

    def __hash__(self) -> int:
        return hash(frozenset(self._entries.items()))

    def __repr__(self) -> str:
        return f"<Manifest of {len(self)} files, {self.size} bytes>"

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(map(_size_of, self._entries.values()))

    def digest(self) -> str:
        """SHA-256 of the canonical text up to its last line; equal if and only if the manifests are equal."""
        return self.text()[-_TRAILER_BYTES + len(TRAILER) : -1]

    @classmethod
    def of_allowed(cls, entries: Mapping[str, FileEntry]) -> Self:
        """The manifest of ``entries`` whose paths were looked at before, one by one, and are allowed.

        Raises:
            InvalidManifest: two of them clash.
        """
        _check_apart(entries.keys())
        return cls(_Checked((path, entries[path]) for path in sorted(entries)))

    def text(self) -> str:
        """The canonical text."""
        if not self._texts:
            body = HEADER + "".join(line_of(path, entry) for path, entry in self._entries.items())
            self._texts.append(body + trailer_of(sha256(body.encode()).hexdigest()))
        return self._texts[0]

    @classmethod
    def parse(cls, text: str | bytes, *, like: "Manifest | None" = None) -> Self:
        """The manifest whose canonical text is ``text``; no other text is accepted.

        Args:
            text: all of it.
            like: a manifest with mostly the same files: entries that are equal are taken from it, which
                saves most of the time.

        Raises:
            InvalidManifest: ``text`` is damaged, cut, of a later major version, not canonical, or holds
                what no manifest may hold.
        """
        try:
            content = text.encode() if isinstance(text, str) else text
            text = text if isinstance(text, str) else text.decode()
        except UnicodeError as err:
            raise InvalidManifest("a manifest that is not UTF-8") from err
        check_header(text)
        trailer = trailer_of(sha256(content[:-_TRAILER_BYTES]).hexdigest())
        if not text.endswith(f"\n{trailer}"):
            raise InvalidManifest(DAMAGED)
        known = {} if like is None else dict(zip(_lines(like.text()), like.items(), strict=True))
        entries = [known.get(line) or parse_line(line) for line in _lines(text)]
        files = _Checked(entries)
        paths = list(files)
        if len(paths) < len(entries) or paths != sorted(paths):
            raise InvalidManifest("the paths of a manifest are not sorted, or one is there twice")
        if like is None or not files.keys() <= like.keys():  # else they can't clash, for those do not
            check_paths(files)
        manifest = cls(files)
        manifest._texts.append(text)
        return manifest


def _lines(text: str) -> list[str]:
    return text[len(HEADER) : -_TRAILER_BYTES].split("\n")[:-1]


def check_header(text: str) -> None:
    """Do nothing if ``text`` begins like a manifest of this version.

    Raises:
        InvalidManifest: otherwise.
    """
    if not text.startswith(HEADER):
        raise InvalidManifest(
            f"not a manifest of this version: it begins with {text[: len(HEADER)]!r}, not {HEADER!r}",
            "Use the release of oaio-storage that wrote it, or a later one.",
        )


def trailer_of(digest: str) -> str:
    """The last line of a text whose other lines have this digest."""
    return f"{TRAILER}{digest}\n"
