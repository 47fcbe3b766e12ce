"""What a publication is going to do: laws of the pure plan."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oaio_storage.errors import InvalidArgument, MassDeletion
from oaio_storage.manifest import FileEntry, Manifest, diff
from oaio_storage.publish.plan import Plan, plan_base, sources
from oaio_storage.testing.strategies import related_trees

RELATED = related_trees()


def plan_of(base: Manifest, manifest: Manifest, generation: str = "b" * 32) -> Plan:
    return Plan(
        tree="site",
        root="r" * 32,
        layout="swapped",
        base=generation,
        transaction="c" * 32,
        manifest=manifest,
        changes=diff(base, manifest),
    )


def tree(**contents: str) -> Manifest:
    return Manifest(
        {
            name: FileEntry(len(content), sha256(content.encode()).hexdigest(), executable=False)
            for name, content in contents.items()
        }
    )


@given(RELATED)
def test_it_comes_back_from_its_text(pair: tuple[Manifest, Manifest]) -> None:
    base, manifest = pair
    plan = plan_of(base, manifest)
    assert Plan.parse(plan.text(), base) == plan
    assert plan_base(plan.text()) == {
        "tree": "site",
        "root": "r" * 32,
        "layout": "swapped",
        "base": "b" * 32,
        "transaction": "c" * 32,
    }


@given(RELATED, st.data())
def test_a_text_that_was_edited_is_refused(pair: tuple[Manifest, Manifest], data: st.DataObject) -> None:
    text = plan_of(*pair).text()
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda char: char != text[place]))
    for edited in (text[:place] + other + text[place + 1 :], text[:place], text[:place] + text[place + 1 :]):
        if edited != text:
            with pytest.raises(InvalidArgument):
                Plan.parse(edited, pair[0])


@given(related_trees(3))
def test_another_base_is_refused_unless_the_plan_would_be_the_same(
    three: tuple[Manifest, Manifest, Manifest],
) -> None:
    base, manifest, other = three
    plan = plan_of(base, manifest)
    if list(plan.status()) == list(plan_of(other, manifest).status()):
        assert Plan.parse(plan.text(), other).manifest == manifest
    else:
        with pytest.raises(InvalidArgument, match="another base"):
            Plan.parse(plan.text(), other)


@given(RELATED)
def test_what_is_sent_is_what_no_tree_has(pair: tuple[Manifest, Manifest]) -> None:
    """M6, M10: a file comes from a tree that has its very content, or none has it in any form."""
    held, wanted = pair
    found = sources(wanted, held)
    contents = {(entry.size, entry.checksum) for entry in held.values()}
    for path, entry in wanted.items():
        content = (entry.size, entry.checksum)
        assert (path in found) == (content in contents)
        if path in found:
            source = found[path]
            assert (held[source].size, held[source].checksum) == content
            same = held.get(path)
            if same is not None and (same.size, same.checksum) == content:
                assert source == path


@given(RELATED)
def test_the_status_names_each_change_once(pair: tuple[Manifest, Manifest]) -> None:
    base, manifest = pair
    changes = diff(base, manifest)
    named = [line.partition("  ")[2] for line in plan_of(base, manifest).status()]
    flat = [path for line in named for path in line.split(" -> ")]
    assert sorted(flat) == sorted([*changes.new, *changes.update, *changes.remove])


def test_the_status_reads_like_gits() -> None:
    base = tree(changed="1", gone="2", kept="3", old_name="moved")
    manifest = tree(changed="1x", kept="3", new_name="moved", added="4")
    assert list(plan_of(base, manifest).status()) == [
        "A  added",
        "M  changed",
        "D  gone",
        "R  old_name -> new_name",
    ]


def test_a_moved_file_is_not_sent() -> None:
    assert sources(tree(b="content", c="other"), tree(a="content")) == {"b": "a"}


@pytest.mark.parametrize(
    ("base", "manifest", "what"),
    [
        (tree(a="1"), tree(), "empty"),
        (tree(), tree(), "empty"),
        (tree(a="1", b="2", c="3"), tree(a="1"), "2 of 3"),
        (tree(a="1", b="2"), tree(a="1"), ""),
        (tree(a="1", b="2", c="3"), tree(a="x"), "2 of 3"),
        (tree(), tree(a="1"), ""),
    ],
)
def test_large_deletions_are_asked_for(base: Manifest, manifest: Manifest, what: str) -> None:
    plan = plan_of(base, manifest)
    if what:
        with pytest.raises(MassDeletion, match=what) as caught:
            plan.check_deletions()
        assert "--yes" in caught.value.hint
    else:
        plan.check_deletions()


def test_nothing_to_do_is_known() -> None:
    assert plan_of(tree(a="1"), tree(a="1")).is_empty
    assert not plan_of(tree(a="1"), tree(a="2")).is_empty
    assert not plan_of(tree(), tree(), generation="").is_empty


@pytest.mark.parametrize("text", ["", "oaio-plan 1", "oaio-plan 2\n", "\ud800", "oaio-plan 1\n\ud800"])
def test_what_is_no_plan_is_told(text: str) -> None:
    with pytest.raises(InvalidArgument):
        plan_base(text)
