"""``oaio unregister``."""

from typing import Annotated

import typer

from oaio_storage.cli.opening import opened, the_one
from oaio_storage.cli.options import IdArgument, JsonOption, RootOption, common
from oaio_storage.cli.output import answer


def unregister(
    ctx: typer.Context,
    oaio_id: IdArgument,
    *,
    wipe: Annotated[bool, typer.Option("--wipe", help="Remove its files from this device, too.")] = False,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete an object, here and with the next sync everywhere.

    Example: oaio unregister 20261123120000000000 --wipe
    """
    options = common(ctx, root, as_json=as_json)
    with opened(options) as client:
        deleted = the_one(oaio_id, client.client_objectz, "object")
        from oaio_storage.client import unregister as delete  # noqa: PLC0415 - not needed for --help

        delete(client, deleted, wipe_files=wipe)
    answer(
        {"oaio_id": deleted}, f"deleted {deleted}; the next sync tells the others", as_json=options.as_json
    )
