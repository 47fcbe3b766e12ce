"""``oaio files``."""

from pathlib import Path
from typing import Annotated

import typer

from oaio_storage.cli.opening import opened, the_one
from oaio_storage.cli.options import IdArgument, JsonOption, RootOption, common
from oaio_storage.cli.output import answer


def files(
    ctx: typer.Context,
    oaio_id: IdArgument,
    *,
    at: Annotated[
        Path | None,
        typer.Option(
            "--at", metavar="FOLDER", readable=False, help="Keep its files in this folder from now on."
        ),
    ] = None,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say where an object's files are, or shall be.

    Example: oaio files 20261123120000000000 --at ~/Documents/thesis
    """
    options = common(ctx, root, as_json=as_json)
    with opened(options) as client:
        found = the_one(oaio_id, client.client_objectz, "object")
        if at is not None:
            from oaio_storage.client import map_files  # noqa: PLC0415 - not needed for --help

            map_files(client, found, at.absolute())
        paths = client.files(found)
    answer(paths, *map(str, paths), as_json=options.as_json)
