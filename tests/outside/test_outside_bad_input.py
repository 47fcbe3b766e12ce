"""Bad input: a clear error, the documented exit code, nothing changed, nothing lost."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from outsider import OAIO, PASSWORD, Client, NewClient, NewUser, environment, oaio, tree, written

from oaio_storage.testing.servers import RunningServer, oaio_server

LOST_PORT = "http://127.0.0.1:1"


def test_a_wrong_password_makes_no_client(server: RunningServer, user: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    words = ("init", root, "--server", server.url, "--user", user, "--password-stdin")
    done = oaio(*words, stdin="wrong", env={"OAIO_DEBUG": ""}).ended(1, "password")
    assert "wrong\n" not in done.err
    oaio("status", "--root", root).ended(4, "oaio init")
    oaio(*words, stdin=PASSWORD).ok()


def test_an_unreachable_server_makes_no_client(tmp_path: Path) -> None:
    root = tmp_path / "root"
    words = ("init", root, "--server", LOST_PORT, "--user", "alice", "--password-stdin")
    oaio(*words, stdin=PASSWORD).ended(5, LOST_PORT)
    oaio("status", "--root", root).ended(4, "oaio init")


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1", "http://", "http://alice:secret@127.0.0.1", "http://[::1", ""]
)
def test_what_is_no_address_of_a_server_is_refused(url: str, tmp_path: Path) -> None:
    words = ("init", tmp_path / "root", "--server", url, "--user", "alice", "--password-stdin")
    assert "secret" not in oaio(*words, stdin=PASSWORD).ended(2).err


def test_a_stopped_server_loses_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    oaio("user", "add", "alice", "--data", data, "--password-stdin", stdin=PASSWORD).ok()
    root = tmp_path / "root"
    with oaio_server(data) as server:
        words = ("init", root, "--server", server.url, "--user", "alice", "--password-stdin")
        oaio(*words, stdin=PASSWORD).ok()
    client = Client(root)
    made = client.register("--values", '{"a": 1}')
    client.run("sync").ended(5, "reached")
    client.run("share", made, "bob", "--right", "r").ended(5)
    assert client.json("status")["unsent"] == [made]
    with oaio_server(data, server.port):
        assert client.sync()["sent"] == 1


@pytest.mark.parametrize("words", [("register",), ("update", "ID")])
def test_a_missing_folder_is_not_found(words: tuple[str, ...], client: Client, tmp_path: Path) -> None:
    made = client.register("--values", '{"a": 1}')
    before = client.state()
    named = [made if word == "ID" else word for word in words]
    client.run(*named, tmp_path / "nowhere").ended(4, "nowhere")
    assert client.state() == before


def test_an_unreadable_file_is_not_registered(client: Client, tmp_path: Path) -> None:
    folder = written(tmp_path / "mine", {"a": "a", "secret": "s"})
    (folder / "secret").chmod(0)
    before = client.state()
    client.run("register", folder / "secret", obey_modes=True).ended(1, "secret")
    client.run("register", folder, obey_modes=True).ended(1, "secret")
    assert client.state() == before


def test_a_file_that_becomes_unreadable_is_a_problem_and_no_removal(
    new_client: NewClient, new_user: NewUser, tmp_path: Path
) -> None:
    user = new_user()
    laptop, phone = new_client(user), new_client(user, "phone")
    folder = written(tmp_path / "mine", {"a": "a", "secret": "s", "c": "c"})
    made = laptop.register(folder)
    laptop.sync()
    (folder / "secret").chmod(0)
    told = laptop.run("sync", "--json", obey_modes=True).ended(3).json
    assert [problem["oaio_id"] for problem in told["problems"]] == [made]
    assert set(told["problems"][0]) == {"id", "oaio_id", "what", "way_out"}
    phone.sync()
    assert len(phone.files(made)) == 3
    (folder / "secret").chmod(0o600)
    laptop.run("sync", obey_modes=True).ok()


def test_a_file_removed_in_the_middle_of_registering_registers_nothing(
    client: Client, tmp_path: Path
) -> None:
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(1_500_000_000)
    before = client.state()
    words = [str(OAIO), "register", str(big), "--root", str(client.root)]
    with subprocess.Popen(
        words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as register:
        while register.poll() is None and str(big) not in opened_by(register.pid):
            time.sleep(0.001)
        big.unlink()
        _, said = register.communicate(timeout=120)
    assert register.returncode == 5, said
    assert said.startswith(b"oaio: ")
    assert b"Traceback" not in said
    assert client.state() == before


def opened_by(pid: int) -> set[str]:
    """The files that a process has open."""
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").glob("*"):
        try:
            found.add(str(descriptor.readlink()))
        except OSError:
            continue
    return found


TOO_DEEP = '{"a": ' + "[" * 40 + "]" * 40 + "}"
NO_VALUES = {
    "NaN": '{"a": NaN}',
    "infinity": '{"a": -Infinity}',
    "overflow": '{"a": 1e999}',
    "NUL": '{"a": "\\u0000"}',
    "NUL in a key": '{"\\u0000": 1}',
    "lone surrogate": '{"a": "\\ud800"}',
    "too deep": TOO_DEEP,
    "far too deep": "[" * 100_000,
    "too large": '{"a": "' + "x" * (1 << 20) + '"}',
    "too many": "{" + ", ".join(f'"{number}": 0' for number in range(10_001)) + "}",
    "huge number": '{"a": ' + "9" * 5_000 + "}",
    "a list": "[1]",
    "a text": '"text"',
    "nothing": "",
    "no JSON": "{a}",
    "a name twice": '{"a": 1, "a": 2}',
}


def test_values_that_are_not_allowed_change_nothing(client: Client) -> None:
    made = client.register("--values", '{"a": 1}')
    before = client.state()
    for name, text in NO_VALUES.items():
        assert client.run("register", "--values", "-", stdin=text).ended(2).out == "", name
    for name in ("NaN", "NUL", "too deep", "too large", "a list"):
        assert client.run("update", made, "--values", "-", stdin=NO_VALUES[name]).ended(2).out == "", name
    assert client.state() == before


def test_values_and_files_are_refused_together(client: Client, tmp_path: Path) -> None:
    made = client.register(written(tmp_path / "mine", {"a": "a"}))
    before = client.state()
    client.run("update", made, written(tmp_path / "new", {"b": "b"}), "--values", '{"a": NaN}').ended(2)
    client.run("update", made, tmp_path / "nowhere", "--values", '{"a": 1}').ended(4)
    assert client.state() == before


def test_unknown_ids_are_not_found(client: Client, tmp_path: Path) -> None:
    client.register("--values", '{"a": 1}')
    before = client.state()
    unknown, *odd = ("no such object", "..", "../../etc", "*", "new\nline")
    for words in (
        ("show",),
        ("files",),
        ("files", "--at", tmp_path / "there"),
        ("update", "--values", "{}"),
        ("unregister",),
        ("share", "bob"),
    ):
        client.run(words[0], unknown, *words[1:]).ended(4, "no object")
    client.run("resolve", unknown, "--keep", "front").ended(4, "no conflict")
    for oaio_id in odd:
        client.run("show", oaio_id).ended(4, "no object")
        client.run("unregister", oaio_id, "--wipe").ended(4, "no object")
    assert client.state() == before
    assert not (tmp_path / "there").exists()


def test_a_name_with_a_lone_surrogate_is_not_registered(client: Client, tmp_path: Path) -> None:
    folder = written(tmp_path / "mine", {"a": "a"})
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/\xff.txt"))
    odd.write_text("odd")
    before = client.state()
    client.run("register", odd).ended(2, "surrogate")
    client.run("register", folder).ended(2, "surrogate")
    assert client.state() == before
    assert odd.read_text() == "odd"


@pytest.mark.parametrize("name", ["a/../..", "dev/ice", "\t"])
def test_a_device_name_that_no_id_may_hold_is_refused(
    name: str, server: RunningServer, user: str, tmp_path: Path
) -> None:
    words = ("init", tmp_path / "root", "--server", server.url, "--user", user, "--password-stdin")
    oaio(*words, "--device", name, stdin=PASSWORD).ended(2, "device_id")
    assert not (tmp_path / "root").exists()


def test_a_device_name_of_dots_leaves_no_folder(new_client: NewClient, user: str, tmp_path: Path) -> None:
    client = new_client(user, "..")
    made = client.register(written(tmp_path / "mine", {"a": "a"}))
    client.sync()
    assert client.files(made)[0].read_text() == "a"
    assert not made.startswith(".")


def test_an_unmounted_root_is_a_problem_and_nothing_is_removed(
    new_client: NewClient, new_user: NewUser, tmp_path: Path
) -> None:
    user = new_user()
    laptop, phone = new_client(user), new_client(user, "phone")
    folder = written(tmp_path / "disk", {"a": "a", "b": "b"})
    made = laptop.register(folder)
    laptop.sync()
    folder.rename(tmp_path / "unplugged")
    for mount_point_stays in (False, True):
        if mount_point_stays:
            folder.mkdir()
        told = laptop.run("sync", "--json").ended(3).json
        assert [problem["oaio_id"] for problem in told["problems"]] == [made]
        assert told["problems"][0]["way_out"]
    phone.sync()
    assert [path.read_text() for path in phone.files(made)] == ["a", "b"]
    folder.rmdir()
    (tmp_path / "unplugged").rename(folder)
    laptop.run("sync").ok()
    assert tree(folder).keys() == {"a", "b"}


def test_an_empty_path_is_not_the_current_folder(client: Client) -> None:
    before = client.ids()
    client.run("register", "").ended(2)
    assert client.ids() == before


def test_a_missing_root_can_not_be_registered_by_update_either(
    new_client: NewClient, user: str, tmp_path: Path
) -> None:
    client = new_client(user)
    folder = written(tmp_path / "disk", {"a": "a"})
    made = client.register(folder)
    folder.rename(tmp_path / "unplugged")
    client.run("update", made).ended(1)
    assert len(client.files(made)) == 1


def test_a_root_that_overlaps_client_root_is_refused(client: Client) -> None:
    inside = written(client.root / "mine", {"a": "a"})
    before = client.state()
    for folder in (client.root, client.root.parent, inside):
        client.run("register", folder).ended(2)
    made = client.register("--values", "{}")
    client.run("update", made, client.root.parent).ended(2)
    client.run("unregister", made).ok()
    assert client.state() == before


def test_a_client_root_of_another_user_is_refused(
    client: Client, server: RunningServer, new_user: NewUser
) -> None:
    words = ("init", client.root, "--server", server.url, "--user", new_user(), "--password-stdin")
    before = client.state()
    oaio(*words, stdin=PASSWORD).ended(2, "belongs to the user")
    assert client.state() == before
    client.sync()


@pytest.mark.parametrize("text", ["", "{", '{"server": 5}', "\0"])
def test_damaged_settings_are_told_and_left_alone(text: str, client: Client) -> None:
    settings = client.root / "settings.json"
    kept = settings.read_bytes()
    settings.write_text(text)
    client.run("sync").ended(1, "settings.json")
    assert settings.read_text() == text
    settings.write_bytes(kept)


def test_an_unknown_csh_id_fails_at_once_and_lists_what_the_server_offers(
    server: RunningServer, user: str, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    words = ("init", root, "--server", server.url, "--user", user, "--password-stdin")
    oaio(*words, "--csh", "Nowhere", stdin=PASSWORD).ended(4, "Nowhere", "Local")
    oaio("status", "--root", root).ended(4, "oaio init")
    oaio(*words, "--csh", "Local", stdin=PASSWORD).ok()


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose disk a test exchanges and brings back, with the user alice."""
    data = tmp_path_factory.mktemp("own") / "data"
    oaio("user", "add", "alice", "--data", data, "--password-stdin", stdin=PASSWORD).ok()
    with oaio_server(data) as server:
        yield server


