"""What one publication is going to do, decided before anything is sent; pure.

A plan can be kept as a text, looked at, and applied later. Its last line is a digest of all others: a text
that was edited is refused, and so is one whose base is no longer live.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Self

import attrs

from oaio_storage.errors import InvalidArgument, InvalidManifest, MassDeletion
from oaio_storage.manifest import Diff, FileEntry, Manifest, diff, renames
from oaio_storage.trees.head import LAYOUT as GENERATIONS
from oaio_storage.trees.hints import MAKE_ANEW
from oaio_storage.trees.sealed import sealed, unsealed

MAX_PLAN_BYTES = 1 << 30
_HEADER = "oaio-plan 1"
_FIELDS = ("tree", "root", "layout", "base", "transaction")
_NONE = "-"


@attrs.frozen(kw_only=True)
class Plan:
    """What turns the live generation of a tree into ``manifest``.

    Attributes:
        tree: the name of the tree.
        root: the id of the host's root, so that the plan is not applied to another host.
        layout: how the tree is kept.
        base: the generation that is live while the plan is made; empty before the first.
        transaction: the id of this publication; a repeat with the same id makes nothing twice.
        manifest: what is to be live.
        changes: what turns the base's manifest into it.
    """

    tree: str
    root: str
    layout: str
    base: str
    transaction: str
    manifest: Manifest
    changes: Diff

    @property
    def generation(self) -> str:
        """The id of the generation that it would make; covers base, transaction and content.

        Empty where it also covers how the contents are stored, so that it is known afterwards alone.
        """
        return "" if self.layout == GENERATIONS else _id(self.base, self.transaction, self.manifest.digest())

    @property
    def is_empty(self) -> bool:
        """Whether what is live is the manifest already."""
        return bool(self.base) and self.changes.is_empty

    def status(self) -> Iterator[str]:
        """The changes as ``git status --short`` shows them: ``A  new``, ``M  changed``, ``R  old -> new``.

        Sorted by path. Nothing is said of kept files.
        """
        moved = renames(self.changes)
        gone = set(moved.values())
        marks = {path: "A" for path in self.changes.new if path not in moved}
        marks |= dict.fromkeys(self.changes.update, "M")
        marks |= {path: "D" for path in self.changes.remove if path not in gone}
        marks |= dict.fromkeys(moved, "R")
        for path in sorted(marks):
            yield f"{marks[path]}  {moved[path]} -> {path}" if path in moved else f"{marks[path]}  {path}"

    @property
    def needs_yes(self) -> str:
        """Why somebody has to agree to it (P16): nothing, or less than half, would be left; empty if not."""
        removed = len(self.changes.remove)
        before = removed + len(self.changes.keep) + len(self.changes.update)
        if not self.manifest:
            return "an empty tree would be published"
        return f"{removed} of {before} files would go" if removed * 2 > before else ""

    def check_deletions(self) -> None:
        """Do nothing if the plan removes at most half of what is live, and leaves something (P16).

        Raises:
            MassDeletion: otherwise.
        """
        if self.needs_yes:
            raise MassDeletion(f"{self.tree!r}: {self.needs_yes}", "Add --yes if that is meant.")

    def text(self) -> str:
        """The plan as a text, for people and for :meth:`parse`."""
        fields = [f"{name} {getattr(self, name) or _NONE}" for name in _FIELDS]
        lines = [_HEADER, *fields, *self.status(), ""]
        return sealed("\n".join(lines) + "\n" + self.manifest.text())

    @classmethod
    def parse(cls, text: str, base: Manifest) -> Self:
        """The plan with this text, given the manifest of its base.

        Raises:
            InvalidArgument: the text is no plan, was edited or cut, or ``base`` is another manifest than the
                plan was made of.
        """
        header, manifest = _parts(text)
        changes = diff(base, manifest)
        plan = cls(**header, manifest=manifest, changes=changes)
        if plan.text() != text:
            raise InvalidArgument(
                "the plan was edited, or made of another base than the one it names", MAKE_ANEW
            )
        return plan


def sources(wanted: Mapping[str, FileEntry], held: Mapping[str, FileEntry]) -> dict[str, str]:
    """Path of ``wanted`` -> path under which ``held`` has its content, the same one if it may be (M10)."""
    found: dict[str, str] = {}
    elsewhere = []
    for path, entry in wanted.items():
        same = held.get(path)
        if same is entry or (same is not None and _content(same) == _content(entry)):
            found[path] = path
        else:
            elsewhere.append(path)
    by_content = {_content(entry): path for path, entry in held.items()} if elsewhere else {}
    for path in elsewhere:
        if (source := by_content.get(_content(wanted[path]))) is not None:
            found[path] = source
    return found


def _content(entry: FileEntry) -> tuple[int, str]:
    return entry.size, entry.checksum


def transaction_id(*of: str) -> str:
    """The id of a publication: the same for the same words, so that a repetition resumes.

    Args:
        of: what tells the publication from others: root, tree, base, digest of the manifest, who publishes.
    """
    return _id(*of)


def _id(*words: str) -> str:
    return sha256("\0".join(words).encode()).hexdigest()[:32]


def plan_base(text: str) -> dict[str, str]:
    """What a plan says of itself: ``tree``, ``root``, ``layout``, ``base`` and ``transaction``.

    Raises:
        InvalidArgument: the text is no plan, was edited or cut.
    """
    return _parts(text)[0]


def _parts(text: str) -> tuple[dict[str, str], Manifest]:
    if not text.startswith(f"{_HEADER}\n"):
        raise InvalidArgument("this is no plan of this version", MAKE_ANEW)
    body = unsealed(text)
    if body is None:
        raise InvalidArgument("the plan was edited or cut: its last line is not its digest", MAKE_ANEW)
    summary, _, manifest = body.partition("\n\n")
    lines = summary.split("\n")[1 : 1 + len(_FIELDS)]
    header = {name: line.removeprefix(f"{name} ") for name, line in zip(_FIELDS, lines, strict=False)}
    if len(header) < len(_FIELDS):
        raise InvalidArgument("the plan does not say what it is made for", MAKE_ANEW)
    try:
        parsed = Manifest.parse(manifest)
    except InvalidManifest as err:
        raise InvalidArgument("the plan holds no manifest of this version", MAKE_ANEW) from err
    return {name: "" if value == _NONE else value for name, value in header.items()}, parsed
