"""Whether a proposed version is accepted, and what follows from it. Pure (O3, O4, O10, O16)."""

from collections.abc import Collection, Mapping

import attrs

from oaio_storage import values
from oaio_storage.errors import AlreadyExists, ClockSkew, Forbidden, InvalidArgument, OaioError, Stale
from oaio_storage.manifest import Manifest
from oaio_storage.model import FILES_KEY, MAX_STAMP_DIFF, ROOT_KEY, AccessRight, Proposal, stamp_plus
from oaio_storage.server.rights import may_delete, may_read, may_update, unknown_object

MAX_TEXT_BYTES = 4096
"""Length of a root path, a device, app or host id, in UTF-8."""

_SKEW = int(MAX_STAMP_DIFF * 1_000_000)


@attrs.frozen
class Current:
    """The version that is in front."""

    id: str
    stamp: str
    deleted: bool = False


@attrs.frozen(kw_only=True)
class State:
    """What is known of the object when its row is locked.

    ``conflicts`` says of each of its conflicts whether it is still open; ``base_stamp`` is the stamp of the
    version that the proposal names as base, empty if the object has none of this id; ``stamp_taken``: another
    version of it has the proposed stamp. ``base_own``: the user who proposes is the author of the base.
    """

    right: AccessRight
    current: Current | None = None
    wiped: bool = False
    conflicts: Mapping[str, bool] = attrs.field(factory=dict)
    base_stamp: str = ""
    base_own: bool = False
    stamp_taken: bool = False


@attrs.frozen
class Accept:
    """The version is accepted: ``in_front`` or else as a conflict; ``overtaken`` becomes one.

    ``settled`` end.
    """

    in_front: bool = True
    overtaken: str = ""
    settled: frozenset[str] = frozenset()


@attrs.frozen
class Refuse:
    """The version is refused; ``shows_current``: the answer carries what is in front."""

    error: OaioError
    shows_current: bool = False


def check_content(proposal: Proposal) -> None:
    """What can be said of a proposal without looking at the object.

    Raises:
        InvalidValues, InvalidManifest, InvalidArgument: a text in it is not allowed.
    """
    if {ROOT_KEY, FILES_KEY} & values.parse(proposal.values).keys():
        raise InvalidArgument(f"{ROOT_KEY} and {FILES_KEY} travel beside the values, not in them")
    if proposal.files is not None:
        Manifest.parse(proposal.files)
    for name in ("root_path", "csh_id", "device_id", "app_id"):
        check_text(name, getattr(proposal, name))


def check_text(name: str, text: str) -> None:
    """Raises InvalidArgument if ``text`` is too long or holds what no file system or database keeps."""
    if len(text) > MAX_TEXT_BYTES or any(ord(char) < 32 or 0xD800 <= ord(char) <= 0xDFFF for char in text):  # noqa: PLR2004
        raise InvalidArgument(f"{name} is too long, or holds control characters or lone surrogates")


def latest_allowed(now: str, previous: str) -> str:
    """The greatest stamp that is accepted at ``now`` after ``previous`` (O4)."""
    ahead = stamp_plus(now, _SKEW)
    return max(ahead, stamp_plus(previous, 1)) if previous else ahead


def decide(proposal: Proposal, state: State, now: str) -> Accept | Refuse:
    """Judge ``proposal`` against the object's ``state`` at the server's ``now``.

    The id is new, the content checked.
    """
    if proposal.base is None:
        return _decide_registration(proposal, state, now)
    if state.current is None or not may_read(state.right):
        return Refuse(unknown_object())
    if refusal := _right_refusal(proposal, state.right):
        return Refuse(refusal)
    if proposal.aside:
        return _decide_aside(proposal, state, state.current, now)
    return _decide_edit(proposal, state, state.current, now)


def _decide_registration(proposal: Proposal, state: State, now: str) -> Accept | Refuse:
    if state.current is not None or state.wiped:
        text = "this id belonged to a deleted object" if state.wiped else "an object with this id exists"
        return Refuse(
            AlreadyExists(text, "Register it under another id."), shows_current=may_read(state.right)
        )
    if proposal.deleted or proposal.aside or proposal.overtakes or proposal.resolves:
        return Refuse(InvalidArgument("a registration neither deletes, overtakes, resolves nor stands aside"))
    return _accept_stamp(proposal, state, "", now) or Accept()


def _right_refusal(proposal: Proposal, right: AccessRight) -> OaioError | None:
    if proposal.deleted and not may_delete(right):
        return Forbidden(f"right {right} does not allow to delete the object")
    if not may_update(right):
        return Forbidden(f"right {right} does not allow to change the object")
    return None


