"""Removing what is not needed any more: old generations, and publications that were given up."""

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta

import attrs

from oaio_storage.errors import Changed
from oaio_storage.publish.head import Head, Switch
from oaio_storage.publish.tree import PublishedTree

KEPT_GENERATIONS = 3
KEPT_TIME = timedelta(days=1)
"""What clean-up leaves: the last generations, and all that were live during this time."""


@attrs.frozen
class Cleaned:
    """What clean-up removed, or would remove.

    Attributes:
        generations: ids of generations that can't be gone back to any more.
        stagings: transactions that were given up.
        in_use: those of them that somebody reads or works on; they stay, and are listed here alone.
    """

    generations: tuple[str, ...] = ()
    stagings: tuple[str, ...] = ()
    in_use: tuple[str, ...] = ()


def superfluous(
    log: Collection[Switch], kept: Collection[str], now: datetime, *, last: int, time: timedelta
) -> tuple[str, ...]:
    """Which of the ``kept`` generations may go: neither among the ``last`` nor live during ``time``; pure.

    A generation that the log does not name any more is older than all that it names.
    """
    order = list(log)
    needed = {switch.generation for switch in order[-last:]}
    for switch, follower in zip(order, [*order, None][1:], strict=True):
        if follower is None or _moment(follower.at, now) > now - time:
            needed.add(switch.generation)
    return tuple(sorted(set(kept) - needed))


def clean_up(
    tree: PublishedTree,
    *,
    last: int = KEPT_GENERATIONS,
    time: timedelta = KEPT_TIME,
    dry_run: bool = False,
) -> Cleaned:
    """Remove old generations, and publications that were idle for ``time``. A repeat is safe.

    What somebody reads or works on stays (decision 0060), whatever the clocks say. A clean-up that was
    interrupted is completed by the next.

    Args:
        tree: which.
        last: so many generations stay, at least one.
        time: all that were live during it stay, too.
        dry_run: only tell what would go.
    """
    now = tree.clock()
    idle = tree.idle(now - time)
    in_use = [] if dry_run else [transaction for transaction in idle if not tree.give_up(transaction)]
    head, version = tree.recovered()
    old: tuple[str, ...] = ()
    if head is not None:
        old = superfluous(head.log, tree.settled(head), now, last=last, time=time)
        in_use += [] if dry_run else _collect(tree, head, version, old)
    return Cleaned(
        generations=tuple(one for one in old if one not in in_use),
        stagings=tuple(one for one in idle if one not in in_use),
        in_use=tuple(in_use),
    )


def _collect(tree: PublishedTree, head: Head, version: str, old: tuple[str, ...]) -> list[str]:
    """Remove generations, after the head says so; those that are in use stay.

    Raises:
        Changed: somebody published or cleaned up meanwhile; nothing was removed.
    """
    going = tuple(sorted({*old, *head.collecting}))
    if not going:
        return []
    fenced = attrs.evolve(head, collecting=going, epoch=head.epoch + 1, nonce=tree.ids())
    tree.head.swap(fenced, version)
    in_use = [generation for generation in going if not tree.drop(generation)]
    while True:
        now, version = tree.recovered()
        if now is None or not now.collecting:
            return in_use
        done = attrs.evolve(now, collecting=(), nonce=tree.ids())
        with suppress(Changed):
            tree.head.swap(done, version)
            return in_use


def _moment(text: str, default: datetime) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return default
