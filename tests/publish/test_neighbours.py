"""Trees of one host whose names some systems take for the same."""

from pathlib import Path

import attrs
import pytest
from publish.trees import Site, manifest_of

from oaio_storage.errors import AlreadyExists
from oaio_storage.publish.tree import PlainTree

ONE = {"a": b"one"}
COMPOSED, TAKEN_APART = "caf\u00e9", "cafe\u0301"


def other(site: Site, name: str) -> PlainTree:
    return attrs.evolve(site.tree, name=name)


def publish(tree: PlainTree) -> None:
    plan = tree.plan(manifest_of(ONE))
    with tree.transactions.begun(plan) as staging:
        for path in staging.wanted():
            staging.receive(path, ONE[path])
        tree.transactions.commit(staging)


@pytest.mark.parametrize(
    ("first", "second"),
    [("site", "Site"), (COMPOSED, TAKEN_APART), (TAKEN_APART, COMPOSED), ("\u00df", "SS")],
)
def test_a_name_that_some_system_takes_for_that_of_another_tree_is_refused(
    site: Site, first: str, second: str
) -> None:
    publish(other(site, first))
    before = sorted(site.root.rglob("*"))
    with pytest.raises(AlreadyExists, match="same name"):
        publish(other(site, second))
    with pytest.raises(AlreadyExists):
        other(site, second).check_place()
    assert sorted(site.root.rglob("*")) == before
    publish(other(site, first))


def test_what_was_planned_before_the_other_became_live_is_refused(site: Site) -> None:
    late = other(site, "SITE")
    plan = late.plan(manifest_of(ONE))
    site.publish(ONE)
    with pytest.raises(AlreadyExists), late.transactions.begun(plan):
        pass
    assert [found.name for found in (site.root / ".oaio/trees").iterdir()] == ["site"]


def test_names_that_differ_by_more_and_what_never_became_live_are_no_matter(site: Site) -> None:
    for name in ("site", "site2", "sit"):
        publish(other(site, name))
    mine = other(site, "Mine")
    mine.transactions.begin(mine.plan(manifest_of(ONE)))
    publish(other(site, "mine"))
    with pytest.raises(AlreadyExists):
        mine.check_place()


def test_trees_that_were_published_beside_each_other_earlier_stay_in_use(site: Site) -> None:
    publish(other(site, "first"))
    publish(other(site, "second"))
    for folder in (Path(), Path(".oaio/trees")):
        (site.root / folder / "second").rename(site.root / folder / "First")
    other(site, "First").check_place()
    other(site, "first").check_place()
