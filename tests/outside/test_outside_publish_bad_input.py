"""Publishing with bad input: a typed error, the documented exit code, and the live tree as it was."""

import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from outside.published import ONE, TWO, Work
from outsider import OAIO, environment, oaio, tree, written

TO = ("--to", "./www")
AT = ("--at", "./www")


@pytest.fixture
def live(work: Work) -> Work:
    """A tree that is live, and a folder with changes that are not."""
    work.publish(ONE)
    work.fill(TWO)
    return work


def refused(live: Work, code: int, *said: str, words: tuple[object, ...] = (), **how: bool) -> None:
    """Publishing ends with ``code``, and what is live and kept stays to the byte."""
    before = tree(live.here / "www")
    live.run(*(words or ("publish", "public", "site", *TO)), **how).ended(code, *said)
    assert tree(live.here / "www") == before


def test_a_folder_that_is_missing(live: Work) -> None:
    refused(live, 4, "there is no folder", words=("publish", "nowhere", "site", *TO))


def test_a_folder_without_a_name(live: Work) -> None:
    refused(live, 2, "empty", words=("publish", "", "site", *TO))


def test_an_empty_folder(live: Work) -> None:
    live.fill({})
    refused(live, 2, "empty tree", "--yes")


def test_a_file_instead_of_a_folder(live: Work) -> None:
    refused(live, 2, "is a file", words=("publish", "public/index.html", "site", *TO))


def test_a_link_instead_of_a_folder(live: Work) -> None:
    (live.here / "link").symlink_to("public")
    refused(live, 2, "symbolic link", words=("publish", "link", "site", *TO))


def test_a_folder_inside_the_target(live: Work) -> None:
    refused(live, 2, "contains the other", words=("publish", "www/site", "site", *TO))


def test_a_folder_that_contains_the_target(live: Work) -> None:
    refused(live, 2, "contains the other", words=("publish", ".", "site", *TO))
    live.run("publish", "public", "site", "--to", "./public/www").ended(2, "contains the other")
    assert not (live.folder / "www").exists()


@pytest.mark.parametrize(
    "name", ["..", "", "/etc", "../up", "a\\b", ".OAIO", "nul.txt", "a\nb", "a.", "x" * 300]
)
def test_a_name_that_no_tree_can_have(live: Work, name: str) -> None:
    said = ("not the name of a tree", "Use one short name")
    refused(live, 2, *said, words=("publish", "public", name, *TO))


@pytest.mark.parametrize("command", ["generations", "rollback", "verify", "gc", "preview"])
def test_a_name_that_leads_elsewhere(work: Work, command: str) -> None:
    work.run(command, "../site", *AT).ended(2, "name of a tree")


def test_a_target_that_may_only_be_read(live: Work) -> None:
    for path in (live.here / "www", live.here / "www/.oaio", live.here / "www/.oaio/trees"):
        path.chmod(0o555)
    for path in (live.here / "www/.oaio/trees").rglob("*"):
        if path.is_dir():
            path.chmod(0o555)
    refused(live, 1, obey_modes=True)
    for path in (live.here / "www").rglob("*"):
        if path.is_dir():
            path.chmod(0o755)
    (live.here / "www").chmod(0o755)
    live.run("publish", "public", "site", *TO).ok()


def test_a_target_that_is_full(live: Work) -> None:
    """Where the disk gives no room for a file; the next publication works."""
    (live.folder / "large").write_bytes(os.urandom(1 << 20))
    before = tree(live.live)
    done = subprocess.run(
        [str(OAIO), "publish", "public", "site", *TO],
        cwd=live.here,
        env=environment({"XDG_CACHE_HOME": str(live.here / "nowhere\0"[:-1])}),
        capture_output=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 18, 1 << 18)),
    )
    assert done.returncode == 1, done.stderr
    assert b"Traceback" not in done.stderr
    assert tree(live.live) == before
    live.run("publish", "public", "site", *TO).ok()
    assert tree(live.live) == tree(live.folder)
    live.run("verify", "site", *AT).ok()


def test_a_disk_that_is_really_full(work: Work) -> None:
    """What helps is said, works without any room, and the next publication goes on."""
    (work.here / "www").mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(work.here / "www")]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        for number in range(2):
            work.publish({**ONE, "index.html": str(number) * 100_000})
        before = tree(work.live)
        work.fill({**ONE, **{f"{number}": str(number) * 9_000 for number in range(60)}})
        done = work.run("publish", "public", "site", *TO).ended(1, "no room is left", "oaio gc", "--now")
        assert ".oaio" not in done.err
        assert tree(work.live) == before
        with suppress(OSError), (work.here / "www/others").open("wb", 0) as file:
            while file.write(bytes(4096)):
                pass
        told = work.run("gc", "site", *AT, "--now", "--json").ok().json
        assert (len(told["generations"]), len(told["stagings"])) == (1, 1)
        assert tree(work.live) == before
        work.publish(ONE, "--yes")
        assert tree(work.live) == tree(work.folder)
        work.run("verify", "site", *AT).ok()
    finally:
        subprocess.run(["umount", str(work.here / "www")], check=True)


