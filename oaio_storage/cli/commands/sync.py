"""``oaio sync``."""

import typer

from oaio_storage.cli.opening import opened
from oaio_storage.cli.options import JsonOption, RootOption, common
from oaio_storage.cli.output import answer
from oaio_storage.cli.progressing import progress
from oaio_storage.cli.telling import conflict_lines, problem_lines
from oaio_storage.errors import EXIT_CONFLICT, EXIT_DONE, EXIT_PARTLY


def sync(ctx: typer.Context, *, root: RootOption = None, as_json: JsonOption = False) -> None:
    """Send and receive what changed.

    Exits with 3 while there are problems, with 6 when it found new conflicts, with 5 when the server can't
    be reached; then nothing is lost, the next sync sends it.

    Example: oaio sync --root ~/oaio
    """
    options = common(ctx, root, as_json=as_json)
    with opened(options) as client, progress() as shown:
        report = client.sync(shown)
    lines = (*conflict_lines(report.conflicts), *problem_lines(report.problems))
    answer(report, str(report), *lines, as_json=options.as_json)
    raise typer.Exit(EXIT_PARTLY if report.problems else EXIT_CONFLICT if report.conflicts else EXIT_DONE)
