"""``oaio resolve``."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from oaio_storage.cli.opening import opened, the_one
from oaio_storage.cli.options import JsonOption, RootOption, common
from oaio_storage.cli.output import answer
from oaio_storage.errors import InvalidArgument


class Keep(StrEnum):
    """Which version of a conflict stays."""

    FRONT = "front"
    OTHER = "other"
    BOTH = "both"


def resolve(
    ctx: typer.Context,
    conflict: Annotated[str, typer.Argument(metavar="CONFLICT", help="Its id, or a beginning or end of it.")],
    *,
    keep: Annotated[
        Keep | None, typer.Option("--keep", help="Which version stays.", show_default=False)
    ] = None,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Settle a conflict.

    The version in front stays, or the other, or both: then the other becomes an object of its own.

    Example: oaio resolve 5f0c --keep other
    """
    options = common(ctx, root, as_json=as_json)
    with opened(options) as client:
        conflict_id = the_one(conflict, (one.id for one in client.conflicts()), "conflict")
        kept = client.resolve(conflict_id, (keep or _asked()).value)
    answer(kept, f"kept {kept.oaio_id}; the next sync tells the others", as_json=options.as_json)


def _asked() -> Keep:
    if not sys.stdin.isatty():
        raise InvalidArgument("it was not said which version stays", "Add --keep front|other|both.")
    return Keep(typer.prompt("Keep front, other or both?", type=Keep, err=True))
