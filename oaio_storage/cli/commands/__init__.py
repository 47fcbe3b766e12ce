"""The commands: one module for each, holding a function of the same name; a group of commands has an ``app``.

A module is imported when its command is wanted: one run of ``oaio`` needs one of them.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

from typer import Typer

__all__ = ["COMMANDS", "GROUPS", "command", "group"]

COMMANDS = (
    "demo",
    "serve",
    "doctor",
    "init",
    "login",
    "register",
    "update",
    "sync",
    "status",
    "ls",
    "show",
    "files",
    "share",
    "unshare",
    "conflicts",
    "resolve",
    "unregister",
    "publish",
    "send",
    "generations",
    "preview",
    "rollback",
    "checkout",
    "verify",
    "gc",
    "repair",
)
"""The names of the commands, in the order of ``oaio --help``."""

GROUPS = ("user", "hosts")
"""The names of the commands that have commands of their own."""


def command(name: str) -> Callable[..., Any]:
    """The function of a command."""
    return cast("Callable[..., Any]", getattr(_module(name), name))


def group(name: str) -> Typer:
    """The commands of a group."""
    return cast("Typer", _module(name).app)


def _module(name: str) -> Any:  # noqa: ANN401 - what is in it differs
    return import_module(f"{__name__}.{name}")
