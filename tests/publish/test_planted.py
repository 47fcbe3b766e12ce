"""Planted defects of publishing: each is one decision undone, and has to be found by a proof beside it."""

import fcntl
import hashlib
import io
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import attrs
import pytest
from publish import test_standing as standing
from publish import test_tree as trees_alone
from publish.scenarios import SCENARIOS, Prepared
from publish.test_crashes import check, run
from publish.test_machine import live as history_of
from publish.test_power import Effort, prepared, sweep, sweep_failing_syncs
from publish.test_power import test_who_commits_while_clean_up_removes as who_commits_while_clean_up_removes
from publish.test_sleepers import CASES, sleep_at
from publish.trees import Site
from publish.tripping import Wire

from oaio_storage.publish import cleaning, switcher, transactions
from oaio_storage.publish.head import Head
from oaio_storage.publish.head_file import HeadFile
from oaio_storage.publish.opening import Opened, Opener
from oaio_storage.publish.staging import Staging
from oaio_storage.publish.switcher import Switcher
from oaio_storage.publish.transactions import Transactions
from oaio_storage.testing.crash_disk import CrashDisk
from oaio_storage_local import LocalApi, switches
from oaio_storage_local import trees as local_trees
from oaio_storage_local.whole_folders import WholeFolders

FOUND = (Exception, pytest.fail.Exception)
Proof = Callable[[Path], object]


# ---- proofs, each in bounded tries


def ends(name: str) -> Proof:
    """A process ends at each operation of a scenario, the last first."""

    def proof(folder: Path) -> None:
        before, wire = Prepared(folder / "before"), Wire()
        kind = before.copy(name, folder / "count")
        run(SCENARIOS[name], folder / "count", kind, wire)
        for k in range(wire.count, 0, -1):
            for after in (True, False):
                root = folder / f"{k} {after}"
                before.copy(name, root)
                outcome = run(SCENARIOS[name], root, kind, Wire(k, after))
                check(SCENARIOS[name], root, kind, outcome)

    return proof


def power(name: str, effort: Effort = Effort()) -> Proof:  # noqa: B008 - frozen
    """The power is lost at operations of a scenario."""

    def proof(_folder: Path) -> None:
        for seed in range(3):
            disk = prepared(SCENARIOS[name])
            sweep(SCENARIOS[name], disk, Random(seed), effort)

    return proof


def failing_syncs(name: str) -> Proof:
    """Syncs fail in a scenario."""

    def proof(_folder: Path) -> None:
        disk = prepared(SCENARIOS[name])
        disk.operations = 40
        sweep_failing_syncs(SCENARIOS[name], disk, Random(0), share=1)

    return proof


def orders(histories: int = 60) -> Proof:
    """Actors in random orders."""

    def proof(folder: Path) -> None:
        for seed in range(histories):
            history_of(folder / f"history {seed}", Random(seed))

    return proof


def sleepers(case: str) -> Proof:
    """Somebody sleeps at each operation while others publish."""

    def proof(folder: Path) -> None:
        at = 1
        while sleep_at(at, folder / f"slept {at}", *CASES[case]):
            at += 1

    return proof


def alone(test: Callable[..., object], *given: object) -> Proof:
    """One test of a tree without crashes."""

    def proof(folder: Path) -> None:
        site = Site(LocalApi(str(folder / "alone")))
        site.host.create_root()
        test(site, *given)

    return proof


def left_alone(folder: Path, put: standing.Place) -> None:
    """A stranger's folder in the tree's place is refused, and stays."""
    standing.test_a_strangers_is_left_alone_until_it_is_moved_away(folder, put, LocalApi)


def restored(folder: Path) -> None:
    """A copy of the whole host goes on."""
    standing.test_a_restored_copy_of_the_host_goes_on(folder, shutil.copy, LocalApi)


# ---- defects


@attrs.frozen
class Planted:
    """What is undone, and the proof that finds it.

    Attributes:
        target: whose decision.
        name: of it.
        instead: made of what is there; stands in for it.
        proof: what has to find it.
    """

    target: Any
    name: str
    instead: Callable[[Any], Any]
    proof: Proof


def always(answer: object) -> Callable[[Any], Any]:
    return lambda _before: lambda *_given, **_named: answer


def without_guards(before: Any) -> Any:  # noqa: ANN401 - any method
    return lambda *given, **named: before(*given, **{**named, "guards": {}})


def swapped(change: Callable[[HeadFile, Head], Head]) -> Callable[[Any], Any]:
    """A head that is written with an intent is changed first."""
    return lambda before: (
        lambda file, head, version: before(file, change(file, head) if head.intent else head, version)
    )


