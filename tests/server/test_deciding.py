"""Accepting as a pure function, against an oracle that shares no code with it; and the rights."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oaio_storage.model import AccessRight, Proposal, stamp_plus
from oaio_storage.server.deciding import (
    Accept,
    Current,
    OriginalEdit,
    Refuse,
    Repetition,
    State,
    decide,
    decide_original_upload,
)
from oaio_storage.server.rights import Grant, may_delete, may_read, may_update

NOW = "20261123120000000000"
FRONT, OLDER, CONFLICT, SETTLED = "1" * 32, "2" * 32, "3" * 32, "4" * 32

RIGHTS = st.sampled_from(AccessRight)
STEPS = st.sampled_from("123")
STATES = st.builds(
    State,
    right=RIGHTS,
    current=st.none() | st.builds(Current, st.just(FRONT), st.just(stamp_plus(NOW, -10)), st.booleans()),
    wiped=st.just(False),
    conflicts=st.just({CONFLICT: True, SETTLED: False}),
    base_stamp=st.just(stamp_plus(NOW, -20)),
    base_own=st.booleans(),
    stamp_taken=st.booleans(),
)
PROPOSALS = st.builds(
    lambda **fields: Proposal(id="f" * 32, oaio_id="x", client_stamp=NOW, **fields),
    base=st.sampled_from([None, FRONT, OLDER, CONFLICT]),
    stamp=st.sampled_from([-30, -15, 0, 60_000_000, 70_000_000]).map(lambda step: stamp_plus(NOW, step)),
    deleted=st.booleans(),
    overtakes=st.sampled_from([(), (FRONT,), (OLDER,)]),
    resolves=st.sampled_from([(), (CONFLICT,), (SETTLED,), (OLDER,)]),
    aside=st.booleans(),
)


def expected(proposal: Proposal, state: State) -> set[str]:
    """What may come of it by the clauses: ``Accept`` alone, or the codes of every error that applies."""
    faults: set[str] = set()
    current, right = state.current, str(state.right)
    if proposal.base is None:
        if current:
            return {"AlreadyExists"}
        if proposal.deleted or proposal.aside or proposal.overtakes or proposal.resolves:
            faults.add("InvalidArgument")
        previous = ""
    else:
        if current is None or right == "x":
            return {"NotFound"}
        if right == "r" or (proposal.deleted and right == "U"):
            return {"Forbidden"}
        previous = state.base_stamp if proposal.aside else current.stamp
        faults |= (
            _aside_faults(proposal, state, current)
            if proposal.aside
            else _edit_faults(proposal, current, right)
        )
    if state.stamp_taken or proposal.stamp <= previous or proposal.stamp > stamp_plus(NOW, 69_000_000):
        faults.add("ClockSkew")
    return faults or {"Accept"}


def _aside_faults(proposal: Proposal, state: State, current: Current) -> set[str]:
    faults = set()
    if proposal.deleted or proposal.overtakes or not {*proposal.resolves} <= {proposal.base}:
        faults.add("InvalidArgument")
    if not current.deleted:
        faults.add("Stale")
    elif proposal.base == FRONT:
        faults.add("InvalidArgument")
    if proposal.resolves == (CONFLICT,) and not state.base_own and state.right == "U":
        faults.add("Forbidden")
    return faults


def _edit_faults(proposal: Proposal, current: Current, right: str) -> set[str]:
    faults = set()
    if proposal.base != FRONT or (current.deleted and proposal.resolves != (CONFLICT,)):
        faults.add("Stale")
    if current.deleted and right == "U":
        faults.add("Forbidden")
    if (
        proposal.overtakes == (OLDER,)
        or proposal.resolves == (OLDER,)
        or (current.deleted and proposal.overtakes)
    ):
        faults.add("InvalidArgument")
    return faults


@given(PROPOSALS, STATES)
@example(
    Proposal(
        id="f" * 32, oaio_id="x", client_stamp=NOW, base=CONFLICT, stamp=NOW, resolves=(CONFLICT,), aside=True
    ),
    State(
        right=AccessRight.UPDATE,
        current=Current(FRONT, stamp_plus(NOW, -10), deleted=True),
        conflicts={CONFLICT: True, SETTLED: False},
        base_stamp=stamp_plus(NOW, -20),
    ),
)
def test_every_proposal_is_judged_by_the_clauses(proposal: Proposal, state: State) -> None:
    decision = decide(proposal, state, NOW)
    allowed = expected(proposal, state)
    if isinstance(decision, Accept):
        assert allowed == {"Accept"}
        assert decision.in_front is not proposal.aside
        assert decision.overtaken == ("" if proposal.aside else "".join(proposal.overtakes))
        assert decision.settled == {one for one in proposal.resolves if one == CONFLICT}
    else:
        assert type(decision.error).__name__ in allowed
        assert not (decision.shows_current and state.right is AccessRight.NONE)


@given(
    st.builds(
        OriginalEdit,
        stamp=st.sampled_from("123"),
        base_stamp=st.sampled_from("123"),
        same_content=st.booleans(),
    ),
    STATES,
)
def test_uploads_of_originals_follow_the_table(edit: OriginalEdit, state: State) -> None:
    at = {"1": stamp_plus(NOW, -20), "2": stamp_plus(NOW, -10), "3": stamp_plus(NOW, -5)}
    told = OriginalEdit(stamp=at[edit.stamp], base_stamp=at[edit.base_stamp], same_content=edit.same_content)
    decision = decide_original_upload(told, state, NOW)
    if state.current is None or state.current.deleted or str(state.right) == "x":
        wanted: Any = "NotFound"
    elif str(state.right) == "r":
        wanted = "Forbidden"
    elif edit.stamp == "2" and edit.same_content:
        wanted = Repetition()
    elif edit.stamp < "3" or state.stamp_taken:
        wanted = "Stale"
    else:
        wanted = Accept(overtaken="" if edit.base_stamp == "2" else FRONT)
    assert (type(decision.error).__name__ if isinstance(decision, Refuse) else decision) == wanted


GRANTS = st.builds(
    Grant, actor=RIGHTS, own=st.booleans(), present=RIGHTS, wanted=RIGHTS, creators=st.integers(1, 3)
).filter(lambda grant: not grant.own or grant.present is grant.actor)


@given(GRANTS)
def test_nobody_raises_the_own_right_and_somebody_keeps_c(grant: Grant) -> None:
    if grant.refusal() is None:
        assert grant.actor is AccessRight.CREATOR or (grant.own and grant.wanted is AccessRight.NONE)
        lost = grant.present is AccessRight.CREATOR and grant.wanted is not AccessRight.CREATOR
        assert grant.creators - lost >= 1


@pytest.mark.parametrize(("right", "may"), [("C", "RUD"), ("D", "RUD"), ("U", "RU"), ("r", "R"), ("x", "")])
def test_what_each_right_allows(right: str, may: str) -> None:
    one = AccessRight(right)
    found = {"R": may_read(one), "U": may_update(one), "D": may_delete(one)}
    assert {name for name, allowed in found.items() if allowed} == set(may)
