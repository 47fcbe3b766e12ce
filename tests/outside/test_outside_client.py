"""Every command of a client, each sentence of its documentation once."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import attrs
import pytest
from outsider import OAIO, PASSWORD, Browser, Client, NewClient, NewUser, environment, oaio, tree, written

from oaio_storage.testing.servers import RunningServer

Pair = tuple[Client, Client]


def test_init_keeps_a_session_that_only_its_owner_can_read(client: Client) -> None:
    assert client.root.stat().st_mode & 0o077 == 0
    session = [
        path for path in client.root.rglob("*") if path.is_file() and b"sessionid" in path.read_bytes()
    ]
    assert session
    assert all(path.stat().st_mode & 0o077 == 0 for path in session)


def test_the_password_is_kept_nowhere(client: Client, server: RunningServer) -> None:
    client.run("sync").ok()
    for folder in (client.root, server.data):
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert files
        assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]
    assert PASSWORD not in server.log.read_text()


def test_init_without_csh_takes_the_servers_default_host(client: Client, tmp_path: Path) -> None:
    client.sync()
    made = client.register(written(tmp_path / "mine", {"a.txt": "a"}) / "a.txt")
    client.sync()
    assert client.json("show", made)["csh_id"] == "Local"


def test_options_stand_before_or_after_the_command_or_in_the_environment(client: Client) -> None:
    after = oaio("ls", "--root", client.root, "--json").ok().json
    assert oaio("--root", client.root, "--json", "ls").ok().json == after
    assert oaio("--json", "ls", env={"OAIO_ROOT": str(client.root)}).ok().json == after
    assert oaio("ls", "--root", client.root, env={"OAIO_ROOT": "/nowhere"}).ok().code == 0


def test_values_registered_on_one_device_are_on_the_other_after_both_synchronised(pair: Pair) -> None:
    laptop, phone = pair
    values = {"title": "Größe", "n": [1, 2.5, None, True], "deep": {"": -0.0}, "big": 2**63}
    laptop.sync()
    made = laptop.register("--values", json.dumps(values))
    report = laptop.sync()
    assert (report["sent"], report["problems"]) == (1, [])
    phone.sync()
    assert phone.values(made) == values
    assert laptop.sync()["sent"] == 0


def test_a_file_and_a_folder_arrive_byte_by_byte(pair: Pair, tmp_path: Path) -> None:
    laptop, phone = pair
    folder = written(
        tmp_path / "mine", {"a b/ü [1].txt": "one", "a b/*": "two", "empty": "", ".dot": "three"}
    )
    (folder / "binary").write_bytes(bytes(range(256)) * 100)
    single = laptop.register(folder / "binary")
    whole = laptop.register(written(tmp_path / "other", {"x/y": "why", "z": "zed"}))
    laptop.sync()
    report = phone.sync()
    assert report["received"] >= 2
    assert report["bytes_received"] > 25_600
    (received,) = phone.files(single)
    assert received.read_bytes() == (folder / "binary").read_bytes()
    assert sorted(path.read_text() for path in phone.files(whole)) == ["why", "zed"]


def test_only_changed_files_are_sent(pair: Pair, tmp_path: Path) -> None:
    laptop, phone = pair
    folder = written(tmp_path / "mine", {"big": "x" * 1_000_000, "small": "1"})
    made = laptop.register(folder)
    assert laptop.sync()["bytes_sent"] > 1_000_000
    phone.sync()
    (folder / "small").write_text("2")
    laptop.run("update", made).ok()
    assert laptop.sync()["bytes_sent"] < 100_000
    assert phone.sync()["bytes_received"] < 100_000
    assert sorted(len(path.read_text()) for path in phone.files(made)) == [1, 1_000_000]


def test_update_sets_values_and_reset_drops_the_others(client: Client) -> None:
    made = client.register("--values", '{"a": 1, "b": 2}')
    client.run("update", made, "--values", '{"b": 3, "c": 4}').ok()
    assert client.values(made) == {"a": 1, "b": 3, "c": 4}
    client.run("update", made, "--values", '{"d": 5}', "--reset").ok()
    assert client.values(made) == {"d": 5}


def test_values_can_come_from_stdin(client: Client) -> None:
    made = client.json("register", "--values", "-", stdin='{"long": "' + "x" * 200_000 + '"}')["oaio_id"]
    assert len(client.values(made)["long"]) == 200_000


def test_update_takes_another_path_and_values_together(client: Client, tmp_path: Path) -> None:
    made = client.register(written(tmp_path / "old", {"a": "old"}))
    new = written(tmp_path / "new", {"b": "new"})
    client.run("update", made, new, "--values", '{"title": "new"}').ok()
    assert client.values(made) == {"title": "new"}
    assert client.files(made) == [new / "b"]
    client.sync()


def test_edits_wait_for_sync_and_status_counts_them(client: Client) -> None:
    client.sync()
    made = client.register("--values", '{"a": 1}')
    assert client.json("status")["unsent"] == [made]
    client.sync()
    assert client.json("status")["unsent"] == []


def test_an_object_is_known_by_the_end_of_its_id(client: Client) -> None:
    made = client.register("--values", '{"a": 1}')
    assert client.json("show", made[-12:])["oaio_id"] == made


def test_files_lists_and_at_chooses_where_they_are(pair: Pair, tmp_path: Path) -> None:
    laptop, phone = pair
    made = laptop.register(written(tmp_path / "mine", {"a": "1", "b/c": "2"}))
    laptop.sync()
    phone.sync()
    place = tmp_path / "there"
    assert phone.json("files", made, "--at", place) == [str(place / "a"), str(place / "b/c")]
    assert tree(place) == tree(tmp_path / "mine")
    (place / "new").write_text("3")
    phone.sync()
    laptop.sync()
    assert tree(place) == tree(tmp_path / "mine")


def test_what_lies_in_the_chosen_folder_is_never_overwritten(pair: Pair, tmp_path: Path) -> None:
    laptop, phone = pair
    made = laptop.register(written(tmp_path / "mine", {"a": "1"}))
    laptop.sync()
    phone.sync()
    place = written(tmp_path / "there", {"a": "precious"})
    phone.run("files", made, "--at", place).ended(6, "other files")
    assert (place / "a").read_text() == "precious"


def test_removed_files_go_from_the_other_device(pair: Pair, tmp_path: Path) -> None:
    laptop, phone = pair
    folder = written(tmp_path / "mine", {"a": "1", "b": "2", "c": "3"})
    made = laptop.register(folder)
    laptop.sync()
    phone.sync()
    (folder / "b").unlink()
    laptop.sync()
    phone.sync()
    assert [path.name for path in phone.files(made)] == ["a", "c"]


def test_share_lets_another_user_read_and_no_more(new_client: NewClient, new_user: NewUser) -> None:
    alice, bob = new_user(), new_user()
    laptop, tablet = new_client(alice), new_client(bob, "tablet")
    made = laptop.register("--values", '{"a": 1}')
    laptop.sync()
    tablet.sync()
    tablet.run("show", made).ended(4)
    laptop.run("share", made, bob, "--right", "r").ok()
    tablet.sync()
    assert tablet.values(made) == {"a": 1}
    tablet.run("update", made, "--values", '{"a": 2}').ended(1, "right")
    tablet.run("unregister", made).ended(1, "right")
    laptop.run("share", made, bob, "--right", "U").ok()
    tablet.sync()
    tablet.run("update", made, "--values", '{"a": 3}').ok()
    tablet.sync()
    laptop.sync()
    assert laptop.values(made) == {"a": 3}
    laptop.run("unshare", made, bob).ok()
    tablet.sync()
    assert made not in tablet.ids()


def test_sharing_with_nobody_is_not_found(client: Client) -> None:
    made = client.register("--values", '{"a": 1}')
    client.sync()
    client.run("share", made, "nobody-of-this-name", "--right", "r").ended(4, "nobody-of-this-name")


def test_unregister_deletes_everywhere_and_wipe_takes_only_its_files(pair: Pair, tmp_path: Path) -> None:
    laptop, phone = pair
    folder = written(tmp_path / "mine", {"a": "1", "b": "2"})
    made = laptop.register(folder)
    laptop.sync()
    phone.sync()
    received = phone.files(made)
    phone.run("unregister", made).ok()
    phone.sync()
    laptop.sync()
    assert made not in laptop.ids() + phone.ids()
    assert not any(path.exists() for path in received)
    folder = written(tmp_path / "other", {"a": "1", "b": "2"})
    kept = laptop.register(folder)
    (folder / "later").write_text("not registered")
    laptop.run("unregister", kept, "--wipe").ok()
    assert [path.name for path in folder.iterdir()] == ["later"]


@attrs.frozen
class Sides:
    """Two devices with conflicts: the phone's edits stand in front, the laptop's were overtaken."""

    laptop: Client
    phone: Client
    made: dict[str, str]

    def conflict(self, device: Client, name: str) -> dict[str, Any]:
        (found,) = [one for one in device.json("conflicts") if one["oaio_id"] == self.made[name]]
        return dict(found)


@pytest.fixture(scope="module")
def sides(new_client: NewClient, new_user: NewUser) -> Sides:
    """Four conflicts, each for one use, so that the order of the tests does not matter."""
    user = new_user()
    laptop, phone = new_client(user), new_client(user, "phone")
    names = ("listed", "front", "other", "both")
    made = {name: laptop.register("--values", '{"side": "none"}') for name in names}
    laptop.sync()
    phone.sync()
    for device, side in ((laptop, "laptop"), (phone, "phone")):
        for oaio_id in made.values():
            device.run("update", oaio_id, "--values", json.dumps({"side": side})).ok()
    laptop.sync()
    told = phone.run("sync", "--json").ended(6).json
    assert {one["oaio_id"] for one in told["conflicts"]} == set(made.values())
    laptop.run("sync").ended(6)
    return Sides(laptop, phone, made)


def test_a_conflict_keeps_both_sides_and_is_told_once(sides: Sides) -> None:
    listed = [sides.conflict(device, "listed") for device in (sides.laptop, sides.phone)]
    assert listed[0]["id"] == listed[1]["id"]
    for conflict in listed:
        assert set(conflict) == {"id", "oaio_id", "front", "other", "since"}
        assert conflict["front"]["client_values"]["side"] == "phone"
        assert conflict["other"]["client_values"]["side"] == "laptop"
    for device in (sides.laptop, sides.phone):
        device.run("sync").ok()


def test_resolve_settles_a_conflict_on_all_devices(sides: Sides) -> None:
    laptop, phone, made = sides.laptop, sides.phone, sides.made
    for keep in ("front", "other", "both"):
        conflict = sides.conflict(laptop, keep)["id"]
        kept = laptop.json("resolve", conflict, "--keep", keep)["oaio_id"]
        assert (kept == made[keep]) is (keep != "both")
    laptop.sync()
    phone.sync()
    for device in (laptop, phone):
        assert device.values(made["front"]) == device.values(made["both"]) == {"side": "phone"}
        assert device.values(made["other"]) == device.values(kept) == {"side": "laptop"}
        assert {one["oaio_id"] for one in device.json("conflicts")} == {made["listed"]}


def test_without_a_terminal_a_missing_decision_names_the_option(sides: Sides) -> None:
    conflict = sides.conflict(sides.laptop, "listed")
    sides.laptop.run("resolve", conflict["id"]).ended(2, "--keep")
    assert sides.conflict(sides.laptop, "listed") == conflict


def test_an_edit_whose_right_is_lost_later_is_a_problem(new_client: NewClient, new_user: NewUser) -> None:
    alice, bob = new_user(), new_user()
    laptop, tablet = new_client(alice), new_client(bob, "tablet")
    made = laptop.register("--values", '{"a": 1}')
    laptop.sync()
    laptop.run("share", made, bob, "--right", "U").ok()
    tablet.sync()
    tablet.run("update", made, "--values", '{"a": 2}').ok()
    laptop.run("share", made, bob, "--right", "r").ok()
    (problem,) = tablet.run("sync", "--json").ended(3).json["problems"]
    assert problem["oaio_id"] == made
    assert tablet.json("status")["problems"] == [problem]
    laptop.sync()
    assert laptop.values(made) == {"a": 1}


def test_an_ended_session_fails_with_the_command_that_begins_another(
    new_client: NewClient, server: RunningServer, user: str
) -> None:
    client = new_client(user)
    made = client.register("--values", '{"a": 1}')
    cookies = json.loads((client.root / "session.json").read_text())["cookies"]
    browser = Browser(server.url).login(user)
    for cookie in browser.jar:
        cookie.value = cookies.get(cookie.name, cookie.value)
    assert browser.ask("/api/v1/logout", {})[0] == 200
    client.run("sync").ended(1, "oaio login")
    client.run("login").ended(2, "--password-stdin")
    client.run("login", "--password-stdin", stdin="wrong").ended(1, "password")
    client.run("login", "--password-stdin", stdin=PASSWORD).ok()
    client.sync()
    assert client.json("status")["unsent"] == []
    assert made in client.ids()


def test_a_reader_that_went_away_is_no_error(client: Client) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    words = [str(OAIO), "status", "--root", str(client.root)]
    done = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, env=environment(), check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")
