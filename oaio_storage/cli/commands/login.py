"""``oaio login``."""

import typer

from oaio_storage.cli.opening import opened
from oaio_storage.cli.options import JsonOption, PasswordOption, RootOption, common, read_password
from oaio_storage.cli.output import answer


def login(
    ctx: typer.Context,
    *,
    password_stdin: PasswordOption = False,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Log in again, when the session of a client ended.

    Example: oaio login --root ~/oaio --password-stdin < password.txt
    """
    options = common(ctx, root, as_json=as_json)
    with opened(options) as client:
        password = read_password("Password", from_stdin=password_stdin)
        from oaio_storage.client import login as log_in  # noqa: PLC0415 - not needed for --help

        log_in(client, password)
        server, user = client.remote.url, client.user_name
    told = {"client_root": options.client_root().absolute(), "server": server, "username": user}
    answer(told, f"{user} is logged in at {server}", as_json=options.as_json)