def _decide_aside(proposal: Proposal, state: State, current: Current, now: str) -> Accept | Refuse:
    if proposal.deleted or proposal.overtakes or not set(proposal.resolves) <= {proposal.base}:
        return Refuse(
            InvalidArgument("a version aside neither deletes nor overtakes, and resolves at most its base")
        )
    if not current.deleted:
        return Refuse(Stale("the object is not deleted any more"), shows_current=True)
    if not state.base_stamp or proposal.base == current.id:
        return Refuse(InvalidArgument("a version aside is based on one from before the deletion"))
    settled = _open(proposal.resolves, state)
    if settled and not (state.base_own or may_delete(state.right)):
        return Refuse(Forbidden("only its author, and right C or D, settle a deleted object's conflict"))
    return _accept_stamp(proposal, state, state.base_stamp, now) or Accept(in_front=False, settled=settled)


def _decide_edit(proposal: Proposal, state: State, current: Current, now: str) -> Accept | Refuse:
    if proposal.base != current.id:
        return Refuse(Stale("the object was changed meanwhile"), shows_current=True)
    if not set(proposal.overtakes) <= {current.id}:
        return Refuse(InvalidArgument("only the base can be overtaken"))
    if not set(proposal.resolves) <= state.conflicts.keys():
        return Refuse(InvalidArgument("this object has no such conflict", "See `oaio conflicts`."))
    settled = _open(proposal.resolves, state)
    if current.deleted and (refusal := _revival_refusal(proposal, state, settled)):
        return refusal
    return _accept_stamp(proposal, state, current.stamp, now) or Accept(
        overtaken=current.id if proposal.overtakes else "", settled=settled
    )


def _revival_refusal(proposal: Proposal, state: State, settled: frozenset[str]) -> Refuse | None:
    if not settled:
        return Refuse(Stale("the object is deleted"), shows_current=True)
    if not may_delete(state.right):
        return Refuse(Forbidden("only with right C or D is a deleted object's conflict settled"))
    if proposal.overtakes:
        return Refuse(InvalidArgument("a deletion is not overtaken but settled"))
    return None


def _open(resolves: Collection[str], state: State) -> frozenset[str]:
    return frozenset(one for one in resolves if state.conflicts.get(one))


def _accept_stamp(proposal: Proposal, state: State, previous: str, now: str) -> Refuse | None:
    if proposal.stamp <= previous or state.stamp_taken:
        return Refuse(
            ClockSkew(f"the stamp {proposal.stamp} does not follow that of the base", "Propose a new one.")
        )
    if proposal.stamp > latest_allowed(now, previous):
        return Refuse(ClockSkew(f"the stamp {proposal.stamp} lies too far ahead of the server's {now}"))
    return None


@attrs.frozen(kw_only=True)
class OriginalEdit:
    """What an original client's ``upload/`` or ``delete/`` says that decides (wire contract, 3.7 and 3.8)."""

    stamp: str
    base_stamp: str
    same_content: bool


@attrs.frozen
class Repetition:
    """It was accepted before; nothing changes."""


def decide_original_upload(edit: OriginalEdit, state: State, now: str) -> Accept | Refuse | Repetition:
    """Judge an ``upload/`` by the table of 3.7: the greater stamp wins.

    And what it overtakes unseen becomes a conflict (O16).
    """
    current = state.current
    if current is None or current.deleted or not may_read(state.right):
        return Refuse(unknown_object())
    if not may_update(state.right):
        return Refuse(Forbidden(f"right {state.right} does not allow to change the object"))
    if edit.stamp == current.stamp and edit.same_content:
        return Repetition()
    if edit.stamp <= current.stamp or state.stamp_taken:
        return Refuse(Stale(f"a version as new as {edit.stamp} is there already"))
    if edit.stamp > latest_allowed(now, current.stamp):
        return Refuse(ClockSkew(f"the stamp {edit.stamp} lies too far ahead of the server's {now}"))
    return Accept(overtaken=current.id if edit.base_stamp != current.stamp else "")


def decide_original_deletion(base_stamp: str, state: State) -> Accept | Refuse | Repetition:
    """Judge a ``delete/``: what is not there is deleted already.

    What it had not seen becomes a conflict (O10).

    An empty ``base_stamp`` says nothing about what was seen.
    """
    current = state.current
    if current is None or current.deleted or not may_read(state.right):
        return Repetition()
    if not may_delete(state.right):
        return Refuse(Forbidden(f"right {state.right} does not allow to delete the object"))
    return Accept(overtaken=current.id if base_stamp not in ("", current.stamp) else "")


def decide_original_registration(
    *, same_as_first: bool, stamp: str, state: State, now: str
) -> Accept | Refuse | Repetition:
    """Judge a ``register/``: an exact repetition succeeds while the object lives (wire contract, 3.6)."""
    if state.current is not None or state.wiped:
        if same_as_first and state.current is not None and not state.current.deleted:
            return Repetition()
        return Refuse(AlreadyExists("this id is taken", "Register it under another id."))
    if stamp > latest_allowed(now, ""):
        return Refuse(ClockSkew(f"the stamp {stamp} lies too far ahead of the server's {now}"))
    return Accept()
