"""`oaio demo`, tried as a newcomer does."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from outsider import OAIO, environment, hearing_interrupts, oaio, tree, written

ODD_NAMES = {
    "top.txt": "top",
    "empty": "",
    "with space/a b.txt": "spaces",
    "pattern/*": "star",
    "pattern/[1]": "bracket one",
    "pattern/1": "plain one",
    "deep/er/and/deeper/ünïcödé ☃.txt": "snow",
    ".hidden/.dot": "dot",
}


def processes_of(folder: Path) -> list[str]:
    """The command lines of all processes that mention ``folder``."""
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            lines.append(line)
    return lines


def test_the_demo_tells_every_step_and_ends_with_the_lines_of_python(tmp_path: Path) -> None:
    shown = oaio("demo", env={"TMPDIR": str(tmp_path)}).ok().out
    steps = [line for line in shown.splitlines() if line[:1].isdigit()]
    assert [line.split(".")[0] for line in steps] == [str(number) for number in range(1, 11)]
    assert {(line[3], line[4].isalpha(), line[17], line[18] != " ") for line in steps} == {
        (" ", True, " ", True)
    }
    assert "never saw a mix" in shown
    assert "All 10 steps held, checked by SHA-256" in shown
    for line in (
        "from oaio_storage import OaioClient",
        "register_folder(",
        "phone.sync()",
        "unregister_object(",
        "published_tree(",
    ):
        assert line in shown
    assert list(tmp_path.iterdir()) == []
    assert processes_of(tmp_path) == []


def test_the_demo_only_reads_a_folder_of_yours_and_keeps_files_for_each_device(tmp_path: Path) -> None:
    folder, kept = written(tmp_path / "mine [1]", ODD_NAMES), tmp_path / "kept"
    folder.joinpath("link").symlink_to("top.txt")
    os.mkfifo(folder / "pipe")
    before = {path: (path.lstat().st_mtime_ns, path.lstat().st_mode) for path in folder.rglob("*")}
    told = oaio("demo", folder, "--keep", kept, "--json").ok().json
    assert told["held"] is True
    assert (told["source"], told["kept"]) == (str(folder), str(kept))
    assert told["steps"][0]["title"] == "start"
    assert all(step["seconds"] > 0 for step in told["steps"])
    assert sum(step["bytes_moved"] for step in told["steps"]) > 0
    assert {path: (path.lstat().st_mtime_ns, path.lstat().st_mode) for path in folder.rglob("*")} == before
    here, there = (kept / device / "folder" / folder.name for device in ("laptop", "phone"))
    assert tree(here) == tree(there) != {}
    known: set[tuple[int, int]] = set()
    for place in (folder, here, there, kept / "tablet", kept / "server"):
        files = [path for path in place.rglob("*") if path.is_file() and not path.is_symlink()]
        found = {(path.stat().st_dev, path.stat().st_ino) for path in files}
        assert found
        assert not found & known
        known |= found
    assert processes_of(kept) == []


def test_the_demo_refuses_to_keep_where_something_is(tmp_path: Path) -> None:
    kept = written(tmp_path / "kept", {"mine": "precious"})
    oaio("demo", "--keep", kept).ended(6, "not empty")
    assert tree(kept).keys() == {"mine"}


def test_the_demo_refuses_to_work_inside_the_folder_that_it_reads(tmp_path: Path) -> None:
    folder = written(tmp_path / "mine", {"a": "a"})
    oaio("demo", folder, "--keep", folder / "kept").ended(2, "contain")
    oaio("demo", folder, env={"TMPDIR": str(folder)}).ended(2)
    assert [path.name for path in folder.iterdir()] == ["a"]


def test_a_missing_folder_is_not_found(tmp_path: Path) -> None:
    oaio("demo", tmp_path / "nowhere").ended(4, "there is no folder")


def test_a_file_is_no_folder_for_the_demo(tmp_path: Path) -> None:
    oaio("demo", written(tmp_path, {"a": "a"}) / "a").ended(2, "is a file")


def test_an_empty_folder_is_nothing_to_show(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    oaio("demo", tmp_path / "empty").ended(2, "holds no file")


def test_an_unreadable_folder_is_told(tmp_path: Path) -> None:
    folder = written(tmp_path / "secret", {"a": "a"})
    folder.chmod(0)
    try:
        oaio("demo", folder, obey_modes=True).ended(1, "can't be read")
    finally:
        folder.chmod(0o700)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_ended_demo_leaves_neither_a_process_nor_a_file(number: signal.Signals, tmp_path: Path) -> None:
    words = hearing_interrupts(str(OAIO), "demo")
    env = environment({"TMPDIR": str(tmp_path)})
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as demo:
        assert demo.stdout is not None
        assert demo.stdout.readline().startswith(b"1.")
        assert processes_of(tmp_path)
        demo.send_signal(number)
        _, said = demo.communicate(timeout=60)
    assert demo.returncode == 128 + number
    assert b"Traceback" not in said
    deadline = time.monotonic() + 10
    while processes_of(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
