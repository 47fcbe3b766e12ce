"""``python -m benchmarks [NAME ...]``: run all of them, or those named, and say what holds.

Each ``bench_NAME.py`` has one function, ``rows() -> list[Row]``. Exit 1 if any limit does not hold.
"""

import importlib
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.harness import Kind, Row


def main(names: Sequence[str]) -> int:
    folder = Path(__file__).parent
    known = sorted(path.stem.removeprefix("bench_") for path in folder.glob("bench_*.py"))
    if unknown := sorted(set(names) - set(known)):
        print(f"no such benchmark: {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as bytecode:
        # all processes that are measured keep theirs, as of what pip installs, whatever the environment says
        os.environ |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": bytecode}
        for name in names or known:
            print(f"measuring {name} ...", file=sys.stderr, flush=True)
            rows += importlib.import_module(f"benchmarks.bench_{name}").rows()
    Console(width=None if sys.stdout.isatty() else 120).print(_table(rows))
    return 0 if all(row.holds for row in rows) else 1


def _table(rows: Sequence[Row]) -> Table:
    table = Table("what", "ours", "peer", "ratio", "limit", "holds")
    for row in rows:
        peer = "" if row.peer is None else f"{row.peer:.4g} {row.unit}"
        ratio = "" if row.ratio is None else f"{row.ratio:.3f}"
        bounded = "ratio" if row.kind is Kind.RATIO else row.unit
        holds = "yes" if row.holds else "NO"
        table.add_row(row.name, f"{row.ours:.4g} {row.unit}", peer, ratio, f"{row.limit:g} {bounded}", holds)
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
