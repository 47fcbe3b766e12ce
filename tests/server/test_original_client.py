"""The unchanged original client against the running server: each clause that it needs."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from server.conftest import PASSWORD
from server.devices import Device
from server.originals import Original, original

from oaio_storage.testing.servers import RunningServer, oaio_server

VALUES = {
    "ä\U0001f600\u0085\u2028": ["é", "e\u0301"],
    "": {},
    "numbers": [1, 1.0, -0.0, 5e-324, 2**60, 10**30],
    "nested": [[], {}, [[{"": None}]], True, False],
}


class Devices(ExitStack):
    """Starts devices with the original client and ends them."""

    def __init__(self, server: RunningServer, root: Path) -> None:
        super().__init__()
        self.server, self.root = server, root

    def start(self, user: str, device: str, password: str = PASSWORD) -> Original:
        root = self.root / device
        return self.enter_context(original(self.server.url, user, password, device, root))


@pytest.fixture
def devices(server: RunningServer, tmp_path: Path) -> Iterator[Devices]:
    with Devices(server, tmp_path) as started:
        yield started


def test_values_converge_on_a_second_device(devices: Devices) -> None:
    first, second = devices.start("alice", "one"), devices.start("alice", "two")
    registered = first.do("register_object", VALUES)
    found = second.objects()[registered["oaio_id"]]
    assert repr(found["client_values"]) == repr(dict(sorted(VALUES.items())))
    assert (found["csh_access_right"], found["username"], found["device_id"]) == ("C", "alice", "one")
    assert found["client_stamp"] == registered["client_stamp"]
    updated = second.do("update_object", registered["oaio_id"], {"new": 1})
    assert first.objects()[registered["oaio_id"]]["client_values"] == updated["client_values"]


def test_a_wrong_password_is_refused_and_a_right_one_works_after_it(devices: Devices) -> None:
    assert (
        devices.start("alice", "wrong", "not it").call("synchronize_with_server_if_online")["result"] is False
    )
    assert devices.start("alice", "right").objects() == {}


def test_files_are_exchanged_through_the_folder_of_the_host(devices: Devices, tmp_path: Path) -> None:
    folder = tmp_path / "given"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("one")
    (folder / "sub" / "b ü.bin").write_bytes(bytes(range(256)))
    first, second = devices.start("alice", "one"), devices.start("alice", "two")
    registered = first.do("register_folder", str(folder))
    oaio_id = registered["oaio_id"]
    kept = devices.server.data / "files" / oaio_id / registered["client_stamp"]
    assert (kept / "a.txt").read_text() == "one"
    moved = folder.rename(tmp_path / "moved")
    second.objects()
    assert (folder / "a.txt").read_text() == "one"
    assert (folder / "sub" / "b ü.bin").read_bytes() == (moved / "sub" / "b ü.bin").read_bytes()
    (folder / "a.txt").write_text("two")
    second.do("update_folder", oaio_id)
    (folder / "a.txt").unlink()
    first.objects()
    assert (folder / "a.txt").read_text() == "two"


def test_sharing_and_its_end(devices: Devices) -> None:
    alice, bob = devices.start("alice", "one"), devices.start("bob", "two")
    oaio_id = alice.do("register_object", {"a": 1})["oaio_id"]
    assert alice.do("upsert_subscription", oaio_id, "bob", "r") > 0
    assert bob.objects()[oaio_id]["csh_access_right"] == "r"
    access = {one["username"]: one["access_right"] for one in alice.do("userz_access", oaio_id)}
    assert access == {"alice": "C", "bob": "r"}
    assert bob.call("upsert_subscription", oaio_id, "bob", "C")["result"] == 0
    bob.call("update_object", oaio_id, {"a": 2})
    assert alice.objects()[oaio_id]["client_values"] == {"a": 1}
    assert alice.call("unsubscribe", oaio_id, "bob")["result"] == ""
    assert {one["username"] for one in alice.do("userz_access", oaio_id)} == {"alice"}
    assert {one["access_right"] for one in alice.do("userz_access", "")} == {"x"}


def test_a_deletion_succeeds_on_both_devices(devices: Devices) -> None:
    first, second = devices.start("alice", "one"), devices.start("alice", "two")
    oaio_id = first.do("register_object", {"a": 1})["oaio_id"]
    second.objects()
    for device in (first, second):
        assert device.call("unregister_object", oaio_id)["result"] == ""
        assert device.objects() == {}


def test_wiping_files_with_the_object(devices: Devices, tmp_path: Path) -> None:
    device = devices.start("alice", "one")
    folder = tmp_path / "given"
    folder.mkdir()
    (folder / "a.txt").write_text("one")
    made = device.do("register_folder", str(folder))
    kept = devices.server.data / "files" / made["oaio_id"] / made["client_stamp"]
    assert kept.is_dir()
    assert device.call("unregister_object", made["oaio_id"], True)["result"] == ""
    assert not kept.exists()
    assert not folder.exists()


def test_two_hundred_objects_in_a_row(devices: Devices) -> None:
    first, second = devices.start("alice", "one"), devices.start("alice", "two")
    ids = [first.do("register_object", {"number": number})["oaio_id"] for number in range(200)]
    found = second.objects()
    assert [found[oaio_id]["client_values"]["number"] for oaio_id in ids] == list(range(200))


def test_the_later_of_two_concurrent_edits_wins_and_the_other_is_a_conflict(devices: Devices) -> None:
    first, second = devices.start("alice", "one"), devices.start("alice", "two")
    oaio_id = first.do("register_object", {"a": 0})["oaio_id"]
    second.objects()
    first.do("update_object", oaio_id, {"a": 1})
    devices.server.stop()
    second.call("update_object", oaio_id, {"a": 2})
    devices.enter_context(oaio_server(devices.server.data, devices.server.port))
    second = devices.start("alice", "two")  # the running client lost its password while it was offline (W7)
    second.call("synchronize_with_server_if_online")
    assert first.objects()[oaio_id]["client_values"] == {"a": 2} == second.objects()[oaio_id]["client_values"]
    entry = Device("alice").entry(oaio_id)
    assert entry
    assert [one["version"]["values"] for one in entry["conflicts"]] == ['{"a":1}']


def test_wiping_the_user(devices: Devices) -> None:
    alice, bob = devices.start("alice", "one"), devices.start("bob", "two")
    oaio_id = alice.do("register_object", {"a": 1})["oaio_id"]
    alice.do("upsert_subscription", oaio_id, "bob", "r")
    assert bob.call("wipe_user", "alice")["result"] != ""
    assert alice.call("wipe_user", "alice")["result"] == ""
    assert bob.objects() == {}
    assert alice.call("synchronize_with_server_if_online")["result"] is False
