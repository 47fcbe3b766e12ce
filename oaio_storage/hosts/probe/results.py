"""What a probe finds: a row for each property, and how long calls take."""

import math
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import attrs

from oaio_storage.hosts.guarantees import Guarantees


class Verdict(StrEnum):
    """What is said of one property."""

    KEPT = "kept"
    BROKEN = "broken"
    BETTER = "better than declared"
    UNKNOWN = "not measurable"


@attrs.frozen
class Row:
    """One property of a host.

    Attributes:
        property: a field of Guarantees, or, with blanks in its name, something that every host has to keep.
        declared: what the host says of itself; True for what every host has to keep.
        measured: what was found; None where it can't be.
        verdict: what follows.
        about: how it was found, or what the host did wrong.
    """

    property: str
    declared: Any
    measured: Any
    verdict: Verdict
    about: str = ""


@attrs.frozen
class Latency:
    """How long the calls of one operation took, in seconds: the median, and the worst."""

    operation: str
    median: float
    worst: float

    @classmethod
    def of(cls, operation: str, seconds: Iterable[float]) -> "Latency":
        """Of calls that took so long; at least one."""
        ordered = sorted(seconds)
        return cls(operation, ordered[len(ordered) // 2], ordered[-1])


@attrs.frozen
class Probed:
    """The result of a probe.

    Attributes:
        name: the kind of the host.
        declared: what it says of itself.
        measured: what may be declared: the declared without what is broken, and with what is better.
        rows: a Row for each property.
        latencies: a Latency for each operation, with files of 1 kB and one call at a time.
        is_stored: whether the verdict was stored beside the root's marker.
    """

    name: str
    declared: Guarantees
    measured: Guarantees
    rows: tuple[Row, ...]
    latencies: tuple[Latency, ...] = ()
    is_stored: bool = False

    @property
    def broken(self) -> tuple[Row, ...]:
        """The rows that say so; none if the host keeps what it has to."""
        return tuple(row for row in self.rows if row.verdict is Verdict.BROKEN)

    def as_python(self) -> str:
        """The measured guarantees as an expression, without what is the default."""
        fields = attrs.fields(Guarantees)
        said = [(field.name, getattr(self.measured, field.name), field.default) for field in fields]
        return (
            f"Guarantees({', '.join(f'{name}={text!r}' for name, text, default in said if text != default)})"
        )


ADVICE = {
    "read_only": "declare read_only=True",
    "atomic_write": "declare atomic_write=False: readers see parts of files, failed writes damage them",
    "conditional_write": "declare conditional_write=False, and do not let several publish to it",
    "strong_version": "declare strong_version=False: a change may go unnoticed",
    "swap": "declare swap=False: folders are not exchanged in one step",
    "server_copy": "declare server_copy=False: copies travel through this machine",
    "signed_urls": "declare signed_urls=False",
    "checksum": 'declare checksum=""',
    "case_sensitive": "declare case_sensitive=False",
    "unicode_exact": "declare unicode_exact=False",
    "max_part_bytes": "declare a lower max_part_bytes",
    "visibility_delay": "declare a longer visibility_delay, or switch off caches",
}
"""What to do about a guarantee that is not kept."""


def advice(broken: Iterable[Row]) -> str:
    """What to do about the rows; what every host has to keep goes first, since nothing helps against it."""
    rows = list(broken)
    useless = [row.property for row in rows if row.property not in ADVICE]
    if useless:
        return f"Do not use this host as it is: it does not keep {', '.join(useless)}."
    return "; ".join(ADVICE[row.property] for row in rows)


def fewer_promises(declared: Guarantees, rows: Iterable[Row]) -> Guarantees:
    """``declared``, changed where a row says that it is broken, or that more was found."""
    names = {field.name for field in attrs.fields(Guarantees)}
    changed = {
        row.property: row.measured
        for row in rows
        if row.property in names and row.verdict in (Verdict.BROKEN, Verdict.BETTER)
    }
    return attrs.evolve(declared, **changed)


def seconds_text(seconds: float) -> str:
    """``seconds`` for people: ``0.8 ms``, ``12 ms``, ``1.5 s``."""
    if math.isinf(seconds):
        return "unknown"
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms" if seconds < 0.01 else f"{seconds * 1000:.0f} ms"  # noqa: PLR2004 - two digits
    return f"{seconds:.1f} s"
