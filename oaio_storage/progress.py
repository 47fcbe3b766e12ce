"""What a long call tells while it runs."""

from collections.abc import Callable

import attrs


@attrs.frozen
class Progress:
    """How far a stage has come.

    Attributes:
        stage: what is going on: ``scan``, ``send``, ``receive``.
        done: how much of it is done; never decreases within one run of a stage.
        total: how much there is to do; None while that is unknown.
        unit: what ``done`` and ``total`` count: ``files`` or ``bytes``.
        path: the file it is about; empty if it is about none.
    """

    stage: str
    done: int
    total: int | None
    unit: str
    path: str = ""


Report = Callable[[Progress], None]
"""Called with each event, in the thread of the call that reports. What it raises ends that call."""


def ignore(event: Progress) -> None:
    """Tell nobody."""
