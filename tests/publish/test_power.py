"""P2 to P4, P13, P14 on a disk that forgets: an end, or a loss of power, before each of its operations."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random

import attrs
import pytest
from counts import FULL
from publish.scenarios import BASE, SCENARIOS, Act, Scenario, cleaning
from publish.trees import Site, manifest_of

from oaio_storage.errors import InvalidArgument, NotFound, OaioError, Superseded, Unavailable
from oaio_storage.hosts import Guarantees
from oaio_storage.publish.cleaning import clean_up
from oaio_storage.publish.verifying import verify
from oaio_storage.testing.crash_disk import CrashDisk, Mode
from oaio_storage.testing.crash_disk.nodes import DEVICE, File, Folder, Link, Node
from oaio_storage_local import LocalApi
from oaio_storage_local.whole_folders import WholeFolders

ROOT = "/srv/root"
SHARES = {"many": 0.01, "large": 0.02}
"""Of the operations looked at in a small run, for scenarios that take long."""
GUARANTEES: dict[frozenset[str], Guarantees] = {}


def site_on(disk: CrashDisk, *, warm: bool = False) -> Site:
    """The tree as a process finds it; what the disk is able to do is looked at once.

    Args:
        disk: where it is.
        warm: whether the process used the disk already, and made durable which folders there are.
    """
    host = LocalApi.on(disk, ROOT)
    if disk.lacks not in GUARANTEES:
        other = LocalApi.on(CrashDisk(lacks=disk.lacks), ROOT)
        other.create_root()
        GUARANTEES[disk.lacks] = other.guarantees
    host._probed.append(GUARANTEES[disk.lacks])
    if warm:
        names = (".oaio", "trees", "site")
        folder: Node = _root(disk)
        for depth, name in enumerate(names, 1):
            assert isinstance(folder, Folder)
            folder = folder.cached.get(name, Folder(0, 0))
            host._folders._settled.add((names[:depth], DEVICE, folder.inode))
    return Site(host)


def _root(disk: CrashDisk) -> Folder:
    root = disk.root
    for name in ("srv", "root"):
        below = root.cached[name]
        assert isinstance(below, Folder)
        root = below
    return root


def prepared(scenario: Scenario, kind: type[CrashDisk] = CrashDisk, *lacks: str) -> CrashDisk:
    """A disk that durably holds what is there before."""
    disk = kind(lacks=frozenset(lacks))
    site = site_on(disk)
    site.host.create_root()
    for files in scenario.before:
        site.publish(files)
    disk.sync_everything()
    disk.operations = 0
    return disk


def on_disk(disk: CrashDisk) -> dict[str, bytes] | None:
    """What lies in the tree's place; None: nothing."""
    root = _root(disk)
    place = root.cached.get("site")
    if isinstance(place, Link):
        place = folder_at(root, place.target)
    return None if place is None else dict(_files(place, ""))


def folder_at(root: Folder, path: str) -> Folder:
    """A folder below another one; an empty one if there is none."""
    for part in path.split("/"):
        below = root.cached.get(part, Folder(0, 0))
        assert isinstance(below, Folder)
        root = below
    return root


def _files(folder: Node, prefix: str) -> Iterator[tuple[str, bytes]]:
    assert isinstance(folder, Folder)
    for name, node in folder.cached.items():
        if isinstance(node, Folder):
            yield from _files(node, f"{prefix}{name}/")
        elif isinstance(node, File):
            yield prefix + name, bytes(node.cached)


def see(disk: CrashDisk) -> dict[str, bytes] | None:
    """What readers find without any recovery: one generation, whole, the same in all ways; P4."""
    site, found = site_on(disk), on_disk(disk)
    try:
        assert site.seen() == found
    except NotFound:
        assert found is None
    else:
        assert verify(site.tree).faults == ()
    return found


def check(
    scenario: Scenario, disk: CrashDisk, *, is_done: bool, again: Random | None, share: float = 0
) -> None:
    """What a crash left is the old tree or the new; what is done next succeeds and leaves nothing behind.

    Args:
        scenario: that was crashed.
        disk: what is left.
        is_done: whether it was acknowledged.
        again: if it is given, power is lost once more during what is done next, and after each step of it.
        share: of the operations at which it is lost again.
    """
    old = scenario.before[-1] if scenario.before else None
    found = see(disk)
    assert found == scenario.new if is_done else found in (old, scenario.new)
    site = site_on(disk, warm=again is not None and again.random() < 0.7)
    nexts: list[Callable[[], object]] = [
        site.tree.recovered,
        lambda: scenario.act(site),
        lambda: retry(site, scenario),
        lambda: give_up(site),
    ]
    if again:
        again.shuffle(nexts)
    nexts += [lambda: site.publish({"final": b"final"}), lambda: cleaning(site)]
    for act in nexts:
        if again:
            disk.fails = lambda _name, _number: lose(disk, again, share=share)
        with suppress(Superseded, NotFound):
            act()
        disk.fails = lambda _name, _number: None
        if again:
            lose(disk, again, is_done=True)
    assert see(disk) == {"final": b"final"}
    live = site.tree.history()[-1].generation
    assert site.tree.recorded() == [live]
    assert not folder_at(_root(disk), ".oaio/trees/site/staging").cached
    kept = list(folder_at(_root(disk), ".oaio/trees/site/kept").cached)
    assert kept == ([live] if site.tree.folders.kind("site") == "link" else [])


