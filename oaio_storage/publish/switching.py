"""Decisions about a switch of folders; pure."""

from typing import Literal

from oaio_storage.errors import AlreadyExists, ForeignPublisher, NotGuaranteed
from oaio_storage.hosts.folders import How, Kind
from oaio_storage.publish.head import Intent
from oaio_storage.trees.hints import PUBLISH

Outcome = Literal["happened", "did not happen", "halfway"]


def outcome(intent: Intent, found: str, displaced: str) -> Outcome:
    """Whether an intended switch happened.

    Args:
        intent: what was intended.
        found: identity of what stands in the tree's place.
        displaced: identity of what lies where a switch with a gap leaves the folder for a moment.

    Raises:
        ForeignPublisher: neither the staged folder stands there, nor what stood there before, and identities
            alone don't tell more.
    """
    if found == intent.staged:
        return "happened"
    if found == intent.live:
        return "did not happen"
    if not found and displaced == intent.live:
        return "halfway"
    raise ForeignPublisher(
        "a publication was interrupted, and neither its folder nor the one before stands in the tree's place",
        "Move what stands there away, then publish again; or put back the folder that was replaced by hand.",
    )


def ways(
    kind: Kind, *, is_ours: bool, is_first: bool, can_exchange: bool, allow_gap: bool
) -> tuple[How, ...]:
    """The ways in which a staged folder may take the tree's place, to be tried in turn.

    Args:
        kind: what stands in the tree's place.
        is_ours: whether a publication put it there.
        is_first: whether this tree was never published.
        can_exchange: whether the host can exchange folders in one step.
        allow_gap: whether readers may find nothing for a moment.

    Raises:
        AlreadyExists: something that was not published stands there, and nothing ever was.
        ForeignPublisher: something else stands there than what was published.
        NotGuaranteed: none is possible.
    """
    if kind == "mount":
        raise NotGuaranteed(
            "a mount point stands in the tree's place; it can't be switched, with or without a gap",
            "Unmount it, choose another name, or mount the disk one folder higher.",
        )
    if kind and not is_ours:
        if is_first:
            raise AlreadyExists(
                "something that was not published by oaio stands in the tree's place",
                "Move it away, or choose another name.",
            )
        raise ForeignPublisher(
            "something that was not published by oaio stands in the tree's place, where a published tree was",
            "Move it away, then repeat this: the tree is put there again. Nothing was touched.",
        )
    if kind == "link":
        return ("point",)
    if kind == "":
        return ("exchange",) if can_exchange else ("point",)
    if can_exchange:
        return ("exchange", "gap") if allow_gap else ("exchange",)
    if allow_gap:
        return ("gap",)
    raise NotGuaranteed(
        "this disk can't exchange two folders in one step",
        f"Choose a new name (a link will be used), or accept a moment without it: {PUBLISH} --allow-gap",
    )
