"""P1, P4, P6, P8, P11: one publication worked on twice, and somebody is slow between looking and opening.

The slow one has seen that the publication did not become live so far, and goes on when it did, when its twin
was killed in the middle of making it live, or when somebody else published since.
"""

from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from pathlib import Path

import pytest
from outsider import written
from publish.scenarios import Linking
from publish.trees import Files, Site, manifest_of

from oaio_storage.errors import Superseded
from oaio_storage.publish.sending import publish_folder
from oaio_storage.publish.staging import Staging
from oaio_storage.publish.switcher import Switcher
from oaio_storage.publish.verifying import verify
from oaio_storage_local import LocalApi

BASE = {"a": b"a", "b": b"b", "same": b"same"}
NEXT = {"b": b"B", "d": b"d", "same": b"same"}
LAST = {"b": b"last", "same": b"same"}


class KilledError(BaseException):
    """What a test raises where a process would be killed."""


@pytest.fixture(params=["exchange", "point"])
def twin(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Site]:
    """Makes publishers of one tree that is published already, each with a host of its own."""
    kind = Linking if request.param == "point" else LocalApi
    root = str(tmp_path / "root")
    kind(root).create_root()
    Site(kind(root)).publish(BASE)
    return lambda: Site(kind(root))


def slow(monkeypatch: pytest.MonkeyPatch, step: str, meanwhile: Callable[[], object]) -> None:
    """Let ``meanwhile`` happen once, when the next publisher has looked, and before its ``step``."""
    before, waiting = getattr(Staging, step), [meanwhile]

    def late(staging: Staging) -> object:
        if waiting:
            waiting.pop()()
        return before(staging)

    monkeypatch.setattr(Staging, step, late)


def ending_in(step: str, site: Site, files: Files) -> None:
    """Publish, and end like a killed process before or after a step of the switch."""
    moment, name = step.split()
    before = getattr(Switcher, name)

    def killed(*given: object) -> None:
        if moment == "after":
            before(*given)
        raise KilledError

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Switcher, name, killed)
        with pytest.raises(KilledError):
            site.publish(files)


def check(site: Site, live: Files) -> None:
    assert site.on_disk() == live
    assert verify(site.tree).faults == ()
    transactions = [switch.transaction for switch in site.tree.history()]
    assert len(set(transactions)) == len(transactions)
    for switch in site.tree.history():
        assert site.seen(switch.generation)


@pytest.mark.parametrize("live", [NEXT, LAST])
def test_its_twin_was_faster(twin: Callable[[], Site], monkeypatch: pytest.MonkeyPatch, live: Files) -> None:
    with ExitStack() as readers:

        def meanwhile() -> None:
            twin().publish(NEXT)
            readers.enter_context(twin().tree.open())
            if live is LAST:
                twin().publish(LAST)

        slow(monkeypatch, "open", meanwhile)
        done = twin().publish(NEXT)
        assert done.sequence == 2
        check(twin(), live)


@pytest.mark.parametrize("late", ["open", "alone"])
@pytest.mark.parametrize("step", ["before _take_place", "after _take_place", "before settle"])
def test_its_twin_was_killed_while_it_switched(
    twin: Callable[[], Site], monkeypatch: pytest.MonkeyPatch, step: str, late: str
) -> None:
    tree = twin().tree
    with twin().tree.open() as pinned:
        slow(monkeypatch, late, lambda: ending_in(step, twin(), NEXT))
        work = tree.transactions
        begin = work.begun if late == "alone" else lambda plan, yes: nullcontext(work.begin(plan, yes=yes))
        with begin(tree.plan(manifest_of(NEXT)), yes=True) as staging:
            twin().send(staging, NEXT)
            assert tree.transactions.commit(staging).sequence == 2
        with pinned.folder.read("a") as stream:
            assert stream.read() == b"a"
        assert {path for path, _ in pinned.folder.placed()} == BASE.keys()
    check(twin(), NEXT)


def test_it_is_told_when_somebody_else_is_live_by_then(
    twin: Callable[[], Site], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = written(tmp_path / "folder", {path: content.decode() for path, content in NEXT.items()})

    def published() -> object:
        return publish_folder(twin().tree, folder, yes=True)

    def meanwhile() -> None:
        published()
        twin().publish(LAST)

    slow(monkeypatch, "alone", meanwhile)
    with pytest.raises(Superseded, match="#3 is live since"):
        published()
    check(twin(), LAST)


def test_a_rollback_is_a_publication_too(twin: Callable[[], Site], monkeypatch: pytest.MonkeyPatch) -> None:
    twin().publish(NEXT)
    slow(monkeypatch, "alone", lambda: twin().tree.rollback(yes=True))
    assert twin().tree.rollback(yes=True).sequence == 3
    check(twin(), BASE)