def lose(disk: CrashDisk, dice: Random, *, share: float = 1, is_done: bool = False) -> None:
    """Lose the power once more: what is found is whole, and what it was before, if that was acknowledged."""
    if dice.random() < share:
        for mode in (Mode.STRICT, Mode.ADVERSARIAL):
            for left in disk.outcomes(mode, 2, dice):
                found = see(left)
                assert not is_done or found == on_disk(disk), f"{mode} after the crash before"


def retry(site: Site, scenario: Scenario) -> None:
    """Commit the publication that was crashed once more, under its own transaction."""
    base = scenario.before[-1] if scenario.before else {}
    live = site.tree.live()
    if live is None or site.seen() == base:
        site.publish(scenario.new)
        return
    plan = site.tree._planned(manifest_of(scenario.new), live.parent)
    site.tree.transactions.commit(site.tree.transactions.begin(plan, yes=True))


def give_up(site: Site) -> None:
    """Clean up nothing but publications under way."""
    tree = attrs.evolve(site.tree, clock=lambda: datetime.now(UTC) + timedelta(days=9))
    clean_up(tree, last=100)


@attrs.frozen(kw_only=True)
class Effort:
    """How much is looked at.

    Attributes:
        share: of the operations.
        samples: how many outcomes of a loss of power each.
        after: look only where the operation before has this name.
        again: the share of operations at which power is lost once more, after the process was killed.
    """

    share: float = 1
    samples: int = 2
    after: str = ""
    again: float = 0.05


def sweep(scenario: Scenario, disk: CrashDisk, dice: Random, effort: Effort) -> int:
    """Check what crashes leave before operations of a scenario, and after it; how many were looked at."""
    looked_at, last = 0, ""

    def look(*, is_done: bool = False) -> None:
        nonlocal looked_at
        for mode in Mode:
            for left in disk.outcomes(mode, effort.samples, dice):
                looked_at += 1
                try:
                    killed = dice if mode is Mode.KILL else None
                    check(scenario, left, is_done=is_done, again=killed, share=effort.again)
                except BaseException as err:
                    err.add_note(f"{mode} before operation {disk.operations}, done: {is_done}")
                    raise

    def at(name: str, number: int) -> None:
        nonlocal last
        if dice.random() < effort.share and effort.after in ("", last):
            try:
                look()
            except BaseException as err:
                err.add_note(f"which is {name} ({number})")
                raise
        last = name

    disk.fails = at
    scenario.act(site_on(disk))
    disk.fails = lambda _name, _number: None
    look(is_done=True)
    return looked_at


@pytest.mark.parametrize("name", SCENARIOS)
def test_each_crash_leaves_a_whole_tree_and_the_next_goes_on(name: str) -> None:
    dice = Random(name)
    lacks = ["exchange"] if name == "a link is switched" else []
    disk = prepared(SCENARIOS[name], CrashDisk, *lacks)
    effort = Effort(samples=20) if FULL else Effort(share=SHARES.get(name, 0.03), samples=1, again=0.02)
    assert sweep(SCENARIOS[name], disk, dice, effort) >= 3


def sweep_failing_syncs(scenario: Scenario, before: CrashDisk, dice: Random, *, share: float) -> int:
    """Let syncs fail once each; whatever is acknowledged afterwards is durable; how many failed."""
    failing = failed = 0
    while True:
        failing += 1
        (disk,), met = before.outcomes(Mode.KILL), [0]

        def fails(name: str, _number: int, met: list[int] = met, failing: int = failing) -> None:
            met[0] += name.startswith("sync")
            if name.startswith("sync") and met[0] == failing:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

        disk.fails = fails
        if dice.random() > share and failing < before.operations:
            continue
        site = site_on(disk)
        with suppress(OaioError):
            scenario.act(site)
        if met[0] < failing:
            return failed
        failed += 1
        acts: list[Act] = [
            lambda site: site.tree.recovered(),
            scenario.act,
            lambda site: site.publish({"f": b"f"}),
        ]
        for act in acts:
            with suppress(Superseded, NotFound):
                act(site)
            now = on_disk(disk)
            for left in (*disk.outcomes(Mode.STRICT), *disk.outcomes(Mode.ADVERSARIAL, 3, dice)):
                try:
                    assert see(left) == now
                except BaseException as err:
                    err.add_note(f"sync {failing} failed")
                    raise


