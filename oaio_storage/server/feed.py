"""The one row of ``feed_clock``, and the feed of what each user must learn (O4, O6).

A number is taken while the row is locked, and the lock is held until commit: whoever reads up to a number has
seen everything below it. The row is always locked after the object's.
"""

import re
from datetime import UTC, datetime
from uuid import uuid4

from django.db import connection, transaction

from oaio_storage.errors import InvalidArgument
from oaio_storage.model import OLDEST_SYNC_STAMP, stamp_of, stamp_plus
from oaio_storage.server.models import FeedClock

_CURSOR = re.compile(r"(?P<server>[0-9a-f]{32})-(?P<sequence>0|[1-9][0-9]{0,18})\Z")
_NEXT = """
    UPDATE oaio_feedclock SET sequence = sequence + 1,
    last_stamp = CASE WHEN last_stamp < %s THEN %s ELSE last_stamp END WHERE id = 1 RETURNING sequence
"""
_TELL_ALL = """
    INSERT INTO oaio_feedentry (user_id, object_id, sequence)
    SELECT user_id, object_id, %s FROM oaio_subscription WHERE object_id = %s
    ON CONFLICT (user_id, object_id) DO UPDATE SET sequence = excluded.sequence
"""
_TELL_ONE = """
    INSERT INTO oaio_feedentry (user_id, object_id, sequence) VALUES (%s, %s, %s)
    ON CONFLICT (user_id, object_id) DO UPDATE SET sequence = excluded.sequence
"""


def start_clock() -> None:
    """Make the row, if there is none. Repeat safe."""
    FeedClock.objects.get_or_create(
        pk=1, defaults={"last_stamp": OLDEST_SYNC_STAMP, "server_id": uuid4().hex}
    )


def read_clock() -> tuple[FeedClock, str]:
    """The row as it is, and the server's now."""
    clock = FeedClock.objects.get(pk=1)
    return clock, now_of(clock)


def now_of(clock: FeedClock) -> str:
    """The server's now: its clock, but never before a stamp that it has given."""
    return max(stamp_of(datetime.now(UTC)), clock.last_stamp)


def reserve_stamps(count: int) -> str:
    """The first of ``count`` stamps, at 1 microsecond.

    No other answer gives one of them, also after a restart or when the clock was set back.
    """
    with transaction.atomic():
        clock = FeedClock.objects.select_for_update().get(pk=1)
        first = max(stamp_of(datetime.now(UTC)), stamp_plus(clock.last_stamp, 1))
        clock.last_stamp = stamp_plus(first, count - 1)
        clock.save(update_fields=["last_stamp"])
    return first


def announce(object_pk: int, now: str, *, only: int | None = None) -> None:
    """Tell everybody with a right on the changed object, or the user ``only``; remembers ``now``.

    These are the last statements of a changing transaction; each change makes them, so they are plain SQL.
    """
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, [now, now])
        (sequence,) = cursor.fetchone()
        if only is None:
            cursor.execute(_TELL_ALL, [sequence, object_pk])
        else:
            cursor.execute(_TELL_ONE, [only, object_pk, sequence])


def cursor_of(clock: FeedClock, sequence: int) -> str:
    """The opaque text of a place in the feed."""
    return f"{clock.server_id}-{sequence}"


def place_of(cursor: str, clock: FeedClock) -> int:
    """The sequence that ``cursor`` names; 0, the beginning, if this database can't have given it.

    Raises:
        InvalidArgument: it is no cursor at all.
    """
    if not cursor:
        return 0
    found = _CURSOR.match(cursor)
    if found is None:
        raise InvalidArgument("this cursor was never given", "Send an empty cursor to receive everything.")
    sequence = int(found["sequence"])
    return sequence if found["server"] == clock.server_id and sequence <= clock.sequence else 0
