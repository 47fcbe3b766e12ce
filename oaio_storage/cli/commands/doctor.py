"""``oaio doctor``: what a storage host keeps of what it declares."""

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from oaio_storage.cli.options import JsonOption, common
from oaio_storage.cli.output import answer, complain
from oaio_storage.cli.progressing import progress
from oaio_storage.errors import EXIT_DONE, EXIT_FAILED, InvalidArgument, StorageError

if TYPE_CHECKING:
    from oaio_storage.hosts.probe import Probed


def doctor(
    ctx: typer.Context,
    host: Annotated[
        str,
        typer.Argument(metavar="HOST", help="A path or URL, which contains a /, or an id of oaio hosts ls."),
    ],
    *,
    as_python: Annotated[
        bool, typer.Option("--as-python", help="Print only the line that declares what was found.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Try out what a storage host keeps of what it declares, races included, and how fast it is.

    Works in a folder of its own on the host, which is removed in the end. Exits with 1 if something that is
    declared is not kept.

    Example: oaio doctor Local-disk
    """
    from oaio_storage.config import host_of  # noqa: PLC0415 - not needed for --help
    from oaio_storage.hosts.probe import advice, probe  # noqa: PLC0415 - same

    to_json = common(ctx, None, as_json=as_json).as_json
    if to_json and as_python:
        raise InvalidArgument("--json and --as-python are two ways to print one thing", "Leave one out.")
    with progress() as report:
        found = probe(lambda: host_of(host), report=report)
    answer(found, *([found.as_python()] if as_python else _page(found)), as_json=to_json)
    if not found.broken:
        return EXIT_DONE
    told = "; ".join(f"{row.property} ({row.about})" for row in found.broken)
    complain(StorageError(f"the host {host} does not keep {told}", advice(found.broken)), to_json=False)
    return EXIT_FAILED


def _page(found: "Probed") -> Iterator[str]:
    from oaio_storage.hosts.probe import seconds_text  # noqa: PLC0415 - not needed for --help

    rows = [
        (row.property, _told(row.declared), _told(row.measured), str(row.verdict), row.about)
        for row in found.rows
    ]
    yield from _columns([("property", "declared", "measured", "verdict", "how"), *rows])
    if found.latencies:
        yield ""
        times = [
            (one.operation, seconds_text(one.median), seconds_text(one.worst)) for one in found.latencies
        ]
        yield from _columns([("operation", "median", "worst"), *times])
    yield ""
    yield found.as_python()
    where = (
        "kept on the host, in .oaio/probe.json" if found.is_stored else "not kept: nothing was stored there"
    )
    yield f"The verdict is {where}."


def _told(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "-"
    if isinstance(value, float):
        return "unknown" if math.isinf(value) else f"{value:g} s"
    return str(value) or "none"


def _columns(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """``rows``, each a line, with the columns below each other."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
