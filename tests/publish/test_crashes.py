"""P2, P4, P6, P14, P17: an end or a failure at each storage operation, and again in recovery."""

import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from counts import COUNTS, FULL
from publish.scenarios import SCENARIOS, Prepared, Scenario, cleaning
from publish.trees import Site
from publish.tripping import Ended, TrippingApi, Wire

from oaio_storage.errors import (
    AccessDenied,
    NotFound,
    OaioError,
    QuotaExceeded,
    Superseded,
    TimedOut,
    Unavailable,
)
from oaio_storage.publish.verifying import verify

FAULTS: dict[str, Callable[[], BaseException]] = {
    "ended": Ended,
    "timed out": lambda: TimedOut("no answer"),
    "unavailable": lambda: Unavailable("down"),
    "full": lambda: QuotaExceeded("no room"),
    "denied": lambda: AccessDenied("denied"),
}


def run(scenario: Scenario, root: Path, kind: type[TrippingApi], wire: Wire) -> str:
    """Do it until the wire trips; how it ended."""
    try:
        scenario.act(Site(kind(str(root), wire=wire)))
    except Ended:
        return "ended"
    except OaioError as err:
        return type(err).__name__
    return "done"


def check(scenario: Scenario, root: Path, kind: type[TrippingApi], outcome: str) -> None:
    """Readers see the old tree or the new; the next publication and clean-up succeed and leave nothing."""
    site = Site(kind(str(root)))
    old = scenario.before[-1] if scenario.before else None
    allowed = [scenario.new] if outcome == "done" else [old, scenario.new]
    on_disk = site.on_disk() if (root / "site").exists() else None
    assert on_disk in allowed
    try:
        assert site.seen() == on_disk
    except NotFound:
        assert on_disk is None
    if on_disk is not None:
        assert verify(site.tree).faults == ()
    with suppress(Superseded):
        scenario.act(site)
    final = {"final": b"final"}
    site.publish(final)
    assert site.on_disk() == site.seen() == final
    assert verify(site.tree).faults == ()
    cleaning(site)
    (live,) = site.tree.recorded()
    assert site.litter() == []
    assert live == site.tree.history()[-1].generation
    kept = root / ".oaio" / "trees" / "site" / "kept"
    assert [found.name for found in kept.iterdir()] == ([live] if (root / "site").is_symlink() else [])


@pytest.mark.parametrize("name", SCENARIOS)
def test_an_end_at_each_operation(name: str, quick_path: Path, prepared: Prepared) -> None:
    """Each operation of each scenario, before and after it was done; complete when it passes untouched."""
    scenario, chosen = SCENARIOS[name], random.Random(name)
    count = Wire()
    kind = prepared.copy(name, quick_path / "count")
    assert run(scenario, quick_path / "count", kind, count) == "done"
    check(scenario, quick_path / "count", kind, "done")
    met: set[str] = set()
    cases = [
        (k, after, fault) for k in range(1, count.count + 1) for after in (False, True) for fault in FAULTS
    ]
    if not FULL:
        ends = [case for case in cases if case[2] == "ended"]
        cases = chosen.sample(ends, min(len(ends), 40)) + chosen.sample(cases, min(len(cases), 20))
    for number, (k, after, fault) in enumerate(cases):
        root = quick_path / str(number)
        kind = prepared.copy(name, root)
        wire = Wire(k, after, FAULTS[fault], only=fault != "ended")
        outcome = run(scenario, root, kind, wire)
        met.add(outcome)
        try:
            check(scenario, root, kind, outcome)
        except BaseException as err:
            err.add_note(f"{fault} {'after' if after else 'before'} {k}: {wire.names[k - 1]}, was {outcome}")
            raise
        shutil.rmtree(root)
    assert "ended" in met


@pytest.mark.parametrize("name", ["change", "rollback", "clean-up", "a link is switched"])
def test_an_end_in_recovery(name: str, quick_path: Path, prepared: Prepared) -> None:
    """A second end, while the next one completes what the first left."""
    scenario, chosen = SCENARIOS[name], random.Random(name)
    count = Wire()
    run(scenario, quick_path / "count", prepared.copy(name, quick_path / "count"), count)
    met = 0
    for number in range(COUNTS.examples * (20 if FULL else 1)):
        root = quick_path / str(number)
        kind = prepared.copy(name, root)
        first = Wire(chosen.randint(1, count.count), chosen.random() < 0.5)
        outcome = run(scenario, root, kind, first)
        second = Wire(chosen.randint(1, count.count), chosen.random() < 0.5)
        again = run(scenario, root, kind, second)
        met += outcome == again == "ended"
        check(scenario, root, kind, "done" if "done" in (outcome, again) else again)
        shutil.rmtree(root)
    assert met
