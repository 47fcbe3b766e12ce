"""``oaio user``: who may log in at a server of this machine."""

from pathlib import Path
from typing import Annotated

import typer

from oaio_storage.cli.options import JsonOption, PasswordOption, common, read_password
from oaio_storage.cli.output import answer

app = typer.Typer(help="Manage the users of a server on this machine.", no_args_is_help=True)


@app.callback()
def user() -> None:
    """Manage the users of a server on this machine."""


@app.command()
def add(  # noqa: PLR0913 - one parameter for each option
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new user.")],
    *,
    data: Annotated[
        Path,
        typer.Option("--data", metavar="DIR", readable=False, help="Folder of the server, as in oaio serve."),
    ],
    password_stdin: PasswordOption = False,
    admin: Annotated[
        bool, typer.Option("--admin", help="May use the admin pages and see all users.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Add a user. The server may be running; if there is none in DIR yet, it is made, and the answer says so.

    Example: oaio user add alice --data ~/oaio-server --password-stdin < password.txt
    """
    password = read_password(f"Password of {name}", from_stdin=password_stdin, confirm=True)
    from oaio_storage.server import add_user  # noqa: PLC0415 - Django is slow to import

    created = add_user(data, name, password, admin=admin)
    told = {"username": name, "admin": admin, "data": data.absolute(), "created": created}
    lines = [f"made a new server in {data}"] if created else []
    answer(told, *lines, f"added {name}", as_json=common(ctx, None, as_json=as_json).as_json)
