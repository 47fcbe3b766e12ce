"""Which generation of a published tree is live, and the log of all switches; pure.

A head is one small file, replaced by compare-and-swap alone. It carries a nonce, so no two heads ever have
equal bytes, and whoever compares contents instead of versions can't take a later head for an earlier one.
"""

import json
import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Literal, Self, cast

import attrs
from attrs.validators import ge, in_, instance_of, matches_re

from oaio_storage.errors import Corrupt
from oaio_storage.publish.sealed import sealed, unsealed

FORMAT = 1
MAX_HEAD_BYTES = 1 << 20
"""A larger file is no head."""

LOG_KEPT = 100
"""Switches that stay in the head; older ones move to blobs beside it (:meth:`Head.split`)."""

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
class Head:
    """The head of one tree.

    Attributes:
        layout: how the tree is kept; never changes.
        nonce: differs in any two heads.
        epoch: one more with each collection, so that a switch that began before it fails.
        log: the last switches, oldest first; the last one is what is live. Empty before the first commit.
        logs: names of the blobs that hold the older ones, oldest first.
        intent: a switch that is under way; None if none is.
        folder: identity of the folder that the last switch made live, by which it is told from a stranger's.
        collecting: generations that are being removed; nothing may go back to them any more.
    """

    layout: str
    nonce: str
    epoch: int = attrs.field(default=0, validator=[instance_of(int), ge(0)])
    log: tuple[Switch, ...] = ()
    logs: tuple[str, ...] = ()
    intent: Intent | None = None
    folder: str = attrs.field(default="", validator=instance_of(str))
    collecting: tuple[str, ...] = ()

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

    def switched(self, nonce: str) -> Self:
        """This head after the switch of its intent was seen to have happened."""
        assert self.intent is not None, "there is no intent"
        log, folder = (*self.log, self.intent.switch), self.intent.staged
        return attrs.evolve(self, nonce=nonce, log=log, folder=folder, intent=None)

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
        return _text(attrs.asdict(self))

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """The head with this text.

        Raises:
            Corrupt: it is damaged, cut, contradicts itself, or is of a newer format.
        """
        fields = _fields(text)
        try:
            intent = fields.pop("intent")
            return cls(
                log=_log(fields.pop("log")),
                logs=tuple(fields.pop("logs")),
                collecting=tuple(fields.pop("collecting")),
                intent=intent and Intent(**{**intent, "switch": Switch(**intent["switch"])}),
                **fields,
            )
        except (KeyError, TypeError, ValueError) as err:
            raise _damaged() from err


def log_text(switches: Iterable[Switch]) -> str:
    """The text of a blob of older switches."""
    return _text({"log": [attrs.asdict(switch) for switch in switches]})


def parse_log(text: bytes) -> tuple[Switch, ...]:
    """The switches of a blob.

    Raises:
        Corrupt: as for :meth:`Head.parse`.
    """
    return _log(_fields(text).get("log"))


def _text(fields: dict[str, Any]) -> str:
    content = {"format": FORMAT, **fields}
    return sealed(json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n")


def _fields(text: bytes) -> dict[str, Any]:
    """What :func:`_text` was given."""
    try:
        body = unsealed(text.decode())
        fields = json.loads(body or "")
        version = fields.pop("format")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
        raise _damaged() from err
    if type(version) is int and version > FORMAT:
        raise Corrupt(
            f"the head of the tree has format {version}, this version knows {FORMAT}", "Upgrade oaio-storage."
        )
    if version != FORMAT:
        raise _damaged()
    return cast("dict[str, Any]", fields)


def _log(entries: object) -> tuple[Switch, ...]:
    try:
        log = tuple(Switch(**entry) for entry in entries)  # type: ignore[attr-defined]  # what is no list raises
    except (TypeError, ValueError) as err:
        raise _damaged() from err
    follows = all(
        after.sequence == before.sequence + 1 and after.parent == before.generation
        for before, after in pairwise(log)
    )
    if not follows:
        raise _damaged()
    return log


def _damaged() -> Corrupt:
    return Corrupt(
        "the head of the tree is damaged", "Restore it from a backup; what is live stays as it is."
    )
