"""``oaio update``."""

from pathlib import Path
from typing import Annotated

import typer

from oaio_storage.cli.editing import updated
from oaio_storage.cli.opening import opened, the_one, values_of
from oaio_storage.cli.options import IdArgument, JsonOption, RootOption, common, named_path
from oaio_storage.cli.output import answer
from oaio_storage.errors import InvalidArgument


def update(  # noqa: PLR0913 - one parameter for each option
    ctx: typer.Context,
    oaio_id: IdArgument,
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="PATH", parser=named_path, help="The file or folder to take; else the known one."
        ),
    ] = None,
    *,
    values: Annotated[
        str | None, typer.Option("--values", metavar="JSON", help="Names to set; -: read them from stdin.")
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Drop all other values.")] = False,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Edit an object: its values, its files, or both. The next sync sends it.

    Without PATH and --values its files are looked at again where they are.

    Example: oaio update 20261123120000000000 --values '{"milk": 3}'
    """
    if reset and values is None:
        raise InvalidArgument("--reset without --values", "Add --values JSON.")
    options = common(ctx, root, as_json=as_json)
    told = None if values is None else values_of(values)
    with opened(options) as client:
        edited = updated(client, the_one(oaio_id, client.client_objectz, "object"), path, told, reset=reset)
    answer(edited, edited.oaio_id, as_json=options.as_json)
