"""``oaio preview``."""

from contextlib import nullcontext
from typing import Annotated

import typer

from oaio_storage.cli.options import JsonOption, common
from oaio_storage.cli.output import answer
from oaio_storage.cli.publishing import SHOWN, AtOption, NameArgument, generation_of, tree_at


def preview(  # noqa: PLR0913 - one parameter for each option
    ctx: typer.Context,
    name: NameArgument,
    *,
    at: AtOption,
    generation: Annotated[
        str | None,
        typer.Option("--generation", metavar="ID", help="Id of a generation, or a unique beginning."),
    ] = None,
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="Port to listen on; 0: any free one.")
    ] = 8001,
    as_json: JsonOption = False,
) -> None:
    """Show one generation of a tree to a browser on this machine, until Ctrl-C or SIGTERM.

    By default the one that is live when it starts; it stays the same whatever is published meanwhile, and is
    not cleaned up. One line is printed when it is ready.

    Example: oaio preview site --at ./www --port 8001
    """
    from oaio_storage.cli.preview_server import serve_here  # noqa: PLC0415 - not needed for --help
    from oaio_storage.publish.serve import wsgi_app  # noqa: PLC0415 - same

    opts = common(ctx, None, as_json=as_json)
    with tree_at(at, name) as tree, tree.open(generation_of(tree, generation), stays=True) as opened:
        shown = opened.switch.generation

        def ready(url: str) -> None:
            line = f"{name}: generation {shown[:SHOWN]} (#{opened.switch.sequence}) at {url}"
            answer({"url": url, "generation": shown}, line, as_json=opts.as_json)

        serve_here(wsgi_app(lambda: nullcontext(opened)), port, ready)
