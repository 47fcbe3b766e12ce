"""What a plan tells of a tree that is not as it was put live, and publishing although its record is lost."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from publish.trees import Site, manifest_of

from oaio_storage.errors import Corrupt, OaioError
from oaio_storage.progress import Progress
from oaio_storage.publish.cleaning import clean_up
from oaio_storage.publish.head import Switch
from oaio_storage.publish.saved import read_plan, save_plan
from oaio_storage.publish.sending import look, publish_folder
from oaio_storage.publish.swapped import SwappedLayout
from oaio_storage.publish.verifying import repairs, verify

ONE = {"a": b"aaa", "d/b": b"bbb", "same": b"same"}
Harm = Callable[[Path], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What is published."""
    made = tmp_path / "folder"
    for path, content in ONE.items():
        (made / path).parent.mkdir(parents=True, exist_ok=True)
        (made / path).write_bytes(content)
    return made


def replaced(file: Path, content: bytes) -> None:
    file.unlink()
    file.write_bytes(content)
    file.chmod(0o444)


HARMS: dict[str, tuple[Harm, str, str]] = {
    "removed": (lambda place: (place / "a").unlink(), "a", "missing"),
    "cut": (lambda place: replaced(place / "a", b"a"), "a", "short"),
    "extended": (lambda place: replaced(place / "a", b"aaaa"), "a", "long"),
    "replaced": (lambda place: replaced(place / "a", b"AAA"), "a", "touched"),
    "made executable": (lambda place: (place / "a").chmod(0o555), "a", "mode"),
    "added": (lambda place: (place / "d" / "x").write_bytes(b"x"), "d/x", "extra"),
    "gone": (lambda place: place.rename(place.with_name("away")), "", "no files"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_what_is_damaged_is_told_before_and_put_right(site: Site, folder: Path, harm: str) -> None:
    act, path, what = HARMS[harm]
    made = publish_folder(site.tree, folder).switch
    assert made is not None
    assert repairs(site.tree) == ()
    act(site.root / "site")
    (found,) = repairs(site.tree)
    assert (found.generation, found.path, found.what) == (made.generation, path, what)
    mended = publish_folder(site.tree, folder)
    assert mended.repairs == (found,)
    assert mended.switch is not None
    assert site.on_disk() == ONE
    assert repairs(site.tree) == ()
    assert publish_folder(site.tree, folder).repairs == ()


def test_of_what_was_never_published_nothing_is_to_be_repaired(site: Site) -> None:
    assert repairs(site.tree) == ()


def lose_record(site: Site, switch: Switch, how: str) -> None:
    path = site.tree.places.record(switch.generation)
    if how == "missing":
        site.host.state.delete(path)
    else:
        site.host.state.write(path, site.host.state.read(path)[:-1])


@pytest.mark.parametrize("how", ["damaged", "missing"])
def test_a_lost_record_is_told_and_by_word_the_tree_is_replaced(site: Site, folder: Path, how: str) -> None:
    lose_record(site, site.publish(ONE | {"old": b"old"}), how)
    for act in (
        lambda: site.tree.plan(manifest_of(ONE)),
        lambda: publish_folder(site.tree, folder),
    ):
        with pytest.raises(Corrupt, match="record of what is live") as refusal:
            act()
        assert "--yes" in refusal.value.hint
    assert [fault.what for fault in repairs(site.tree)] == ["no record"]
    assert site.on_disk() == ONE | {"old": b"old"}
    done = publish_folder(site.tree, folder, yes=True)
    assert done.sent == len(ONE)
    assert site.on_disk() == site.seen() == ONE
    assert repairs(site.tree) == ()
    clean_up(site.tree, last=1)
    site.publish(ONE | {"next": b"next"}, yes=False)
    assert site.sent == ["next"]


def test_a_lost_record_does_not_hold_up_going_back(site: Site) -> None:
    site.publish(ONE)
    lose_record(site, site.publish({"bad": b"bad"}), "damaged")
    with pytest.raises(Corrupt) as refusal:
        site.tree.rollback()
    assert "--yes" in refusal.value.hint
    site.tree.rollback(yes=True)
    assert site.on_disk() == site.seen() == ONE


def test_a_plan_that_was_made_of_a_lost_record_is_applied_by_word(
    site: Site, folder: Path, tmp_path: Path
) -> None:
    lose_record(site, site.publish({"old": b"old"}), "damaged")
    save_plan(site.tree.plan(manifest_of(ONE, executable=frozenset()), yes=True), tmp_path / "plan")
    with pytest.raises(Corrupt):
        read_plan(tmp_path / "plan", SwappedLayout(site.tree))
    plan = read_plan(tmp_path / "plan", SwappedLayout(site.tree), yes=True)
    publish_folder(site.tree, folder, plan, yes=True)
    assert site.on_disk() == ONE


def test_what_is_hidden_goes_only_by_word_where_nobody_knows_of_it(site: Site, folder: Path) -> None:
    lose_record(site, site.publish(ONE), "damaged")
    (folder / ".oaioignore").write_text("/a\n")
    with pytest.raises(Corrupt):
        publish_folder(site.tree, folder)
    publish_folder(site.tree, folder, yes=True)
    assert site.on_disk().keys() == {".oaioignore", "d/b", "same"}


def test_a_stranger_beside_a_lost_record_is_left_alone(site: Site, folder: Path) -> None:
    """Nothing tells whose it is, so nothing is replaced, whatever the word."""
    lose_record(site, site.publish(ONE), "damaged")
    (site.root / "site").rename(site.root / "away")
    (site.root / "site").mkdir()
    with pytest.raises(OaioError, match="not published by oaio"):
        publish_folder(site.tree, folder, yes=True)
    (site.root / "site").rmdir()
    publish_folder(site.tree, folder, yes=True)
    assert site.on_disk() == ONE
    assert {fault.what for fault in verify(site.tree).faults} == {"no record"}


def decay(file: Path) -> None:
    """Other bytes, and nothing by which that is seen without reading."""
    was = file.stat()
    file.chmod(0o644)
    file.write_bytes(bytes(byte ^ 1 for byte in file.read_bytes()))
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
    file.chmod(was.st_mode)


def test_what_decayed_is_found_by_reading_alone_and_sent_again(site: Site, folder: Path) -> None:
    publish_folder(site.tree, folder)
    decay(site.root / "site" / "d" / "b")
    assert publish_folder(site.tree, folder).repairs == ()
    told = list[Progress]()
    (found,) = repairs(site.tree, content=True, report=told.append)
    assert (found.path, found.what) == ("d/b", "altered")
    assert [event.done for event in told] == [1, 2, 3]
    mended = publish_folder(site.tree, folder, check=True)
    assert (mended.repairs, mended.sent) == ((found,), 1)
    assert site.on_disk() == ONE
    assert [fault.path for fault in verify(site.tree).faults] == ["d/b"]  # of the generation before
    clean_up(site.tree, at_once=True)
    assert verify(site.tree).faults == ()
    again = publish_folder(site.tree, folder, check=True)
    assert (again.repairs, again.switch) == ((), None)


def test_what_decayed_is_not_taken_into_the_next_generation(site: Site, folder: Path) -> None:
    publish_folder(site.tree, folder)
    decay(site.root / "site" / "d" / "b")
    (folder / "a").write_bytes(b"changed")
    (folder / "moved").write_bytes(ONE["d/b"])  # which would be a second name of what decayed
    done = publish_folder(site.tree, folder, check=True)
    assert [fault.path for fault in done.repairs or ()] == ["d/b"]
    assert done.sent == len({"a", "d/b", "moved"})
    assert site.on_disk() == ONE | {"a": b"changed", "moved": ONE["d/b"]}


def test_what_decayed_comes_from_another_file_of_the_host_with_the_same_content(
    site: Site, folder: Path
) -> None:
    (folder / "twin").write_bytes(ONE["d/b"])
    publish_folder(site.tree, folder)
    decay(site.root / "site" / "d" / "b")
    assert publish_folder(site.tree, folder, check=True).sent == 0
    assert site.on_disk() == ONE | {"twin": ONE["d/b"]}


def test_what_an_attempt_that_was_cut_off_took_over_of_what_decayed_is_not_kept(
    site: Site, folder: Path
) -> None:
    publish_folder(site.tree, folder)
    decay(site.root / "site" / "d" / "b")
    (folder / "a").write_bytes(b"changed")
    tree = site.tree
    with tree.transactions.begun(tree.plan(look(tree, folder))) as staging:
        assert list(staging.wanted()) == ["a"]
    done = publish_folder(site.tree, folder, check=True)
    assert done.sent == 2
    assert site.on_disk() == ONE | {"a": b"changed"}
