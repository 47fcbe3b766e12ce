"""P1 to P5, P8, P13, P14: processes that are really killed or stopped at their k-th storage operation."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import attrs
import pytest
from publish.scenarios import BASE, cleaning
from publish.trees import Site

from oaio_storage.publish.checkout import check_out
from oaio_storage.publish.verifying import verify
from oaio_storage_local import LocalApi

FIRST, NEW, THEIRS = {"first": b"1"}, BASE | {"new": b"new"}, BASE | {"theirs": b"theirs"}

FORKING = """
import os
from pathlib import Path
from publish.scenarios import cleaning
from publish.test_kills import NEW
from publish.trees import Site
from publish.tripping import TrippingApi, Wire
from oaio_storage.errors import Changed, Superseded
from oaio_storage.publish.checkout import check_out

def tell(word, number=0):
    os.write(1, f"{word} {number}\\n".encode())  # whole, also where it is killed in that moment

def announce():
    tell("operation", os.getpid())
    os.read(0, 1)

def work(root, act):
    site = Site(TrippingApi(root, wire=Wire(passing=announce)), by="killed")
    try:
        if act == "publish":
            site.publish(NEW)
        elif act == "rollback":
            site.tree.rollback(yes=True)
        elif act == "checkout":
            check_out(site.tree, Path(root + " copy"))
        else:
            cleaning(site)
        tell("acknowledged")
    except (Changed, Superseded) as err:
        tell(type(err).__name__)

while line := b"".join(iter(lambda: os.read(0, 1), b"\\n")):
    child = os.fork()
    if not child:
        work(*line.decode().lstrip(".").rsplit(None, 1))  # a dot that nobody was there to read
        os._exit(0)
    os.waitpid(child, 0)
    tell("ended")
"""


@attrs.define
class Forking:
    """A process that starts another one for each thing to do; that announces its operations, and waits."""

    process: subprocess.Popen[bytes]

    def start(self, root: Path, act: str) -> None:
        self._send(f"{root} {act}\n".encode())

    def reach(self, at: int) -> tuple[str, int]:
        """Let all operations before the one numbered ``at`` happen; what was told last."""
        for _ in range(at - 1):
            told = self.told()
            if told[0] != "operation":
                return told
            self.go()
        return self.told()

    def rest(self, word: str) -> str:
        """Let it go on from what was told last, to its end; what it was told itself, if anything."""
        outcome = "killed"
        while word != "ended":
            if word == "operation":
                self.go()
            else:
                outcome = word
            word, _ = self.told()
        return outcome

    def told(self) -> tuple[str, int]:
        """The next thing that was told: a word, and the process that announced an operation."""
        assert self.process.stdout
        word, number = self.process.stdout.readline().split()
        return word.decode(), int(number)

    def go(self) -> None:
        """Let the announced operation happen."""
        self._send(b".")

    def _send(self, content: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(content)
        self.process.stdin.flush()


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


def made(root: Path) -> Site:
    """A tree with two generations."""
    site = Site(LocalApi(str(root)), by="other")
    site.host.create_root()
    site.publish(FIRST)
    site.publish(BASE)
    return site


def check_going_on(site: Site) -> None:
    """What is live is whole; the next publication and clean-up leave exactly one generation."""
    assert site.seen() == site.on_disk()
    assert verify(site.tree).faults == ()
    history = site.tree.history()
    assert [switch.sequence for switch in history] == list(range(1, len(history) + 1))
    site.publish({"final": b"final"})
    cleaning(site)
    assert site.on_disk() == {"final": b"final"}
    assert verify(site.tree).faults == ()
    assert site.tree.recorded() == [site.tree.history()[-1].generation]
    assert site.litter() == []
    assert list((site.root / ".oaio/trees/site/kept").iterdir()) == []


@pytest.mark.parametrize("act", ["publish", "rollback", "clean-up"])
def test_killed_at_any_operation(act: str, quick_path: Path) -> None:
    """Before the operation, or somewhere within it."""
    dice, killed = Random(act), 0
    with forking() as processes:
        for at in itertools.count(1):
            root = quick_path / str(at)
            site = made(root)
            processes.start(root, act)
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
            found = site.on_disk()
            new = {"publish": NEW, "rollback": FIRST}.get(act, BASE)
            assert found == new if is_done else found in (BASE, new)
            check_going_on(site)
            killed += is_reached
            if not is_reached:
                break
    assert killed > 10


def test_a_checkout_killed_at_any_operation_is_completed_by_the_next(quick_path: Path) -> None:
    """What it left is whole files of the generation, and its repeat takes none of them for a stranger's."""
    dice, killed = Random(0), 0
    site = made(quick_path / "root")
    with forking() as processes:
        for at in itertools.count(1):
            copy = Path(f"{quick_path / 'root'} copy")
            shutil.rmtree(copy, ignore_errors=True)
            copy.with_name(f".{copy.name}.oaio-checkout").unlink(missing_ok=True)
            if at % 2:  # else it is made anew, and gets its name whole
                check_out(site.tree, copy, site.tree.history()[0].generation)
            before = FIRST if at % 2 else {}
            processes.start(quick_path / "root", "checkout")
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
            left = files_in(copy)
            assert left.items() <= (before | BASE).items() if before else left in ({}, BASE)
            assert not is_done or left == BASE
            assert check_out(site.tree, copy).kept == {}
            assert files_in(copy) == BASE
            killed += is_reached
            if not is_reached:
                break
    assert killed > 5


def files_in(folder: Path) -> dict[str, bytes]:
    """The files that a person finds in ``folder``; names that no path can have are none."""
    return {
        str(found.relative_to(folder)): found.read_bytes()
        for found in folder.rglob("*")
        if found.is_file() and not found.name.startswith(".oaio-")
    }


@pytest.mark.parametrize("act", ["publish", "clean-up"])
def test_stopped_at_any_operation_while_others_publish(act: str, quick_path: Path) -> None:
    """P8: it wakes up, and finds that the head is another one."""
    met = Counter[str]()
    with forking() as processes:
        for at in itertools.count(1):
            root = quick_path / str(at)
            site = made(root)
            processes.start(root, act)
            word, process = processes.reach(at)
            if word != "operation":
                break
            os.kill(process, signal.SIGSTOP)
            site.publish(THEIRS)
            assert site.on_disk() == THEIRS
            os.kill(process, signal.SIGCONT)
            told = processes.rest(word)
            met[told] += 1
            by = [switch.by for switch in site.tree.history()[2:]]
            if told == "Superseded" or act == "clean-up":
                assert by == ["other"]
                assert site.on_disk() == THEIRS
            else:  # it was first, or began on top of the other
                assert sorted(by) == ["killed", "other"]
                assert site.on_disk() == (THEIRS if by[-1] == "other" else NEW)
            check_going_on(site)
    assert (met["Superseded"] if act == "publish" else met.total()) > 3
