"""Which generation of a published tree is live, what is about to be, and what is going; pure."""

from typing import Any, ClassVar, Self

import attrs
from attrs.validators import instance_of

from oaio_storage.trees.switches import (
    FORMAT,
    LOG_KEPT,
    MAX_HEAD_BYTES,
    Kind,
    LoggedHead,
    Switch,
    log_text,
    parse_log,
)

__all__ = [
    "FORMAT",
    "LOG_KEPT",
    "MAX_HEAD_BYTES",
    "Head",
    "Intent",
    "Kind",
    "Switch",
    "log_text",
    "parse_log",
]


@attrs.frozen(kw_only=True)
class Intent:
    """A switch that is about to happen; what is found in the tree's place tells whether it did.

    Attributes:
        switch: the entry that the log gets.
        staged: identity of the folder that is to become live.
        live: identity of what was in the tree's place before; empty: nothing.
    """

    switch: Switch
    staged: str = attrs.field(validator=instance_of(str))
    live: str = attrs.field(validator=instance_of(str))


@attrs.frozen(kw_only=True)
class Head(LoggedHead):
    """The head of one tree of plain files.

    Attributes:
        intent: a switch that is under way; None if none is.
        folder: identity of the folder that the last switch made live, by which it is told from a stranger's.
        collecting: generations that are being removed; nothing may go back to them any more.
    """

    known_layout: ClassVar[str] = "swapped"

    intent: Intent | None = None
    folder: str = attrs.field(default="", validator=instance_of(str))
    collecting: tuple[str, ...] = ()

    def switched(self, nonce: str) -> Self:
        """This head after the switch of its intent was seen to have happened."""
        assert self.intent is not None, "there is no intent"
        log, folder = (*self.log, self.intent.switch), self.intent.staged
        return attrs.evolve(self, nonce=nonce, log=log, folder=folder, intent=None)

    @classmethod
    def _own(cls, fields: dict[str, Any]) -> dict[str, Any]:
        intent = fields.pop("intent")
        return fields | {
            "collecting": tuple(fields.pop("collecting")),
            "intent": intent and Intent(**{**intent, "switch": Switch(**intent["switch"])}),
        }
