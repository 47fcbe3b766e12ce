"""Trees whose folders a user may not write to, over the command line."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from outside.published import ONE, TWO, Work
from outsider import tree

PUBLISH = ("publish", "public", "site", "--to", "./www")
GC = ("gc", "site", "--at", "./www")


@pytest.fixture
def live(work: Work) -> Work:
    """A tree that is live, and a folder with changes that are not."""
    work.publish(ONE)
    work.fill(TWO)
    return work


def protect(folder: Path, *, also_itself: bool = True) -> None:
    """As ``chmod -R a-w`` does."""
    for found in [*folder.rglob("*"), *([folder] if also_itself else [])]:
        found.chmod(found.stat().st_mode & 0o555)


def unprotect(folder: Path) -> None:
    """As ``chmod -R u+w`` does."""
    for found in (folder, *folder.rglob("*")):
        found.chmod(found.stat().st_mode | 0o200)


def test_a_read_only_live_tree_is_told_and_nothing_stays_that_can_not_go(live: Work) -> None:
    protect(live.live)
    before = tree(live.live)
    done = live.run(*PUBLISH, obey_modes=True)
    done.ended(1, "the live folder 'site' is read-only", f"chmod -R u+w {live.live}")
    assert "credentials" not in done.err
    assert tree(live.live) == before
    assert len(live.run(*GC, "--now", "--json", obey_modes=True).ok().json["stagings"]) == 1
    assert live.run(*GC, "--json", obey_modes=True).ok().json["refused"] == {}
    live.run(*PUBLISH, obey_modes=True).ended(1, "read-only")
    unprotect(live.live)
    live.run(*PUBLISH, obey_modes=True).ok()
    assert tree(live.live) == tree(live.folder)
    live.run(*GC, "--now", obey_modes=True).ok()
    assert live.run(*GC, "--now", "--json", obey_modes=True).ok().json["litter"] == []


def test_read_only_folders_in_a_live_tree_are_replaced_and_cleaned_up(live: Work) -> None:
    protect(live.live, also_itself=False)
    live.run(*PUBLISH, obey_modes=True).ok()
    assert tree(live.live) == tree(live.folder)
    done = live.run(*GC, "--now", "--json", obey_modes=True).ok().json
    assert (len(done["generations"]), done["refused"]) == (1, {})
    assert list((live.here / "www/.oaio/trees/site/kept").iterdir()) == []


def test_what_may_not_be_removed_is_told_and_all_else_goes(live: Work) -> None:
    live.run(*PUBLISH).ok()
    live.publish(ONE)
    kept = live.here / "www/.oaio/trees/site/kept"
    closed, goes = sorted(kept.iterdir())
    (closed / "about").chmod(0)
    with reopened(closed / "about"):
        done = live.run(*GC, "--now", "--json", obey_modes=True).ended(3, "may not remove")
        (left,) = kept.iterdir()
        with reopened(left / "about"):
            assert sorted(done.json["generations"]) == [closed.name, goes.name]
            assert done.json["refused"] == {left.name: "Permission denied"}
            again = live.run(*GC, obey_modes=True).ended(3)
            assert f"refused      {left.name}  stays: Permission denied" in again.out
            live.publish(TWO)
            assert len(live.run(*GC, "--now", "--json", obey_modes=True).ended(3).json["generations"]) == 1
            (left / "about").chmod(0o755)
            assert live.run(*GC, "--json", obey_modes=True).ok().json["litter"] == [left.name]
    assert list(kept.iterdir()) == []


def test_a_host_that_may_only_be_read_is_told_as_such(live: Work) -> None:
    (live.here / "www").chmod(0o500)
    with reopened(live.here / "www"):
        for more in ((), ("--dry-run",)):
            done = live.run(*PUBLISH, *more, obey_modes=True).ended(1, "permission denied")
            assert "exchange" not in done.err
            assert "--allow-gap" not in done.err


@contextmanager
def reopened(folder: Path) -> Iterator[None]:
    """At the end everybody may enter ``folder`` again, if it is still there."""
    try:
        yield
    finally:
        if os.path.lexists(folder):
            folder.chmod(0o755)


def test_a_live_file_that_may_not_be_read_is_named_whatever_reads_it(live: Work) -> None:
    (live.live / "same.txt").chmod(0)
    for words in (
        ("verify", "site", "--at", "./www"),
        ("checkout", "site", "copy", "--from", "./www"),
        (*PUBLISH, "--check"),
    ):
        live.run(*words, obey_modes=True).ended(1, "can't read 'site/same.txt'", "hint: ")
    assert not (live.here / "copy").exists()
