"""``oaio register``."""

from pathlib import Path
from typing import Annotated

import typer

from oaio_storage.cli.editing import registered
from oaio_storage.cli.opening import opened, values_of
from oaio_storage.cli.options import JsonOption, RootOption, common, named_path
from oaio_storage.cli.output import answer
from oaio_storage.errors import InvalidArgument


def register(
    ctx: typer.Context,
    path: Annotated[
        Path | None, typer.Argument(metavar="PATH", parser=named_path, help="A file or a folder.")
    ] = None,
    *,
    values: Annotated[
        str | None, typer.Option("--values", metavar="JSON", help="A JSON object; -: read it from stdin.")
    ] = None,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an object of a file, a folder, or values. The next sync sends it.

    Example: oaio register ~/Documents/thesis

    Example: oaio register --values '{"title": "Groceries", "milk": 2}'
    """
    if (path is None) == (values is None):
        raise InvalidArgument("register takes either PATH or --values JSON", "oaio register --help")
    options = common(ctx, root, as_json=as_json)
    with opened(options) as client:
        made = registered(client, path if path is not None else values_of(values or ""))
    answer(made, made.oaio_id, as_json=options.as_json)
