"""``oaio rollback``."""

from typing import Annotated

import typer

from oaio_storage.cli.options import JsonOption, common
from oaio_storage.cli.output import answer
from oaio_storage.cli.publishing import (
    SHOWN,
    AtOption,
    NameArgument,
    YesOption,
    confirmed,
    generation_of,
    tree_at,
)


def rollback(  # noqa: PLR0913 - one parameter for each option
    ctx: typer.Context,
    name: NameArgument,
    *,
    at: AtOption,
    to_generation: Annotated[
        str | None,
        typer.Option("--to-generation", metavar="ID", help="Id of a generation, or a unique beginning."),
    ] = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Bring an older content of a tree back, at once: by default what was live before.

    It becomes a new generation, so rolling back twice is back where it began. Nothing is sent.

    Example: oaio rollback site --at ./www
    """
    with tree_at(at, name) as tree:
        generation = generation_of(tree, to_generation)
        made = confirmed(lambda agreed: tree.rollback(generation, yes=agreed), yes=yes)
    back, now = made.restored[:SHOWN], made.generation[:SHOWN]
    line = f"{name}: the content of generation {back} is back; generation {now} (#{made.sequence}) is live"
    answer(made, line, as_json=common(ctx, None, as_json=as_json).as_json, done=line)
