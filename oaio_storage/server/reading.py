"""What a user must learn of the objects.

The feed's entries (O6), each from one statement, so never new content for a lost right.
"""

from collections import defaultdict
from typing import Any

import attrs
from django.contrib.auth.models import User
from django.db.models import F, OuterRef, Subquery

from oaio_storage.model import AccessRight
from oaio_storage.server.accepting import version_of
from oaio_storage.server.feed import cursor_of, place_of, read_clock
from oaio_storage.server.models import Conflict, FeedEntry, Subscription
from oaio_storage.server.rights import may_read, may_see_conflict


@attrs.frozen
class Page:
    """Some entries of a user's feed, the place after them, and whether there are more."""

    entries: list[dict[str, Any]]
    cursor: str
    more: bool


def read_feed(user: User, cursor: str, limit: int) -> Page:
    """At most ``limit`` entries after ``cursor``, in the feed's order.

    Raises:
        InvalidArgument: ``cursor`` was never given.
    """
    clock, _ = read_clock()
    place = place_of(cursor, clock)
    right = Subscription.objects.filter(user=user, object=OuterRef("object")).values("right")
    found = list(
        FeedEntry.objects.filter(user=user, sequence__gt=place)
        .order_by("sequence")
        .annotate(right=Subquery(right[:1]))
        .select_related("object__current")[: limit + 1]
    )
    entries = found[:limit]
    conflicts = _conflicts_of(user, [entry.object_id for entry in entries])
    last = entries[-1].sequence if entries else place
    return Page([_entry(entry, conflicts) for entry in entries], cursor_of(clock, last), len(found) > limit)


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