@pytest.mark.parametrize("name", ["first", "change", "rollback", "clean-up", "a link is switched"])
@pytest.mark.parametrize("ability", ["", "sync_all"])
def test_a_failed_sync_is_never_taken_for_a_good_one(name: str, ability: str) -> None:
    lacks = [ability, "exchange" if name == "a link is switched" else ""]
    disk = prepared(SCENARIOS[name], CrashDisk, *filter(None, lacks))
    disk.operations = 40
    share = 1.0 if FULL else 0.1
    assert sweep_failing_syncs(SCENARIOS[name], disk, Random(name), share=share)


class Ended(BaseException):
    """A process ended."""


@pytest.mark.parametrize("ability", ["", "sync_all"])
def test_who_resumes_after_a_flush_failed_trusts_nothing_that_came(ability: str) -> None:
    """P4: the publisher was killed before it removed what it could not make durable."""
    scenario, failing, met = SCENARIOS["change"], 0, 0
    before = prepared(scenario, CrashDisk, *filter(None, [ability]))
    while True:
        failing += 1
        (disk,) = before.outcomes(Mode.KILL)
        syncs: list[str] = []

        def fails(name: str, _number: int, disk: CrashDisk = disk, syncs: list[str] = syncs) -> None:
            if len(syncs) == failing:  # noqa: B023 - called in this round alone
                raise Ended
            if name.startswith("sync") and is_flushing(disk):
                syncs.append(name)
                if len(syncs) == failing:  # noqa: B023 - same
                    raise OSError(errno.EIO, os.strerror(errno.EIO))

        disk.fails = fails
        with suppress(Ended, OaioError):
            scenario.act(site_on(disk))
        if len(syncs) < failing:
            break
        (resumed,) = disk.outcomes(Mode.KILL)
        scenario.act(site_on(resumed))
        for left in (*resumed.outcomes(Mode.STRICT), *resumed.outcomes(Mode.ADVERSARIAL, 3)):
            assert see(left) == scenario.new, f"{syncs[-1]} {failing} failed"
        met += 1
    assert met > 5


def is_flushing(disk: CrashDisk) -> bool:
    """Whether a publication is being made durable."""
    stagings = folder_at(_root(disk), ".oaio/trees/site/staging").cached.values()
    return any("files.unproven" in staging.cached for staging in stagings if isinstance(staging, Folder))


class Backwards(CrashDisk):
    """Lists the last first, so that a removal meets the files before it meets the state."""

    def entries(self, folder: int) -> dict[str, os.stat_result]:
        return dict(reversed(super().entries(folder).items()))


def test_who_commits_while_clean_up_removes() -> None:
    """P11: a clean-up happens at each operation of a commit, and ends in the middle of it."""
    before, files = prepared(SCENARIOS["change"], Backwards), BASE | {"new": b"new", "a/new": b"new"}
    staging = site_on(before).begin(files)
    site_on(before).send(staging, files)
    at, told = 0, set[str]()
    while True:
        at += 1 if FULL else 3
        (disk,) = before.outcomes(Mode.KILL)
        site = site_on(disk)
        here = site.begin(files)
        first = disk.operations

        def clean(_name: str, number: int, disk: CrashDisk = disk, at: int = first + at) -> None:
            if number == at:
                half_clean(disk)

        disk.fails = clean
        try:
            told.add(site.tree.transactions.commit(here).kind)
        except (Superseded, InvalidArgument, Unavailable) as err:
            told.add(type(err).__name__)
        assert see(disk) in (BASE, files)
        if disk.operations - first < at:
            break
    assert {"publish", "Superseded"} <= told


def half_clean(disk: CrashDisk) -> None:
    """Give publications up that nobody worked on when it was looked at, up to the fifth name that goes."""
    removed, inside = 0, disk.fails

    def fails(name: str, _number: int) -> None:
        nonlocal removed
        removed += name == "unlink"
        if removed > 4:
            raise Ended

    if not any(node is _root(disk) for node, _, _ in disk._locks):
        disk.fails = fails
        with suppress(Ended), pytest.MonkeyPatch.context() as patch:
            patch.setattr(WholeFolders, "is_held", lambda *_: False)
            give_up(site_on(disk))
        disk.fails = inside
