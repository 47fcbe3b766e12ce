"""The folder that is published: where it may lie, and what it may hold."""

from pathlib import Path

from oaio_storage.errors import InvalidArgument, RootUnavailable
from oaio_storage.hosts import CshApi
from oaio_storage.hosts.roots import local_folder
from oaio_storage.names import shown
from oaio_storage.scan import Scan, check_apart

_SHOWN = 3


def check_place(folder: Path, host: CshApi) -> None:
    """Do nothing if ``folder`` may be published to ``host``.

    Raises:
        InvalidArgument: the folder is a link.
        RootOverlap: the folder holds the host's root, or lies in it.
    """
    if folder.is_symlink():
        raise InvalidArgument(f"{str(folder)!r} is a symbolic link", "Name the folder that it leads to.")
    if root := local_folder(host):
        check_apart(folder, root)


def check_known(folder: Path, found: Scan) -> None:
    """Do nothing if all of ``folder`` could be told.

    Raises:
        RootUnavailable: the folder holds what can't be published.
    """
    if not found.unknown:
        return
    named = [f"{shown(path)} ({reason})" for path, reason in list(found.unknown.items())[:_SHOWN]]
    more = f" and {len(found.unknown) - _SHOWN} more" if len(found.unknown) > _SHOWN else ""
    raise RootUnavailable(
        f"{str(folder)!r} holds what can't be published: {', '.join(named)}{more}",
        "Mend or move it, or name it in .oaioignore.",
    )
