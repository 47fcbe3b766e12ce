"""What publishing says when it refuses: what happened, and a command that can be run as it is printed."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from outside.published import ONE, TWO, Work, named_commands
from outsider import Done, tree

TO, AT = ("--to", "./my www"), ("--at", "./my www")
NAME = "my site"


@pytest.fixture
def live(work: Work) -> Work:
    """A tree whose name and place a shell splits unless they are quoted, twice published."""
    for files in (ONE, {**ONE, "more": "more"}):
        work.fill(files)
        work.run("publish", "public", NAME, *TO).ok()
    work.fill(TWO)
    return work


def run_what_it_says(live: Work, done: Done) -> None:
    """The command that the hint names works, with the one word that only a person knows filled in."""
    ((program, *words),) = named_commands(done)
    assert program == "oaio"
    live.run(*("public" if word == "FOLDER" else word for word in words)).ok()


REFUSED: tuple[tuple[int, tuple[str, ...]], ...] = (
    (4, ("rollback", NAME, *AT, "--to-generation", "f" * 32)),
    (4, ("verify", "other", *AT)),
    (4, ("gc", "site", "--at", "./new www")),
    (4, ("publish", "public", NAME, *TO, "--plan", "nowhere")),
    (2, ("publish", "public", NAME, *TO, "--plan", "public")),
)


def test_the_command_that_a_hint_names_can_be_run(live: Work) -> None:
    """For the others see ``Work.run``, which looks at the hints of all tests of publishing."""
    named = {}
    for code, words in REFUSED:
        done = live.run(*words).ended(code)
        named[done.err.splitlines()[-1]] = done
    assert len(named) == 4
    for done in named.values():
        run_what_it_says(live, done)


def test_the_hint_after_a_first_generation_and_after_damage_can_be_run(live: Work) -> None:
    live.run("publish", "public", "new", *TO).ok()
    run_what_it_says(live, live.run("rollback", "new", *AT).ended(4, "before"))
    live_file = live.here / "my www/new/same.txt"
    live_file.chmod(0o644)
    live_file.write_text("SAME")
    done = live.run("checkout", "new", "copy", "--from", "./my www").ended(1, "damaged")
    ((_, *words),) = named_commands(done)
    run_what_it_says(live, live.run(*words).ended(1, "not as it was published"))
    run_what_it_says(live, live.run(*words).ended(1, "is live as it was published"))
    live.run(*words).ok()


def test_the_hint_after_the_record_of_what_is_live_was_lost_can_be_run(live: Work) -> None:
    live.run("publish", "public", "new", *TO).ok()
    for record in live.here.glob("my www/.oaio/trees/new/generations/*"):
        record.unlink()
    words = ("verify", "new", *AT)
    done = live.run(*words).ended(1, "what is live is damaged")
    assert "0 files of 1 generation read" in done.out
    run_what_it_says(live, done)
    run_what_it_says(live, live.run(*words).ended(1, "is live as it was published"))
    live.run(*words).ok()


def test_the_hints_about_a_tree_whose_name_begins_with_a_dash_can_be_run(live: Work) -> None:
    """Each word of such a command would be taken for options."""
    live.run("publish", *TO, "--", "public", "-x").ok()
    run_what_it_says(live, live.run("rollback", *AT, "--", "-x").ended(4, "before", " -- -x"))
    live_file = live.here / "my www/-x/same.txt"
    live_file.chmod(0o644)
    live_file.write_text("SAME")
    done = live.run("verify", *AT, "--", "-x").ended(1, "--check -- FOLDER -x")
    run_what_it_says(live, done)
    mixed = live.run("verify", *AT, "--", "-x").ended(1, "--now -- -x")
    run_what_it_says(live, mixed)
    live.run("verify", *AT, "--", "-x").ok()


def sealed(body: str) -> str:
    """As a person who read the code would forge a plan."""
    return f"{body}digest {sha256(body.encode()).hexdigest()}\n"


def without_seal(text: str) -> str:
    return text[: text.rstrip("\n").rindex("\n") + 1]


def test_a_plan_that_was_forged_is_told_as_edited(work: Work) -> None:
    """Also where its last line fits, so that only its content tells."""
    plan, words = work.here / "plan", ("publish", "public", "site", "--to", "./www")
    work.publish(ONE)
    work.fill(TWO)
    work.run(*words, "--dry-run", "--save-plan", "plan").ok()
    lines = without_seal(plan.read_text()).splitlines(keepends=True)
    before = tree(work.here / "www")
    for field, forged in (("transaction", "xyz"), ("transaction", "-"), ("base", "../..")):
        edited = [f"{field} {forged}\n" if line.startswith(f"{field} ") else line for line in lines]
        assert edited != lines
        plan.write_text(sealed("".join(edited)))
        work.run(*words, "--plan", "plan").ended(2, "the plan was edited", "make a new plan")
    assert tree(work.here / "www") == before


@contextmanager
def mounted(place: Path, *words: str) -> Iterator[None]:
    """Something mounted at ``place``, where that is allowed."""
    place.mkdir(parents=True, exist_ok=True)
    if subprocess.run(["mount", *words, str(place)], capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_mount_point_is_told_as_one_whatever_is_published(work: Work) -> None:
    """Nothing is proposed that can't help: neither a gap, nor to move it away."""
    publish = ("publish", "public", "site", "--to", "./www")
    work.fill(ONE)
    with mounted(work.here / "www/site", "--bind", str(work.folder)):
        _is_told(work.run(*publish))
    (work.here / "www/site").rmdir()
    work.publish(ONE)
    work.publish(TWO)
    before = tree(work.live)
    work.fill(ONE)
    with mounted(work.live, "--bind", str(work.live)):
        for command in ((*publish, "--allow-gap"), ("rollback", "site", "--at", "./www")):
            _is_told(work.run(*command))
        assert tree(work.live) == before


def _is_told(done: Done) -> None:
    done.ended(1, "a mount point stands in the tree's place", "unmount it, choose another name")
    assert "--allow-gap" not in done.err


def test_a_disk_that_is_mounted_read_only_is_told_as_such(work: Work) -> None:
    place = work.here / "disk"
    with mounted(place, "-t", "tmpfs", "none"):
        work.fill(ONE)
        work.run("publish", "public", "site", "--to", "./disk/www").ok()
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        before = tree(place)
        work.fill(TWO)
        for target in ("./disk/www", "./disk/new"):
            done = work.run("publish", "public", "site", "--to", target)
            done.ended(1, "read-only file system", "mount it writable")
            assert "credentials" not in done.err
        done = work.run("publish", "public", "site", "--to", "./disk/www", "--dry-run")
        done.ended(1, "read-only file system", "mount it writable")
        assert "--allow-gap" not in done.err
        assert tree(place) == before
        work.run("verify", "site", "--at", "./disk/www").ok()


def test_a_place_that_is_a_file_or_may_not_be_read_is_told_as_such(live: Work) -> None:
    (live.here / "file").touch()
    for command in ("generations", "rollback", "verify", "gc", "preview"):
        live.run(command, "site", "--at", "./file").ended(1, "is not a folder")
    (live.here / "my www").chmod(0)
    try:
        live.run("generations", NAME, *AT, obey_modes=True).ended(1, "not readable")
    finally:
        (live.here / "my www").chmod(0o755)


def test_a_folder_that_may_not_be_read_is_told_as_such(live: Work) -> None:
    live.folder.chmod(0)
    try:
        live.run("publish", "public", NAME, *TO, obey_modes=True).ended(1, "not readable", "make it readable")
    finally:
        live.folder.chmod(0o755)
