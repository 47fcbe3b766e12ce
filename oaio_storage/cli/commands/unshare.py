"""``oaio unshare``."""

from typing import Annotated

import typer

from oaio_storage.cli.opening import opened, the_one
from oaio_storage.cli.options import IdArgument, JsonOption, RootOption, common
from oaio_storage.cli.output import answer
from oaio_storage.model import AccessRight


def unshare(
    ctx: typer.Context,
    oaio_id: IdArgument,
    user: Annotated[str, typer.Argument(metavar="USER", help="Name of the user who loses the right.")],
    *,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a user's right on an object away. Needs the server.

    Example: oaio unshare 20261123120000000000 bob
    """
    options = common(ctx, root, as_json=as_json)
    with opened(options) as client:
        shared = the_one(oaio_id, client.client_objectz, "object")
        from oaio_storage.client import unshare as revoke  # noqa: PLC0415 - not needed for --help

        revoke(client, shared, user)
    told = {"oaio_id": shared, "username": user, "access_right": AccessRight.NONE.value}
    answer(told, f"{user} has no right on {shared} any more", as_json=options.as_json)
