"""``kill -9`` of whoever commits, collects or repairs, at every operation that it announces."""

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from publish.test_kills import Forking
from trees.places import Device, fill, noise, on_disk

from oaio_storage.trees.checkout import check_out
from oaio_storage.trees.collecting import collect
from oaio_storage.trees.repairing import repair
from oaio_storage.trees.verifying import verify
from oaio_storage_local import LocalApi

BASE = {"a": b"a", "b/c": noise(20_000), "large": noise(1_200_000, 1)}
NEW = BASE | {"new": noise(30_000, 2), "large": noise(100_000, 3) + BASE["large"]}

FORKING = """
import os
from datetime import timedelta
from pathlib import Path
from publish.tripping import TrippingApi, Wire
from oaio_storage.errors import Changed, Superseded
from oaio_storage.trees.checkout import check_out
from oaio_storage.trees.collecting import collect
from oaio_storage.trees.committing import commit, rollback
from oaio_storage.trees.repairing import repair
from oaio_storage.trees.store import TreeStore

def tell(word, number=0):
    os.write(1, f"{word} {number}\\n".encode())  # whole, also where it is killed in that moment

def announce():
    tell("operation", os.getpid())
    os.read(0, 1)

def work(place, act):
    place = Path(place)
    wire = Wire(passing=announce)
    store = TreeStore.on(TrippingApi(str(place / "root"), wire=wire), "site", place / "cache a", by="killed")
    try:
        if act == "commit":
            commit(store, place / "a")
        elif act == "rollback":
            rollback(store)
        elif act == "collect":
            collect(store, last=1, time=timedelta(0), young=timedelta(-1))
        elif act == "repair":
            repair(store, place / "a")
        else:
            check_out(store, place / "out")
        tell("acknowledged")
    except (Changed, Superseded) as err:
        tell(type(err).__name__)

while line := b"".join(iter(lambda: os.read(0, 1), b"\\n")):
    child = os.fork()
    if not child:
        work(*line.decode().lstrip(".").split())  # a dot that nobody was there to read
        os._exit(0)
    os.waitpid(child, 0)
    tell("ended")
"""


@contextmanager
def forking() -> Iterator[Forking]:
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        [sys.executable, "-c", FORKING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
    ) as process:
        try:
            yield Forking(process)
        finally:
            process.kill()


def made(place: Path, act: str) -> Device:
    """A tree with two generations, and what is needed for an act."""
    host = LocalApi(str(place / "root"))
    host.create_root()
    device = Device(place, host)
    device.commit({"first": noise(9_000, 9)})
    device.commit(BASE)
    if act == "commit":
        fill(device.folder, NEW)
    if act == "repair":
        for path in device.stored():
            (place / "root/.oaio" / path).chmod(0o644)
            (place / "root/.oaio" / path).write_bytes(b"")
    return device


def check(device: Device, act: str, is_done: bool) -> None:  # noqa: FBT001 - whether it was acknowledged
    """What is live is whole, and all goes on: the next one completes what was begun."""
    old, new = BASE, {"commit": NEW, "rollback": {"first": noise(9_000, 9)}}.get(act, BASE)
    if act != "repair":
        found = device.seen()
        assert found == new if is_done else found in (old, new)
        assert verify(device.store).faults == ()
    elif is_done:
        assert device.seen() == BASE
    if act == "check-out":
        check_out(device.store, device.place / "out")
        assert on_disk(device.place / "out") == BASE
    if act == "repair":
        repair(device.store, device.folder)
    device.commit(NEW)
    assert device.seen() == NEW
    collect(device.store, last=1, time=timedelta(0), young=timedelta(-1))
    assert device.seen() == NEW
    assert verify(device.store).faults == ()
    history = device.store.history()
    assert [switch.sequence for switch in history] == list(range(1, len(history) + 1))
    assert len(device.stored("generations")) == 1
    assert device.stored("gc") == []


@pytest.mark.parametrize("act", ["commit", "rollback", "collect", "repair", "check-out"])
def test_killed_at_any_operation(act: str, quick_path: Path) -> None:
    """Before the operation, or somewhere within it."""
    dice, killed = Random(act), 0
    with forking() as processes:
        for at in itertools.count(1):
            device = made(quick_path / str(at), act)
            processes.start(device.place, act)
            word, process = processes.reach(at)
            is_reached = word == "operation"
            if is_reached:
                if dice.random() < 0.5:
                    processes.go()
                    time.sleep(dice.random() * 0.002)
                with suppress(ProcessLookupError):  # it was done in that moment
                    os.kill(process, signal.SIGKILL)
                while word == "operation":
                    word, _ = processes.told()
            is_done = processes.rest(word) == "acknowledged"
            check(device, act, is_done)
            killed += is_reached
            if not is_reached:
                break
    assert killed > 3


@pytest.mark.parametrize("act", ["commit", "collect"])
def test_stopped_at_any_operation_while_others_commit_and_collect(act: str, quick_path: Path) -> None:
    """P8: it wakes up, and finds that the head is another one."""
    told = set()
    with forking() as processes:
        for at in itertools.count(1):
            device = made(quick_path / str(at), act)
            processes.start(device.place, act)
            word, process = processes.reach(at)
            if word != "operation":
                break
            os.kill(process, signal.SIGSTOP)
            other = Device(device.place, device.inner, "b")
            other.commit(BASE | {"theirs": b"theirs"})
            collect(other.store, last=1, time=timedelta(0), young=timedelta(-1))
            os.kill(process, signal.SIGCONT)
            told.add(processes.rest(word))
            assert verify(device.store).faults == ()
            assert device.seen() in (BASE | {"theirs": b"theirs"}, NEW)
    assert told >= ({"Superseded"} if act == "commit" else {"acknowledged"})
