"""The marker of a writable root, ``.oaio/root.json``: its format, and the id that no other root has."""

import json
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

from oaio_storage.errors import AlreadyExists, NotFound, WrongRoot
from oaio_storage.hosts.guarantees import Absent

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
