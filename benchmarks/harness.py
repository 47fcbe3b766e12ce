"""Measure us beside a peer in one run: whole processes, warm caches, medians of interleaved runs."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

import attrs

RUNS = 5


class Kind(StrEnum):
    """What the limit of a row bounds."""

    RATIO = "ratio"
    """Our figure divided by the peer's."""
    FIGURE = "figure"
    """Our figure itself."""


@attrs.frozen
class Row:
    """One measured claim; smaller is better, in both kinds."""

    name: str
    ours: float
    peer: float | None
    limit: float
    unit: str
    kind: Kind

    @property
    def ratio(self) -> float | None:
        return None if self.peer is None else self.ours / self.peer

    @property
    def holds(self) -> bool:
        bounded = self.ratio if self.kind is Kind.RATIO else self.ours
        return bounded is not None and bounded <= self.limit


def at_most(name: str, ours: float, limit: float, unit: str = "ms", peer: float | None = None) -> Row:
    """A row whose own figure is bounded; ``peer`` is shown beside it."""
    return Row(name, ours, peer, limit, unit, Kind.FIGURE)


def beside(name: str, ours: float, peer: float, limit: float, unit: str = "s") -> Row:
    """A row bounded by ``ours / peer <= limit``; "5 times faster" is a limit of 0.2."""
    return Row(name, ours, peer, limit, unit, Kind.RATIO)


def interleaved(sides: Mapping[str, Callable[[], object]], runs: int = RUNS) -> dict[str, float]:
    """Median seconds of each side: all run once unmeasured, then in turns, so that both see the same machine.

    A side that returns a float has measured itself (seconds), for instance without its own preparation.
    """
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(runs + 1):
        for name, side in sides.items():
            begin = time.perf_counter()
            told = side()
            seconds = told if isinstance(told, float) else time.perf_counter() - begin
            if turn:
                taken[name].append(seconds)
    return {name: statistics.median(all_seconds) for name, all_seconds in taken.items()}


def process(
    *command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Callable[[], None]:
    """A side that runs ``command`` as a whole process, its output discarded; a failing one raises."""

    def run() -> None:
        subprocess.run(
            [str(word) for word in command],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdout=subprocess.DEVNULL,
            check=True,
        )

    return run


def above_bare_python(commands: Mapping[str, Sequence[str]], runs: int = 4 * RUNS) -> dict[str, float]:
    """Milliseconds that each command takes above ``python -c pass``; short ones need more runs."""
    sides = {name: process(*command) for name, command in commands.items()}
    medians = interleaved({"": process(sys.executable, "-c", "pass")} | sides, runs)
    return {name: 1_000 * (medians[name] - medians[""]) for name in commands}
