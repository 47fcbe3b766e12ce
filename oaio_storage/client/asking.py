"""Calls that raise what the methods of the original's names tell as texts."""

from typing import TYPE_CHECKING

from oaio_storage.model import AccessRight

if TYPE_CHECKING:
    from oaio_storage.client.api import OaioClient


def share(client: "OaioClient", oaio_id: str, user_name: str, access_right: str = "r") -> int:
    """Give a user a right on an object, or change it. A repeat is safe.

    An object that is not on the server yet is sent first.

    Args:
        client: whose user has the right to share it.
        oaio_id: the object.
        user_name: the user.
        access_right: ``C``, ``D``, ``U`` or ``r``; ``x`` takes the right away.

    Returns:
        How many versions of the object the user can read now.

    Raises:
        NotFound: no such object or user.
        Forbidden: the right on the object does not allow it.
        Offline: the server can't be reached.
    """
    versions = client._access(oaio_id, user_name, access_right).get("versions")  # noqa: SLF001 - the same room
    return versions if isinstance(versions, int) else 0


def unshare(client: "OaioClient", oaio_id: str, user_name: str) -> None:
    """Take a user's right on an object away; one's own too, then it goes from this device. A repeat is safe.

    Raises:
        NotFound, Forbidden, Offline: as :func:`share`.
    """
    client._access(oaio_id, user_name, AccessRight.NONE)  # noqa: SLF001 - the same room


def unregister(client: "OaioClient", oaio_id: str, *, wipe_files: bool = False) -> None:
    """Delete an object, here at once and with the next synchronisation everywhere.

    Args:
        client: whose user has the right to delete it.
        oaio_id: the object.
        wipe_files: also move its files on this device to the trash under client_root.

    Raises:
        NotRegistered: there is no such object here.
        Forbidden: the last known right does not allow it.
    """
    client._unregister(oaio_id, wipe=wipe_files)  # noqa: SLF001 - the same room
