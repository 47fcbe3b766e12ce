"""What a checkout does to a folder, decided before anything is written; and what it remembers of it; pure."""

from collections.abc import Iterable, Mapping
from typing import Self

import attrs

from oaio_storage.errors import InvalidManifest, LocalStateDamaged
from oaio_storage.manifest import FileEntry, Manifest
from oaio_storage.names import folders_above
from oaio_storage.scan import Scan
from oaio_storage.trees.sealed import sealed, unsealed

_HEADER = "oaio-checkout 1"
CHANGED, ADDED = "changed here", "not placed by a checkout"


@attrs.frozen
class Seen:
    """A generation by its place in the history of its tree.

    Attributes:
        tree: tells its tree from all others on all hosts, in one line; empty where that is not known.
        sequence: as in its switch; 0 for none.
    """

    tree: str = ""
    sequence: int = 0

    def is_before(self, other: "Seen") -> bool:
        """Whether the same tree had ``other`` later."""
        return bool(self.tree) and self.tree == other.tree and self.sequence < other.sequence

    @classmethod
    def parse(cls, line: str) -> Self:
        """The one that :meth:`line` told. ValueError: none did."""
        sequence, _, tree = line.partition(" ")
        return cls(tree, int(sequence))

    def line(self) -> str:
        """It as text."""
        return f"{self.sequence} {self.tree}"


@attrs.frozen
class Placed:
    """Which files in a folder a checkout placed, or is about to place; all others belong to somebody else.

    Attributes:
        files: those that were placed.
        coming: those that are about to be, of which an interruption may have left any in place.
        seen: the generation that they are of.
    """

    files: Manifest = attrs.field(factory=Manifest)
    coming: Manifest = attrs.field(factory=Manifest)
    seen: Seen = attrs.field(factory=Seen)

    def has(self, path: str, entry: FileEntry) -> bool:
        """Whether ``entry`` at ``path`` is as a checkout placed it."""
        return any(known and _same(entry, known) for known in (self.files.get(path), self.coming.get(path)))

    def paths(self) -> set[str]:
        """All paths that are named."""
        return {*self.files, *self.coming}

    def text(self) -> str:
        """The canonical text."""
        return sealed(f"{_HEADER}\n{self.seen.line()}\n{self.files.text()}\n{self.coming.text()}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """What has this text.

        Raises:
            LocalStateDamaged: none has.
        """
        header, _, body = (unsealed(text) or "").partition("\n")
        seen, _, manifests = body.partition("\n") if header == _HEADER else ("", "", "")
        files, _, coming = manifests.partition("\n\n")
        try:
            return cls(Manifest.parse(f"{files}\n"), Manifest.parse(coming), Seen.parse(seen))
        except (InvalidManifest, ValueError) as err:
            raise LocalStateDamaged(
                "the record of what a checkout placed is damaged, or of another version",
                "Check out into a new folder.",
            ) from err


@attrs.frozen
class Steps:
    """What is to be done.

    Attributes:
        write: path -> the entry that is there now (None: nothing), sorted.
        remove: path -> the entry that is there now, sorted.
        keep: path -> why it is left as it is although it differs, sorted.
        unchanged: how many files are right already.
        ours: files that are as a checkout placed them and stay.
    """

    write: Mapping[str, FileEntry | None]
    remove: Mapping[str, FileEntry]
    keep: Mapping[str, str]
    unchanged: int
    ours: Mapping[str, FileEntry]


def steps(wanted: Manifest, placed: Placed, found: Scan) -> Steps:
    """What turns a folder into ``wanted`` without touching what somebody else changed or added.

    Args:
        wanted: what is to be there.
        placed: what checkouts placed so far.
        found: what is there; looked at has to be each path of the other two.
    """
    write: dict[str, FileEntry | None] = {}
    remove: dict[str, FileEntry] = {}
    keep: dict[str, str] = {}
    ours: dict[str, FileEntry] = {}
    unchanged = 0
    for path in sorted({*wanted, *placed.paths()}):
        there, target = found.manifest.get(path), wanted.get(path)
        if path in found.unknown and not (
            any(folder in remove for folder in folders_above(path)) or _is_above(path, placed.paths())
        ):
            if target is not None:
                keep[path] = found.unknown[path]
        elif there is None:
            if target is not None:
                write[path] = None
        elif target is not None and _same(there, target):
            unchanged += 1
            if placed.has(path, there):
                ours[path] = target
        elif placed.has(path, there):
            (remove if target is None else write)[path] = there
        else:
            keep[path] = CHANGED if path in placed.paths() else ADDED
    for path in keep.keys() & placed.files.keys():
        ours[path] = placed.files[path]
    return Steps(write, remove, keep, unchanged, ours)


def _is_above(path: str, files: Iterable[str]) -> bool:
    """Whether ``path`` is a folder of one of ``files``; it goes with the last file in it."""
    return any(file.startswith(f"{path}/") for file in files)


def _same(there: FileEntry, target: FileEntry) -> bool:
    """Whether a file on this system is what a manifest says, as far as this system can tell."""
    return (there.size, there.checksum, bool(there.executable)) == (
        target.size,
        target.checksum,
        bool(target.executable),
    )
