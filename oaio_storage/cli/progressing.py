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
def progress() -> Iterator[Report]:
    """What to pass as ``report``; it shows nothing where standard error is no terminal."""
    if not is_shown():
        yield ignore
        return
    from rich.console import Console  # noqa: PLC0415 - only on a terminal
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn  # noqa: PLC0415 - same
    from rich.progress import Progress as Bars  # noqa: PLC0415 - same

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        stages = {}

        def show(event: Progress) -> None:
            if event.stage not in stages:
                stages[event.stage] = bars.add_task(event.stage, total=event.total, unit=event.unit)
            bars.update(stages[event.stage], completed=event.done, total=event.total)

        yield show
