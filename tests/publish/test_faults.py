"""P2, P6, P14, P17: each kind of fault of the fault host at each operation on head, state and records."""

import random
import shutil
from pathlib import Path

import pytest
from counts import FULL
from publish.scenarios import SCENARIOS, Prepared
from publish.test_crashes import check
from publish.trees import Site

from oaio_storage.errors import Corrupt, OaioError
from oaio_storage.publish.verifying import verify
from oaio_storage.testing.misbehaving.fault_host import FaultHost
from oaio_storage.testing.misbehaving.faults import Crash, Fault, Faults

TORN = (Fault.TORN, Fault.CRASH_TORN)
KINDS = [fault for fault in Fault if fault.is_told or fault in (Fault.DUPLICATE, Fault.SLOW)]
KINDS = [fault for fault in KINDS if fault not in TORN]
"""A folder of this machine writes all or nothing and answers truly: kinds that do otherwise do not apply."""


def run(name: str, root: Path, prepared: Prepared, faults: Faults) -> str:
    """Do it under a plan of faults, and let what is on its way arrive; how it ended."""
    kind = prepared.copy(name, root)
    try:
        SCENARIOS[name].act(Site(FaultHost(kind(str(root)), faults)))
    except Crash:
        outcome = "crashed"
    except OaioError as err:
        outcome = type(err).__name__
    else:
        outcome = "done"
    faults.settle()
    return outcome


@pytest.mark.parametrize("name", SCENARIOS)
def test_each_fault_at_each_operation(name: str, quick_path: Path, prepared: Prepared) -> None:
    count = Faults()
    assert run(name, quick_path / "count", prepared, count) == "done"
    cases = [(k, fault) for k in range(1, count.count + 1) for fault in KINDS]
    if not FULL:
        cases = random.Random(name).sample(cases, min(len(cases), 30))
    struck = 0
    for number, (k, fault) in enumerate(cases):
        root = quick_path / str(number)
        faults = Faults({k: fault})
        outcome = run(name, root, prepared, faults)
        struck += bool(faults.struck)
        try:
            check(SCENARIOS[name], root, prepared.kind(name), outcome)
        except BaseException as err:
            err.add_note(f"{fault.name} at {k}: {count.operations[k - 1]}, was {outcome}")
            raise
        shutil.rmtree(root)
    assert struck > len(cases) / 4


@pytest.mark.parametrize("fault", [Fault.FAIL_BEFORE, Fault.QUOTA, Fault.DENIED, Fault.THROTTLE])
def test_a_host_that_fails_from_an_operation_on(fault: Fault, quick_path: Path, prepared: Prepared) -> None:
    name = "change"
    count = Faults()
    run(name, quick_path / "count", prepared, count)
    for k in range(1, count.count + 1, 1 if FULL else 4):
        root = quick_path / str(k)
        outcome = run(name, root, prepared, Faults(from_on=(k, fault)))
        check(SCENARIOS[name], root, prepared.kind(name), outcome)
        shutil.rmtree(root)


@pytest.mark.parametrize("fault", TORN)
def test_a_head_that_a_broken_host_tore_is_told_and_not_acted_upon(
    fault: Fault, quick_path: Path, prepared: Prepared
) -> None:
    name = "change"
    count = Faults()
    run(name, quick_path / "count", prepared, count)
    writes = [k for k, (what, path) in enumerate(count.operations, 1) if what == "write" and "head" in path]
    assert len(writes) >= 2
    for k in writes:
        root = quick_path / str(k)
        run(name, root, prepared, Faults({k: fault}))
        site = Site(prepared.kind(name)(str(root)))
        before = site.on_disk()
        _check_told(site)
        assert site.on_disk() == before
        assert before in (SCENARIOS[name].before[-1], SCENARIOS[name].new)


def _check_told(site: Site) -> None:
    for act in (
        site.tree.live,
        site.tree.rollback,
        lambda: site.publish({"x": b"x"}),
        lambda: verify(site.tree),
    ):
        with pytest.raises(Corrupt, match="head"):
            act()
