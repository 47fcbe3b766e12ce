"""``oaio send`` over the command line, to the original's server; nobody sees the token."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from file_transfer.original_server import original_server
from outside.test_outside_json import documented
from outsider import Done, oaio, tree, written

TOKEN = "eyJh.secret.part"
FILES = {"index.html": "first", "css/style.css": "body {}", ".git/config": "mine"}


@attrs.frozen
class Desk:
    """A folder to send, a file with the token, and a web app."""

    here: Path
    api: str

    def send(self, *more: object, token: bool = True, env: dict[str, str] | None = None) -> Done:
        words = ["--api", self.api, "--course", "course", *(["--token-file", "token"] * token), *more]
        own = {"OAIO_STATE_DIR": str(self.here / "state")} | (env or {})
        done = oaio("send", "public", *words, cwd=self.here, env=own)
        assert "secret" not in done.out + done.err
        return done

    def touch(self, seconds: int) -> None:
        os.utime(self.here / "public" / "index.html", (seconds, seconds))

    @property
    def live(self) -> dict[str, str]:
        found = tree(self.here / "www" / "course")
        return {path: content for path, content in found.items() if path != "manifest.json"}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    (tmp_path / "www").mkdir()
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    written(tmp_path / "public", FILES)
    with original_server(tmp_path / "www", TOKEN) as api:
        yield Desk(tmp_path, api)


def test_a_folder_goes_live_and_then_what_changed(desk: Desk) -> None:
    shown = desk.send().ok().out.splitlines()
    assert shown[:-1] == ["A  css/style.css", "A  index.html"]
    assert shown[-1].startswith("course: 2 new, 0 to update, 0 removed; 2 files sent (")
    assert desk.live.keys() == {"index.html", "css/style.css"}
    (desk.here / "public/css/style.css").write_text("p {}")
    desk.touch(2_000_000_000)
    assert desk.send().ok().out.splitlines()[:-1] == ["M  css/style.css", "M  index.html"]
    assert (desk.here / "www/course/css/style.css").read_text() == "p {}"


def test_the_token_may_come_from_the_environment(desk: Desk) -> None:
    desk.send(token=False).ended(2, "no token", "--token-file")
    desk.send(token=False, env={"OAIO_TRANSFER_TOKEN": TOKEN}).ok()
    desk.send("--token-file", "elsewhere", token=False).ended(4, "elsewhere")


def test_a_dry_run_sends_nothing_and_json_tells_the_documented_fields(desk: Desk) -> None:
    told = desk.send("--dry-run", "--json").ok().json
    assert told["status"] == ["A  css/style.css", "A  index.html"]
    assert (told["live"], told["sent"]) == (False, 0)
    assert not desk.live
    told = desk.send("--json").ok().json
    assert set(told) == documented("send")
    assert (told["live"], told["sent"], told["files"]) == (True, 2, 2)


def test_what_would_remove_much_needs_a_yes(desk: Desk) -> None:
    written(desk.here / "public", {"a": "a", "b": "b", "c": "c"})
    desk.send().ok()
    for name in ("a", "b", "c"):
        (desk.here / "public" / name).unlink()
    desk.touch(2_000_000_000)
    desk.send().ended(2, "3 of 5 files would go", "--yes")
    desk.send("--yes").ok()
    assert desk.live.keys() == {"index.html", "css/style.css"}


def test_refusals_say_what_to_do(desk: Desk) -> None:
    desk.send().ok()
    desk.send().ended(6, "older", "touch")
    (desk.here / "token").write_text("another.secret.token")
    desk.send().ended(1, "401", "token")
    (desk.here / "public" / "link").symlink_to("/etc/hostname")
    desk.send().ended(2, "'link'", ".oaioignore")


def test_plain_http_needs_to_be_said_and_nobody_there_is_exit_5(desk: Desk) -> None:
    desk.send("--api", desk.api.replace("http://127.0.0.1", "127.0.0.2")).ended(5, "https://127.0.0.2")
    desk.send("--api", desk.api.removeprefix("http://")).ok()


def test_errors_come_as_json_too(desk: Desk) -> None:
    (desk.here / "token").write_text("another.secret.token")
    done = desk.send("--json")
    assert done.code == 1
    assert json.loads(done.out)["error"]["code"] == "LoginNeeded"
