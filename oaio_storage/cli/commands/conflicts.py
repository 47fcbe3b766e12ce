"""``oaio conflicts``."""

import typer

from oaio_storage.cli.opening import opened
from oaio_storage.cli.options import JsonOption, RootOption, common
from oaio_storage.cli.output import answer
from oaio_storage.cli.telling import conflict_lines


def conflicts(ctx: typer.Context, *, root: RootOption = None, as_json: JsonOption = False) -> None:
    """List the conflicts.

    In each, two versions of an object did not know of each other. Both are kept until oaio resolve decides.

    Example: oaio conflicts
    """
    options = common(ctx, root, as_json=as_json)
    with opened(options) as client:
        found = client.conflicts()
    answer(found, *(conflict_lines(found) or ["no conflicts"]), as_json=options.as_json)
