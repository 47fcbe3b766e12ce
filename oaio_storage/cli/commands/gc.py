"""``oaio gc``."""

from typing import Annotated

import typer

from oaio_storage.cli.options import JsonOption, common
from oaio_storage.cli.output import answer, count_text, note
from oaio_storage.cli.publishing import SHOWN, AtOption, NameArgument, tree_at
from oaio_storage.errors import EXIT_PARTLY, NotFound
from oaio_storage.trees.hints import PUBLISH


def gc(  # noqa: PLR0913 - one parameter for each option
    ctx: typer.Context,
    name: NameArgument,
    *,
    at: AtOption,
    now: Annotated[
        bool, typer.Option("--now", help="All but what is live or in use, whatever its age.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    forget_readers: Annotated[
        bool,
        typer.Option("--forget-readers", help="Also what previews hold that ended without a word."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove old generations of a tree, publications that were given up, and what was left behind.

    The last three generations stay, all that were live during the last day, and whatever is in use.

    With --now all goes but what is live: to make room on a full disk, or to give up a publication that was
    interrupted. Nothing can be gone back to afterwards, and publishing again starts anew. Who reads what is
    live notices nothing; who reads an older generation, or publishes, is left alone. In the layout
    generations that holds for oaio preview; others may lose an older one, and a publication sends its
    pieces again.

    Exits with 3 when this user may not remove something; all else goes.

    Example: oaio gc site --at ./www
    """
    from oaio_storage.publish.results import Cleaned  # noqa: PLC0415 - not needed for --help

    with tree_at(at, name) as tree:
        done = tree.clean_up(at_once=now, dry_run=dry_run, forget_readers=forget_readers)
        if done == Cleaned() and tree.live() is None:
            raise NotFound(f"nothing was published as {name!r}", PUBLISH)
    lines = [
        *(f"generation   {one[:SHOWN]}" for one in done.generations),
        *(f"publication  {one[:SHOWN]}" for one in done.stagings),
        *(f"left behind  {one}" for one in done.litter),
        *(f"in use       {one[:SHOWN]}  stays" for one in done.in_use),
        *(f"refused      {one}  stays: {why}" for one, why in done.refused.items()),
    ]
    counts = count_text(len(done.generations), "generation"), count_text(len(done.stagings), "publication")
    lines.append(f"{name}: {' and '.join(counts)} {'would go' if dry_run else 'removed'}")
    answer(done, *lines, as_json=common(ctx, None, as_json=as_json).as_json)
    if done.refused:
        note(f"oaio: this user may not remove all that could go of {name!r}")
        note("hint: Run it as the user who published, or let this one write to what lies there.")
        raise typer.Exit(EXIT_PARTLY)
