"""``oaio show``."""

import typer

from oaio_storage.cli.opening import opened, the_one
from oaio_storage.cli.options import IdArgument, JsonOption, RootOption, common
from oaio_storage.cli.output import answer
from oaio_storage.cli.telling import object_lines


def show(
    ctx: typer.Context, oaio_id: IdArgument, *, root: RootOption = None, as_json: JsonOption = False
) -> None:
    """Show one object: its values, stamps and right.

    Example: oaio show 20261123120000000000 --json
    """
    options = common(ctx, root, as_json=as_json)
    with opened(options) as client:
        shown = client.client_objectz[the_one(oaio_id, client.client_objectz, "object")]
    answer(shown, *object_lines(shown), as_json=options.as_json)