def test_a_target_on_another_disk(work: Work) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == work.here.stat().st_dev:
        pytest.skip("there is no other disk")
    work.fill(ONE)
    target = memory / f"oaio-test-{os.getpid()}"
    try:
        work.run("publish", "public", "site", "--to", target).ok()
        work.fill(TWO)
        work.run("publish", "public", "site", "--to", target).ok()
        assert tree(target / "site") == tree(work.folder)
        work.run("checkout", "site", "copy", "--from", target).ok()
    finally:
        subprocess.run(["rm", "-rf", str(target)], check=True)


def test_a_tree_that_is_a_mount_point(live: Work) -> None:
    """It can't be exchanged; nothing of the new tree is seen, and once it is unmounted all goes on."""
    mounted = subprocess.run(
        ["mount", "--bind", str(live.live), str(live.live)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        before = tree(live.live)
        live.run("publish", "public", "site", *TO).ended(1, "can't be switched")
        assert tree(live.live) == before
    finally:
        subprocess.run(["umount", str(live.live)], check=True)
    live.run("publish", "public", "site", *TO).ok()
    assert tree(live.live) == tree(live.folder)


def _pipe(place: Path) -> None:
    os.mkfifo(place)


def _socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(place))


def _link_out(place: Path) -> None:
    place.symlink_to("/etc/passwd")


def _link_to_folder(place: Path) -> None:
    place.symlink_to("/etc")


def _unreadable(place: Path) -> None:
    place.write_text("secret")
    place.chmod(0)


@pytest.mark.parametrize("make", [_pipe, _socket, _link_out, _link_to_folder, _unreadable])
def test_what_is_no_file_or_can_not_be_read(
    live: Work, make: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told by name, and goes in .oaioignore if it is to be left out."""
    monkeypatch.chdir(live.here)
    make(live.folder / "odd")
    refused(live, 1, "'odd'", ".oaioignore", obey_modes=True)
    (live.folder / ".oaioignore").write_text("/odd\n")
    live.run("publish", "public", "site", *TO, obey_modes=True).ok()
    assert not (live.live / "odd").exists()


@pytest.mark.parametrize("pair", [("Name", "name"), ("stra\u00dfe", "STRASSE"), ("\u00e9", "e\u0301")])
def test_names_that_collide(live: Work, pair: tuple[str, str]) -> None:
    written(live.folder, dict.fromkeys(pair, "x"))
    if len({path.name for path in live.folder.iterdir()} & set(pair)) < len(pair):
        pytest.skip("this disk holds only one of them")
    refused(live, 1, "same name", *map(repr, pair[:1]), *map(ascii, pair[1:]))


def test_a_very_long_name_is_cut(live: Work) -> None:
    place = "/".join(["folder" * 30] * 5)
    written(live.folder, {f"{place}/Name": "x", f"{place}/name": "x"})
    refused(live, 1, "...", "/Name'", "/name'", "same name")
    assert len(live.run("publish", "public", "site", *TO).err) < 1000


def test_a_name_that_is_not_utf_8(live: Work) -> None:
    if sys.platform != "linux":
        pytest.skip("such names are for Linux")
    Path(os.fsdecode(os.fsencode(live.folder) + b"/\xff")).touch()
    refused(live, 1, "UTF-8")


def test_a_plan_that_was_edited(live: Work) -> None:
    live.run("publish", "public", "site", *TO, "--dry-run", "--save-plan", "plan").ok()
    text = (live.here / "plan").read_text()
    for edited in (text.replace("index.html", "index.htm"), text[:-10], "", "a plan", text + "\n"):
        (live.here / "plan").write_text(edited)
        refused(live, 2, "plan", words=("publish", "public", "site", *TO, "--plan", "plan"))
    (live.here / "plan").write_bytes(b"\xff\xfe")
    refused(live, 2, "plan", words=("publish", "public", "site", *TO, "--plan", "plan"))


def test_a_plan_for_another_tree_or_host(live: Work) -> None:
    live.run("publish", "public", "other", *TO).ok()
    live.run("publish", "public", "site", "--to", "./elsewhere").ok()
    live.run("publish", "public", "site", *TO, "--dry-run", "--save-plan", "plan").ok()
    refused(live, 2, "another tree", words=("publish", "public", "other", *TO, "--plan", "plan"))
    elsewhere = ("publish", "public", "site", "--to", "./elsewhere", "--plan", "plan")
    refused(live, 2, "another host", words=elsewhere)


def test_a_plan_that_is_missing_or_has_no_place(live: Work) -> None:
    refused(live, 4, "no file", words=("publish", "public", "site", *TO, "--plan", "nowhere"))
    saving = ("publish", "public", "site", *TO, "--dry-run", "--save-plan")
    refused(live, 2, "no folder", words=(*saving, "nowhere/plan"))
    refused(live, 2, "would lie in the folder", words=(*saving, "public/plan"))
    refused(live, 2, "--dry-run", words=("publish", "public", "site", *TO, "--save-plan", "plan"))


def test_an_unknown_layout(live: Work) -> None:
    refused(live, 2, "layout", words=("publish", "public", "site", *TO, "--layout", "rowed"))


@pytest.mark.parametrize("generation", ["f" * 32, "", "*"])
def test_an_unknown_generation(live: Work, generation: str) -> None:
    refused(live, 4, "oaio generations site", words=("rollback", "site", *AT, "--to-generation", generation))
    live.run("preview", "site", *AT, "--generation", generation).ended(4)
    live.run("checkout", "site", "copy", "--from", "./www", "--generation", generation).ended(4)
    assert not (live.here / "copy").exists()


def test_a_rollback_of_the_first_generation(live: Work) -> None:
    refused(live, 4, "before", words=("rollback", "site", *AT))


@pytest.mark.parametrize("command", ["generations", "rollback", "verify", "gc", "preview"])
def test_what_was_never_published(work: Work, command: str) -> None:
    work.run(command, "site", *AT).ended(4, "nothing was published", "oaio publish FOLDER site")
    assert not (work.here / "www").exists()
    work.publish(ONE)
    work.run(command, "other", *AT).ended(4, "nothing was published")


def test_a_place_where_something_else_stands(work: Work) -> None:
    written(work.here / "www/site", {"precious": "mine"})
    work.fill(ONE)
    work.run("publish", "public", "site", *TO).ended(6, "not published by oaio")
    assert tree(work.live).keys() == {"precious"}


def test_a_host_without_whole_folders(work: Work) -> None:
    work.fill(ONE)
    work.run("publish", "public", "site", "--to", "memory://www").ended(2, "--layout generations")
    work.run("publish", "public", "site", "--to", "memory://www", "--layout", "swapped").ended(1, "can't")


def test_a_damaged_head_is_told_and_what_is_live_stays(live: Work) -> None:
    head = live.here / "www/.oaio/trees/site/head"
    head.chmod(0o644)
    head.write_text("{}")
    refused(live, 1, "damaged")
    live.run("generations", "site", *AT).ended(1, "damaged")


@pytest.mark.parametrize("place", ["file", "link", "www/site", "www/copy", ".", "nowhere/copy", ""])
def test_a_place_that_no_checkout_can_write_to(live: Work, place: str) -> None:
    (live.here / "file").touch()
    (live.here / "link").symlink_to("public")
    before = tree(live.here)
    live.run("checkout", "site", place, "--from", "./www").ended(2)
    assert tree(live.here) == before


def test_a_port_that_is_taken(live: Work) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        live.run("preview", "site", *AT, "--port", port).ended(5, "taken", "--port")


@pytest.mark.parametrize("line", ["!", "*[0-9.key", "*[[:digits:]].key"])
def test_patterns_that_are_none(live: Work, line: str) -> None:
    (live.folder / ".oaioignore").write_text(f"fine\n{line}\n")
    refused(live, 2, ".oaioignore", "line 2")


def test_keys_that_git_would_hide_are_not_published(live: Work) -> None:
    written(live.folder, {"a1.key": "secret", "b.key": "secret", "a.key": "public"})
    (live.folder / ".oaioignore").write_text("*[[:digit:]].key\n[!]a].key\n")
    assert live.run("publish", "public", "site", *TO).ok().err == ""
    assert {found.name for found in live.live.rglob("*.key")} == {"a.key"}


def test_a_host_that_nobody_configured(work: Work) -> None:
    work.fill(ONE)
    work.run("publish", "public", "site", "--to", "Nowhere").ended(4, "configured", "write ./Nowhere;")
    work.run("verify", "site", "--at", "my www").ended(4, "configured", "write './my www';")
    oaio("gc", "site", "--at", "https://user:secret@host/x").ended(2, "password")


@pytest.mark.parametrize("name", ["Site", "SITE"])
def test_a_name_that_differs_from_that_of_another_tree_by_case_alone(live: Work, name: str) -> None:
    for more in ((), ("--dry-run",), ("--yes",)):
        refused(live, 6, "'site'", "same name", words=("publish", "public", name, *TO, *more))
