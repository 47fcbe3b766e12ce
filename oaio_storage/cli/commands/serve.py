"""``oaio serve``."""

from pathlib import Path
from typing import Annotated

import typer

from oaio_storage.cli.options import JsonOption, common
from oaio_storage.cli.output import answer
from oaio_storage.errors import InvalidArgument


def serve(  # noqa: PLR0913 - one parameter for each option
    ctx: typer.Context,
    *,
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", readable=False, help="Folder to keep everything in.")
    ],
    host: Annotated[str, typer.Option("--host", metavar="H", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="Port to listen on; 0: any free one.")
    ] = 8000,
    tls_cert: Annotated[
        Path | None,
        typer.Option("--tls-cert", metavar="F", exists=True, dir_okay=False, help="Certificate chain (PEM)."),
    ] = None,
    tls_key: Annotated[
        Path | None,
        typer.Option("--tls-key", metavar="F", exists=True, dir_okay=False, help="Its private key (PEM)."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run an oaio server until Ctrl-C or SIGTERM.

    On the first start everything is made: the folder, the database, and a storage host named Local.
    One line is printed when it is ready.

    Example: oaio serve --data ~/oaio-server --port 8000
    """
    if (tls_cert is None) != (tls_key is None):
        raise InvalidArgument("only one of --tls-cert and --tls-key was given", "Give both or none.")
    from oaio_storage.server import serve as run  # noqa: PLC0415 - Django is slow to import

    opts = common(ctx, None, as_json=as_json)

    def ready(url: str) -> None:
        line = f"oaio server ready at {url.rstrip('/')}/ (data: {data})"
        answer({"url": url, "data": data}, line, as_json=opts.as_json)

    run(data, host, port, tls_cert=tls_cert, tls_key=tls_key, ready=ready)
