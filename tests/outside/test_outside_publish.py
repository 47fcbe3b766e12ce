"""Publishing on local disk, over the command line: what is live, what is kept, and the way back."""

import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from outside.published import ONE, TWO, Work
from outside.test_outside_json import documented
from outsider import OAIO, environment, oaio, tree, written


def test_a_folder_goes_live_as_plain_files_on_a_path_that_was_never_used(work: Work) -> None:
    told = work.publish(ONE)
    assert tree(work.live) == tree(work.folder)
    assert (told["new"], told["sent"], told["switch"]["sequence"]) == (4, 4, 1)


def test_a_configured_host_is_named_by_its_id(work: Work) -> None:
    settings = {"OAIO_CONFIG_DIR": str(work.here / "settings")}
    (work.here / "www").mkdir()
    oaio("hosts", "add", "Local-w", "Local", "--set", f"root_folder={work.here / 'www'}", env=settings).ok()
    written(work.folder, ONE)
    oaio("publish", work.folder, "site", "--to", "Local-w", env=settings).ok()
    oaio("generations", "site", "--at", "Local-w", env=settings).ok()
    assert tree(work.live) == tree(work.folder)


def test_a_place_may_be_an_address_and_the_layout_may_be_said(work: Work) -> None:
    work.fill(ONE)
    place = (work.here / "www").as_uri()
    work.run("publish", "public", "site", "--to", place, "--layout", "swapped").ok()
    assert tree(work.live) == tree(work.folder)
    for command in ("generations", "verify"):
        work.run(command, "site", "--at", place).ok()
    work.run("checkout", "site", "copy", "--from", place).ok()
    assert tree(work.here / "copy") == tree(work.folder)


def test_only_what_changed_is_sent_and_the_changes_print_as_git_does(work: Work) -> None:
    work.publish(ONE)
    work.fill({**TWO, "moved/old.txt": "old"})
    shown = work.run("publish", "public", "site", "--to", "./www").ok().out.splitlines()
    assert shown[:-1] == ["M  index.html", "R  old.txt -> moved/old.txt", "A  new.txt"]
    assert "2 files sent (15 B)" in shown[-1]
    assert "(#2) is live" in shown[-1]
    assert tree(work.live) == tree(work.folder)


def test_what_is_live_already_is_not_published_again(work: Work) -> None:
    work.publish(ONE)
    assert "nothing changed" in work.run("publish", "public", "site", "--to", "./www").ok().out
    assert len(work.run("generations", "site", "--at", "./www", "--json").ok().json) == 1


def test_a_dry_run_changes_nothing(work: Work) -> None:
    work.fill(ONE)
    told = work.run("publish", "public", "site", "--to", "./www", "--dry-run", "--json").ok().json
    assert (told["new"], told["switch"]) == (4, None)
    assert not (work.here / "www").exists()
    work.publish(ONE)
    before = tree(work.here / "www")
    work.fill(TWO)
    assert "nothing was published" in work.run("publish", "public", "site", "--to", "./www", "--dry-run").out
    assert tree(work.here / "www") == before


def test_a_dry_run_says_that_publishing_needs_a_yes(work: Work) -> None:
    words = ("publish", "public", "site", "--to", "./www")
    work.publish(ONE)
    for files, why in (({}, "an empty tree"), ({"index.html": "alone"}, "3 of 4 files")):
        work.fill(files)
        said = work.run(*words, "--dry-run", "--save-plan", "plan.txt").ok().out.splitlines()
        assert "D  old.txt" in said
        assert f"publishing it needs --yes: {why}" in said[-1]
        assert work.run(*words, "--dry-run", "--yes", "--json").ok().json["needs_yes"] is True
        for more in ((), ("--plan", "plan.txt")):
            work.run(*words, *more).ended(2, why, "--yes")
    work.run(*words, "--plan", "plan.txt", "--yes").ok()
    work.fill(ONE)
    told = work.run(*words, "--dry-run", "--json").ok().json
    assert (told["needs_yes"], told["switch"]) == (False, None)
    assert "--yes" not in work.run(*words, "--dry-run").ok().out


def test_a_saved_plan_can_be_reviewed_and_applied(work: Work) -> None:
    work.publish(ONE)
    work.fill(TWO)
    words = ("publish", "public", "site", "--to", "./www")
    work.run(*words, "--dry-run", "--save-plan", "plan.txt").ok()
    assert "\nM  index.html\n" in (work.here / "plan.txt").read_text()
    told = work.run(*words, "--plan", "plan.txt", "--json").ok().json
    assert told["switch"]["sequence"] == 2
    assert tree(work.live) == tree(work.folder)
    work.run(*words, "--plan", "plan.txt").ok()
    assert len(work.run("generations", "site", "--at", "./www", "--json").json) == 2


