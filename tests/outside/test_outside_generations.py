"""Publishing generations as a user meets it: to a bucket, an account of Digi, a folder; by commands alone."""

import json
import random
import signal
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from outside.published import ONE, TWO, is_complete, named_commands
from outside.test_outside_json import documented
from outsider import OAIO, Done, environment, oaio, tree, written
from seaweed import KEY, REGION, SECRET, Weed

from oaio_storage.testing.koofr.running import RunningKoofr, koofr_server


@attrs.frozen
class Place:
    """A host, a folder to publish there, and a machine that does."""

    here: Path
    at: str
    settings: Mapping[str, str]
    more: tuple[str, ...] = ("--layout", "generations")

    @property
    def folder(self) -> Path:
        return self.here / "public"

    def env(self, machine: str = "ours") -> dict[str, str]:
        state = {"XDG_CACHE_HOME": f"cache-{machine}", "OAIO_STATE_DIR": f"state-{machine}"}
        return {**self.settings, **{name: str(self.here / place) for name, place in state.items()}}

    def run(self, *words: object, machine: str = "ours", **how: Any) -> Done:  # noqa: ANN401 - as oaio takes it
        done = oaio(*words, cwd=self.here, env=self.env(machine), **how)
        for command in named_commands(done):
            assert is_complete(command), f"{command} in {done.err!r} can't be run as it is printed"
        return done

    def fill(self, files: Mapping[str, str]) -> None:
        for path in sorted(self.folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        written(self.folder, files)

    def publish(self, files: Mapping[str, str], *more: object, machine: str = "ours") -> Any:  # noqa: ANN401 - JSON
        self.fill(files)
        words = ("publish", "public", "site", "--to", self.at, "--json", *self.more, *more)
        return self.run(*words, machine=machine).ok().json

    def told(self, command: str, *more: object) -> Any:  # noqa: ANN401 - JSON
        return self.run(command, "site", "--at", self.at, "--json", *more).ok().json

    def seen(self, *more: object) -> dict[str, Any]:
        """What a checkout by a machine that knows nothing brings."""
        copy = self.here / "seen" / str(len(list(self.here.glob("seen/*"))))
        copy.parent.mkdir(exist_ok=True)
        self.run("checkout", "site", copy, "--from", self.at, *more, machine="readers").ok()
        return tree(copy)


@pytest.fixture
def bucket(weed: Weed, tmp_path: Path) -> Place:
    (tmp_path / "public").mkdir()
    keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": REGION}
    address = f"s3://{weed.bucket}/{weed.new_prefix()}"
    return Place(tmp_path, address, {**keys, "AWS_ENDPOINT_URL": weed.endpoint})


@pytest.fixture
def folder(tmp_path: Path) -> Place:
    (tmp_path / "public").mkdir()
    return Place(tmp_path, "./www", {})


@pytest.fixture(scope="module")
def koofr() -> Iterator[RunningKoofr]:
    with koofr_server() as running:
        yield running


@pytest.fixture
def account(koofr: RunningKoofr, tmp_path: Path) -> Place:
    (tmp_path / "public").mkdir()
    settings = {"OAIO_CONFIG_DIR": str(tmp_path / "config")}
    named = ("--set", f"email={koofr.user}", "--set", f"endpoint={koofr.url}")
    where = ("--set", f"root_folder={tmp_path.name}", "--secret", "password")
    oaio("hosts", "add", "Digi", "Digi", *named, *where, stdin=koofr.password, env=settings).ok()
    return Place(tmp_path, "Digi", settings, ("--layout", "generations", "--exclusive"))


def test_a_folder_goes_live_in_a_bucket_and_back_with_the_same_commands(bucket: Place) -> None:
    first = bucket.publish(ONE)
    assert (first["new"], first["sent"], first["switch"]["sequence"]) == (4, 4, 1)
    assert bucket.seen() == tree(bucket.folder)
    before = tree(bucket.folder)
    second = bucket.publish(TWO)
    assert (second["new"], second["updated"], second["removed"], second["kept"]) == (1, 1, 1, 2)
    assert second["sent"] == 2
    assert bucket.seen() == tree(bucket.folder)
    assert bucket.seen("--generation", first["generation"][:12]) == before
    back = bucket.told("rollback")
    assert (back["sequence"], back["kind"], back["restored"]) == (3, "rollback", first["generation"])
    assert bucket.seen() == before
    listed = bucket.told("generations")
    assert [(one["sequence"], one["is_live"], one["is_kept"]) for one in listed] == [
        (3, True, True),
        (2, False, True),
        (1, False, True),
    ]
    assert bucket.told("verify")["faults"] == []
    assert bucket.told("gc")["generations"] == []
    gone = bucket.told("gc", "--now")["generations"]
    assert sorted(gone) == sorted([first["generation"], second["generation"]])
    assert bucket.seen() == before
    assert bucket.told("verify")["faults"] == []


def test_what_is_live_already_is_not_sent_again_and_of_a_change_only_the_change(
    bucket: Place, weed: Weed
) -> None:
    bucket.publish({**ONE, "large.bin": "x\n" * 2_000_000})
    name, _, prefix = bucket.at.removeprefix("s3://").partition("/")
    before = weed.keys(name, prefix)
    again = bucket.publish({**ONE, "large.bin": "x\n" * 2_000_000})
    assert (again["switch"], again["sent"], again["bytes_sent"]) == (None, 0, 0)
    assert weed.keys(name, prefix) == before
    assert "nothing changed" in bucket.run("publish", "public", "site", "--to", bucket.at).ok().out
    changed = bucket.publish({**ONE, "index.html": "changed", "large.bin": "x\n" * 2_000_000})
    assert changed["sent"] == 1
    assert changed["bytes_sent"] < 10_000


def test_the_first_publication_where_readers_could_expect_files_asks_for_a_layout(bucket: Place) -> None:
    bucket.fill(ONE)
    words = ("publish", "public", "site", "--to", bucket.at)
    for more in ((), ("--dry-run",)):
        bucket.run(*words, *more).ended(2, "its readers see no plain files", "--layout generations")
    bucket.run(*words, "--layout", "swapped").ended(1, "whole folders")
    bucket.run("generations", "site", "--at", bucket.at).ended(4)
    bucket.run(*words, "--layout", "generations", "--dry-run").ok()
    bucket.run("generations", "site", "--at", bucket.at).ended(4)
    bucket.run(*words, "--layout", "generations").ok()
    bucket.fill(TWO)
    bucket.run(*words).ok()
    bucket.fill(ONE)
    bucket.run(*words, machine="another").ok()
    assert [one["sequence"] for one in bucket.told("generations")] == [3, 2, 1]


def test_a_tree_keeps_its_layout(folder: Place) -> None:
    first = folder.publish(ONE)
    folder.fill(TWO)
    words = ("publish", "public", "site", "--to", folder.at)
    folder.run(*words, "--layout", "swapped").ended(1, "is kept in the layout 'generations'")
    assert folder.told("generations")[0]["generation"] == first["generation"]
    folder.run(*words).ok()
    assert not (folder.here / "www/site").exists()
    folder.run("publish", "public", "plain", "--to", folder.at).ok()
    folder.run("publish", "public", "plain", "--to", folder.at, *folder.more).ended(1, "'swapped'")
    assert tree(folder.here / "www/plain") == tree(folder.folder) == folder.seen()
    folder.run("publish", "public", "x", "--to", folder.at, "--layout", "sorted").ended(2, "no layout")


def test_a_saved_plan_is_applied_once_and_refused_when_its_base_moved(bucket: Place) -> None:
    bucket.publish(ONE)
    bucket.fill(TWO)
    words = ("publish", "public", "site", "--to", bucket.at)
    bucket.run(*words, "--dry-run", "--save-plan", "one.txt").ok()
    bucket.run(*words, "--dry-run", "--save-plan", "two.txt").ok()
    assert "\nM  index.html\n" in (bucket.here / "one.txt").read_text()
    assert bucket.told("generations")[0]["sequence"] == 1
    for _ in range(2):
        bucket.run(*words, "--plan", "one.txt").ok()
    assert bucket.told("generations")[0]["sequence"] == 2
    bucket.publish({**ONE, "other": "other"})
    bucket.fill(TWO)
    bucket.run(*words, "--plan", "two.txt").ended(6, "live")
    text = (bucket.here / "one.txt").read_text()
    (bucket.here / "one.txt").write_text(text.replace("index.html", "indox.html"))
    bucket.run(*words, "--plan", "one.txt").ended(2, "edited")
    assert bucket.told("generations")[0]["sequence"] == 3


def test_an_empty_tree_and_one_that_lacks_most_needs_a_yes(folder: Place) -> None:
    folder.publish({"index.html": "alone"})
    folder.publish({"index.html": "alone", **{f"{number}": "x" for number in range(5)}})
    before = folder.seen()
    words = ("publish", "public", "site", "--to", folder.at)
    for files in ({}, {"index.html": "alone"}):
        folder.fill(files)
        folder.run(*words).ended(2, "--yes")
        assert folder.run(*words, "--dry-run", "--json").ok().json["needs_yes"]
    folder.run("rollback", "site", "--at", folder.at).ended(2, "--yes")
    assert folder.seen() == before
    folder.told("rollback", "--yes")
    folder.publish({}, "--yes")
    assert folder.seen() == {}


@contextmanager
def previewed(place: Place, *more: str) -> Iterator[str]:
    words = [str(OAIO), "preview", "site", "--at", place.at, "--port", "0", "--json", *more]
    with subprocess.Popen(
        words, cwd=place.here, env=environment(place.env()), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        url = json.loads(b"".join(iter(process.stdout.readline, b"}\n")) + b"}")["url"]
        try:
            yield url
        finally:
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, b"")


def got(url: str, **headers: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
        return str(answer.read().decode())


def test_a_preview_keeps_the_generation_that_it_shows(bucket: Place) -> None:
    first = bucket.publish(ONE)["generation"]
    bucket.publish(TWO)
    with previewed(bucket, "--generation", first) as old:
        assert got(old) == ONE["index.html"]
        bucket.publish({**TWO, "third": "3"})
        gone = bucket.told("gc", "--now")["generations"]
        assert first not in gone
        assert gone
        assert got(f"{old}same.txt", Range="bytes=1-2") == "am"
        assert got(f"{old}about/") == ONE["about/index.html"]
    assert first in bucket.told("gc", "--now")["generations"]


def damage(place: Place) -> None:
    for pack in place.here.glob("www/.oaio/trees/site/packs/*"):
        pack.chmod(0o644)
        pack.write_bytes(b"")


def test_what_was_damaged_is_found_and_brought_back_from_a_folder_or_another_host(folder: Place) -> None:
    folder.publish(ONE)
    before = folder.seen()
    other = attrs.evolve(folder, at="./other")
    other.publish(ONE)
    assert folder.told("repair")["chunks"] == 0
    for source in ("./public", "./other"):
        damage(folder)
        said = folder.run("verify", "site", "--at", folder.at, "--json").ended(1, "oaio repair site --at")
        assert {fault["what"] for fault in said.json["faults"]} == {"short"}
        assert said.json["damaged"] == [said.json["live"]]
        folder.run("repair", "site", "--at", folder.at).ended(3, "is not whole yet")
        done = folder.told("repair", "--from", source)
        assert done["chunks"] > 0
        assert done["left"]["faults"] == []
        assert folder.seen() == before
        folder.run("verify", "site", "--at", folder.at).ok()
    folder.run("repair", "site", "--at", folder.at, "--from", "./nowhere").ended(4)


def test_a_newer_format_and_a_strangers_file_are_told(folder: Place) -> None:
    folder.publish(ONE)
    state = folder.here / "www/.oaio/trees/site"
    written(state, {"packs/stranger": "x"})
    said = folder.run("verify", "site", "--at", folder.at, "--json").ended(1, "is whole")
    assert said.json["faults"] == [{"generation": "", "path": "trees/site/packs/stranger", "what": "foreign"}]
    (state / "format").chmod(0o644)
    (state / "format").write_text("9\n")
    folder.run("verify", "site", "--at", folder.at).ended(1, "format 9", "Upgrade")
    words = ("publish", "public", "../x", "--to", folder.at, *folder.more)
    folder.run(*words).ended(2, "not the name of a tree")


def test_an_account_that_can_not_decide_is_refused_until_one_machine_says_it_publishes_alone(
    account: Place,
) -> None:
    account.fill(ONE)
    words = ("publish", "public", "site", "--to", account.at, "--layout", "generations")
    account.run(*words).ended(1, "two publishers could overwrite each other", "--exclusive")
    account.run("generations", "site", "--at", account.at).ended(4)
    account.run(*words, "--exclusive").ok()
    assert account.seen() == tree(account.folder)
    account.fill(TWO)
    account.run(*words).ok()
    assert account.seen() == tree(account.folder)
    account.run(*words, machine="another").ended(1, "--exclusive")
    account.told("rollback")
    assert account.told("gc", "--now")["generations"]
    assert account.told("verify")["faults"] == []
    assert account.told("generations")[0]["sequence"] == 3


def test_a_foreign_publisher_is_found_and_nothing_of_it_is_overwritten(account: Place) -> None:
    account.publish(ONE)
    account.publish(TWO, machine="another")
    theirs = account.seen()
    account.fill({"index.html": "ours", **ONE})
    words = ("publish", "public", "site", "--to", account.at)
    account.run(*words).ended(1, "by another than this machine", "--exclusive --take-over")
    account.run("rollback", "site", "--at", account.at).ended(1, "by another")
    account.run("gc", "site", "--at", account.at, "--now").ended(1, "by another")
    assert account.seen() == theirs
    account.run(*words, "--take-over").ended(2, "--exclusive")
    account.run(*words, "--exclusive", "--take-over").ok()
    account.run(*words).ok()
    assert account.seen() == tree(account.folder)
    assert [one["sequence"] for one in account.told("generations")] == [3, 2, 1]


def test_what_was_sent_before_a_kill_is_not_sent_again(bucket: Place, weed: Weed) -> None:
    name, _, prefix = bucket.at.removeprefix("s3://").partition("/")

    def packs() -> dict[str, int]:
        keys = (key for key in weed.keys(name, prefix) if "/packs/" in key)
        return {key: weed.raw.head_object(Bucket=name, Key=key)["ContentLength"] for key in keys}

    bucket.publish(ONE)
    before = packs()
    dice, size = random.Random(7), 3 << 20
    bucket.fill(ONE)
    for number in range(24):
        (bucket.folder / f"{number}.bin").write_bytes(dice.randbytes(size))
    words = [str(OAIO), "publish", "public", "site", "--to", bucket.at]
    with subprocess.Popen(words, cwd=bucket.here, env=environment(bucket.env())) as process:
        while len(packs()) < len(before) + 2 and process.poll() is None:
            pass
        process.kill()
    assert process.returncode == -signal.SIGKILL, "it was done too soon"
    sent = packs()
    assert bucket.told("generations")[0]["sequence"] == 1
    assert bucket.run(*words[1:], "--json").ok().json["switch"]["sequence"] == 2
    assert sent.items() <= packs().items()
    in_flight = 3 * (9 << 20)
    assert sum(packs().values()) - sum(before.values()) < 24 * size + in_flight
    assert bucket.seen() == tree(bucket.folder)


def test_a_checkout_goes_to_a_folder_alone_and_keeps_what_somebody_changed(bucket: Place) -> None:
    bucket.publish(ONE)
    words = ("checkout", "site", "copy", "--from", bucket.at)
    written(bucket.here, {"file": "x"})
    (bucket.here / "link").symlink_to("public")
    for target, said in (("file", "not a folder"), ("link", "symbolic link"), ("no/where", "no folder")):
        bucket.run("checkout", "site", target, "--from", bucket.at).ended(2, said)
    written(bucket.here / "copy", {"index.html": "mine", "mine.txt": "mine"})
    done = bucket.run(*words, "--json").ended(3)
    assert list(done.json["kept"]) == ["index.html"]
    assert (bucket.here / "copy/index.html").read_text() == "mine"
    assert (bucket.here / "copy/mine.txt").read_text() == "mine"
    bucket.publish(TWO)
    done = bucket.run(*words, "--json").ended(3)
    assert (done.json["written"], done.json["removed"]) == (["new.txt"], ["old.txt"])
    assert bucket.run(*words, "--json").ended(3).json["written"] == []


def test_what_the_store_lacks_is_told_and_old_generations_stay_readable(folder: Place) -> None:
    first = folder.publish(ONE)["generation"]
    before = folder.seen()
    live = folder.publish(TWO)["generation"]
    state = folder.here / "www/.oaio/trees/site"
    (state / "generations" / live).unlink()
    folder.run("checkout", "site", "x", "--from", folder.at, machine="another").ended(1, "is missing")
    said = folder.run("verify", "site", "--at", folder.at, "--json").ended(1)
    assert [(one["path"], one["what"]) for one in said.json["faults"]] == [
        (f"trees/site/generations/{live}", "missing")
    ]
    assert said.json["damaged"] == [live]
    assert folder.seen("--generation", first) == before
    assert folder.told("rollback", "--to-generation", first, "--yes")["sequence"] == 3
    assert folder.seen() == before
    head = state / "head"
    head.chmod(0o644)
    head.write_text(head.read_text()[:-70])
    for command in ("generations", "rollback", "gc"):
        folder.run(command, "site", "--at", folder.at).ended(1, "head of the tree is damaged")
    folder.run("publish", "public", "site", "--to", folder.at).ended(1, "head of the tree is damaged")
    said = folder.run("verify", "site", "--at", folder.at, "--json").ended(1)
    assert ("trees/site/head", "altered") in {(one["path"], one["what"]) for one in said.json["faults"]}


def test_two_publishers_of_the_same_base_one_is_told_of_the_other(bucket: Place) -> None:
    bucket.publish(ONE)
    others = [written(bucket.here / name, {**ONE, name: name}) for name in ("p", "q")]
    both = [
        subprocess.Popen(
            [str(OAIO), "publish", str(other), "site", "--to", bucket.at],
            cwd=bucket.here,
            env=environment(bucket.env(other.name)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for other in others
    ]
    said = [process.communicate(timeout=120)[1] for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes in ([0, 0], [0, 6]), said
    assert bucket.seen() in (tree(others[0]), tree(others[1]))
    assert bucket.told("verify")["faults"] == []


def test_every_command_prints_the_documented_fields(folder: Place) -> None:
    told = {"publish": folder.publish(ONE)}
    folder.publish(TWO)
    for command in ("rollback", "verify", "gc", "repair"):
        told[command] = folder.told(command)
    words = ("checkout", "site", "copy", "--from", folder.at, "--json")
    told["checkout"] = folder.run(*words).ok().json
    for command, printed in told.items():
        assert set(printed) == documented(command), command