def unconditional(_before: object) -> Any:  # noqa: ANN401 - same
    def swap(file: HeadFile, head: Head, _version: str) -> str:
        return file.state.write(file.places.head, head.text().encode()).version

    return swap


def any_content(before: Any) -> Any:  # noqa: ANN401 - same
    def receive(folders: WholeFolders, file: Any, source: Any, **named: Any) -> object:  # noqa: ANN401 - same
        content = source.read()
        file = attrs.evolve(file, checksum=hashlib.sha256(content).hexdigest())
        return before(folders, file, io.BytesIO(content), **named)

    return receive


def in_place(before: Any) -> Any:  # noqa: ANN401 - same
    """What comes is written to the file that is live, by a second name of it."""

    def receive(folders: WholeFolders, file: Any, source: Any, **named: Any) -> object:  # noqa: ANN401 - same
        placed = before(folders, file, source, **named)
        target = Path(folders.root_folder, file.path)
        old = Path(folders.root_folder, "site", file.path.partition("/files/")[2])
        if old.is_file():
            content = target.read_bytes()
            target.unlink()
            os.link(old, target)
            target.chmod(0o644)
            target.write_bytes(content)
            target.chmod(0o444)
            return local_trees.placed_of(target.stat())
        return placed

    return receive


def whatever_stands_there(before: Any) -> Any:  # noqa: ANN401 - same
    def switch(folders: WholeFolders, staged: str, place: str, how: Any, **named: Any) -> None:  # noqa: ANN401 - same
        before(folders, staged, place, how, **{**named, "found": folders.standing(place)})

    return switch


def whatever_is_there(_before: object) -> Any:  # noqa: ANN401 - same
    def complete(staging: Staging) -> dict[str, str]:
        found = dict(staging.folders.placed(staging.files))
        return {path: placed.mark if (placed := found.get(path)) else "0:0" for path in staging.plan.manifest}

    return complete


def without_a_second_look(_before: object) -> Any:  # noqa: ANN401 - same
    def opened(opener: Opener, generation: str, stack: Any) -> Opened:  # noqa: ANN401 - an ExitStack
        tree = opener.switcher
        switch = opener.wanted(tree.head.read()[0], generation)
        held = stack.enter_context(tree.folders.hold(tree.places.live))
        return Opened(switch, tree.records.read(switch.generation), held)

    return opened


def without_a_fence(_before: object) -> Any:  # noqa: ANN401 - same
    return lambda tree, _head, _version, old: [one for one in old if not cleaning._drop(tree, one)]


def by_age(_before: object) -> Any:  # noqa: ANN401 - same
    def abort(tree: Transactions, transaction: str) -> bool:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(WholeFolders, "_is_locked", lambda *_: True)
            return tree.folders.remove(tree.places.staging(transaction))

    return abort


def in_its_place(_before: object) -> Any:  # noqa: ANN401 - same
    def is_removed(folders: WholeFolders, _root: int, parent: int, name: str, _guards: object) -> bool:
        with suppress(FileNotFoundError), folders._folders.folder(parent, [name]) as target:
            if not folders._is_locked(target, fcntl.LOCK_EX):
                return False
            local_trees.empty(folders._folders, target)
            folders._disk.rmdir(name, folder=parent)
        return True

    return is_removed


def without_syncs(before: Any) -> Any:  # noqa: ANN401 - same
    def act(*given: Any, **named: Any) -> object:  # noqa: ANN401 - same
        with pytest.MonkeyPatch.context() as patch:
            for sync in ("sync", "sync_all"):
                patch.setattr(CrashDisk, sync, lambda *_: None)
            return before(*given, **named)

    return act


def kept_after_a_failed_flush(before: Any) -> Any:  # noqa: ANN401 - same
    def remove(folders: WholeFolders, folder: str, **named: Any) -> bool:  # noqa: ANN401 - same
        return True if "/files" in folder else bool(before(folders, folder, **named))

    return remove


def not_taken_back(_before: object) -> Any:  # noqa: ANN401 - same
    def sync(disk: CrashDisk, changed: tuple[int, ...], _take_back: object) -> None:
        for folder in changed:
            disk.sync(folder)

    return sync


