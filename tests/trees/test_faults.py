"""P2, P6, P14, P17: each kind of fault of the fault host at each operation of a scenario."""

import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import attrs
import pytest
from counts import FULL
from trees.places import Device, Files, another, fill, memory, noise

from oaio_storage.errors import OaioError
from oaio_storage.hosts import CshApi
from oaio_storage.testing import Crash, Disturbed, Fault, sweep
from oaio_storage.trees.carrying import FEW
from oaio_storage.trees.collecting import collect
from oaio_storage.trees.committing import commit, rollback
from oaio_storage.trees.repairing import repair
from oaio_storage.trees.store import TreeStore
from oaio_storage.trees.verifying import verify

BASE = {"a": b"a", "b/c": noise(9_000), "large": noise(1_200_000, 1)}
NEW = BASE | {"new": noise(5_000, 2)}
LIES = {Fault.SHORT, Fault.FLIP, Fault.TORN, Fault.CRASH_TORN}
"""Of a host that stores something else than it says; found by reading what is there, and by ``verify``."""

KINDS = [fault for fault in Fault if fault not in LIES]


@attrs.frozen
class Scenario:
    """What is there before, what is done, and what readers may see afterwards, the new tree last."""

    before: tuple[Files, ...]
    act: Callable[[TreeStore, Path], object]
    new: Files
    folder: Files = attrs.field(default=attrs.Factory(lambda self: self.new, takes_self=True))


def committing(store: TreeStore, folder: Path) -> None:
    commit(store, folder)


def everything(store: TreeStore, _: Path) -> None:
    collect(store, last=1, time=timedelta(0), young=timedelta(-1))


def many(count: int) -> tuple[Files, ...]:
    return tuple({f"{one}": b"%d" % one for one in range(number + 1)} for number in range(count))


SCENARIOS = {
    "first": Scenario((), committing, BASE),
    "no change": Scenario((BASE,), committing, BASE),
    "change": Scenario((BASE,), committing, NEW),
    "empty": Scenario((BASE,), committing, {}),
    "carry": Scenario(many(FEW + 1), committing, many(FEW + 2)[-1]),
    "rollback": Scenario((BASE, NEW), lambda store, _: rollback(store), BASE),
    "collect": Scenario((BASE, {"x": noise(9_000, 5)}, NEW), everything, NEW),
    "pin": Scenario((BASE,), lambda store, _: store.pin("label"), BASE),
    "repair": Scenario((BASE,), repair, BASE),
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Device]:
    """The state before a scenario, made once."""
    kept: dict[str, Device] = {}

    def prepare(name: str) -> Device:
        if name not in kept:
            device = Device(tmp_path_factory.mktemp("before"), memory())
            for files in SCENARIOS[name].before:
                device.commit(files)
            fill(device.folder, SCENARIOS[name].folder)
            kept[name] = device
        return kept[name]

    return prepare


@pytest.mark.parametrize("name", SCENARIOS)
def test_each_fault_at_each_operation(name: str, prepared: Callable[[str], Device]) -> None:
    before, scenario = prepared(name), SCENARIOS[name]
    old = scenario.before[-1] if scenario.before else None
    with tempfile.TemporaryDirectory() as place:
        caches = Path(place) / "caches"

        def world() -> CshApi:
            shutil.rmtree(caches, ignore_errors=True)
            if (before.place / "cache a").exists():
                shutil.copytree(before.place / "cache a", caches)
            return another(before.inner)  # type: ignore[arg-type]  # in memory

        def act(host: CshApi) -> None:
            scenario.act(TreeStore.on(host, "site", caches, by="a"), before.folder)

        def check(host: CshApi, ended: Disturbed) -> None:
            store = TreeStore(host, "site")
            if ended.is_done or old is not None:
                found = seen(host)
                assert found == scenario.new if ended.is_done else found in (old, scenario.new)
                assert verify(store).faults == ()
            again = TreeStore.on(host, "site", caches, by="a")
            commit(again, before.folder)
            everything(again, before.folder)
            assert seen(host) == scenario.folder
            assert verify(store).faults == ()
            assert [switch.sequence for switch in store.history()] == list(range(1, len(store.history()) + 1))
            assert not list(host.state.list("trees/site/gc"))

        kinds = KINDS if FULL or name in ("change", "no change") else KINDS[sum(map(ord, name)) % 4 :: 4]
        swept = sweep(world, act, check, kinds)
    assert swept.operations >= 2
    assert sum(swept.struck.values()) > 3


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault in LIES])
def test_a_host_that_stores_something_else_is_found_out(fault: Fault, tmp_path: Path) -> None:
    """By whoever reads, and named by verify; never are other bytes handed out."""
    found = 0
    for k in range(1, 9):
        host = memory()
        device = Device(tmp_path / f"{k}", host)
        device.commit(BASE)
        device.faults.plan = {device.faults.count + k: fault}
        with suppress(OaioError, Crash):
            device.commit(NEW)
        try:
            assert device.seen() in (BASE, NEW)
        except OaioError:
            assert verify(TreeStore(host, "site")).faults
            found += 1
    assert found


def seen(host: CshApi) -> dict[str, bytes]:
    store = TreeStore(host, "site")
    return {file.path: b"".join(store.content(file)) for file in store.files()}
