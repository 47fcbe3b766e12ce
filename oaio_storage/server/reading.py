"""What a user must learn of the objects.

The feed's entries (O6), each from one statement, so never new content for a lost right.
"""

from collections import defaultdict
from itertools import accumulate
from typing import Any

import attrs
from django.contrib.auth.models import User
from django.db.models import F, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce, Length

from oaio_storage.model import AccessRight
from oaio_storage.server.accepting import version_of
from oaio_storage.server.feed import cursor_of, place_of, read_clock
from oaio_storage.server.models import Conflict, FeedEntry, Subscription
from oaio_storage.server.rights import may_read, may_see_conflict

PAGE_CHARS = 4 << 20
"""What values and lists of files may take of one page; a single version may take more."""

_OPEN_CONFLICTS = (
    Conflict.objects.filter(object=OuterRef("object"), settled_by=None)
    .values("object")
    .annotate(length=Sum(Length("version__values") + Coalesce(Length("version__files"), 0)))
    .values("length")
)
_LENGTH = (
    Coalesce(Length("object__current__values"), 0)
    + Coalesce(Length("object__current__files"), 0)
    + Coalesce(Subquery(_OPEN_CONFLICTS), 0)
)


@attrs.frozen
class Page:
    """Some entries of a user's feed, the place after them, and whether there are more."""

    entries: list[dict[str, Any]]
    cursor: str
    more: bool


def read_feed(user: User, cursor: str, limit: int) -> Page:
    """At most ``limit`` entries after ``cursor``, in the feed's order.

    Fewer if they are long: no more than :data:`PAGE_CHARS` characters of values and lists of files, but
    always one entry, so that there is an end.

    Raises:
        InvalidArgument: ``cursor`` was never given.
    """
    clock, _ = read_clock()
    place = place_of(cursor, clock)
    right = Subscription.objects.filter(user=user, object=OuterRef("object")).values("right")
    rows = FeedEntry.objects.filter(user=user, sequence__gt=place).order_by("sequence")
    lengths = list(rows.annotate(length=_LENGTH).values_list("length", flat=True)[: limit + 1])
    fitting = min(_fitting(lengths), limit)
    entries = list(rows.annotate(right=Subquery(right[:1])).select_related("object__current")[:fitting])
    conflicts = _conflicts_of(user, [entry.object_id for entry in entries])
    last = entries[-1].sequence if entries else place
    return Page(
        [_entry(entry, conflicts) for entry in entries], cursor_of(clock, last), len(lengths) > fitting
    )


def _fitting(lengths: list[int]) -> int:
    """How many of entries with these ``lengths`` go on one page, the first in any case."""
    sums = accumulate(lengths)
    return max(1, sum(total <= PAGE_CHARS for total in sums))


def _entry(entry: FeedEntry, conflicts: dict[int, list[dict[str, Any]]]) -> dict[str, Any]:
    right = AccessRight(getattr(entry, "right", None) or AccessRight.NONE)
    row = entry.object
    readable = may_read(right) and row.current is not None
    return {
        "oaio_id": row.oaio_id,
        "right": right,
        "version": version_of(row.current, row.oaio_id).as_json() if readable and row.current else None,
        "conflicts": conflicts[entry.object_id] if readable else [],
    }


def _conflicts_of(user: User, object_pks: list[int]) -> dict[int, list[dict[str, Any]]]:
    right = Subscription.objects.filter(user=user, object=OuterRef("object")).values("right")
    rows = (
        Conflict.objects.filter(object__in=object_pks, settled_by=None)
        .order_by("version__number")
        .annotate(right=Subquery(right[:1]), front_deleted=F("object__current__deleted"))
        .select_related("version", "object")
    )
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        own = row.version.author_id == user.pk
        if may_see_conflict(
            AccessRight(row.right or AccessRight.NONE), deleted=row.front_deleted, author=own
        ):
            version = version_of(row.version, row.object.oaio_id).as_json()
            found[row.object_id].append({"id": row.pk, "since": row.since, "version": version})
    return found
