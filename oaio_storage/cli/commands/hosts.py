"""``oaio hosts``: the storage hosts that this machine knows, and those that a server offers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import attrs
import typer

from oaio_storage.cli.options import JsonOption, common
from oaio_storage.cli.output import answer, count_text, note
from oaio_storage.errors import CallerError, InvalidArgument, OaioError

if TYPE_CHECKING:
    from oaio_storage.config import ConfiguredHost
    from oaio_storage.hosts.options import Described

app = typer.Typer(no_args_is_help=True)

HostArgument = Annotated[
    str, typer.Argument(metavar="ID", help="Id of the host: its backend's, or BACKEND-NAME.")
]


DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        readable=False,
        help="The hosts that the server with this folder offers; without it those of this machine.",
        show_default=False,
    ),
]


SetOption = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="An option of the backend; repeatable.")
]
SecretOption = Annotated[
    list[str],
    typer.Option(
        "--secret",
        metavar="KEY[=FILE]",
        help="A secret: the content of FILE, or asked for, or the next line of stdin; repeatable.",
    ),
]
VariableOption = Annotated[
    list[str],
    typer.Option(
        "--secret-env",
        metavar="KEY=VARIABLE",
        help="A secret that this variable of the environment holds whenever it is used; repeatable.",
    ),
]
ServerOption = Annotated[
    Path,
    typer.Option("--data", metavar="DIR", readable=False, help="Folder of the server, as in oaio serve."),
]


@app.callback()
def hosts() -> None:
    """Configure the storage hosts of this machine, or of a server on it."""


@app.command()
def add(  # noqa: PLR0913 - one parameter for each option
    ctx: typer.Context,
    csh_id: HostArgument,
    backend: Annotated[str, typer.Argument(metavar="BACKEND", help="Id of an installed backend.")],
    *,
    sets: SetOption = [],  # noqa: B006 - typer copies it
    secrets: SecretOption = [],  # noqa: B006 - same
    variables: VariableOption = [],  # noqa: B006 - same
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a storage host. A wrong or unknown option lists those that there are.

    Example: oaio hosts add Local-disk Local --set root_folder=/mnt/disk
    """
    from oaio_storage.cli.hosting import given_for  # noqa: PLC0415 - not needed for --help
    from oaio_storage.config import ConfiguredHost, check_id  # noqa: PLC0415 - same
    from oaio_storage.hosts.registry import check_backend  # noqa: PLC0415 - same

    check_backend(check_id(csh_id), backend)
    given = given_for(backend, sets, secrets, variables)
    if data is None:
        told = _added_here(ConfiguredHost(csh_id, given.options, given.secrets, given.environment))
    elif given.environment:
        raise InvalidArgument(
            "a server sends its hosts to clients, which do not have its variables", "Use --secret."
        )
    else:
        from oaio_storage.server import add_host  # noqa: PLC0415 - Django is slow to import

        told = add_host(data, csh_id, {**given.options, **given.secrets})
    answer(told, f"added {csh_id}", as_json=common(ctx, None, as_json=as_json).as_json)


@app.command()
def ls(ctx: typer.Context, *, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the storage hosts, without their secrets, and what is wrong with them.

    Example: oaio hosts ls
    """
    if data is None:
        from oaio_storage.config import configured_hosts  # noqa: PLC0415 - not needed for --help

        found = [host.described() for _, host in sorted(configured_hosts().items())]
    else:
        from oaio_storage.server import hosts_of  # noqa: PLC0415 - Django is slow to import

        found = hosts_of(data)
    lines = [line for host in found for line in _lines(host)]
    answer(found, *lines, as_json=common(ctx, None, as_json=as_json).as_json)


@app.command()
def rm(
    ctx: typer.Context,
    csh_id: HostArgument,
    *,
    data: DataOption = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Also if objects of the server have files there.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Forget a storage host. The files that it stores stay.

    Example: oaio hosts rm Local-disk
    """
    count, default = 0, ""
    if data is None:
        from oaio_storage.config import remove_host  # noqa: PLC0415 - not needed for --help

        remove_host(csh_id)
    else:
        from oaio_storage.server import remove_host as withdraw  # noqa: PLC0415 - Django is slow to import

        removed = withdraw(data, csh_id, even_if_used=yes)
        count, default = removed.objects, removed.new_default
    lines = [f"removed {csh_id}"]
    if count:
        lines.append(f"{count_text(count, 'object')} can't be reached until a host of this id is added again")
    if default:
        lines.append(f"{default} is the default now")
    told = {"csh_id": csh_id, "objects": count, "new_default": default}
    answer(told, *lines, as_json=common(ctx, None, as_json=as_json).as_json)


@app.command()
def default(
    ctx: typer.Context, csh_id: HostArgument, *, data: ServerOption, as_json: JsonOption = False
) -> None:
    """Choose the storage host of a server for objects of clients that name none.

    Example: oaio hosts default Local-disk --data ~/oaio-server
    """
    from oaio_storage.server import set_default_host  # noqa: PLC0415 - Django is slow to import

    set_default_host(data, csh_id)
    answer({"csh_id": csh_id}, f"{csh_id} is the default", as_json=common(ctx, None, as_json=as_json).as_json)


@app.command()
def rekey(ctx: typer.Context, *, data: ServerOption, as_json: JsonOption = False) -> None:
    """Make a new key for what a server keeps of its storage hosts, and encrypt it anew.

    The key before stays in the file, for copies of the database; a second rekey drops it.

    Example: oaio hosts rekey --data ~/oaio-server
    """
    from oaio_storage.server import change_key  # noqa: PLC0415 - Django is slow to import

    file = change_key(data)
    answer({"file": file}, f"{file} has a new key", as_json=common(ctx, None, as_json=as_json).as_json)


def _added_here(host: "ConfiguredHost") -> "Described":
    """Add ``host`` to this machine's, as its backend settles its options; it need not be reachable now."""
    from oaio_storage.config import add_host  # noqa: PLC0415 - not needed for --help
    from oaio_storage.hosts.registry import settled  # noqa: PLC0415 - same

    if not host.environment:
        try:
            args = settled(host.csh_id, **host.options, **host.secrets)
            host = attrs.evolve(host, options={name: args[name] for name in host.options})
        except CallerError:
            raise
        except OaioError as err:
            note(f"note: {host.csh_id} can't be used now: {err.message}")
    add_host(host)
    return host.described()


def _lines(host: "Described") -> list[str]:
    marks = [
        *(f"{name}={value}" for name, value in host.options.items()),
        *([f"root {host.root_id}"] if host.root_id else []),
        *(["(default)"] if host.is_default else []),
    ]
    first = "  ".join([host.csh_id, host.backend or "?", *marks])
    return [first, *([f"    problem: {host.problem}"] if host.problem else [])]
