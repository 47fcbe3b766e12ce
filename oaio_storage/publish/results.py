"""What is told after something was done with a published tree, however it is kept."""

from collections.abc import Mapping
from typing import Literal

import attrs

from oaio_storage.errors import Superseded
from oaio_storage.publish.plan import Plan
from oaio_storage.trees.hints import MAKE_ANEW
from oaio_storage.trees.switches import Switch

What = Literal[
    "missing",
    "extra",
    "short",
    "long",
    "altered",
    "mode",
    "touched",
    "no record",
    "no files",
    "swapped",
    "foreign",
]
"""What is wrong. *Touched*: written to since it was placed, replaced, or only given another time.
*Swapped*: it is what belongs elsewhere."""


@attrs.frozen(order=True)
class Fault:
    """Something that is not as it should be.

    Attributes:
        generation: of which generation; empty: of what several may share.
        path: the file, of the tree or of what it is kept in; empty: the generation as a whole.
        what: what is wrong.
    """

    generation: str
    path: str
    what: What


@attrs.frozen
class Verified:
    """What a verification found.

    Attributes:
        generations: how many were looked at.
        files: how many files were, of the trees or of what they are kept in.
        bytes: how many bytes were read.
        faults: all that is wrong, sorted. A file that several generations share is told for each of them.
        live: id of the generation that is live.
        damaged: ids of those with faults, sorted.
    """

    generations: int = 0
    files: int = 0
    bytes: int = 0
    faults: tuple[Fault, ...] = ()
    live: str = ""
    damaged: tuple[str, ...] = ()


@attrs.frozen
class Cleaned:
    """What clean-up removed, or would remove.

    Attributes:
        generations: ids of generations that can't be gone back to any more.
        stagings: transactions that were given up.
        in_use: those of them that somebody reads or works on; they stay, and are listed here alone.
        litter: names of what no generation needs, and of what removals and switches that were cut off left.
        refused: those that this user may not remove, and why; they stay, and are listed here alone.
    """

    generations: tuple[str, ...] = ()
    stagings: tuple[str, ...] = ()
    in_use: tuple[str, ...] = ()
    litter: tuple[str, ...] = ()
    refused: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Mended:
    """What a repair did.

    Attributes:
        chunks: how many pieces of contents were brought back.
        generations: ids of those whose records were.
        bytes_sent: bytes that were stored.
        left: what is wrong still.
    """

    chunks: int
    generations: tuple[str, ...]
    bytes_sent: int
    left: Verified


@attrs.frozen
class Published:
    """What publishing a folder did.

    Attributes:
        plan: what was to be done.
        switch: how it became live; None if that was live already, so that nothing was done.
        sent: files whose content was sent; all others the host had.
        bytes_sent: bytes that were sent for them.
        repairs: what was not as it was put live, and is put right; None: that was not looked at, since other
            files change in any case.
    """

    plan: Plan
    switch: Switch | None = None
    sent: int = 0
    bytes_sent: int = 0
    repairs: tuple[Fault, ...] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing was to be done: what is live is what was wanted, as far as was seen."""
        return self.plan.is_empty and not self.repairs

    @property
    def generation(self) -> str:
        """The id of what is live, or would be; empty where that is not known before."""
        if self.switch:
            return self.switch.generation
        return self.plan.base if self.is_idle else self.plan.generation


def still_live(live: Switch | None, done: Switch) -> Switch:
    """The switch that this very publication made earlier.

    Raises:
        Superseded: something else became live since.
    """
    if live is not None and live != done:
        raise Superseded(
            f"this was published as #{done.sequence} at {done.at}; #{live.sequence} is live since {live.at}",
            MAKE_ANEW,
        )
    return done
