"""The marker of a writable root, ``.oaio/root.json``: its format, and the id that no other root has."""

import json
import os
import secrets
import shlex
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from oaio_storage.errors import AlreadyExists, NotFound, NotGuaranteed, RootOverlap, WrongRoot
from oaio_storage.hosts.guarantees import Absent
from oaio_storage.names import STATE_FOLDER

if TYPE_CHECKING:
    from oaio_storage.hosts.api import CshApi

MARKER = "root.json"
FORMAT = 1
MAX_MARKER_BYTES = 1 << 16


def create_marker(state: "CshApi") -> str:
    """Store a marker with a new id unless there is one; the id of the one that is there afterwards."""
    text = json.dumps({"format": FORMAT, "id": secrets.token_hex(16)})
    with suppress(AlreadyExists):
        state.write(MARKER, text.encode(), expect=Absent)
    return read_marker(state)


def claim_root(host: "CshApi") -> str:
    """Store a marker with a new id unless there is one, on a host that only one machine writes to; its id.

    As ``CshApi.create_root``, but where the host can't decide it: two machines at once would each make one.
    """
    try:
        return host.root_id()
    except WrongRoot:
        try:
            host.state.stat(MARKER)
        except NotFound:
            text = json.dumps({"format": FORMAT, "id": secrets.token_hex(16)})
            host.state.write(MARKER, text.encode())
            return host.root_id()
        raise


def read_marker(state: "CshApi") -> str:
    """The id in the marker.

    Raises:
        WrongRoot: the marker is missing, damaged, or of a newer format.
    """
    try:
        text = state.read(MARKER, 0, MAX_MARKER_BYTES)
    except NotFound as err:
        raise WrongRoot(
            "the host's root has no marker (.oaio/root.json): it is not mounted, or was never set up",
            "Mount the disk that holds it; for a new root let the server create it.",
        ) from err
    try:
        marker = json.loads(text)
        found, root_id = marker["format"], marker["id"]
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        raise WrongRoot(
            "the marker of the host's root (.oaio/root.json) is damaged", "Restore it from a backup."
        ) from err
    if (
        not isinstance(found, int)
        or isinstance(found, bool)
        or found < 1
        or not isinstance(root_id, str)
        or not root_id
    ):
        raise WrongRoot(
            "the marker of the host's root (.oaio/root.json) is damaged", "Restore it from a backup."
        )
    if found > FORMAT:
        raise WrongRoot(
            f"the host's root has format {found}, this version knows {FORMAT}", "Upgrade oaio-storage."
        )
    return root_id


def check_root(host: "CshApi", expected: str) -> None:
    """Do nothing if the root of ``host`` is the one whose id is ``expected``.

    Raises:
        WrongRoot: it is another one, or has no readable marker.
    """
    found = host.root_id()
    if found != expected:
        raise WrongRoot(
            f"the host's root is {found}, but the server means {expected}: another machine's disk?"
        )


def check_alone(folder: str | Path, hint: str = "Name a folder outside of it.", *, is_root: bool) -> None:
    """Do nothing if ``folder`` lies in no root of a host that is a folder of this machine.

    There it would be part of a tree, and go with it, or be taken for the host's own state.

    Args:
        folder: it may be missing, and may be reached through links.
        hint: what helps; HOST stands for the host that was found.
        is_root: whether it is, or becomes, a root itself; one that has its marker already is left alone,
            wherever it lies.

    Raises:
        RootOverlap: it does, or is one and should not be.
    """
    real = Path(os.path.realpath(folder))
    outer = next((found for place in (real, *real.parents) if (found := _root_at(place))), None)
    if outer is None or (is_root and outer == real):
        return
    where = "is" if outer == real else f"lies in {outer}, which is"
    told = hint.replace("HOST", shlex.quote(str(outer)))
    raise RootOverlap(f"{folder} {where} a storage host's root", told)


def _root_at(place: Path) -> Path | None:
    """The root that ``place`` is, or whose state folder it is."""
    if os.path.isfile(place / STATE_FOLDER / MARKER):  # noqa: PTH113 - never raises
        return place
    return place.parent if place.name == STATE_FOLDER else None


def has_state(host: "CshApi", path: str) -> bool:
    """Whether the root of ``host`` is there and its state folder has the file ``path``, damaged or not.

    Raises:
        WrongRoot: what is there is no folder, or can't be read.
    """
    try:
        host.state.stat(path)
    except NotFound:
        return False
    except WrongRoot:
        place = local_folder(host)
        if place is None or os.path.lexists(place):
            raise
        return False
    return True


def local_folder(host: "CshApi") -> Path | None:
    """The root of ``host`` as a folder of this machine; None if it is none."""
    try:
        return Path(host.folders.root_folder)
    except NotGuaranteed:
        return None
