"""Grants, revocations, edits and deletions by three users in any order against a pure model of the rights."""

import pytest
from counts import COUNTS
from hypothesis import seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from server.devices import Device, new_id, original_body

NAMES = ("alice", "bob", "carol")
WHO = st.sampled_from(NAMES)
ROUNDS = 10
MET = {"granted": 0, "revoked": 0, "refused": 0, "deleted": 0}


class RightsMachine(RuleBasedStateMachine):
    """One object; ``rights`` says what each user may do with it, ``values`` what is in it."""

    def __init__(self) -> None:
        super().__init__()
        self.devices = {name: Device(name) for name in NAMES}
        self.oaio_id = new_id()
        self.base = self.devices["alice"].accepted(self.oaio_id)
        self.rights = {"alice": "C", "bob": "x", "carol": "x"}
        self.known = {"alice"}
        self.values, self.deleted = "{}", False

    @rule(actor=WHO, user=WHO, right=st.sampled_from("rUDCx"), original=st.booleans())
    def share(self, actor: str, user: str, right: str, original: bool) -> None:  # noqa: FBT001 - hypothesis
        leaves = actor == user and right == "x"
        orphaned = self.rights[user] == "C" != right and list(self.rights.values()).count("C") == 1
        wanted = 200
        if self.rights[actor] == "x":
            wanted = 404
        elif self.rights[actor] != "C" and not leaves:
            wanted = 403
        elif self.deleted and right != "x":
            wanted = 404
        elif orphaned:
            wanted = 403
        body = {"oaio_id": self.oaio_id, "username": user, "access_right": right}
        status, _ = self.devices[actor].post("subscribe/" if original else "v1/access", body)
        assert status == wanted
        MET["refused" if wanted != 200 else "revoked" if right == "x" else "granted"] += 1
        if wanted == 200:
            self.rights[user] = right
            self.known |= {user} if right != "x" else set()

    @rule(actor=WHO, number=st.integers(0, 9), original=st.booleans())
    def edit(self, actor: str, number: int, original: bool) -> None:  # noqa: FBT001 - hypothesis
        device, right = self.devices[actor], self.rights[actor]
        wanted = 404 if right == "x" else 403 if right == "r" else 200
        if original:
            wanted = 404 if self.deleted else wanted
            stamp = device.stamp()
            listed = {one["oaio_id"]: one["client_stamp"] for one in device.get("oaio_stampz/")[1]}
            body = original_body(self.oaio_id, stamp, {"n": number}, base=listed.get(self.oaio_id, ""))
            status = device.post("upload/", body)[0]
        else:
            wanted = 409 if self.deleted and wanted == 200 else wanted
            result = device.propose(self.oaio_id, self.base, values=f'{{"n":{number}}}')
            status = result["status"]
        assert status == wanted
        if status == 200:
            self.values = f'{{"n":{number}}}'
            self.base = (device.entry(self.oaio_id) or {})["version"]["id"]

    @rule(actor=WHO, chance=st.integers(0, 4))
    def delete(self, actor: str, chance: int) -> None:
        """Seldom, since little happens to a deleted object."""
        if chance < 4:
            return
        right = self.rights[actor]
        wanted = 404 if right == "x" else 403 if right in "rU" else 409 if self.deleted else 200
        result = self.devices[actor].propose(self.oaio_id, self.base, deleted=True)
        assert result["status"] == wanted
        if wanted == 200:
            self.values, self.deleted, self.base = "{}", True, result["id"]
            MET["deleted"] += 1

    @invariant()
    def everybody_sees_what_the_right_shows(self) -> None:
        for name, right in self.rights.items():
            entry = self.devices[name].entry(self.oaio_id)
            assert (entry is not None) == (name in self.known)
            if entry is not None:
                assert entry["right"] == right
                assert (entry["version"] or {}).get("values") == (None if right == "x" else self.values)
            listed = {one["oaio_id"] for one in self.devices[name].get("oaio_stampz/")[1]}
            assert (self.oaio_id in listed) == (right != "x" and not self.deleted)
            told = self.devices[name].get(f"v1/access?oaio_id={self.oaio_id}")[1]["access"]
            shown = {one["username"]: one["access_right"] for one in told if one["access_right"] != "x"}
            assert shown == (
                {} if right == "x" else {one: is_ for one, is_ in self.rights.items() if is_ != "x"}
            )


@pytest.mark.usefixtures("data")
def test_rights_hold_in_any_order() -> None:
    some = settings(
        max_examples=max(5, COUNTS.machine_histories // 6), stateful_step_count=COUNTS.machine_steps
    )
    for number in range(ROUNDS):
        if some.derandomize:  # without a seed, each round would be the same
            seed(number)(RightsMachine)
        run_state_machine_as_test(RightsMachine, settings=some)
        if all(MET.values()):
            break
    assert all(MET.values()), MET
