"""Which generations are kept; pure."""

from collections.abc import Collection
from datetime import datetime, timedelta

from oaio_storage.trees.switches import Switch

KEPT_GENERATIONS = 3
KEPT_TIME = timedelta(days=1)
"""What clean-up leaves: the last generations, and all that were live during this time."""


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


def _moment(text: str, default: datetime) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return default
