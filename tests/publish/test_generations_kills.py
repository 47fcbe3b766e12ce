"""``kill -9`` of ``oaio publish``, ``rollback``, ``gc``, ``repair``, at each operation that they announce."""

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import attrs
import pytest
from publish.stored import StoredSite
from publish.test_kills import Forking
from publish.tripping import TrippingApi
from trees.places import fill, noise

from oaio_storage.hosts import Guarantees

FIRST = {"first": noise(2_000, 9)}
BASE = {"a": b"a", "b/c": noise(3_000)}
NEW = BASE | {"new": noise(2_000, 2)}
AFTER = {"publish": NEW, "rollback": FIRST, "gc": BASE, "repair": BASE}
"""What is live when it was acknowledged."""


class Alone(TrippingApi):
    """A folder that can't decide conditions, and says so."""

    @property
    def guarantees(self) -> Guarantees:
        return attrs.evolve(super().guarantees, conditional_write=False)


KINDS = {"decided": TrippingApi, "arbited": Alone}

FORKING = """
import os
import sys
from pathlib import Path
from publish.test_generations_kills import KINDS
from publish.tripping import Wire
from oaio_storage import config
from oaio_storage.cli import main
from oaio_storage.publish.arbiter import Arbiter

def tell(word, number=0):
    os.write(1, f"{word} {number}\\n".encode())  # whole, also where it is killed in that moment

def announce():
    tell("operation", os.getpid())
    os.read(0, 1)

def announced(inner):
    def note(*args):
        announce()
        inner(*args)
    return note

def work(place, kind, act):
    os.environ.update(XDG_CACHE_HOME=f"{place}/cache", OAIO_STATE_DIR=f"{place}/state ours")
    config.host_of = lambda address: KINDS[kind](f"{place}/root", wire=Wire(passing=announce))
    Arbiter.note = announced(Arbiter.note)
    sys.stdout = sys.stderr = open(os.devnull, "w")
    words = {
        "publish": ["publish", f"{place}/folder ours", "site", "--to", "./x", "--yes"],
        "rollback": ["rollback", "site", "--at", "./x", "--yes"],
        "gc": ["gc", "site", "--at", "./x", "--now"],
        "repair": ["repair", "site", "--at", "./x", "--from", f"{place}/folder ours"],
    }[act]
    code = main(words)
    tell("acknowledged" if code == 0 else f"ended-with-{code}")

while line := b"".join(iter(lambda: os.read(0, 1), b"\\n")):
    child = os.fork()
    if not child:
        work(*line.decode().lstrip(".").rsplit(None, 2))  # a dot that nobody was there to read
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


def site_at(place: Path, kind: str) -> StoredSite:
    return StoredSite(KINDS[kind](str(place / "root")), place, exclusive=kind == "arbited")


def made(place: Path, kind: str, act: str) -> StoredSite:
    """A tree with two generations, and what is needed for an act."""
    site = site_at(place, kind)
    site.publish(FIRST)
    site.publish(BASE)
    if act == "publish":
        fill(site.folder, NEW)
    if act == "repair":
        for pack in (place / "root/.oaio/trees/site/packs").iterdir():
            pack.chmod(0o644)
            pack.write_bytes(b"")
    return site


def check(site: StoredSite, act: str, *, is_done: bool) -> None:
    """What is live is whole, and all goes on: the next one completes what was begun."""
    if act != "repair" or is_done:
        found = site.seen()
        assert found == AFTER[act] if is_done else found in (BASE, AFTER[act])
        faults = site.tree.verify().faults
        assert faults == () or act == "repair"  # an older generation is not in the folder
    if act == "repair":
        site.tree.repair(fill(site.place / "all", FIRST | BASE))
        assert site.tree.verify().faults == ()
    site.publish(NEW)
    assert site.seen() == NEW
    site.tree.clean_up(at_once=True)
    assert site.seen() == NEW
    assert site.tree.verify().faults == ()
    history = site.tree.history()
    assert [switch.sequence for switch in history] == list(range(1, len(history) + 1))
    assert len(site.tree.kept()) == 1
    assert not list(site.host.state.list("trees/site/gc"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("act", AFTER)
def test_killed_at_any_operation(act: str, kind: str, quick_path: Path) -> None:
    """Before the operation, or somewhere within it."""
    dice, killed = Random(act + kind), 0
    with forking() as processes:
        for at in itertools.count(1):
            place = quick_path / str(at)
            site = made(place, kind, act)
            processes.start(place, f"{kind} {act}")
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
            outcome = processes.rest(word)
            assert not outcome.startswith("ended-with") or act == "repair", outcome
            check(site, act, is_done=outcome in {"acknowledged", "ended-with-3"})
            killed += is_reached
            if not is_reached:
                break
    assert killed > 3