def test_a_plan_to_change_nothing_is_saved_and_says_so(work: Work) -> None:
    work.publish(ONE)
    words = ("publish", "public", "site", "--to", "./www")
    said = work.run(*words, "--dry-run", "--save-plan", "plan.txt").ok().out
    assert "nothing changed" in said
    assert "the plan is in plan.txt" in said
    assert "nothing changed" in work.run(*words, "--plan", "plan.txt").ok().out


def test_a_saved_plan_is_refused_when_something_else_became_live(work: Work) -> None:
    work.publish(ONE)
    work.fill(TWO)
    words = ("publish", "public", "site", "--to", "./www")
    work.run(*words, "--dry-run", "--save-plan", "plan.txt").ok()
    work.publish({**ONE, "other": "other"})
    before = tree(work.live)
    work.fill(TWO)
    work.run(*words, "--plan", "plan.txt").ended(6, "live")
    assert tree(work.live) == before


def test_a_saved_plan_is_refused_when_the_folder_changed(work: Work) -> None:
    work.publish(ONE)
    work.fill(TWO)
    words = ("publish", "public", "site", "--to", "./www")
    work.run(*words, "--dry-run", "--save-plan", "plan.txt").ok()
    (work.folder / "later").touch()
    before = tree(work.live)
    work.run(*words, "--plan", "plan.txt").ended(5, "changed since the plan")
    assert tree(work.live) == before


def test_generations_are_listed_newest_first(work: Work) -> None:
    first, second = work.publish(ONE), work.publish(TWO)
    told = work.run("generations", "site", "--at", "./www", "--json").ok().json
    assert [(one["generation"], one["is_live"], one["is_kept"]) for one in told] == [
        (second["generation"], True, True),
        (first["generation"], False, True),
    ]
    lines = work.run("generations", "site", "--at", "./www").ok().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["live", "#2"], ["kept", "#1"]]


def test_a_rollback_brings_back_what_was_live_before_as_a_new_generation(work: Work) -> None:
    work.publish(ONE)
    before = tree(work.live)
    work.publish(TWO)
    told = work.run("rollback", "site", "--at", "./www", "--json").ok().json
    assert (told["sequence"], told["kind"]) == (3, "rollback")
    assert tree(work.live) == before
    work.run("rollback", "site", "--at", "./www").ok()
    assert tree(work.live) == tree(work.folder)


def test_a_rollback_to_any_kept_generation_by_a_beginning_of_its_id(work: Work) -> None:
    first = work.publish(ONE)["generation"]
    before = tree(work.live)
    work.publish(TWO)
    work.publish({**TWO, "third": "3"})
    work.run("rollback", "site", "--at", "./www", "--to-generation", first[:10]).ok()
    assert tree(work.live) == before


def test_a_decision_that_is_missing_is_asked_for_by_name(work: Work) -> None:
    """An empty tree, and more than half gone; also in a rollback."""
    small = {"index.html": "alone"}
    work.publish(small)
    work.publish({**small, **{f"{number}": "x" for number in range(5)}})
    before = tree(work.live)
    for files in ({}, small):
        work.fill(files)
        work.run("publish", "public", "site", "--to", "./www").ended(2, "--yes")
        assert tree(work.live) == before
    work.run("rollback", "site", "--at", "./www").ended(2, "--yes")
    assert tree(work.live) == before
    work.run("rollback", "site", "--at", "./www", "--yes").ok()
    work.publish({}, "--yes")
    assert tree(work.live) == {}


@contextmanager
def previewed(work: Work, *more: str) -> Iterator[str]:
    """The address of a preview, which ends as Ctrl-C ends it."""
    words = [str(OAIO), "preview", "site", "--at", "./www", "--port", "0", "--json", *more]
    with subprocess.Popen(
        words, cwd=work.here, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, b"}\n")
        url = json.loads(b"".join(lines) + b"}")["url"]
        try:
            yield url
        finally:
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, b"")


def got(url: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, headers=dict(headers or {})), timeout=30
        ) as it:
            return it.status, it.read().decode()
    except urllib.error.HTTPError as err:
        return err.code, ""


def test_a_preview_serves_one_generation_until_ctrl_c(work: Work) -> None:
    first = work.publish(ONE)["generation"]
    work.publish(TWO)
    with previewed(work, "--generation", first[:8]) as old, previewed(work) as new:
        assert got(old) == (200, ONE["index.html"])
        assert got(new) == (200, TWO["index.html"])
        assert got(f"{new}about") == (200, "about")
        assert got(f"{new}index.html", {"Range": "bytes=0-3"}) == (206, "<h1>")
        assert got(f"{new}nothing")[0] == got(f"{new}..%2f..%2f.oaio/root.json")[0] == 404
        work.publish({**TWO, "index.html": "three"})
        assert got(new) == (200, TWO["index.html"])


