"""``oaio generations``."""

from typing import TYPE_CHECKING

import attrs
import typer

from oaio_storage.cli.options import JsonOption, common
from oaio_storage.cli.output import answer, count_text, size_text
from oaio_storage.cli.publishing import SHOWN, AtOption, NameArgument, tree_at
from oaio_storage.errors import NotFound
from oaio_storage.trees.hints import PUBLISH

if TYPE_CHECKING:
    from oaio_storage.trees.switches import Switch


def generations(ctx: typer.Context, name: NameArgument, *, at: AtOption, as_json: JsonOption = False) -> None:
    """List what was live in a published tree, newest first, and what of it is kept.

    Example: oaio generations site --at ./www
    """
    with tree_at(at, name) as tree:
        history, kept = tree.history(), set(tree.kept())
        if not history:
            raise NotFound(f"nothing was published as {name!r}", PUBLISH)
    live = history[-1]
    told = [
        {**attrs.asdict(made), "is_live": made == live, "is_kept": made.generation in kept}
        for made in reversed(history)
    ]
    lines = [_line(made, is_live=made == live, is_kept=made.generation in kept) for made in reversed(history)]
    answer(told, *lines, as_json=common(ctx, None, as_json=as_json).as_json)


def _line(made: "Switch", *, is_live: bool, is_kept: bool) -> str:
    state = "live" if is_live else "kept" if is_kept else "gone"
    content = f"{count_text(made.files, 'file')}, {size_text(made.size)}"
    how = f"back to {made.restored[:SHOWN]}" if made.restored else made.kind
    return f"{state}  #{made.sequence}  {made.generation[:SHOWN]}  {made.at}  {how} by {made.by}  ({content})"
