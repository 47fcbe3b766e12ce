"""Progress on a terminal: one line on standard error for each stage, gone at the end."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from oaio_storage.progress import Progress, Report, ignore


def is_shown() -> bool:
    """Whether standard error is a terminal on which a line can be taken away again."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


@contextmanager
def progress(title: str = "") -> Iterator[Report]:
    """What to pass as ``report``; it shows nothing where standard error is no terminal.

    Args:
        title: stands before each stage, and alone until there is one.
    """
    if not is_shown():
        yield ignore
        return
    from rich.console import Console  # noqa: PLC0415 - only on a terminal
    from rich.progress import BarColumn, TextColumn  # noqa: PLC0415 - same
    from rich.progress import Progress as Bars  # noqa: PLC0415 - same

    columns = TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[count]}")
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        stages = {}
        waiting = bars.add_task(f"{title} ...", total=None, count="", visible=bool(title))

        def show(event: Progress) -> None:
            bars.update(waiting, visible=False)
            if event.stage not in stages:
                name = f"{title}: {event.stage}" if title else event.stage
                stages[event.stage] = bars.add_task(name, total=event.total, count="")
            bars.update(
                stages[event.stage], completed=event.done, total=event.total, count=_count_text(event)
            )

        yield show


def _count_text(event: Progress) -> str:
    return f"{event.done}/{'?' if event.total is None else event.total} {event.unit}"