def test_a_preview_uses_the_port_that_is_named(work: Work) -> None:
    work.publish(ONE)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with previewed(work, "--port", str(port)) as url:
        assert url == f"http://127.0.0.1:{port}/"
        assert got(url) == (200, ONE["index.html"])
        work.run("preview", "site", "--at", "./www", "--port", port).ended(5, str(port))


def test_a_checkout_of_an_older_generation(work: Work) -> None:
    first = work.publish(ONE)["generation"]
    before = tree(work.live)
    work.publish(TWO)
    words = ("checkout", "site", "copy", "--from", "./www")
    work.run(*words, "--generation", first[:9]).ok()
    assert tree(work.here / "copy") == before
    work.run(*words).ok()
    assert tree(work.here / "copy") == tree(work.live)


def test_a_checkout_is_not_taken_back_by_a_restored_host(work: Work) -> None:
    first = work.publish(ONE)["generation"]
    shutil.copytree(work.here / "www", work.here / "backup")
    work.publish(TWO)
    words = ("checkout", "site", "copy", "--from", "./www")
    work.run(*words).ok()
    before = tree(work.here / "copy")
    shutil.rmtree(work.here / "www")
    shutil.copytree(work.here / "backup", work.here / "www")
    work.run(*words).ended(1, "went back", f"--generation {first}")
    assert tree(work.here / "copy") == before
    work.run(*words, "--generation", first).ok()
    assert tree(work.here / "copy") == tree(work.live)


def test_a_checkout_writes_only_what_differs_and_keeps_local_changes(work: Work) -> None:
    work.publish(ONE)
    work.run("checkout", "site", "copy", "--from", "./www").ok()
    assert tree(work.here / "copy") == tree(work.folder)
    (work.here / "copy/same.txt").write_text("mine")
    work.publish({**TWO, "same.txt": "theirs"})
    done = work.run("checkout", "site", "copy", "--from", "./www", "--json").ended(3)
    assert (done.json["written"], done.json["removed"]) == (["index.html", "new.txt"], ["old.txt"])
    assert list(done.json["kept"]) == ["same.txt"]
    assert (work.here / "copy/same.txt").read_text() == "mine"


def test_verify_finds_what_was_damaged_and_nothing_else(work: Work) -> None:
    work.publish(ONE)
    work.publish(TWO)
    work.run("verify", "site", "--at", "./www").ok()
    (work.live / "new.txt").chmod(0o644)
    (work.live / "new.txt").write_text("net")
    (work.live / "index.html").unlink()
    (work.live / "stranger").touch()
    done = work.run("verify", "site", "--at", "./www", "--json").ended(1, "not as it was published")
    assert {(fault["what"], fault["path"]) for fault in done.json["faults"]} == {
        ("altered", "new.txt"),
        ("missing", "index.html"),
        ("extra", "stranger"),
    }


def test_verify_says_which_generations_share_what_was_damaged_and_what_helps(work: Work) -> None:
    first, second = (work.publish(files)["generation"] for files in (ONE, TWO))
    (work.live / "same.txt").chmod(0o644)
    (work.live / "same.txt").write_text("edit")
    done = work.run("verify", "site", "--at", "./www").ended(1, "what is live is damaged", "oaio publish")
    assert first[:12] in done.err
    work.run("publish", "public", "site", "--to", "./www").ok()
    done = work.run("verify", "site", "--at", "./www").ended(
        1, "is live as it was published", "gc site", "--now"
    )
    assert first[:12] in done.err
    assert second[:12] in done.err
    work.run("gc", "site", "--at", "./www", "--now").ok()
    work.run("verify", "site", "--at", "./www").ok()


def test_gc_keeps_the_last_generations_and_those_of_the_last_day(work: Work) -> None:
    for number in range(5):
        work.publish({**ONE, "number": str(number)})
    assert work.run("gc", "site", "--at", "./www", "--dry-run", "--json").ok().json["generations"] == []
    assert work.run("gc", "site", "--at", "./www", "--json").ok().json["generations"] == []
    assert len(work.run("generations", "site", "--at", "./www", "--json").json) == 5


def test_gc_now_leaves_only_what_is_live(work: Work) -> None:
    made = [work.publish({**ONE, "number": str(number)})["generation"] for number in range(3)]
    before = tree(work.live)
    words = ("gc", "site", "--at", "./www", "--now")
    would = work.run(*words, "--dry-run", "--json").ok().json
    assert sorted(would["generations"]) == sorted(made[:2])
    assert work.run(*words, "--json").ok().json == would
    assert tree(work.live) == before
    listed = work.run("generations", "site", "--at", "./www", "--json").ok().json
    assert [one["generation"] for one in listed if one["is_kept"]] == [made[2]]
    work.run("rollback", "site", "--at", "./www").ended(4)
    work.run("verify", "site", "--at", "./www").ok()
    work.publish(TWO)
    assert tree(work.live) == tree(work.folder)


