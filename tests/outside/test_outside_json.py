"""``--json`` prints the fields that the documentation lists."""

import re
from pathlib import Path

import pytest
from outsider import PASSWORD, NewClient, NewUser, oaio, written

from oaio_storage.testing.servers import RunningServer

PAGE = (Path(__file__).resolve().parents[2] / "docs/reference/json.md").read_text("utf-8")


def documented(command: str) -> set[str]:
    """The names of the fields that the page lists for ``command``, or for the value that it prints."""
    (told,) = re.findall(rf"^\| `oaio {command}` \| (.*) \|$", PAGE, re.MULTILINE)
    if value := re.fullmatch(r"(?:a list, each )?\[(\w+)\]\(#\w+\)", told):
        section = PAGE.split(f"\n## {value[1]}\n")[1].split("\n## ")[0]
        return set(re.findall(r"^- `(\w+)`", section, re.MULTILINE))
    return set(re.findall(r"`(\w+)`", told))


def test_every_command_of_a_client_prints_the_documented_fields(
    server: RunningServer, new_client: NewClient, new_user: NewUser, tmp_path: Path
) -> None:
    alice, bob = new_user(), new_user()
    words = ("init", tmp_path / "other", "--server", server.url, "--user", alice, "--password-stdin")
    told = {"init": oaio(*words, "--json", stdin=PASSWORD).ok().json}
    client = new_client(alice)
    told["login"] = client.json("login", "--password-stdin", stdin=PASSWORD)
    assert told["login"] == told["init"] | {"client_root": str(client.root)}
    assert client.json("status")["last_sync_stamp"] == ""
    told["register"] = client.json("register", written(tmp_path / "mine", {"a": "a"}))
    made = told["register"]["oaio_id"]
    told["sync"] = client.sync()
    told["status"] = client.json("status")
    assert told["status"]["last_sync_stamp"] > told["register"]["client_stamp"][:8]
    told["update"] = client.json("update", made, "--values", '{"a": 1}')
    told["show"] = client.json("show", made)
    (told["ls"],) = client.json("ls")
    told["share"] = client.json("share", made, bob)
    told["unshare"] = client.json("unshare", made, bob)
    told["unregister"] = client.json("unregister", made)
    add = ("user", "add", f"{alice}-too", "--data", server.data, "--password-stdin", "--json")
    told["user add"] = oaio(*add, stdin=PASSWORD).ok().json
    assert told["user add"]["created"] is False
    for command, printed in told.items():
        assert set(printed) == documented(command), command


def test_a_login_names_the_whole_path_of_a_client_root_that_was_typed_relative(
    new_client: NewClient, user: str
) -> None:
    client = new_client(user)
    words = ("login", "--root", client.root.name, "--password-stdin", "--json")
    told = oaio(*words, stdin=PASSWORD, cwd=client.root.parent).ok().json
    assert told["client_root"] == str(client.root)


def test_a_user_for_a_folder_that_is_no_servers_yet_tells_that_one_was_made(tmp_path: Path) -> None:
    words = ("user", "add", "alice", "--data", tmp_path / "typo", "--password-stdin")
    told = oaio(*words, "--json", stdin=PASSWORD).ok().json
    assert (told["data"], told["created"]) == (str(tmp_path / "typo"), True)
    made = oaio("user", "add", "alice", "--data", tmp_path / "other", "--password-stdin", stdin=PASSWORD).ok()
    assert f"made a new server in {tmp_path / 'other'}" in made.out


@pytest.mark.parametrize("command", ["register", "status"])
def test_an_error_is_printed_with_the_documented_fields(command: str, tmp_path: Path) -> None:
    printed = oaio(command, "--root", tmp_path, "--json").json
    assert set(printed) == {"error"}
    assert set(printed["error"]) == {"code", "message", "hint"}
