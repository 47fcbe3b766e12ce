"""``oaio share``."""

from typing import Annotated

import typer

from oaio_storage.cli.opening import opened, the_one
from oaio_storage.cli.options import IdArgument, JsonOption, RootOption, common
from oaio_storage.cli.output import answer
from oaio_storage.model import AccessRight


def share(  # noqa: PLR0913 - one parameter for each option
    ctx: typer.Context,
    oaio_id: IdArgument,
    user: Annotated[str, typer.Argument(metavar="USER", help="Name of another user of the server.")],
    *,
    right: Annotated[
        AccessRight, typer.Option("--right", help="r read, U update, D delete, C everything, x nothing.")
    ] = AccessRight.READ,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give another user a right on an object. Needs the server.

    Example: oaio share 20261123120000000000 bob --right U
    """
    options = common(ctx, root, as_json=as_json)
    with opened(options) as client:
        shared = the_one(oaio_id, client.client_objectz, "object")
        from oaio_storage.client import share as grant  # noqa: PLC0415 - not needed for --help

        grant(client, shared, user, right.value)
    told = {"oaio_id": shared, "username": user, "access_right": right.value}
    answer(told, f"{user} has right {right.value} on {shared}", as_json=options.as_json)
