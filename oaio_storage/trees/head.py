"""Which generation of a tree is live, which are kept, and what is being removed; pure (clause T12)."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Protocol

import attrs
from attrs.validators import ge, in_, instance_of

from oaio_storage.trees.paths import checked_id
from oaio_storage.trees.switches import LoggedHead, Switch

LAYOUT = "generations"

Roots = Literal["retention", "server"]
"""Who says which generations are kept: the head itself, or the server that owns the object (T15)."""


@attrs.frozen(kw_only=True)
class Head(LoggedHead):
    """The head of one tree of generations.

    Attributes:
        plans: ids of collections under way, whose names nobody may use any more.
        pins: label -> generation that stays; previews are pins, too.
        collected: the sequence up to which generations were collected.
        kept: those up to it that were not; all later ones are there.
        roots: who says which generations are kept.
    """

    known_layout: ClassVar[str] = LAYOUT

    layout: str = attrs.field(default=LAYOUT, validator=in_([LAYOUT]))
    plans: tuple[str, ...] = ()
    pins: Mapping[str, str] = attrs.field(factory=dict, validator=instance_of(dict))
    collected: int = attrs.field(default=0, validator=[instance_of(int), ge(0)])
    kept: tuple[str, ...] = ()
    roots: Roots = attrs.field(default="retention", validator=in_(["retention", "server"]))

    def has(self, switch: Switch) -> bool:
        """Whether the generation that a switch of this log made is there."""
        return switch.sequence > self.collected or switch.generation in self.kept

    @classmethod
    def _own(cls, fields: dict[str, Any]) -> dict[str, Any]:
        named = (*fields["plans"], *fields["kept"], *fields["pins"].values())
        return fields | {
            "plans": tuple(map(checked_id, fields["plans"])),
            "kept": tuple(fields["kept"]),
            "pins": dict(fields["pins"]) if all(map(checked_id, named)) else {},
        }


class HeadStore(Protocol):
    """Where the head of a tree is kept: a file on its host, an arbiter's record, a row of the server.

    Whatever it is, ``swap`` decides in one step, and no two heads ever have equal versions.
    """

    def read(self) -> tuple[Head | None, str]:
        """The head and its version; None and an empty text before the first commit. Safe to repeat.

        Raises:
            Corrupt: it is damaged, or of a newer format.
        """

    def check(self) -> None:
        """Do nothing if ``swap`` is known to decide in one step; asked before the first commit of a tree.

        Raises:
            NotGuaranteed: it does not.
        """

    def swap(self, head: Head, version: str) -> str:
        """Replace the head that has ``version`` (empty: there is none) by ``head``; the new version.

        Raises:
            Changed: another head is there; nothing was changed.
            TryAgain: the outcome is unknown, or nothing was changed.
        """

    def history(self, head: Head) -> tuple[Switch, ...]:
        """All switches, oldest first, also those that ``head`` holds no more.

        Raises:
            Corrupt: an older part of the log is missing or damaged.
        """
