"""The commands: one module for each, holding a function of the same name."""

from collections.abc import Callable
from typing import Any

from typer import Typer

from oaio_storage.cli.commands import hosts, user
from oaio_storage.cli.commands.checkout import checkout
from oaio_storage.cli.commands.conflicts import conflicts
from oaio_storage.cli.commands.demo import demo
from oaio_storage.cli.commands.doctor import doctor
from oaio_storage.cli.commands.files import files
from oaio_storage.cli.commands.gc import gc
from oaio_storage.cli.commands.generations import generations
from oaio_storage.cli.commands.init import init
from oaio_storage.cli.commands.login import login
from oaio_storage.cli.commands.ls import ls
from oaio_storage.cli.commands.preview import preview
from oaio_storage.cli.commands.publish import publish
from oaio_storage.cli.commands.register import register
from oaio_storage.cli.commands.resolve import resolve
from oaio_storage.cli.commands.rollback import rollback
from oaio_storage.cli.commands.serve import serve
from oaio_storage.cli.commands.share import share
from oaio_storage.cli.commands.show import show
from oaio_storage.cli.commands.status import status
from oaio_storage.cli.commands.sync import sync
from oaio_storage.cli.commands.unregister import unregister
from oaio_storage.cli.commands.unshare import unshare
from oaio_storage.cli.commands.update import update
from oaio_storage.cli.commands.verify import verify

__all__ = ["COMMANDS", "GROUPS"]

COMMANDS: dict[str, Callable[..., Any]] = {
    command.__name__: command
    for command in (
        demo,
        serve,
        doctor,
        init,
        login,
        register,
        update,
        sync,
        status,
        ls,
        show,
        files,
        share,
        unshare,
        conflicts,
        resolve,
        unregister,
        publish,
        generations,
        preview,
        rollback,
        checkout,
        verify,
        gc,
    )
}
"""The commands by name, in the order of ``oaio --help``."""

GROUPS: dict[str, Typer] = {"user": user.app, "hosts": hosts.app}
"""The commands that have commands of their own."""
