"""P2, P4, P6, P14, P17: an end or a failure at each storage operation, and again in recovery."""

import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest
from counts import COUNTS, FULL
from publish.trees import Files, Site
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
from oaio_storage.publish.cleaning import clean_up
from oaio_storage.publish.verifying import verify

BASE = {"index.html": b"one", "a/b/c": b"deep", "same": b"same", "gone": b"gone"}
Act = Callable[[Site], object]


@attrs.frozen
class Scenario:
    """What is there before, what is done, and the trees that readers may see afterwards, the new one last."""

    before: tuple[Files, ...]
    act: Act
    new: Files


def publishing(files: Files) -> Act:
    return lambda site: site.publish(files)


def resuming(files: Files) -> Act:
    def act(site: Site) -> None:
        staging = site.begin(files)
        for path in list(staging.wanted())[:1]:
            staging.receive(path, files[path])
        site.publish(files)

    return act


def over_litter(site: Site) -> None:
    site.begin({"other": b"other"})
    site.publish(BASE | {"n": b"n"})


def cleaning(site: Site) -> None:
    tree = attrs.evolve(site.tree, clock=lambda: datetime.now(UTC) + timedelta(days=9))
    clean_up(tree, last=1, time=timedelta(0))


MANY = {f"d{number % 7}/{number}": b"%d" % number for number in range(COUNTS.examples)}
SCENARIOS = {
    "first": Scenario((), publishing(BASE), BASE),
    "no change": Scenario((BASE,), publishing(BASE), BASE),
    "add": Scenario((BASE,), publishing(BASE | {"new": b"new"}), BASE | {"new": b"new"}),
    "change": Scenario((BASE,), publishing(BASE | {"same": b"other"}), BASE | {"same": b"other"}),
    "delete": Scenario((BASE,), publishing({"same": b"same"}), {"same": b"same"}),
    "rename": Scenario(
        (BASE,),
        publishing({f"x/{path}": BASE[path] for path in BASE}),
        {f"x/{path}": BASE[path] for path in BASE},
    ),
    "file to folder": Scenario((BASE,), publishing({"same/x": b"same"}), {"same/x": b"same"}),
    "folder to file": Scenario((BASE,), publishing({"a": b"deep"}), {"a": b"deep"}),
    "many": Scenario((BASE,), publishing(MANY), MANY),
    "large": Scenario((BASE,), publishing({"large": bytes(3 << 20)}), {"large": bytes(3 << 20)}),
    "rollback": Scenario((BASE, {"x": b"x"}), lambda site: site.tree.rollback(yes=True), BASE),
    "resume": Scenario((BASE,), resuming({"x": b"x", "y": b"y"}), {"x": b"x", "y": b"y"}),
    "over litter": Scenario((BASE,), over_litter, BASE | {"n": b"n"}),
    "clean-up": Scenario(({"n": b"1"}, {"n": b"2"}, BASE), cleaning, BASE),
    "a link is switched": Scenario((BASE,), publishing(BASE | {"l": b"l"}), BASE | {"l": b"l"}),
}
FAULTS: dict[str, Callable[[], BaseException]] = {
    "ended": Ended,
    "timed out": lambda: TimedOut("no answer"),
    "unavailable": lambda: Unavailable("down"),
    "full": lambda: QuotaExceeded("no room"),
    "denied": lambda: AccessDenied("denied"),
}


class Linking(TrippingApi):
    """On a disk that can't exchange."""

    @property
    def guarantees(self):  # type: ignore[no-untyped-def]  # noqa: ANN201 - as its base
        return attrs.evolve(super().guarantees, swap=False)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Path], type[TrippingApi]]:
    """Copies of the state before each scenario, made once."""
    kept: dict[str, Path] = {}

    def copy(name: str, root: Path) -> type[TrippingApi]:
        kind = Linking if name == "a link is switched" else TrippingApi
        if name not in kept:
            kept[name] = tmp_path_factory.mktemp("before") / "root"
            site = Site(kind(str(kept[name])))
            site.host.create_root()
            for files in SCENARIOS[name].before:
                site.publish(files)
        shutil.copytree(kept[name], root, symlinks=True)
        return kind

    return copy


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
def test_an_end_at_each_operation(
    name: str, quick_path: Path, prepared: Callable[[str, Path], type[TrippingApi]]
) -> None:
    """Each operation of each scenario, before and after it was done; complete when it passes untouched."""
    scenario, chosen = SCENARIOS[name], random.Random(name)
    count = Wire()
    kind = prepared(name, quick_path / "count")
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
        kind = prepared(name, root)
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
def test_an_end_in_recovery(
    name: str, quick_path: Path, prepared: Callable[[str, Path], type[TrippingApi]]
) -> None:
    """A second end, while the next one completes what the first left."""
    scenario, chosen = SCENARIOS[name], random.Random(name)
    count = Wire()
    run(scenario, quick_path / "count", prepared(name, quick_path / "count"), count)
    met = 0
    for number in range(COUNTS.examples * (20 if FULL else 1)):
        root = quick_path / str(number)
        kind = prepared(name, root)
        first = Wire(chosen.randint(1, count.count), chosen.random() < 0.5)
        outcome = run(scenario, root, kind, first)
        second = Wire(chosen.randint(1, count.count), chosen.random() < 0.5)
        again = run(scenario, root, kind, second)
        met += outcome == again == "ended"
        check(scenario, root, kind, "done" if "done" in (outcome, again) else again)
        shutil.rmtree(root)
    assert met
