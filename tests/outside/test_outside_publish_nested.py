"""Places that lie in a host's root: what is acknowledged there would go with the host's next publication."""

import shutil

import pytest
from outside.published import ONE, TWO, Work, named_commands
from outsider import tree


@pytest.fixture
def live(work: Work) -> Work:
    """A tree that is live, and a folder with changes that are not."""
    work.publish(ONE)
    work.fill(TWO)
    return work


def test_a_host_inside_another_one_is_refused_and_that_one_is_named(live: Work) -> None:
    before = tree(live.here)
    for place, *more in (
        ("www/site",),
        ("www/site/deep", "--dry-run"),
        ("www/.oaio",),
        ("www/.oaio/trees/x", "--dry-run", "--save-plan", "plan"),
        ("www/new",),
    ):
        done = live.run("publish", "public", "site", "--to", f"./{place}", *more)
        done.ended(2, f"lies in {live.here / 'www'}, which is a storage host's root")
        assert tree(live.here) == before
    ((_, *words),) = named_commands(done)
    live.run(*words).ok()
    assert tree(live.live) == tree(live.folder)


def test_a_host_inside_another_one_is_found_through_links(live: Work) -> None:
    (live.here / "link").symlink_to("www/site")
    live.run("publish", "public", "site", "--to", "./link/deep").ended(2, "storage host's root")
    live.run("publish", "public", "site", "--to", "./link").ended(2, "storage host's root")


def test_a_host_that_was_inside_another_one_all_along_stays_in_use(live: Work) -> None:
    live.run("publish", "public", "inner", "--to", "./elsewhere").ok()
    (live.here / "elsewhere").rename(live.here / "www/elsewhere")
    inner = "./www/elsewhere"
    live.run("generations", "inner", "--at", inner).ok()
    live.run("verify", "inner", "--at", inner).ok()
    live.run("checkout", "inner", "copy", "--from", inner).ok()
    live.fill(ONE)
    live.run("publish", "public", "inner", "--to", inner).ok()
    assert tree(live.here / "www/elsewhere/inner") == tree(live.folder)


def test_a_checkout_into_any_host_is_refused(live: Work) -> None:
    live.run("publish", "public", "site", "--to", "./other").ok()
    before = tree(live.here)
    for place in ("other", "other/copy", "other/site/co", "other/.oaio/co"):
        said = live.run("checkout", "site", place, "--from", "./www").ended(2, "is a storage host's root").err
        assert str(live.here / "other") in said
    assert tree(live.here) == before


def test_a_state_folder_is_known_by_its_name_where_the_marker_is_lost(live: Work) -> None:
    shutil.copytree(live.here / "www", live.here / "lost")
    (live.here / "lost/.oaio/root.json").unlink()
    for words in (
        ("publish", "public", "site", "--to", "./lost/.oaio"),
        ("checkout", "site", "lost/.oaio/co", "--from", "./www"),
    ):
        live.run(*words).ended(2, "storage host's root")


def test_a_plan_is_never_written_into_the_host(live: Work) -> None:
    (live.here / "link").symlink_to("www")
    before = tree(live.here / "www")
    for place in ("www/.oaio/trees/site/head", "www/site/plan.txt", "www/plan.txt", "link/plan.txt"):
        words = ("publish", "public", "site", "--to", "./www", "--dry-run", "--save-plan", place)
        live.run(*words).ended(2, "would lie in the host's root")
        assert tree(live.here / "www") == before
    (live.here / "new").mkdir()
    words = ("publish", "public", "site", "--to", "./new", "--dry-run", "--save-plan", "new/plan.txt")
    live.run(*words).ended(2, "would lie in the host's root")
    assert list((live.here / "new").iterdir()) == []
