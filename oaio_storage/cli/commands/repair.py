"""``oaio repair``."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oaio_storage.cli.options import JsonOption, common
from oaio_storage.cli.output import answer, count_text, note, size_text
from oaio_storage.cli.progressing import progress
from oaio_storage.cli.publishing import SHOWN, AtOption, NameArgument, checked_folder, plain_advice, tree_at
from oaio_storage.errors import EXIT_DONE, EXIT_PARTLY

if TYPE_CHECKING:
    from oaio_storage.publish.published import PublishedTree

FromOption = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="HOST|FOLDER",
        help="Another host that has the tree, or a folder with files of it.",
        show_default=False,
    ),
]


def repair(
    ctx: typer.Context,
    name: NameArgument,
    *,
    at: AtOption,
    source: FromOption = "",
    as_json: JsonOption = False,
) -> None:
    """Bring back what is missing or damaged of a tree; nothing that is whole is touched.

    From a folder come contents of files, whatever their names; from another host that has the very same
    generations come their records, too. Without --from, what is whole still of damaged files has to do.

    Exits with 3 if something is wrong still.

    Example: oaio repair site --at s3://bucket/sites --from ./public
    """
    with tree_at(at, name) as tree, _source(source, name) as given, progress() as shown:
        done, is_plain = tree.repair(given, shown), tree.layout == "swapped"
    left = done.left.faults
    counts = count_text(done.chunks, "piece"), count_text(len(done.generations), "record")
    brought = f"{' and '.join(counts)} brought back ({size_text(done.bytes_sent)})"
    lines = [
        *(f"R  {one[:SHOWN]}" for one in done.generations),
        *(f"{fault.what}  {fault.path}" for fault in left),
        f"{name}: {brought}, {count_text(len(left), 'fault')} left",
    ]
    answer(done, *lines, as_json=common(ctx, None, as_json=as_json).as_json)
    if left:
        for told in plain_advice(done.left, name, at) if is_plain else _stored_advice(name):
            note(told)
    raise typer.Exit(EXIT_PARTLY if left else EXIT_DONE)


def _stored_advice(name: str) -> list[str]:
    return [
        f"oaio: {name!r} is not whole yet",
        "hint: Name another host that has it, or a folder with older files of it, with --from.",
    ]


@contextmanager
def _source(text: str, name: str) -> Iterator["PublishedTree | Path | None"]:
    """What ``--from`` means: a folder of files, unless it is a host that has the tree."""
    from oaio_storage.hosts.roots import MARKER  # noqa: PLC0415 - not needed for --help
    from oaio_storage.names import STATE_FOLDER  # noqa: PLC0415 - same

    if not text:
        yield None
    elif "://" not in text and "/" in text and not (Path(text) / STATE_FOLDER / MARKER).exists():
        yield checked_folder(Path(text))
    else:
        with tree_at(text, name) as tree:
            yield tree
