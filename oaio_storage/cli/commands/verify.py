"""``oaio verify``."""

import typer

from oaio_storage.cli.options import JsonOption, common
from oaio_storage.cli.output import answer, count_text, note, size_text
from oaio_storage.cli.progressing import progress
from oaio_storage.cli.publishing import SHOWN, AtOption, NameArgument, tree_at
from oaio_storage.errors import EXIT_DONE, EXIT_FAILED


def verify(ctx: typer.Context, name: NameArgument, *, at: AtOption, as_json: JsonOption = False) -> None:
    """Read every byte of a tree, of the live generation and of all that are kept, and tell what is wrong.

    Changes nothing. Exits with 1 if anything is missing, altered or too much.

    Example: oaio verify site --at ./www
    """
    from oaio_storage.publish.verifying import verify as look  # noqa: PLC0415 - not needed for --help

    with tree_at(at, name) as tree, progress() as shown:
        found = look(tree, report=shown)
    lines = [f"{fault.what}  {fault.generation[:SHOWN]}  {fault.path}" for fault in found.faults]
    looked = f"{count_text(found.files, 'file')} of {count_text(found.generations, 'generation')}"
    summary = f"{name}: {looked} read ({size_text(found.bytes)}), {count_text(len(found.faults), 'fault')}"
    answer(found, *lines, summary, as_json=common(ctx, None, as_json=as_json).as_json)
    if found.faults:
        note(f"oaio: {name!r} is not as it was published")
        note(f"hint: oaio generations {name} --at {at} lists what can be gone back to")
    raise typer.Exit(EXIT_FAILED if found.faults else EXIT_DONE)
