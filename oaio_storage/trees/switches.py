"""The log of a tree: which generation became live when, by whom, and why; pure.

A head is one small file, replaced by compare-and-swap alone. It carries a nonce, so no two heads ever have
equal bytes, and whoever compares contents instead of versions can't take a later head for an earlier one.
"""

import json
import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, ClassVar, Literal, Self, cast

import attrs
from attrs.validators import ge, in_, instance_of, matches_re

from oaio_storage.errors import Corrupt, ForeignPublisher
from oaio_storage.trees.sealed import sealed, unsealed

FORMAT = 1
MAX_HEAD_BYTES = 1 << 20
"""A larger file is no head."""

LOG_KEPT = 100
"""Switches that stay in the head; older ones move to blobs beside it (:meth:`LoggedHead.split`)."""

Kind = Literal["publish", "rollback"]
_KINDS = ("publish", "rollback")
_ID = re.compile(r"[0-9a-f]{32}")
_ID_OR_NONE = re.compile(r"(?:[0-9a-f]{32})?")


@attrs.frozen(kw_only=True)
class Switch:
    """One entry of the log: a generation became live.

    Attributes:
        sequence: 1 for the first; each is one more than the one before.
        generation: the id of what became live.
        parent: the id of what was live before; empty for the first.
        transaction: the id that the publisher gave it, by which it finds its own after an unknown outcome.
        kind: whether content was published, or an older one was brought back.
        restored: for a rollback the generation whose content was brought back; else empty.
        by: who did it, as told by the publisher; informs only.
        at: when, UTC in ISO 8601, by the publisher's clock; informs only.
        digest: of the manifest.
        files: how many.
        size: bytes of all files together.
    """

    sequence: int = attrs.field(validator=[instance_of(int), ge(1)])
    generation: str = attrs.field(validator=matches_re(_ID))
    parent: str = attrs.field(validator=matches_re(_ID_OR_NONE))
    transaction: str = attrs.field(validator=matches_re(_ID))
    kind: Kind = attrs.field(default="publish", validator=in_(_KINDS))
    restored: str = attrs.field(default="", validator=matches_re(_ID_OR_NONE))
    by: str = attrs.field(default="", validator=instance_of(str))
    at: str = attrs.field(default="", validator=instance_of(str))
    digest: str = attrs.field(default="", validator=instance_of(str))
    files: int = attrs.field(default=0, validator=[instance_of(int), ge(0)])
    size: int = attrs.field(default=0, validator=[instance_of(int), ge(0)])


@attrs.frozen(kw_only=True)
class LoggedHead:
    """What the heads of all layouts have in common.

    Attributes:
        layout: how the tree is kept; never changes.
        nonce: differs in any two heads.
        epoch: one more with each collection, so that a switch that began before it fails.
        log: the last switches, oldest first; the last one is what is live. Empty before the first commit.
        logs: names of the blobs that hold the older ones, oldest first.
    """

    known_layout: ClassVar[str] = ""

    layout: str = attrs.field(validator=instance_of(str))
    nonce: str
    epoch: int = attrs.field(default=0, validator=[instance_of(int), ge(0)])
    log: tuple[Switch, ...] = ()
    logs: tuple[str, ...] = ()

    @property
    def live(self) -> Switch | None:
        """The last switch; None before the first."""
        return self.log[-1] if self.log else None

    @property
    def generation(self) -> str:
        """The id of what is live; empty before the first commit."""
        return self.live.generation if self.live else ""

    @property
    def sequence(self) -> int:
        """The number of switches so far."""
        return self.live.sequence if self.live else 0

    def find(self, transaction: str) -> Switch | None:
        """The switch that a transaction made, as far as the kept log tells."""
        return next((made for made in reversed(self.log) if made.transaction == transaction), None)

    def split(self) -> tuple[tuple[Switch, ...], tuple[Switch, ...]]:
        """The switches to be moved to a blob, none as long as the log is short, and those that stay."""
        return (
            ((), self.log) if len(self.log) < 2 * LOG_KEPT else (self.log[:-LOG_KEPT], self.log[-LOG_KEPT:])
        )

    def text(self) -> str:
        """The canonical text."""
        return text_of(attrs.asdict(self))

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """The head with this text.

        Raises:
            Corrupt: it is damaged, cut, contradicts itself, or is of a newer format.
            ForeignPublisher: it is that of a tree in another layout.
        """
        fields = fields_of(text)
        layout = fields.get("layout", cls.known_layout)
        if layout != cls.known_layout:
            raise ForeignPublisher(
                f"a tree of this name is there already, in the layout {str(layout)[:40]!r}",
                f"Choose another name, or that layout instead of {cls.known_layout!r}.",
            )
        try:
            return cls(log=log_of(fields.pop("log")), logs=tuple(fields.pop("logs")), **cls._own(fields))
        except (KeyError, TypeError, ValueError) as err:
            raise damaged() from err

    @classmethod
    def _own(cls, fields: dict[str, Any]) -> dict[str, Any]:
        """The other fields, as the class has them; what is none of them may raise as it likes."""
        return fields


def log_text(switches: Iterable[Switch]) -> str:
    """The text of a blob of older switches."""
    return text_of({"log": [attrs.asdict(switch) for switch in switches]})


def parse_log(text: bytes) -> tuple[Switch, ...]:
    """The switches of a blob.

    Raises:
        Corrupt: as for :meth:`LoggedHead.parse`.
    """
    return log_of(fields_of(text).get("log"))


def text_of(fields: dict[str, Any]) -> str:
    """``fields`` as a sealed text."""
    content = {"format": FORMAT, **fields}
    return sealed(json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n")


def fields_of(text: bytes) -> dict[str, Any]:
    """What :func:`text_of` was given.

    Raises:
        Corrupt: the text is damaged, cut, or of a newer format.
    """
    try:
        body = unsealed(text.decode())
        fields = json.loads(body or "")
        version = fields.pop("format")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
        raise damaged() from err
    if type(version) is int and version > FORMAT:
        raise Corrupt(
            f"the head of the tree has format {version}, this version knows {FORMAT}", "Upgrade oaio-storage."
        )
    if version != FORMAT:
        raise damaged()
    return cast("dict[str, Any]", fields)


def log_of(entries: object) -> tuple[Switch, ...]:
    """The switches that were read from a text, in order and without gaps.

    Raises:
        Corrupt: they are not.
    """
    try:
        log = tuple(Switch(**entry) for entry in entries)  # type: ignore[attr-defined]  # what is no list raises
    except (TypeError, ValueError) as err:
        raise damaged() from err
    follows = all(
        after.sequence == before.sequence + 1 and after.parent == before.generation
        for before, after in pairwise(log)
    )
    if not follows:
        raise damaged()
    return log


def damaged() -> Corrupt:
    """What is raised where a head or log can't be read."""
    return Corrupt(
        "the head of the tree is damaged", "Restore it from a backup; what is live stays as it is."
    )
