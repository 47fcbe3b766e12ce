"""What is known of a tree of files, its canonical text, and what turns one tree into another.

The canonical text is UTF-8, each line ends in a newline, and equal trees have equal texts::

    oaio-manifest 1
    <SHA-256> <size in bytes> <x|-|?> <path>
    ...
    digest <SHA-256 of all lines above>

Entries are sorted by path (by code points, which is also the order of UTF-8). The third field tells the
executable bit, ``?`` where a system has none; fields of later minor versions follow it as ``,name=value``,
sorted by name.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from hashlib import sha256
from itertools import islice, pairwise
from typing import Any, Self

import attrs

from oaio_storage.errors import InvalidArgument, InvalidManifest, InvalidName
from oaio_storage.names import are_allowed, check_path, collisions

MAX_SIZE = 2**63 - 1
"""Bytes of the largest file."""

EMPTY_CHECKSUM = sha256(b"").hexdigest()

_HEADER = "oaio-manifest 1\n"
_TRAILER = "digest "
_TRAILER_BYTES = len(f"{_TRAILER}{EMPTY_CHECKSUM}\n")
_DAMAGED = "a manifest that is damaged or cut: its last line is not the digest of the others"
_FLAGS = {True: "x", False: "-", None: "?"}
_EXECUTABLE = {flag: executable for executable, flag in _FLAGS.items()}
_CHECKSUM = re.compile(r"[0-9a-f]{64}")
_EXTRA = re.compile(r"(?:,[a-z][a-z0-9_]*=[!-+\--~]*)*")
_LINE = re.compile(rf"({_CHECKSUM.pattern}) (0|[1-9][0-9]{{0,18}}) ([x?-])({_EXTRA.pattern}) (.+)")
_BLOCK_LINES = 4096


@attrs.frozen
class FileEntry:
    """What is known of one file.

    Attributes:
        size: bytes.
        checksum: SHA-256 of the content, 64 lower-case hexadecimal digits.
        executable: whether its owner may execute it; None where the system has no such bit.
        mtime: when it was changed, in ns since 1970; informs only, and is neither compared nor written.
        extra: fields of later minor versions, as they stand in the canonical text; kept, never judged.

    Raises:
        InvalidManifest: a field is not what it has to be.
    """

    size: int
    checksum: str
    executable: bool | None = None
    mtime: int = attrs.field(default=0, eq=False)
    extra: str = ""

    def __attrs_post_init__(self) -> None:
        if type(self.size) is not int or not 0 <= self.size <= MAX_SIZE:
            raise InvalidManifest(f"not a size in bytes: {str(self.size)[:80]!r}")
        if type(self.checksum) is not str or not _CHECKSUM.fullmatch(self.checksum):
            raise InvalidManifest(
                f"not a SHA-256 of 64 lower-case hexadecimal digits: {str(self.checksum)[:80]!r}"
            )
        if (self.size == 0) != (self.checksum == EMPTY_CHECKSUM):
            raise InvalidManifest(f"a size of {self.size} bytes contradicts the checksum {self.checksum}")
        if type(self.executable) not in (bool, type(None)) or type(self.mtime) is not int:
            raise InvalidManifest(f"not an executable bit and a time: {self.executable!r}, {self.mtime!r}")
        if self.extra:
            _check_extra(self.extra)


def _check_extra(extra: str) -> None:
    if not _EXTRA.fullmatch(extra):
        raise InvalidManifest(f"not further fields of an entry: {extra[:80]!r}")
    names = [field.partition("=")[0] for field in extra[1:].split(",")]
    if any(first >= second for first, second in pairwise(names)):
        raise InvalidManifest(f"further fields of an entry are not sorted: {extra[:80]!r}")


def _checked(entries: Mapping[str, FileEntry]) -> Mapping[str, FileEntry]:
    for path, entry in entries.items():
        if not isinstance(path, str) or not isinstance(entry, FileEntry):
            raise InvalidManifest(f"{str(path)[:200]!r} and {type(entry).__name__} are no path and entry")
    _check_paths(entries)
    return {path: entries[path] for path in sorted(entries)}


def _checked_path(path: str) -> str:
    try:
        return check_path(path)
    except InvalidName as err:
        raise InvalidManifest(err.message, err.hint) from err


def _check_paths(paths: Collection[str]) -> None:
    if not are_allowed(paths):
        for path in paths:
            _checked_path(path)
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

    _entries: Mapping[str, FileEntry] = attrs.field(factory=dict, converter=_checked)
    _digest: list[str] = attrs.field(factory=list, init=False)

    def __getitem__(self, path: str) -> FileEntry:
        return self._entries[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __hash__(self) -> int:
        return hash(frozenset(self._entries.items()))

    def __repr__(self) -> str:
        return f"<Manifest of {len(self)} files, {self.size} bytes>"

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(entry.size for entry in self._entries.values())

    def digest(self) -> str:
        """SHA-256 of the canonical text up to its last line; equal if and only if the manifests are equal."""
        if not self._digest:
            self._digest.append(sha256(self._body().encode()).hexdigest())
        return self._digest[0]

    def text(self) -> str:
        """The canonical text."""
        body = self._body()
        return body + _trailer(sha256(body.encode()).hexdigest())

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """The manifest whose canonical text is ``text``; no other text is accepted.

        Raises:
            InvalidManifest: ``text`` is damaged, cut, of a later major version, not canonical, or holds
                what no manifest may hold.
        """
        try:
            content = text.encode() if isinstance(text, str) else text
            body = content[:-_TRAILER_BYTES].decode()
        except UnicodeError as err:
            raise InvalidManifest("a manifest that is not UTF-8") from err
        _check_header(body)
        trailer = _trailer(sha256(body.encode()).hexdigest()).encode()
        if not body.endswith("\n") or content[-_TRAILER_BYTES:] != trailer:
            raise InvalidManifest(_DAMAGED)
        entries = [_parse_line(line) for line in body[len(_HEADER) :].split("\n")[:-1]]
        if any(first >= second for (first, _), (second, _) in pairwise(entries)):
            raise InvalidManifest("the paths of a manifest are not sorted, or one is there twice")
        return cls(dict(entries))

    def _body(self) -> str:
        lines = (
            f"{entry.checksum} {entry.size} {_FLAGS[entry.executable]}{entry.extra} {path}\n"
            for path, entry in self._entries.items()
        )
        return _HEADER + "".join(lines)


def _check_header(text: str) -> None:
    if not text.startswith(_HEADER):
        raise InvalidManifest(
            f"not a manifest of this version: it begins with {text[: len(_HEADER)]!r}, not {_HEADER!r}",
            "Use the release of oaio-storage that wrote it, or a later one.",
        )


def _trailer(digest: str) -> str:
    return f"{_TRAILER}{digest}\n"


def _parse_line(line: str) -> tuple[str, FileEntry]:
    parts = _LINE.fullmatch(line)
    if not parts:
        raise InvalidManifest(f"not a line of a manifest: {line[:200]!r}")
    checksum, size, flag, extra, path = parts.groups()
    return path, FileEntry(int(size), checksum, _EXECUTABLE[flag], extra=extra)


@attrs.frozen
class Diff:
    """What turns one manifest into another: four disjoint parts that hold every path of both.

    Attributes:
        new: paths that only the second has, with its entries.
        update: paths of both whose entries differ, with the second's.
        keep: paths of both with equal entries, with the second's.
        remove: paths that only the first has, with its entries.
    """

    new: Mapping[str, FileEntry]
    update: Mapping[str, FileEntry]
    keep: Mapping[str, FileEntry]
    remove: Mapping[str, FileEntry]

    @property
    def is_empty(self) -> bool:
        """Whether both manifests are equal."""
        return not (self.new or self.update or self.remove)

    def apply(self, base: Manifest) -> Manifest:
        """The second manifest, given the first.

        Raises:
            InvalidArgument: ``base`` has other paths than the first, or other entries of what is kept or
                removed.
        """
        known = {**self.keep, **self.remove}
        fits = all(base.get(path) == entry for path, entry in known.items())
        if not fits or base.keys() - known.keys() != self.update.keys():
            raise InvalidArgument("the difference was made of another manifest than the one it is applied to")
        return Manifest({**self.keep, **self.update, **self.new})


def diff(old: Manifest, new: Manifest) -> Diff:
    """What turns ``old`` into ``new``. Pure; the parts are sorted by path.

    ``diff(a, b).apply(a) == b``, and ``diff(a, a).is_empty``. A difference in ``mtime`` alone is none.
    """
    before, after = dict(old), dict(new)
    return Diff(
        new={path: entry for path, entry in after.items() if path not in before},
        update={path: entry for path, entry in after.items() if before.get(path, entry) != entry},
        keep={path: entry for path, entry in after.items() if before.get(path) == entry},
        remove={path: entry for path, entry in before.items() if path not in after},
    )


def renames(difference: Diff) -> Mapping[str, str]:
    """New paths whose content a removed path had -> that path; each removed path is used at most once.

    Of several equal contents the one of the same file name is preferred, then the first. Empty files are left
    out.
    """
    found: dict[str, str] = {}
    for key in (_content_and_name, _content):
        sources = defaultdict(list)
        taken = set(found.values())
        for path, entry in sorted(difference.remove.items(), reverse=True):
            if entry.size and path not in taken:
                sources[key(path, entry)].append(path)
        for path, entry in sorted(difference.new.items()):
            if path not in found and (candidates := sources[key(path, entry)]):
                found[path] = candidates.pop()
    return dict(sorted(found.items()))


def _content(_path: str, entry: FileEntry) -> str:
    return entry.checksum


def _content_and_name(path: str, entry: FileEntry) -> str:
    return f"{entry.checksum} {path.rpartition('/')[2]}"


@attrs.frozen
class OriginalEntry:
    """What an original client tells of one file; it never tells the size.

    Attributes:
        checksum: SHA-256 of the content in hexadecimal digits; empty if it tells none.
        mtime: when it was changed, in ns since 1970; None if it tells none.
        fields: all that it tells, as it came, unknown fields included.
    """

    checksum: str
    mtime: int | None
    fields: Mapping[str, Any]


def import_original(manifest: object) -> Mapping[str, OriginalEntry]:
    """The entries of an original client's manifest, ``{path: {"mtime": ns, "checksum": "sha256:..."}}``.

    Lenient in what an entry tells, strict in names.

    Raises:
        InvalidManifest: no dictionary of dictionaries, a name that no host may hold, names that clash, or a
            checksum or time of another form.
    """
    if not isinstance(manifest, Mapping):
        raise InvalidManifest(f"a dictionary is needed, not {type(manifest).__name__}")
    entries = {str(path): _import_entry(path, fields) for path, fields in manifest.items()}
    _check_paths(entries)
    return entries


def _import_entry(path: object, fields: object) -> OriginalEntry:
    if not isinstance(path, str) or not isinstance(fields, Mapping):
        raise InvalidManifest(f"an entry is no dictionary: {str(path)[:200]!r}")
    kind, _, checksum = str(fields.get("checksum", "sha256:")).rpartition(":")
    mtime = fields.get("mtime")
    is_known = kind == "sha256" and (not checksum or _CHECKSUM.fullmatch(checksum))
    if not is_known or type(mtime) not in (int, type(None)):
        raise InvalidManifest(f"neither checksum nor time of {path[:200]!r} can be read")
    return OriginalEntry(checksum, mtime, dict(fields))


@attrs.frozen
class Change:
    """What became of one path: ``old`` is None if it is new, ``new`` is None if it was removed."""

    path: str
    old: FileEntry | None
    new: FileEntry | None


def diff_texts(old: Iterable[str], new: Iterable[str]) -> Iterator[Change]:
    """The changes between two canonical texts, sorted by path, in memory that does not grow with them.

    Lines that both texts have are compared as text only; so two texts of a million lines take about a second.

    Args:
        old: the lines of one text with their newlines, as an open file or ``io.StringIO`` gives them.
        new: the lines of the other.

    Raises:
        InvalidManifest: a text is damaged, cut, or of a later major version. This may be found only at its
            end: act on no change before the last one came.
    """
    left, right = _Lines(old), _Lines(new)
    while left.fill() | right.fill():
        if left.block == right.block:
            left.block, right.block = [], []
            continue
        ends = [side.last_path() for side in (left, right) if not side.ended]
        yield from _changes(left.take(min(ends, default=None)), right.take(min(ends, default=None)))


def _changes(old: list[str], new: list[str]) -> Iterator[Change]:
    """The changes between lines that cover the same range of paths."""
    all_old, all_new = set(old), set(new)
    gone = dict(_parse_line(line[:-1]) for line in old if line not in all_new)
    come = dict(_parse_line(line[:-1]) for line in new if line not in all_old)
    for path in sorted(gone.keys() | come.keys()):
        yield Change(_checked_path(path), gone.get(path), come.get(path))


class _Lines:
    """The entry lines of one canonical text, a block at a time; its digest is checked at the end."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.block: list[str] = []
        self.ended = False
        self._lines = iter(lines)
        header = next(self._lines, "")
        _check_header(header)
        self._digest = sha256(header.encode())

    def fill(self) -> bool:
        """Whether there is a block to look at, after it was filled up."""
        if not self.ended and len(self.block) < _BLOCK_LINES:
            came = list(islice(self._lines, _BLOCK_LINES))
            if not came:
                raise InvalidManifest(_DAMAGED)
            if came[-1].startswith(_TRAILER):
                trailer, self.ended = came.pop(), True
            text = "".join(came)
            self._digest.update(text.encode())
            if self.ended and (
                trailer != _trailer(self._digest.hexdigest()) or next(self._lines, None) is not None
            ):
                raise InvalidManifest(_DAMAGED)
            self.block += came
        return bool(self.block)

    def last_path(self) -> str:
        return _path_of(self.block[-1])

    def take(self, last: str | None) -> list[str]:
        """The lines up to and with the path ``last``, all if it is None; they leave the block."""
        count = len(self.block) if last is None else bisect_right(self.block, last, key=_path_of)
        taken, self.block = self.block[:count], self.block[count:]
        return taken


def _path_of(line: str) -> str:
    return line.split(" ", 3)[-1][:-1]
