"""`oaio hosts --data`: what a running server offers its clients, who keep files there."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from outsider import PASSWORD, Browser, Client, Done, NewClient, NewUser, oaio, tree, written

from oaio_storage.testing.servers import RunningServer, oaio_server

SECRET = "hidden-word"


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server of one test alone, with a user."""
    data = tmp_path / "server" / "data"
    oaio("user", "add", "alice", "--data", data, "--password-stdin", stdin=PASSWORD).ok()
    with oaio_server(data) as running:
        yield running


def hosts(server: RunningServer, *words: object, stdin: str = "") -> Done:
    return oaio("hosts", *words, "--data", server.data, stdin=stdin)


def add_local(server: RunningServer, csh_id: str, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    hosts(server, "add", csh_id, "Local", "--set", f"root_folder={folder}").ok()


@pytest.mark.parametrize("csh_id", ["Local-second", "Fsspec-second"])
def test_objects_keep_their_files_on_a_host_that_was_added(
    server: RunningServer, new_user: NewUser, new_client: NewClient, tmp_path: Path, csh_id: str
) -> None:
    user = new_user()
    first, second = (new_client(user, device) for device in ("laptop", "phone"))
    there = tmp_path / "there"
    if csh_id == "Local-second":
        add_local(server, csh_id, there)
    else:
        hosts(server, "add", csh_id, "Fsspec", "--set", f"url=file://{there}").ok()
    chosen = tmp_path / "chosen"
    words = ("--server", server.url, "--user", user, "--csh", csh_id, "--password-stdin")
    oaio("init", chosen, *words, stdin=PASSWORD).ok()
    laptop = Client(chosen)
    folder = written(tmp_path / "folder", {"a.txt": "one", "b/c.txt": "two"})
    oaio_id = laptop.register(folder)
    laptop.sync()
    assert sorted(path.name for path in there.rglob("*.txt")) == ["a.txt", "c.txt"]
    assert not list((server.data / "files").rglob("*.txt"))
    for client in (first, second):
        client.sync()
        assert sorted(path.read_text() for path in client.files(oaio_id)) == ["one", "two"]
    written(folder, {"b/c.txt": "three"})
    laptop.sync()
    second.sync()
    assert sorted(path.read_text() for path in second.files(oaio_id)) == ["one", "three"]
    assert laptop.json("status")["problems"] == second.json("status")["problems"] == []


def test_a_running_server_sees_a_change_at_once(server: RunningServer, user: str, tmp_path: Path) -> None:
    browser = Browser(server.url).login(user)
    assert browser.ask("/api/v1/hosts/Local-b")[0] == 404
    add_local(server, "Local-b", tmp_path / "b")
    status, host = browser.ask("/api/v1/hosts/Local-b")
    assert (status, host["args"]) == (200, {"root_folder": str(tmp_path / "b")})
    assert host["root_id"] == json.loads((tmp_path / "b" / ".oaio" / "root.json").read_text())["id"]
    hosts(server, "rekey").ok()
    assert browser.ask("/api/v1/hosts/Local-b") == (200, host)
    hosts(server, "rm", "Local-b").ok()
    assert browser.ask("/api/v1/hosts/Local-b")[0] == 404


def test_secrets_are_encrypted_masked_and_told_to_sessions_alone(own_server: RunningServer) -> None:
    server = own_server
    words = ("add", "Fsspec-mem", "Fsspec", "--set", "url=memory://outside", "--secret", "storage_options")
    done = hosts(server, *words, stdin=f'{{"token": "{SECRET}"}}\n').ok()
    listed, as_json = hosts(server, "ls").ok(), hosts(server, "ls", "--json").ok()
    assert SECRET not in "".join(told.out + told.err for told in (done, listed, as_json))
    assert "storage_options=***" in listed.out
    answer = Browser(server.url).login("alice").ask("/api/v1/hosts/Fsspec-mem")
    assert answer[1]["args"]["storage_options"] == {"token": SECRET}
    assert Browser(server.url).ask("/api/v1/hosts/Fsspec-mem")[0] == 401
    server.stop()
    kept = {path: path.read_bytes() for path in server.data.rglob("*") if path.is_file()}
    assert [path.name for path, content in kept.items() if SECRET.encode() in content] == []
    key = server.data / "hosts_key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert SECRET not in server.log.read_text()


def test_the_operator_chooses_the_default_and_sees_hosts_with_their_roots(
    own_server: RunningServer, new_client: NewClient, tmp_path: Path
) -> None:
    server = own_server
    add_local(server, "Local-b", tmp_path / "b")
    listed = hosts(server, "ls", "--json").ok().json
    assert [(host["csh_id"], host["backend"], host["is_default"]) for host in listed] == [
        ("Local", "Local", True),
        ("Local-b", "Local", False),
    ]
    assert all(host["root_id"] and not host["problem"] for host in listed)
    line = next(line for line in hosts(server, "ls").ok().out.splitlines() if line.startswith("Local-b"))
    assert f"root_folder={tmp_path / 'b'}" in line
    assert listed[1]["root_id"] in line
    hosts(server, "default", "Local-b").ok()
    client = new_client("alice", at=server)
    client.register(written(tmp_path / "folder", {"a.txt": "one"}))
    client.sync()
    assert [path.name for path in (tmp_path / "b").rglob("*.txt")] == ["a.txt"]


def test_a_host_with_files_is_removed_only_with_yes(
    own_server: RunningServer, new_client: NewClient, tmp_path: Path
) -> None:
    server = own_server
    add_local(server, "Local-b", tmp_path / "b")
    hosts(server, "default", "Local-b").ok()
    client = new_client("alice", at=server)
    for name in ("one", "two"):
        client.register(written(tmp_path / name, {"a.txt": name}))
    client.sync()
    before = tree(tmp_path / "b")
    hosts(server, "rm", "Local-b").ended(2, "2 objects", "--yes")
    assert len(hosts(server, "ls").ok().out.splitlines()) == 2
    done = hosts(server, "rm", "Local-b", "--yes", "--json").ok()
    assert done.json == {"csh_id": "Local-b", "objects": 2, "new_default": "Local"}
    assert tree(tmp_path / "b") == before
    written(tmp_path / "one", {"a.txt": "edited"})
    report = client.run("sync", "--json").ended(3).json
    assert (report["conflicts"], len(report["problems"])) == ([], 1)
    assert "Local-b" in report["problems"][0]["what"]
    written(tmp_path / "one", {"a.txt": "one"})
    add_local(server, "Local-b", tmp_path / "b")
    other = new_client("alice", "phone", at=server)
    other.sync()
    assert sorted(other.files(oaio_id)[0].read_text() for oaio_id in other.ids()) == ["one", "two"]


def test_a_host_that_cannot_be_offered_is_refused_and_not_stored(server: RunningServer) -> None:
    before = hosts(server, "ls", "--json").ok().out
    for words, code, said in (
        (["Nothing-a", "Nothing"], 4, "Local"),
        (["disk", "Local", "--set", "root_folder=/a"], 2, "Local-NAME"),
        (["Local", "Local", "--set", "root_folder=/a"], 6, "oaio hosts rm Local"),
        (["Local-a", "Local", "--set", "root_folder=/dev/null/a"], 1, "/dev/null/a"),
        (["Local-a", "Local", "--set", "root_folder=/no/such/a"], 1, "/no/such/a"),
        (["Local-a", "Local", "--set", "colour=red"], 2, "root_folder (text"),
        (["Fsspec-a", "Fsspec", "--set", "url=x://y", "--secret-env", "storage_options=HOME"], 2, "--secret"),
    ):
        hosts(server, "add", *words).ended(code, said)
    assert hosts(server, "ls", "--json").ok().out == before


def test_a_lost_key_is_told_and_not_replaced(own_server: RunningServer, tmp_path: Path) -> None:
    add_local(own_server, "Local-b", tmp_path / "b")
    own_server.stop()
    key = own_server.data / "hosts_key"
    content = key.read_bytes()
    key.unlink()
    for words in (["ls"], ["rm", "Local-b"]):
        hosts(own_server, *words).ended(2, "hosts_key", "Restore it")
    assert not key.exists()
    key.write_bytes(content)
    key.chmod(0o600)
    hosts(own_server, "default", "Local-b").ok()
    assert "Local is the default now" in hosts(own_server, "rm", "Local-b").ok().out


def test_a_folder_without_a_server_is_told(tmp_path: Path) -> None:
    for words in (["ls"], ["rm", "Local"], ["default", "Local"], ["rekey"]):
        oaio("hosts", *words, "--data", tmp_path / "nothing").ended(4, "nothing")
    assert not (tmp_path / "nothing").exists()
