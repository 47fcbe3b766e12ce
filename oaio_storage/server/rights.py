"""Who may do what with an object: the one place for rights. Pure."""

from collections.abc import Collection

import attrs

from oaio_storage.errors import Forbidden, InvalidArgument, NotFound, OaioError
from oaio_storage.model import MAY_DELETE, MAY_UPDATE, AccessRight


def may_read(right: AccessRight) -> bool:
    """Whether ``right`` shows the object, its versions and its conflicts."""
    return right is not AccessRight.NONE


def may_update(right: AccessRight) -> bool:
    """Whether ``right`` allows a new version, and settling conflicts of a live object."""
    return right in MAY_UPDATE


def may_delete(right: AccessRight) -> bool:
    """Whether ``right`` allows deleting, and settling conflicts of a deleted object (O10)."""
    return right in MAY_DELETE


def may_see_conflict(right: AccessRight, *, deleted: bool, author: bool) -> bool:
    """Whether a conflict is listed.

    Of a live object to every reader, of a deleted one to its author and with D or C (O10).
    """
    return may_read(right) and (not deleted or author or may_delete(right))


def unknown_object() -> NotFound:
    """The answer about an object that is not there, and about one that the caller may not know (O12)."""
    return NotFound("there is no such object", "List the objects with `oaio ls`.")


@attrs.frozen(kw_only=True)
class Grant:
    """A wish to give ``wanted`` to a user who has ``present``; ``own``: the actor is that user.

    ``creators`` counts the users with ``C``, ``deleted`` says whether the object is.
    """

    actor: AccessRight
    own: bool
    present: AccessRight
    wanted: AccessRight
    creators: int
    deleted: bool = False

    def refusal(self) -> OaioError | None:
        """Why it is not allowed, or None if it is.

        Rights are given by ``C`` alone; everybody may give up the own one; somebody always keeps ``C``.
        """
        if not may_read(self.actor):
            return unknown_object()
        leaves = self.own and self.wanted is AccessRight.NONE
        if self.actor is not AccessRight.CREATOR and not leaves:
            return Forbidden("only with right C on an object can it be shared")
        if self.deleted and self.wanted is not AccessRight.NONE:
            return NotFound(
                "the object is deleted", "Keep its edit with `oaio resolve`, or register a new one."
            )
        demotes = self.present is AccessRight.CREATOR and self.wanted is not AccessRight.CREATOR
        if demotes and self.creators <= 1:
            return Forbidden("the last user with right C can't lose it", "Give C to somebody else first.")
        return None


def checked_right(right: object, allowed: Collection[AccessRight] = tuple(AccessRight)) -> AccessRight:
    """``right`` as an :class:`AccessRight`.

    Raises:
        InvalidArgument: it is none of ``allowed``.
    """
    if isinstance(right, str) and right in {str(one) for one in allowed}:
        return AccessRight(right)
    raise InvalidArgument(f"not an access right: {str(right)[:20]!r}", f"Use one of {', '.join(allowed)}.")
