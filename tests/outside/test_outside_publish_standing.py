"""What stands where a tree was published, over the command line: a stranger's, restored, damaged."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from outside.published import ONE, TWO, Work, named_commands
from outside.test_outside_json import documented
from outsider import tree, written

WORDS = ("publish", "public", "site", "--to", "./www")
AT = ("--at", "./www")
OLDER = {**ONE, "index.html": "older"}


@pytest.fixture
def live(work: Work) -> Work:
    """A tree that is live, with one before it, and a folder with changes that are not."""
    work.publish(OLDER)
    work.publish(ONE)
    work.fill(TWO)
    return work


def away(place: Path, name: str = "away") -> None:
    place.rename(place.parent.parent / name)


def a_file(place: Path) -> None:
    place.write_text("mine")


def a_link(place: Path) -> None:
    place.symlink_to(place.parent.parent / "away")


def a_folder(place: Path) -> None:
    written(place, {"precious": "mine"})


def test_what_somebody_else_put_in_the_trees_place_is_left_alone(live: Work) -> None:
    """Told before and at publishing, in the same way; once it is moved away, all goes on."""
    away(live.live)
    for put in (a_file, a_link, a_folder):
        put(live.live)
        before = tree(live.here / "www")
        live.run(*WORDS, "--yes").ended(1, "not published by oaio", "Move it away")
        assert tree(live.here / "www") == before
        away(live.live, put.__name__)
    a_folder(live.live)
    for words in ((*WORDS, "--dry-run"), ("rollback", "site", *AT)):
        live.run(*words).ended(1, "not published by oaio", "Move it away")
    live.run("gc", "site", *AT).ok()
    assert tree(live.here / "www") == before
    away(live.live, "theirs")
    live.run(*WORDS).ok()
    assert tree(live.live) == tree(live.folder)


def test_a_dry_run_says_that_the_name_is_taken(work: Work) -> None:
    written(work.live, {"precious": "mine"})
    work.fill(ONE)
    before = tree(work.here / "www")
    for words in ((*WORDS, "--dry-run"), WORDS):
        work.run(*words).ended(6, "not published by oaio", "choose another name")
        assert tree(work.live).keys() == {"precious"}
        if "--dry-run" in words:
            assert tree(work.here / "www") == before


def test_a_host_that_was_restored_from_a_backup_goes_on(live: Work) -> None:
    shutil.copytree(live.here / "www", live.here / "backup", symlinks=True, copy_function=shutil.copy)
    shutil.rmtree(live.here / "www")
    shutil.move(live.here / "backup", live.here / "www")
    assert live.run(*WORDS, "--json").ok().json["sent"] == 2
    assert tree(live.live) == tree(live.folder)
    live.run("verify", "site", *AT).ok()


def test_a_dry_run_lists_what_would_be_repaired(live: Work) -> None:
    live.fill(ONE)
    (live.live / "same.txt").unlink()
    (live.live / "about" / "stowaway").write_text("x")
    shown = live.run(*WORDS, "--dry-run").ok().out.splitlines()
    assert shown[:-1] == ["!  about/stowaway (extra)", "!  same.txt (missing)"]
    assert "2 to repair" in shown[-1]
    assert "nothing was published" in shown[-1]
    told = live.run(*WORDS, "--dry-run", "--json").ok().json
    assert set(told) == documented("publish")
    wanted = [("about/stowaway", "extra"), ("same.txt", "missing")]
    assert [(fault["path"], fault["what"]) for fault in told["repairs"]] == wanted
    assert told["status"] == []
    done = live.run(*WORDS, "--json").ok().json
    assert (done["repairs"], done["sent"]) == (told["repairs"], 1)
    assert done["generation"] == done["switch"]["generation"]
    assert tree(live.live) == tree(live.folder)


def test_a_dry_run_says_that_the_live_folder_is_gone(live: Work) -> None:
    shutil.rmtree(live.live)
    assert "!  site (no files)" in live.run(*WORDS, "--dry-run").ok().out
    live.run(*WORDS).ok()
    assert tree(live.live) == tree(live.folder)


def _lose_record(live: Work) -> None:
    (first, *_) = live.run("generations", "site", *AT, "--json").ok().json
    record = live.here / "www/.oaio/trees/site/generations" / first["generation"]
    record.chmod(0o644)
    record.write_text("damaged")


@pytest.mark.parametrize("command", [WORDS, ("rollback", "site", *AT)])
def test_a_lost_record_is_left_behind_in_one_step(live: Work, command: tuple[Any, ...]) -> None:
    _lose_record(live)
    before = tree(live.here / "www")
    for words in (command, (*WORDS, "--dry-run")):
        live.run(*words).ended(1, "record of what is live", "--yes")
        assert tree(live.here / "www") == before
    assert "!  site (no record)" in live.run(*WORDS, "--dry-run", "--yes").ok().out
    live.run(*command, "--yes").ok()
    if command is not WORDS:
        live.fill(OLDER)
    assert tree(live.live) == tree(live.folder)
    live.fill(TWO)
    live.run(*WORDS).ok()


def decay(file: Path, content: str) -> None:
    """Other bytes, and nothing by which that is seen without reading."""
    was = file.stat()
    file.chmod(0o644)
    file.write_text(content)
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
    file.chmod(was.st_mode)
    assert file.stat().st_size == was.st_size


def test_what_decayed_is_mended_by_the_command_that_verify_prints(work: Work) -> None:
    work.publish(OLDER)
    work.publish(ONE)
    decay(work.live / "same.txt", "Same")
    assert work.run(*WORDS, "--json").ok().json["sent"] == 0
    found = work.run("verify", "site", *AT).ended(1, "what is live is damaged", "--check")
    assert "!  same.txt (altered)" in work.run(*WORDS, "--check", "--dry-run").ok().out
    for program, *words in named_commands(found):
        assert program == "oaio"
        work.run(*("public" if word == "FOLDER" else word for word in words)).ok()
    work.run("verify", "site", *AT).ok()
    assert tree(work.live) == tree(work.folder)
    assert "nothing changed" in work.run(*WORDS, "--check").ok().out


def test_what_decayed_is_not_taken_into_the_next_generation_if_that_is_asked(work: Work) -> None:
    work.publish(ONE)
    decay(work.live / "same.txt", "Same")
    done = work.publish(TWO, "--check", "--yes")
    assert [fault["path"] for fault in done["repairs"]] == ["same.txt"]
    assert tree(work.live) == tree(work.folder)


def test_a_root_that_lost_its_marker_is_told_by_its_head(live: Work) -> None:
    """It has other ids from then on, but nothing that was published is forgotten."""
    marker = live.here / "www/.oaio/root.json"
    before = live.run(*WORDS, "--dry-run", "--json").ok().json
    history = live.run("generations", "site", *AT, "--json").ok().json
    marker.unlink()
    told = live.run(*WORDS, "--dry-run", "--json").ok().json
    assert (told["status"], told["base"]) == (before["status"], before["base"])
    assert not marker.exists()
    assert live.run("generations", "site", *AT, "--json").ok().json == history
    live.run("verify", "site", *AT).ok()
    live.run("checkout", "site", "copy", "--from", "./www").ok()
    live.run("rollback", "site", *AT).ok()
    assert marker.exists()
    marker.unlink()
    assert live.run(*WORDS, "--json").ok().json["switch"]["sequence"] == history[0]["sequence"] + 2
    assert tree(live.live) == tree(live.folder)


@pytest.mark.parametrize("harm", [Path.unlink, lambda record: record.write_text("damaged")])
def test_a_lost_record_is_not_taken_for_lost_files(live: Work, harm: Callable[[Path], object]) -> None:
    now, before = live.run("generations", "site", *AT, "--json").ok().json
    records = live.here / "www/.oaio/trees/site/generations"
    for one in (now, before):
        (records / one["generation"]).chmod(0o644)
        harm(records / one["generation"])
    old = live.run("checkout", "site", "copy", "--from", "./www", "--generation", before["generation"])
    assert named_commands(old.ended(1, f"record of generation {before['generation']}"))[0][1] == "verify"
    assert not (live.here / "copy").exists()
    for words in (("checkout", "site", "copy", "--from", "./www"), ("preview", "site", *AT)):
        done = live.run(*words).ended(1, f"record of generation {now['generation']}", "--yes")
    ((_, *command),) = named_commands(done)
    live.run(*("public" if word == "FOLDER" else word for word in command)).ok()
    live.run("checkout", "site", "copy", "--from", "./www").ok()
    assert tree(live.here / "copy") == tree(live.folder)


def test_a_repair_names_what_helps_older_generations_of_plain_files(live: Work) -> None:
    live.fill(ONE)
    same = live.live / "same.txt"
    same.chmod(0o644)
    same.write_text("ruin")
    words = ("repair", "site", *AT, "--from", "./public")
    done = live.run(*words).ended(3, "is live as it was published", "oaio gc site --at ./www --now")
    assert "altered" in done.out
    assert tree(live.live) == tree(live.folder)
    live.run("gc", "site", *AT, "--now").ok()
    live.run(*words).ok()
