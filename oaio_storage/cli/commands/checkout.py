"""``oaio checkout``."""

from pathlib import Path
from typing import Annotated

import typer

from oaio_storage.cli.options import JsonOption, common, named_path
from oaio_storage.cli.output import answer, count_text, size_text
from oaio_storage.cli.progressing import progress
from oaio_storage.cli.publishing import HOST_HELP, SHOWN, NameArgument, generation_of, hash_cache, tree_at
from oaio_storage.errors import EXIT_DONE, EXIT_PARTLY


def checkout(  # noqa: PLR0913 - one parameter for each option
    ctx: typer.Context,
    name: NameArgument,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", parser=named_path, help="Folder to write; made if needed.")
    ],
    *,
    source: Annotated[str, typer.Option("--from", metavar="HOST|URL", help=HOST_HELP)],
    generation: Annotated[
        str | None,
        typer.Option("--generation", metavar="ID", help="Id of a generation, or a unique beginning."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a generation of a tree, by default the live one, to a folder: only what differs.

    Files that you changed or added there are kept and listed; then it exits with 3. Only files that a
    checkout placed are replaced or removed. Links are never followed.

    Example: oaio checkout site ./copy --from ./www
    """
    with tree_at(source, name) as tree, hash_cache() as cache, progress() as shown:
        done = tree.check_out(folder, generation_of(tree, generation), cache=cache, report=shown)
    counts = f"{len(done.written)} written ({size_text(done.bytes_written)}), {len(done.removed)} removed"
    left = f"{done.unchanged} unchanged, {count_text(len(done.kept), 'local change')} kept"
    lines = [
        *(f"W  {path}" for path in done.written),
        *(f"D  {path}" for path in done.removed),
        *(f"!  {path}: {why}, kept" for path, why in done.kept.items()),
        f"{name}: generation {done.generation[:SHOWN]} in {folder}: {counts}, {left}",
    ]
    answer(done, *lines, as_json=common(ctx, None, as_json=as_json).as_json)
    raise typer.Exit(EXIT_PARTLY if done.kept else EXIT_DONE)
