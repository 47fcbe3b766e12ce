"""``oaio verify``."""

from typing import TYPE_CHECKING

import typer

from oaio_storage.cli.hints import filled
from oaio_storage.cli.options import JsonOption, common
from oaio_storage.cli.output import answer, count_text, note, size_text
from oaio_storage.cli.progressing import progress
from oaio_storage.cli.publishing import SHOWN, AtOption, NameArgument, plain_advice, tree_at
from oaio_storage.errors import EXIT_DONE, EXIT_FAILED
from oaio_storage.trees.hints import MEND

if TYPE_CHECKING:
    from oaio_storage.publish.results import Verified


def verify(ctx: typer.Context, name: NameArgument, *, at: AtOption, as_json: JsonOption = False) -> None:
    """Read every byte of a tree, of the live generation and of all that are kept, and tell what is wrong.

    Changes nothing. Exits with 1 if anything is missing, altered or too much.

    Example: oaio verify site --at ./www
    """
    with tree_at(at, name) as tree, progress() as shown:
        found, is_plain = tree.verify(shown), tree.layout == "swapped"
    lines = [f"{fault.what}  {fault.generation[:SHOWN]}  {fault.path}" for fault in found.faults]
    looked = f"{count_text(found.files, 'file')} of {count_text(found.generations, 'generation')}"
    summary = f"{name}: {looked} read ({size_text(found.bytes)}), {count_text(len(found.faults), 'fault')}"
    answer(found, *lines, summary, as_json=common(ctx, None, as_json=as_json).as_json)
    if found.faults:
        for told in plain_advice(found, name, at) if is_plain else _help_stored(found, name, at):
            note(told)
    raise typer.Exit(EXIT_FAILED if found.faults else EXIT_DONE)


def _help_stored(found: "Verified", name: str, at: str) -> list[str]:
    """What is affected, and what helps."""
    kept = ", ".join(one[:SHOWN] for one in found.damaged if one != found.live)
    is_harmed = found.live in found.damaged
    harm = "what is live can't be read as a whole" if is_harmed else "what is live is whole"
    others = f", {'nor can' if is_harmed else 'but not'} {kept}" if kept else ""
    told = f"oaio: {name!r} is not as it was stored; {harm}{others}"
    return [told, filled(f"hint: {MEND}", NAME=name, HOST=at)]