@pytest.mark.parametrize("other_disk", ["empty", "missing", "of another server"])
def test_a_local_host_on_another_machines_disk_is_a_problem_and_no_second_copy(
    other_disk: str, own_server: RunningServer, new_client: NewClient, tmp_path: Path, server: RunningServer
) -> None:
    client = new_client("alice", at=own_server)
    folder = written(tmp_path / "mine", {"a": "a"})
    client.register(folder)
    client.sync()
    disk, elsewhere = own_server.data / "files", own_server.data / "elsewhere"
    disk.rename(elsewhere)
    if other_disk == "empty":
        disk.mkdir()
    elif other_disk == "of another server":
        (disk / ".oaio").mkdir(parents=True)
        (disk / ".oaio" / "root.json").write_bytes((server.data / "files/.oaio/root.json").read_bytes())
    there = tree(disk)
    (folder / "b").write_text("b")
    told = client.run("sync", "--json").ended(3).json
    assert told["problems"]
    assert tree(disk) == there
    if disk.exists():
        for path in sorted(disk.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        disk.rmdir()
    elsewhere.rename(disk)
    assert client.sync()["sent"] == 1


def test_two_commands_at_once_do_not_disturb_each_other(client: Client) -> None:
    words = [str(OAIO), "register", "--values", '{"a": 1}', "--root", str(client.root)]
    running = [subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE) for _ in range(4)]
    made = {process.communicate(timeout=120)[0].decode().strip() for process in running}
    assert [process.returncode for process in running] == [0] * 4
    assert len(made) == 4
    assert made <= set(client.ids())
