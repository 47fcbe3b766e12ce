"""``oaio demo``."""

from pathlib import Path
from typing import Annotated

import typer

from oaio_storage.cli.options import JsonOption, common


def demo(
    ctx: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER", readable=False, help="A folder of yours, only read; else Python's email."
        ),
    ] = None,
    *,
    keep: Annotated[
        Path | None,
        typer.Option(
            "--keep", metavar="DIR", readable=False, help="Keep server and devices in this new folder."
        ),
    ] = None,
    csh_id: Annotated[
        str,
        typer.Option(
            "--csh",
            metavar="ID",
            help="Host of oaio hosts ls for the files, in a fresh folder below its root.",
        ),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Show it all: two users, three devices, a real server, a published site.

    Devices and server share a copy of a folder, over HTTP, on this machine alone; then a copy is
    published, changed and rolled back while a reader looks on. Each step is checked by checksums; at the end
    stand the lines of Python that did it.

    Example: oaio demo ~/Documents/thesis
    """
    from oaio_storage.cli.demo import run_demo  # noqa: PLC0415 - not needed for --help

    run_demo(folder, keep, csh_id, as_json=common(ctx, None, as_json=as_json).as_json)
