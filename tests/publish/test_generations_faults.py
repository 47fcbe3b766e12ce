"""P2, P4, P6, P13, P14, P17: each kind of fault at each operation of publishing generations, and recovery."""

import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest
from counts import FULL
from publish.stored import StoredSite, Undecided, memory
from publish.trees import Files
from trees.places import another, fill, noise

from oaio_storage.errors import Superseded
from oaio_storage.hosts import CshApi
from oaio_storage.publish.arbiter import Arbiter
from oaio_storage.publish.generations import GenerationsLayout
from oaio_storage.testing import Crash, Disturbed, Fault, MemoryApi, Store, sweep

BASE = {"a": b"a", "b/c": noise(3_000), "same": b"same"}
NEW = BASE | {"a": b"changed", "new": noise(2_000, 2)}
LIES = {Fault.SHORT, Fault.FLIP, Fault.TORN, Fault.CRASH_TORN}
"""Of a host that stores something else than it says; found by reading what is there, and by ``verify``."""

KINDS = [fault for fault in Fault if fault not in LIES]


@attrs.frozen
class Scenario:
    """What is there before, what is done, and what readers may see afterwards, the new tree last."""

    before: tuple[Files, ...]
    act: Callable[[GenerationsLayout, Path], object]
    new: Files


def publishing(tree: GenerationsLayout, folder: Path) -> None:
    tree.publish(folder, yes=True)


def by_a_plan(tree: GenerationsLayout, folder: Path) -> None:
    """Made before anything failed, and applied until that is done, as whoever has a plan in a file does."""
    tree.prepare()
    tree.publish(folder, tree.planned(folder).plan, yes=True)


def rolling_back(tree: GenerationsLayout, _: Path) -> None:
    tree.rollback(tree.history()[0].generation, yes=True)


def cleaning(tree: GenerationsLayout, _: Path) -> None:
    tree.clean_up(at_once=True)


SCENARIOS = {
    "first": Scenario((), publishing, BASE),
    "no change": Scenario((BASE,), publishing, BASE),
    "change": Scenario((BASE,), publishing, NEW),
    "a plan": Scenario((BASE,), by_a_plan, NEW),
    "rollback": Scenario((BASE, NEW), rolling_back, BASE),
    "clean-up": Scenario((NEW, BASE, NEW), cleaning, NEW),
    "repair": Scenario((NEW,), lambda tree, folder: tree.repair(folder), NEW),
}


@pytest.mark.parametrize("kind", ["decided", "arbited"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_each_fault_at_each_operation(name: str, kind: str, tmp_path: Path) -> None:
    scenario, exclusive = SCENARIOS[name], kind == "arbited"
    empty = Undecided(Store()) if exclusive else memory()
    before = StoredSite(empty, tmp_path / "before", exclusive=exclusive)
    for files in scenario.before:
        before.publish(files)
    fill(before.folder, scenario.new)
    old = scenario.before[-1] if scenario.before else None
    with tempfile.TemporaryDirectory() as at:
        place = Path(at) / "machine"

        def world() -> CshApi:
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(before.place, place)
            host = another(before.host)  # type: ignore[arg-type]  # in memory
            return Undecided(host.store) if exclusive else host

        def act(host: CshApi) -> None:
            scenario.act(StoredSite(host, place, exclusive=exclusive).tree, place / "folder ours")

        def check(host: CshApi, ended: Disturbed) -> None:
            site = StoredSite(host, place, exclusive=exclusive)
            if ended.is_done or old is not None:
                found = site.seen()
                assert found == scenario.new if ended.is_done else found in (old, scenario.new)
                assert site.tree.verify().faults == ()
            with suppress(Superseded):  # by itself: what it was not told of is live
                scenario.act(site.tree, site.folder)
            site.publish(scenario.new)
            assert site.seen() == scenario.new
            site.tree.clean_up(at_once=True)
            late = attrs.evolve(site.tree, clock=lambda: datetime.now(UTC) + timedelta(days=9))
            late.clean_up(at_once=True)
            assert site.seen() == scenario.new
            assert site.tree.verify().faults == ()
            history = site.tree.history()
            assert [switch.sequence for switch in history] == list(range(1, len(history) + 1))
            assert len({switch.transaction for switch in history}) == len(history)
            assert len(site.tree.kept()) == 1
            assert not list(host.state.list("trees/site/gc"))

        kinds = KINDS if FULL else KINDS[sum(map(ord, name + kind)) % 4 :: 4]
        swept = sweep(world, act, check, kinds)
    assert swept.operations >= 2
    assert sum(swept.struck.values()) >= 2


@pytest.mark.parametrize("at", range(1, 7))
@pytest.mark.parametrize("after", [False, True])
def test_an_arbiter_ends_between_any_two_steps(
    at: int, *, after: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of writing down, writing, confirming: whoever comes next finds the old or new tree, and goes on."""
    site = StoredSite(Undecided(Store()), tmp_path, exclusive=True)
    site.publish(BASE)
    steps = 0

    def ending(inner: Callable[..., object]) -> Callable[..., object]:
        def step(*args: object, **named: object) -> object:
            nonlocal steps
            steps += 1
            if steps == at and not after:
                raise Crash
            done = inner(*args, **named)
            if steps == at:
                raise Crash
            return done

        return step

    with monkeypatch.context() as patch:
        patch.setattr(Arbiter, "note", ending(Arbiter.note))
        patch.setattr(MemoryApi, "_store", ending(MemoryApi._store))
        with suppress(Crash):
            site.publish(NEW)
    assert site.seen() in (BASE, NEW)
    last = site.publish(BASE | {"last": b"last"})
    assert last.switch
    assert site.seen() == BASE | {"last": b"last"}
    assert [switch.sequence for switch in site.tree.history()] == list(range(1, last.switch.sequence + 1))
