"""Defects planted in publishing generations; each has to be found by what proves that it is right."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import attrs
import pytest
from publish import test_generations as alone
from publish.stored import StoredSite, Undecided, memory
from publish.test_generations_faults import test_an_arbiter_ends_between_any_two_steps as ends_between
from publish.test_generations_machine import live as history_of

from oaio_storage.errors import OaioError
from oaio_storage.hosts import probe
from oaio_storage.publish import agreement, generations, layouts
from oaio_storage.publish.agreement import Agreement
from oaio_storage.publish.arbiter import ArbitedHead, Arbiter, Noted
from oaio_storage.publish.generations import GenerationsLayout
from oaio_storage.publish.plan import Plan
from oaio_storage.testing import Store
from oaio_storage.testing.misbehaving.liars import IgnoresConditions
from oaio_storage.trees import attempt, collecting, committing
from oaio_storage.trees.head import Head
from oaio_storage.trees.head_file import HeadFile
from oaio_storage.trees.store import TreeStore

FOUND = (AssertionError, pytest.fail.Exception, OaioError)


@attrs.frozen
class Planted:
    """A defect, and what has to find it.

    Attributes:
        target: what has it.
        name: of what is replaced there.
        instead: makes the defect of what was there.
        proof: fails, given a folder.
    """

    target: Any
    name: str
    instead: Callable[[Any], Any]
    proof: Callable[[Path], object]


def always(answer: object) -> Callable[[Any], Any]:
    return lambda _before: lambda *_args, **_named: answer


def decided(test: Callable[..., object], *, with_place: bool = False) -> Callable[[Path], object]:
    """A test of the layout, on a host that decides."""

    def proof(place: Path) -> object:
        site = StoredSite(memory(), place)
        return test(site, place) if with_place else test(site)

    return proof


def arbited(test: Callable[..., object]) -> Callable[[Path], object]:
    return lambda place: test(StoredSite(Undecided(Store()), place, exclusive=True))


def orders(seeds: int = 12) -> Callable[[Path], object]:
    """Histories of the machine."""

    def proof(place: Path) -> None:
        for seed in range(seeds):
            history_of(place / str(seed), Random(seed))

    return proof


def ended(place: Path) -> None:
    """An arbiter that ends at each of its steps."""
    for at in range(1, 7):
        with pytest.MonkeyPatch.context() as patch:
            ends_between(at, after=True, tmp_path=place / str(at), monkeypatch=patch)


def unconditional(_before: Any) -> Any:  # noqa: ANN401 - a method
    def swap(heads: Any, head: Head, _version: str) -> str:  # noqa: ANN401 - same
        return str(heads.state.write(heads.places.head, head.text().encode()).version)

    return swap


@contextmanager
def _unpinned(_tree: object, _generation: str) -> Iterator[None]:
    yield


def confirmed_first(_before: Any) -> Any:  # noqa: ANN401 - a method
    def write(heads: ArbitedHead, noted: Noted) -> None:
        heads.arbiter.note(Noted(noted.intended))
        heads.state.write(heads.places.head, noted.intended)

    return write


def unlocked(_before: Any) -> Any:  # noqa: ANN401 - a method
    @contextmanager
    def nobody(_arbiter: Arbiter) -> Iterator[None]:
        yield

    return nobody


def head_first(_before: Any) -> Any:  # noqa: ANN401 - a method
    """The plan is written after what it lists went."""

    def remove(store: TreeStore, _head: Head, _version: str, garbage: collecting.Garbage) -> None:
        store.host.state.delete_files(seen.path for seen in garbage.stats)

    return remove


DEFECTS = {
    "an arbiter writes nothing down": Planted(
        Arbiter,
        "note",
        always(None),
        alone.test_a_foreign_publisher_stops_everything_until_it_is_accepted,
    ),
    "an arbiter does not complete what was cut off": Planted(
        ArbitedHead,
        "_settled",
        lambda _before: ArbitedHead._text,
        alone.test_a_switch_that_was_cut_off_is_done_by_whoever_comes_next,
    ),
    "an arbiter confirms before it writes": Planted(ArbitedHead, "_write", confirmed_first, ended),
    "an arbiter does not look at what is there": Planted(
        ArbitedHead,
        "_check",
        always(None),
        alone.test_a_foreign_publisher_stops_everything_until_it_is_accepted,
    ),
    "an arbiter takes every head for its own": Planted(
        Noted,
        "explains",
        always(answer=True),
        alone.test_a_foreign_publisher_stops_everything_until_it_is_accepted,
    ),
    "a head that was written by half is a stranger's": Planted(
        Noted,
        "explains",
        lambda _before: lambda noted, found: found in (noted.text, noted.intended),
        alone.test_a_switch_that_was_cut_off_is_done_by_whoever_comes_next,
    ),
    "nobody asks whether the host decides": Planted(
        probe,
        "condition_test",
        always(None),
        partial(alone.test_a_host_that_ignores_conditions_is_refused_by_the_self_test, IgnoresConditions),
    ),
    "the head is swapped whatever it is": Planted(HeadFile, "swap", unconditional, orders()),
    "a saved plan is not compared": Planted(
        Agreement,
        "__call__",
        lambda before: lambda self, about: before(attrs.evolve(self, given=None), about),
        decided(alone.test_a_plan_is_applied_once_and_only_to_its_base, with_place=True),
    ),
    "nobody looks for the own transaction": Planted(
        committing,
        "_found",
        always(None),
        decided(alone.test_a_plan_is_applied_once_and_only_to_its_base, with_place=True),
    ),
    "an empty tree is published": Planted(
        Plan, "check_deletions", always(None), decided(alone.test_little_must_be_left_unless_that_is_meant)
    ),
    "what can't be told is left out": Planted(
        agreement,
        "check_known",
        always(None),
        decided(alone.test_what_is_ignored_stays_and_what_can_not_be_told_is_refused),
    ),
    "a reader gets no pin": Planted(
        GenerationsLayout,
        "_pinned",
        lambda _before: _unpinned,
        decided(alone.test_an_open_generation_stays_while_it_is_said_to),
    ),
    "a collection does not heed pins": Planted(
        collecting,
        "roots_of",
        lambda before: lambda store, head, **named: before(store, attrs.evolve(head, pins={}), **named),
        decided(alone.test_an_open_generation_stays_while_it_is_said_to),
    ),
    "a collection removes before the head says so": Planted(collecting, "_remove", head_first, orders()),
    "what was sent is not looked for after a collection": Planted(
        attempt,
        "_check_journal",
        always(None),
        orders(40),
    ),
    "the layout is not looked at": Planted(
        layouts,
        "layout_of",
        always(answer=""),
        alone.test_a_local_root_holds_both_layouts_and_each_tree_keeps_its_own,
    ),
    "a twin is an enemy": Planted(
        Agreement, "already_live", always(None), decided(alone.test_two_that_publish_the_same_both_succeed)
    ),
    "what is live by now is not compared with what was done": Planted(
        generations,
        "still_live",
        lambda _before: lambda _live, done: attrs.evolve(done, sequence=1),
        decided(alone.test_a_plan_is_applied_once_and_only_to_its_base, with_place=True),
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_it_is_found(defect: str, quick_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = DEFECTS[defect]
    before = getattr(planted.target, planted.name)
    monkeypatch.setattr(planted.target, planted.name, planted.instead(before))
    with pytest.raises(FOUND):
        planted.proof(quick_path)


def test_without_a_defect_nothing_is_found(quick_path: Path) -> None:
    """By tests of one call each; the machine is run as it is elsewhere."""
    proofs = [one.proof for one in DEFECTS.values() if "orders" not in getattr(one.proof, "__qualname__", "")]
    for number, proof in enumerate(proofs):
        (quick_path / str(number)).mkdir()
        proof(quick_path / str(number))
