"""Folders to be scanned: which one it is, and whether two of them lie apart."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from oaio_storage.errors import RootOverlap, RootUnavailable
from oaio_storage.scan.reading import reason_of

OPEN_FOLDER = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY


def root_identity(root: Path) -> str:
    """Device and inode of ``root``: another text when another disk, or none, is mounted there.

    Raises:
        RootUnavailable: it is missing or can't be reached.
    """
    try:
        return identity_of(root.stat())
    except (OSError, ValueError) as err:
        raise RootUnavailable(f"can't reach {str(root)!r} ({reason_of(err)})") from err


def check_apart(root: Path, *others: Path) -> None:
    """Do nothing if ``root`` and each of ``others`` lie apart; one that does not exist is judged by its name.

    Raises:
        RootOverlap: ``root`` equals one of them, contains it, or lies inside it, links and mounts resolved.
    """
    ours = _lineage(root)
    for other in others:
        theirs = _lineage(other)
        if ours[0] & set().union(*theirs) or theirs[0] & set().union(*ours):
            raise RootOverlap(
                f"{str(root)!r} and {str(other)!r} are the same folder, or one contains the other"
            )


@contextmanager
def opened_root(root: Path) -> Iterator[int]:
    """The open folder; it may be reached through links."""
    try:
        folder = os.open(root, OPEN_FOLDER)
    except (OSError, ValueError) as err:
        raise RootUnavailable(f"can't scan the folder {str(root)!r} ({reason_of(err)})") from err
    try:
        yield folder
    finally:
        os.close(folder)


def identity_of(of: os.stat_result) -> str:
    """Device and inode."""
    return f"{of.st_dev}:{of.st_ino}"


def _lineage(folder: Path) -> list[set[str]]:
    """What identifies ``folder`` (its resolved path, its device and inode), then each folder above it."""
    resolved = Path(os.path.realpath(folder))
    lineage = []
    for place in (resolved, *resolved.parents):
        marks = {str(place)}
        with suppress(OSError, ValueError):
            marks.add(identity_of(place.stat()))
        lineage.append(marks)
    return lineage
