"""Progress is shown on a terminal, and nowhere else."""

import os
import pty
import subprocess
from pathlib import Path

from outside.published import Work
from outsider import OAIO, NewClient, NewUser, environment, written


def _on_a_terminal(*words: str) -> tuple[int, bytes]:
    """Exit code, and what was written to standard error, which is a terminal."""
    ours, theirs = pty.openpty()
    env = environment({"TERM": "xterm"})
    with subprocess.Popen([str(OAIO), *words], env=env, stdout=subprocess.PIPE, stderr=theirs) as run:
        os.close(theirs)
        told = b""
        try:
            while part := os.read(ours, 4096):
                told += part
        except OSError:  # how Linux tells that nobody writes there any more
            pass
        run.communicate(timeout=60)
    os.close(ours)
    return run.returncode, told


def test_sync_shows_progress_on_a_terminal_only(
    new_client: NewClient, new_user: NewUser, tmp_path: Path
) -> None:
    user = new_user()
    laptop, phone = new_client(user), new_client(user, "phone")
    laptop.register(written(tmp_path / "folder", {"a": "a", "b": "b"}))
    code, told = _on_a_terminal("sync", "--root", str(laptop.root))
    assert code == 0
    assert b"send" in told
    assert phone.run("sync").ok().err == ""


def test_publishing_shows_progress_on_a_terminal_only(work: Work) -> None:
    work.fill({name: name for name in "abc"})
    site = ("site", "--at", str(work.here / "www"))
    for stages, words in (
        ((b"scan", b"send"), ("publish", str(work.folder), "site", "--to", str(work.here / "www"))),
        ((b"verify",), ("verify", *site)),
        ((b"receive",), ("checkout", "site", str(work.here / "copy"), "--from", str(work.here / "www"))),
    ):
        code, told = _on_a_terminal(*words)
        assert code == 0
        assert all(stage in told and b"3" in told for stage in stages), (words, told)
    assert work.run("verify", *site).ok().err == ""


def test_the_demo_counts_files_on_a_terminal(tmp_path: Path) -> None:
    folder = written(tmp_path / "folder", {name: name for name in "abc"})
    code, told = _on_a_terminal("demo", str(folder))
    assert code == 0
    lines = told.splitlines()
    for stage, count in (
        (b"catch up: send", b"3/3 files"),
        (b"catch up: receive", b"3/3 files"),
        (b"share: receive", b"4/4 files"),
    ):
        assert any(stage in line and count in line for line in lines), told