DEFECTS = {
    "a switch looks at no guards": Planted(
        WholeFolders, "switch", without_guards, sleepers("publishing, others recover")
    ),
    "files are taken whatever the guards": Planted(
        WholeFolders, "receive", without_guards, alone(trees_alone.test_no_file_comes_once_it_is_committed)
    ),
    "the record is written before the exchange": Planted(
        HeadFile, "swap", swapped(lambda _file, head: head.switched("0" * 32)), ends("change")
    ),
    "there is no intent": Planted(
        HeadFile, "swap", swapped(lambda _file, head: attrs.evolve(head, intent=None)), ends("change")
    ),
    "an intent is always taken back": Planted(switcher, "outcome", always("did not happen"), ends("change")),
    "an intent is always completed": Planted(switcher, "outcome", always("happened"), ends("change")),
    "what was displaced is not put away": Planted(
        Switcher, "settle", always(None), alone(trees_alone.test_going_back_is_a_new_generation)
    ),
    "clean-up does not see who holds a folder": Planted(
        WholeFolders,
        "_is_locked",
        always(answer=True),
        alone(trees_alone.test_a_reader_keeps_the_generation_it_opened),
    ),
    "clean-up gives up what somebody works on": Planted(
        Transactions,
        "abort",
        by_age,
        alone(trees_alone.test_clean_up_gives_up_idle_publications_but_none_that_somebody_works_on),
    ),
    "clean-up removes one file after the other": Planted(
        WholeFolders, "_is_removed", in_its_place, lambda _folder: who_commits_while_clean_up_removes()
    ),
    "clean-up does not say what it removes": Planted(cleaning, "_collect", without_a_fence, ends("clean-up")),
    "clean-up removes what is live": Planted(
        cleaning,
        "superfluous",
        lambda _before: lambda _log, kept, _now, **_named: tuple(kept),
        alone(trees_alone.test_clean_up_keeps_the_last_three_and_a_day),
    ),
    "links are not compared": Planted(
        local_trees,
        "is_placed",
        always(answer=True),
        alone(trees_alone.test_a_file_edited_in_place_damages_no_copy),
    ),
    "content is not compared": Planted(
        WholeFolders,
        "receive",
        any_content,
        alone(trees_alone.test_other_content_than_planned_is_refused, b"eno"),
    ),
    "a file is written through its second name": Planted(
        WholeFolders, "receive", in_place, alone(trees_alone.test_going_back_is_a_new_generation)
    ),
    "nothing needs to be complete": Planted(
        Staging, "complete", whatever_is_there, alone(trees_alone.test_an_incomplete_publication_is_refused)
    ),
    "the head is swapped whatever it is": Planted(
        HeadFile, "swap", unconditional, sleepers("publishing, others publish")
    ),
    "whose folder stands in the tree's place is not looked at": Planted(
        Switcher, "_is_ours", always(answer=True), partial(left_alone, put=standing.strangers_folder)
    ),
    "whose folder is exchanged is looked at too early": Planted(
        WholeFolders,
        "switch",
        whatever_stands_there,
        standing.test_what_a_stranger_put_there_is_never_taken_for_an_old_generation,
    ),
    "what has the right names is taken for a restored copy": Planted(
        switcher,
        "holds",
        always(answer=True),
        partial(left_alone, put=standing.strangers_twin),
    ),
    "a restored copy is a stranger's": Planted(switcher, "holds", always(answer=False), restored),
    "the base is not compared": Planted(
        transactions, "check_base", always(None), alone(trees_alone.test_of_two_from_one_base_one_wins)
    ),
    "nobody looks for the own transaction": Planted(
        Head, "find", always(None), alone(trees_alone.test_a_repeat_makes_nothing_twice)
    ),
    "a reader does not look at the head again": Planted(Opener, "open", without_a_second_look, orders()),
    "nothing is flushed": Planted(WholeFolders, "flush", always(None), power("change")),
    "a switch is not made durable": Planted(
        switches, "switch", without_syncs, power("change", Effort(after="exchange"))
    ),
    "a switch of others is not made durable": Planted(
        WholeFolders,
        "durable_identity",
        lambda _before: WholeFolders.identity,
        power("change", Effort(after="exchange", samples=1, again=0.5)),
    ),
    "what is put away is not made durable": Planted(WholeFolders, "move", without_syncs, power("change")),
    "a removal is not made durable": Planted(WholeFolders, "remove", without_syncs, power("clean-up")),
    "a failed flush is tried again": Planted(
        WholeFolders, "remove", kept_after_a_failed_flush, failing_syncs("change")
    ),
    "a failed sync is not taken back": Planted(switches, "_sync", not_taken_back, failing_syncs("change")),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_it_is_found(defect: str, quick_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = DEFECTS[defect]
    before = getattr(planted.target, planted.name)
    monkeypatch.setattr(planted.target, planted.name, planted.instead(before))
    with pytest.raises(FOUND):
        planted.proof(quick_path)
