"""``oaio init``."""

from pathlib import Path
from typing import Annotated

import typer

from oaio_storage.cli.options import JsonOption, PasswordOption, common, read_password
from oaio_storage.cli.output import answer


def init(  # noqa: PLR0913 - one parameter for each option
    ctx: typer.Context,
    client_root: Annotated[
        Path, typer.Argument(metavar="CLIENT_ROOT", readable=False, help="Folder to make it in.")
    ],
    *,
    server: Annotated[str, typer.Option("--server", metavar="URL", help="Where the oaio server is.")],
    user: Annotated[str, typer.Option("--user", metavar="NAME", help="Name of the user at the server.")],
    password_stdin: PasswordOption = False,
    device: Annotated[str, typer.Option("--device", metavar="ID", help="Else the host name.")] = "",
    app: Annotated[str, typer.Option("--app", metavar="ID", help="Else this program's name.")] = "",
    csh: Annotated[str, typer.Option("--csh", metavar="ID", help="Else the server's default.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Make a client in a folder, and log in.

    The session is kept in the folder, readable by you alone.

    Example: oaio init ~/oaio --server https://oaio.example.org --user alice --password-stdin < password.txt
    """
    password = read_password(f"Password of {user}", from_stdin=password_stdin)
    from oaio_storage.client import init_client  # noqa: PLC0415 - not needed for --help

    client = init_client(client_root, server, user, password, device_id=device, app_id=app, csh_id=csh)
    client.close()
    told = {"client_root": client_root.absolute(), "server": server, "username": user}
    lines = f"{user} is logged in at {server}", f"next: oaio --root {client_root} sync"
    answer(told, *lines, as_json=common(ctx, None, as_json=as_json).as_json)
