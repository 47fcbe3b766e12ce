"""``oaio hosts``: the storage hosts that this machine knows."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oaio_storage.cli.options import JsonOption, common
from oaio_storage.cli.output import answer, note

if TYPE_CHECKING:
    from oaio_storage.config import ConfiguredHost
    from oaio_storage.hosts.options import Described

app = typer.Typer(no_args_is_help=True)

HostArgument = Annotated[
    str, typer.Argument(metavar="ID", help="Id of the host: its backend's, or BACKEND-NAME.")
]


@app.callback()
def hosts() -> None:
    """Configure the storage hosts of this machine."""


@app.command()
def add(  # noqa: PLR0913 - one parameter for each option
    ctx: typer.Context,
    csh_id: HostArgument,
    backend: Annotated[str, typer.Argument(metavar="BACKEND", help="Id of an installed backend.")],
    *,
    sets: Annotated[
        list[str], typer.Option("--set", metavar="KEY=VALUE", help="An option of the backend; repeatable.")
    ] = [],  # noqa: B006 - typer copies it
    secrets: Annotated[
        list[str],
        typer.Option(
            "--secret",
            metavar="KEY[=FILE]",
            help="A secret: the content of FILE, or asked for, or the next line of stdin; repeatable.",
        ),
    ] = [],  # noqa: B006 - same
    variables: Annotated[
        list[str],
        typer.Option(
            "--secret-env",
            metavar="KEY=VARIABLE",
            help="A secret that this variable of the environment holds whenever it is used; repeatable.",
        ),
    ] = [],  # noqa: B006 - same
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
    host = ConfiguredHost(csh_id, given.options, given.secrets, given.environment)
    _add_here(host)
    answer(host.described(), f"added {csh_id}", as_json=common(ctx, None, as_json=as_json).as_json)


@app.command()
def ls(ctx: typer.Context, *, as_json: JsonOption = False) -> None:
    """List the storage hosts, without their secrets, and what is wrong with them.

    Example: oaio hosts ls
    """
    from oaio_storage.config import configured_hosts  # noqa: PLC0415 - not needed for --help

    found = [host.described() for _, host in sorted(configured_hosts().items())]
    lines = [line for host in found for line in _lines(host)]
    answer(found, *lines, as_json=common(ctx, None, as_json=as_json).as_json)


@app.command()
def rm(ctx: typer.Context, csh_id: HostArgument, *, as_json: JsonOption = False) -> None:
    """Forget a storage host. The files that it stores stay.

    Example: oaio hosts rm Local-disk
    """
    from oaio_storage.config import remove_host  # noqa: PLC0415 - not needed for --help

    remove_host(csh_id)
    answer({"csh_id": csh_id}, f"removed {csh_id}", as_json=common(ctx, None, as_json=as_json).as_json)


def _add_here(host: "ConfiguredHost") -> None:
    from oaio_storage.config import add_host  # noqa: PLC0415 - not needed for --help
    from oaio_storage.errors import CallerError, OaioError  # noqa: PLC0415 - same
    from oaio_storage.hosts import host_api  # noqa: PLC0415 - same

    if not host.environment:
        try:
            host_api(host.csh_id, **host.options, **host.secrets).close()
        except CallerError:
            raise
        except OaioError as err:
            note(f"note: {host.csh_id} can't be used now: {err.message}")
    add_host(host)


def _lines(host: "Described") -> list[str]:
    root = [f"root {host.root_id}"] if host.root_id else []
    first = "  ".join([host.csh_id, host.backend or "?", *_told(host.options), *root])
    return [first, *([f"    problem: {host.problem}"] if host.problem else [])]


def _told(options: Mapping[str, Any]) -> list[str]:
    return [f"{name}={value}" for name, value in options.items()]
