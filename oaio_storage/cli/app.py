"""The frame of the command line: which commands there are, the options before them, and how they end."""

import gc
import os
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Annotated

import typer

from oaio_storage import __version__
from oaio_storage.cli import commands
from oaio_storage.cli.options import Common, JsonOption, RootOption
from oaio_storage.cli.output import ReaderGoneError, complain, drop_output, forgive_odd_text, say
from oaio_storage.errors import EXIT_CODES, EXIT_DONE, EXIT_USAGE, InvalidArgument, OaioError, StorageError

EXIT_INTERRUPTED, EXIT_BROKEN_PIPE = 130, 141

_ALL = frozenset({*commands.COMMANDS, *commands.GROUPS})

_ALLOCATIONS = 100_000
"""Objects made between two searches for unused cycles: a command makes millions that are in no cycle."""

EPILOG = f"Exit codes: {', '.join(f'{code} {meaning}' for code, meaning in EXIT_CODES.items())}."


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer's signature of a callback
    if wanted:
        say(f"oaio {__version__}")
        raise typer.Exit


def before(
    ctx: typer.Context,
    *,
    root: RootOption = None,
    as_json: JsonOption = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Share and synchronise objects with files between devices and people."""
    root = root or (Path(os.environ["OAIO_ROOT"]) if os.environ.get("OAIO_ROOT") else None)
    ctx.obj = Common(root, as_json)


def frame(names: Collection[str] = _ALL) -> typer.Typer:
    """The command line with the commands of these names only."""
    app = typer.Typer(
        name="oaio",
        help="Share and synchronise objects with files between devices and people.",
        epilog=EPILOG,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(before)
    for name in commands.COMMANDS:
        if name in names:
            app.command(name)(commands.command(name))
    for name in commands.GROUPS:
        if name in names:
            app.add_typer(commands.group(name), name=name)
    return app


def run(args: Sequence[str] | None = None) -> int:
    """Run one command; every way it may end becomes an exit code, and at most two lines on stderr."""
    words = list(sys.argv[1:] if args is None else args) or ["--help"]
    forgive_odd_text()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS)
    name = next((word for word in words if word in _ALL), "")
    names = {name} if words[0] == name else _ALL
    code = ending(
        lambda: frame(names)(words, prog_name="oaio", standalone_mode=False),
        name=name,
        to_json="--json" in words,
    )
    gc.freeze()  # the process ends: nothing more is looked for
    return code


def ending(command: Callable[[], object], *, name: str = "", to_json: bool = False) -> int:
    """The exit code of ``command``, after its errors were printed; its own answer, if that is a number.

    Args:
        command: what to run.
        name: of the command, for the hint of a usage error that has none of its own.
        to_json: print errors as JSON, too.
    """
    try:
        code = command()
        sys.stdout.flush()
    except (ReaderGoneError, BrokenPipeError):
        drop_output()
        return EXIT_BROKEN_PIPE
    except (KeyboardInterrupt, typer.Abort):
        code = EXIT_INTERRUPTED
    except Exception as err:  # noqa: BLE001 - the last place to say it in one line
        if os.environ.get("OAIO_DEBUG"):
            import traceback  # noqa: PLC0415 - only for debugging

            traceback.print_exc()
        error = _as_ours(err)
        if error.exit_code == EXIT_USAGE and not error.hint:
            error.hint = " ".join(filter(None, ("oaio", name, "--help")))
        complain(error, to_json=to_json)
        return error.exit_code
    if code == EXIT_INTERRUPTED:  # typer answers so, too
        sys.stderr.write("\noaio: interrupted\n")
    return code if isinstance(code, int) else EXIT_DONE


def _as_ours(err: Exception) -> OaioError:
    """``err`` as an error of our tree."""
    if isinstance(err, OaioError):
        return err
    if isinstance(err, typer.TyperException):
        context = getattr(err, "ctx", None)
        path = context.command_path if context else "oaio"
        return InvalidArgument(err.format_message(), f"{path} --help")
    if isinstance(err, ModuleNotFoundError):
        return StorageError(f"the module {err.name} is not installed", "pip install 'oaio-storage[all]'")
    if isinstance(err, OSError):
        return StorageError(f"{err.strerror or err}{f': {err.filename}' if err.filename else ''}")
    return StorageError(
        f"unexpected {type(err).__name__}: {err}",
        "This is a defect of oaio; please report it with what OAIO_DEBUG=1 prints.",
    )