def test_what_oaioignore_names_is_left_out_and_what_is_live_of_it_stays(work: Work) -> None:
    work.publish({**ONE, "draft.txt": "draft"})
    (work.folder / ".oaioignore").write_text("draft.txt\n*.log\n/cache/\n")
    written(work.folder, {"a.log": "log", "cache/x": "x", "draft.txt": "edited"})
    work.run("publish", "public", "site", "--to", "./www").ok()
    assert (work.live / "draft.txt").read_text() == "draft"
    assert not (work.live / "a.log").exists()
    assert not (work.live / "cache").exists()


def test_two_publishers_of_the_same_base_one_is_told_of_the_other(work: Work) -> None:
    work.publish(ONE)
    work.fill(TWO)
    words = [str(OAIO), "publish", "public", "site", "--to", "./www"]
    pipes: Any = {"cwd": work.here, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    other = written(work.here / "other", {**ONE, "other": "other"})
    both = [
        subprocess.Popen([*words[:2], folder, *words[3:]], env=environment(), **pipes)
        for folder in ("public", other)
    ]
    said = [process.communicate(timeout=60)[1] for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes in ([0, 0], [0, 6]), said
    assert tree(work.live) in (tree(work.folder), tree(other))


def test_a_reader_never_finds_a_gap_or_a_mix(work: Work) -> None:
    """Plain reads of the live folder, as a web server does, while it is published again and again."""
    work.publish({"a": "0", "b": "0"})
    wrong: list[object] = []
    looked, done = 0, threading.Event()

    def read() -> None:
        nonlocal looked
        while not done.is_set():
            folder = os.open(work.live, os.O_RDONLY)
            try:
                files = [os.open(name, os.O_RDONLY, dir_fd=folder) for name in "ab"]
                found = {os.read(file, 10) for file in files}
                for file in files:
                    os.close(file)
                looked += 1
                if len(found) != 1:
                    wrong.append(found)
            except OSError as err:
                wrong.append(err)
                return
            finally:
                os.close(folder)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(1, 5):
            work.publish({"a": str(number), "b": str(number)})
    finally:
        done.set()
        reader.join()
    assert not wrong
    assert looked > 100


def test_the_second_look_at_a_folder_reads_nothing_anew(work: Work) -> None:
    written(work.folder, ONE)
    for path in work.folder.rglob("*"):
        os.utime(path, (0, 0))
    work.publish(ONE)
    assert (work.here / "cache/oaio/hashes.sqlite").exists()


def test_a_person_on_a_terminal_is_asked(work: Work) -> None:
    """And what is asked stands alone, without a line of progress."""
    work.publish(ONE)
    work.fill({})
    for answer, code, left in ((b"n\n", 2, 4), (b"y\n", 0, 0)):
        ours, theirs = pty.openpty()
        os.write(ours, answer)
        words = [str(OAIO), "publish", "public", "site", "--to", "./www"]
        done = subprocess.run(
            words, cwd=work.here, env=environment(), stdin=theirs, capture_output=True, check=False
        )
        os.close(ours)
        os.close(theirs)
        assert (done.returncode, len(tree(work.live))) == (code, left), done.stderr
        assert b"empty tree would be published. Go on?" in done.stderr


def test_every_command_prints_the_documented_fields(work: Work) -> None:
    told = {"publish": work.publish(ONE)}
    work.publish(TWO)
    for command in ("rollback", "verify", "gc"):
        told[command] = work.run(command, "site", "--at", "./www", "--json").ok().json
    told["checkout"] = work.run("checkout", "site", "copy", "--from", "./www", "--json").ok().json
    for command, printed in told.items():
        assert set(printed) == documented(command), command
    (*_, one) = work.run("generations", "site", "--at", "./www", "--json").ok().json
    assert set(one) == documented("rollback") | {"is_live", "is_kept"}


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_what_is_live_is_said_where_the_output_has_no_room(work: Work, more: tuple[str, ...]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no device here is full")
    work.fill(ONE)
    for words in (("publish", "public", "site", "--to", "./www"), ("generations", "site", "--at", "./www")):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [OAIO, *words, *more],
                cwd=work.here,
                env=environment(),
                stdout=full,
                stderr=subprocess.PIPE,
                check=False,
            )
        said = done.stderr.decode().splitlines()
        assert (done.returncode, len(said)) == (1, 2), said
        assert "output can't be written: No space left on device" in said[0]
        assert ("(#1) is live, but" in said[0]) == (words[0] == "publish")
    assert tree(work.live) == tree(work.folder)
