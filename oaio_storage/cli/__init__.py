"""The command line, ``oaio``: one module for each command below ``commands``.

Nothing but the standard library is imported here, so that what only wants :func:`main` starts at once.
"""

from collections.abc import Sequence

__all__ = ["main"]


def main(args: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code, one of ``oaio_storage.errors.EXIT_CODES``, 130 after Ctrl-C.

    Args:
        args: the words after ``oaio``; those of this process if not given.
    """
    try:
        from oaio_storage.cli.app import run  # noqa: PLC0415 - typer is an extra and takes 0.1 s
    except ModuleNotFoundError as err:
        import sys  # noqa: PLC0415 - only needed to say what is missing

        print(f"oaio: the module {err.name} is not installed", file=sys.stderr)  # noqa: T201 - the only way left
        print("hint: pip install 'oaio-storage[all]'", file=sys.stderr)  # noqa: T201 - same
        return 1
    except KeyboardInterrupt:
        return 130
    return run(args)
