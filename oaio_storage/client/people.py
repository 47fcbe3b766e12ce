"""Sharing: who may do what with an object.

These calls need the server; they tell errors as the original did.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from oaio_storage.client.common import Common
from oaio_storage.client.syncing import told
from oaio_storage.errors import BadAnswer, InvalidArgument, OaioError
from oaio_storage.model import AccessRight

UserzAccessType = list[dict[str, str]]
"""What :meth:`~oaio_storage.OaioClient.userz_access` returns."""


class People(Common):
    """The methods of the client about people; use :class:`~oaio_storage.OaioClient`."""

    def unsubscribe(self, oaio_id: str, user_name: str) -> str:
        """Take a user's right on an object away; one's own too, then the object goes from this device.

        Returns:
            Empty, or what went wrong.
        """
        self.error_message = ""
        self._set_access(oaio_id, user_name, AccessRight.NONE)
        return self.error_message

    def upsert_subscription(self, oaio_id: str, user_name: str, access_right: str = "r") -> int:
        """Give a user a right on an object, or change it.

        Args:
            oaio_id: the object; it has to be on the server already.
            user_name: the user.
            access_right: ``C``, ``D``, ``U`` or ``r``; ``x`` takes the right away.

        Returns:
            The subscription's number, greater than 0; 0 after an error (``error_message``), and for ``x`` if
            there was none.
        """
        self.error_message = ""
        answer = self._set_access(oaio_id, user_name, access_right)
        number = answer.get("id") if answer else 0
        return number if isinstance(number, int) else 0

    def userz_access(self, oaio_id: str) -> UserzAccessType:
        """Who has which right on an object.

        Dictionaries with ``username`` and ``access_right``, sorted by right and name.

        For an empty or unknown id, the people one shares other objects with, with right ``x``; everybody
        only for staff (the original listed everybody to everybody).

        Returns:
            The list; empty after an error (``error_message``).
        """
        self.error_message = ""
        try:
            slug = f"access?oaio_id={quote(oaio_id, safe='')}"
            access = self.remote.call(slug).get("access")
            if not isinstance(access, list):
                raise BadAnswer("the server's list of users is malformed")
            found = [
                {"username": str(one["username"]), "access_right": str(one["access_right"])} for one in access
            ]
        except UnicodeEncodeError:
            self.error_message = f"not an object id: {oaio_id[:80]!r} (it holds a lone surrogate)"
            return []
        except (KeyError, TypeError) as err:
            self.error_message = f"the server's list of users is malformed: {err}"
            return []
        except OaioError as err:
            self.error_message = told(err)
            return []
        return sorted(found, key=lambda one: one["access_right"] + one["username"])

    def wipe_user(self, user_name: str) -> str:
        """Remove a user with all objects and subscriptions; allowed to the user itself and to staff.

        Returns:
            Empty, or what went wrong.
        """
        self.error_message = ""
        self._told(lambda: self.remote.call("wipe_user", {"username": user_name}))
        return self.error_message

    def _set_access(self, oaio_id: str, user_name: str, right: str) -> dict[str, Any] | None:
        _check_right(right)
        return self._told(lambda: self._access(oaio_id, user_name, right))

    def _access(self, oaio_id: str, user_name: str, right: str) -> dict[str, Any]:
        """As ``upsert_subscription``, raising errors."""
        _check_right(right)
        with self.device.store.read() as tables:
            waits = bool(tables.edits(oaio_id))
        if waits:  # an object has to be on the server before it can be shared
            self._syncing.try_to_sync()
        answer = self.remote.call(
            "access", {"oaio_id": oaio_id, "username": user_name, "access_right": right}
        )
        if right == AccessRight.NONE and user_name == self.device.user_name:
            self._sync_quietly()
        return answer

    def _told(self, call: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
        try:
            answer = call()
        except OaioError as err:
            self.error_message = told(err)
            return None
        return answer


def _check_right(right: str) -> None:
    if right not in list(AccessRight):
        raise InvalidArgument(f"not an access right: {str(right)[:40]!r}", "One of: C, D, U, r, x.")
