"""What the client tells a person: how a synchronisation went, what conflicts, what needs somebody."""

from typing import Any

import attrs

from oaio_storage.model import OaiObject


@attrs.frozen
class Problem:
    """Something that needs a person. It goes away when its cause does.

    Attributes:
        id: names the problem; stays the same for as long as the problem does.
        oaio_id: the object it is about.
        what: what happened.
        way_out: what to do, where it can be a command to type.
    """

    id: str
    oaio_id: str
    what: str
    way_out: str


@attrs.frozen
class Conflict:
    """Two versions of an object, neither of which had seen the other.

    Attributes:
        id: what ``resolve`` is given.
        oaio_id: the object.
        front: the version in front; None: the object is deleted.
        other: the version that was overtaken; None: it is a deletion.
        since: the stamp from which on they conflict.
    """

    id: str
    oaio_id: str
    front: OaiObject | None
    other: OaiObject | None
    since: str


@attrs.frozen
class SyncReport:
    """How one synchronisation went.

    Attributes:
        sent: edits that the server accepted.
        received: versions of others that this device applied.
        conflicts: those that this synchronisation found.
        problems: all that are open.
        bytes_sent: bytes of files and of HTTP bodies.
        bytes_received: the same in the other direction.
        requests: how many the server got.
    """

    sent: int = 0
    received: int = 0
    conflicts: tuple[Conflict, ...] = ()
    problems: tuple[Problem, ...] = ()
    bytes_sent: int = 0
    bytes_received: int = 0
    requests: int = 0

    def __str__(self) -> str:
        parts = [f"{self.sent} sent", f"{self.received} received"]
        if self.conflicts:
            parts.append(
                _counted(len(self.conflicts), "conflict", sorted({one.oaio_id for one in self.conflicts}))
            )
        if self.problems:
            parts.append(
                _counted(len(self.problems), "problem", sorted({one.oaio_id for one in self.problems}))
            )
        moved = _size_text(self.bytes_sent + self.bytes_received)
        requests = f"{self.requests} request" + ("" if self.requests == 1 else "s")
        return ", ".join([*parts, f"{moved} in {requests}"])


@attrs.define
class Tally:
    """Counts one synchronisation while it runs."""

    sent: int = 0
    received: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    requests: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The counts by the names of :class:`SyncReport`."""
        return attrs.asdict(self)


def _counted(count: int, noun: str, ids: list[str]) -> str:
    shown = ", ".join(ids[:3]) + (", ..." if len(ids) > 3 else "")  # noqa: PLR2004 - a line's worth
    return f"{count} {noun}{'' if count == 1 else 's'} ({shown})"


def _size_text(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004 - decimal units
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
