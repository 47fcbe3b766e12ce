"""Folders that hold our own state, told by what lies in them: their secrets never become files of an object.

A client root, a server's data folder and a storage host's root must each lie apart from the folders of
objects, whoever made them.
"""

import os
from collections.abc import Collection
from pathlib import Path

from oaio_storage.errors import RootOverlap

CLIENT_ROOT, DATA_FOLDER, HOST_ROOT = "a client root", "a server's data folder", "a storage host's root"

_MARKS = (
    (CLIENT_ROOT, ("state.sqlite", "settings.json")),
    (CLIENT_ROOT, ("state.sqlite", "session.json")),
    (CLIENT_ROOT, ("state.sqlite", "last_sync_stamp.txt")),
    (DATA_FOLDER, ("secret_key", "oaio.sqlite3")),
    (DATA_FOLDER, ("secret_key", "prepare.lock")),
    (HOST_ROOT, (".oaio/root.json",)),
)


def kind_of(folder: str | Path) -> str:
    """What of ours ``folder`` is; empty if it is nothing of ours, or can't be looked at."""
    for kind, names in _MARKS:
        if all(os.path.isfile(os.path.join(folder, name)) for name in names):  # noqa: PTH113, PTH118 - never raises
            return kind
    return ""


def check_above(folder: Path, may_be: str = "") -> None:
    """Check that ``folder`` neither is nor lies in a folder that holds our own state.

    Args:
        folder: it may be missing, and may be reached through links.
        may_be: what ``folder`` itself may be, for instance because it is opened again.

    Raises:
        RootOverlap: it is, or does.
    """
    real = Path(os.path.realpath(folder))
    if (kind := kind_of(real)) and kind != may_be:
        raise RootOverlap(f"{folder} is {kind}", "Choose another folder.")
    for place in real.parents:
        if kind := kind_of(place):
            raise RootOverlap(f"{folder} lies in {place}, which is {kind}")


def check_below(folder: Path) -> None:
    """Raises RootOverlap if a folder at any level below ``folder`` holds our own state."""
    for place, folders, _ in os.walk(folder):
        for name in folders:
            found = Path(place, name)
            if not found.is_symlink() and (kind := kind_of(found)):
                raise RootOverlap(f"{folder} contains {found}, which is {kind}", "Move it out of there.")


def found_in(paths: Collection[str]) -> str:
    """What of ours lies among files of these relative paths, and where; empty if nothing does."""
    for path in paths:
        folder, slash, name = path.rpartition("/")
        for kind, names in _MARKS:
            if name == names[0] and all(f"{folder}{slash}{one}" in paths for one in names):
                return f"{kind} (./{folder})"
    return ""
