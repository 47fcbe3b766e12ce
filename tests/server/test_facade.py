"""Rules of the facade that the original client does not exercise: wire contract 1 and 3; O10 and O16."""

import pytest
from django.contrib.auth.models import User
from server.devices import Device, Json, new_id, original_body

from oaio_storage.manifest import FileEntry, Manifest
from oaio_storage.model import stamp_plus
from oaio_storage.server.models import StoredObject, StoredVersion

pytestmark = pytest.mark.usefixtures("data")

FILES = {"_root_path": "{doc}/x", "_file_paths": ["b", "a/c"]}


def listed(device: Device, oaio_id: str) -> Json:
    """The object as the facade lists it."""
    status, answer = device.get("oaio_stampz/")
    assert status == 200
    return next((one for one in answer if one["oaio_id"] == oaio_id), None)


def registered(device: Device, values: Json = None) -> tuple[str, str]:
    """The id and the stamp of a new object."""
    oaio_id, stamp = new_id(), device.stamp()
    assert device.post("register/", original_body(oaio_id, stamp, values)) == (200, {"oaio_id": oaio_id})
    return oaio_id, stamp


class TestTransport:
    @pytest.mark.parametrize(
        "slug", ["login/", "register/", "upload", "delete/", "subscribe/", "wipe_user", "logout/"]
    )
    def test_a_get_of_a_post_slug_sets_the_cookie_for_all_paths(self, slug: str) -> None:
        device = Device("")
        device.client.cookies.clear()
        assert device.get(slug) == (200, {})
        cookie = device.client.cookies["csrftoken"]
        assert (cookie["path"], bool(cookie["secure"])) == ("/", False)
        assert cookie["max-age"] >= 14 * 24 * 3600

    def test_the_same_cookie_twice_is_accepted(self) -> None:
        device, oaio_id = Device("alice"), new_id()
        cookies = {name: cookie.value for name, cookie in device.client.cookies.items()}
        header = "; ".join(f"{name}={cookies[name]}" for name in ("csrftoken", "sessionid", "csrftoken"))
        device.client.cookies.clear()
        answer = device.client.post(
            "/api/register/",
            original_body(oaio_id, "20260101000000000000"),
            content_type="application/json",
            headers=device.headers() | {"Cookie": header, "X-CSRFToken": cookies["csrftoken"]},
        )
        assert answer.status_code == 200

    @pytest.mark.parametrize(
        "literal", ["", "alice", "b'alice", "'alice'", "b'\\xff'", "__import__('os')", "b'bob'"]
    )
    def test_a_context_header_has_to_be_a_bytes_literal_of_the_user(self, literal: str) -> None:
        device = Device("alice")
        answer = device.client.get("/api/current_stamp/", headers=device.headers() | {"X-OAIO-user": literal})
        assert answer.status_code == (403 if literal == "b'bob'" else 400)

    def test_the_root_marker_goes_in_a_header(self) -> None:
        device = Device("alice")
        answer = device.request("GET", "/api/csh_args/Local")
        assert set(answer.json()) == {"root_folder"}
        assert answer["X-OAIO-root"] == device.get("v1/hosts/Local")[1]["root_id"]
        status, told = device.get("csh_args/Nowhere")
        assert (status, told["error"]["code"]) == (404, "UnknownHost")
        assert "Local" in told["error"]["hint"]


class TestRegister:
    def test_an_exact_repetition_succeeds_and_another_is_refused(self) -> None:
        device = Device("alice")
        oaio_id, stamp = registered(device, {"a": 1})
        assert device.post("register/", original_body(oaio_id, stamp, {"a": 1}))[0] == 200
        assert StoredVersion.objects.count() == 1
        for values, other in (({"a": 2}, stamp), ({"a": 1}, stamp_plus(stamp, 1))):
            assert device.post("register/", original_body(oaio_id, other, values))[0] == 409
        assert Device("bob").post("register/", original_body(oaio_id, stamp, {"a": 1}))[0] == 409

    def test_a_deleted_id_is_refused(self) -> None:
        device = Device("alice")
        oaio_id, stamp = registered(device)
        assert device.post("delete/", {"oaio_id": oaio_id}) == (200, {})
        assert device.post("register/", original_body(oaio_id, stamp))[0] == 409

    @pytest.mark.parametrize(
        "values",
        [
            {"_file_paths": ["../x"]},
            {"_file_paths": ["/etc/passwd"]},
            {"_file_paths": "x"},
            {"_file_paths": ["x", "x"]},
            {"_root_path": "{doc}/../.."},
            {"_root_path": 1},
            {"a": "\0"},
            {"a": 10**200},
        ],
    )
    def test_what_is_not_safe_is_refused(self, values: Json) -> None:
        status, answer = Device("alice").post(
            "register/", original_body(new_id(), Device("alice").stamp(), values)
        )
        assert status == 400, answer
        assert StoredObject.objects.count() == 0

    def test_stamps_are_kept_and_refused_too_far_ahead(self) -> None:
        device, oaio_id = Device("alice"), new_id()
        now = device.sync()["now"]
        assert device.post("register/", original_body(oaio_id, stamp_plus(now, 80_000_000)))[0] == 409
        ahead = stamp_plus(now, 60_000_000)
        assert device.post("register/", original_body(oaio_id, ahead))[0] == 200
        assert listed(device, oaio_id)["client_stamp"] == ahead


class TestListing:
    def test_exactly_the_ten_fields(self) -> None:
        device = Device("alice")
        oaio_id, stamp = registered(device, FILES | {"v": 1})
        assert listed(device, oaio_id) == {
            "oaio_id": oaio_id,
            "client_stamp": stamp,
            "server_stamp": stamp,
            "client_values": FILES | {"v": 1},
            "server_values": {},
            "csh_id": "Local",
            "username": "alice",
            "device_id": "device",
            "app_id": "app",
            "csh_access_right": "C",
        }

    def test_a_version_of_our_client_is_shown_with_its_paths(self) -> None:
        device, oaio_id = Device("alice"), new_id()
        files = Manifest({path: FileEntry(size=1, checksum="0" * 64) for path in ("b", "a/c")}).text()
        device.accepted(oaio_id, attached="folder", files=files, root_path="{doc}/x", values='{"v":1}')
        assert listed(device, oaio_id)["client_values"] == {
            "v": 1,
            "_root_path": "{doc}/x",
            "_file_paths": ["a/c", "b"],
        }

    def test_a_version_of_an_original_is_shown_to_ours_with_paths(self) -> None:
        device = Device("alice")
        oaio_id, _ = registered(device, FILES | {"v": 1})
        version = (device.entry(oaio_id) or {})["version"]
        kept = (
            version["values"],
            version["attached"],
            version["files"],
            version["paths"],
            version["root_path"],
        )
        assert kept == ('{"v":1}', "folder", None, ["b", "a/c"], "{doc}/x")


class TestUpload:
    def test_the_table_of_stamps(self) -> None:
        device = Device("alice")
        oaio_id, stamp = registered(device, {"a": 0})
        newer = stamp_plus(stamp, 5)
        body = original_body(oaio_id, newer, {"a": 1}, base=stamp)
        assert [device.post("upload/", body)[0] for _ in range(2)] == [200, 200]
        assert device.post("upload/", body | {"client_values": {"a": 2}})[0] == 409
        assert (
            device.post("upload/", original_body(oaio_id, stamp_plus(stamp, 2), {"a": 3}, base=stamp))[0]
            == 409
        )
        entry = device.entry(oaio_id) or {}
        assert (entry["version"]["values"], entry["version"]["number"], entry["conflicts"]) == (
            '{"a":1}',
            2,
            [],
        )

    def test_on_a_stale_base_it_is_accepted_and_the_overtaken_becomes_a_conflict(self) -> None:
        device = Device("alice")
        oaio_id, stamp = registered(device, {"a": 0})
        base = (device.entry(oaio_id) or {})["version"]["id"]
        other = device.accepted(oaio_id, base, values='{"a":1}')
        late = original_body(oaio_id, stamp_plus(device.stamp(), 1), {"a": 2}, base=stamp)
        assert device.post("upload/", late)[0] == 200
        entry = device.entry(oaio_id) or {}
        assert (entry["version"]["values"], entry["version"]["base"]) == ('{"a":2}', base)
        assert [one["id"] for one in entry["conflicts"]] == [other]


class TestDelete:
    def test_a_deletion_that_had_not_seen_an_edit_lists_it(self) -> None:
        device = Device("alice")
        oaio_id, stamp = registered(device, {"a": 0})
        base = (device.entry(oaio_id) or {})["version"]["id"]
        edit = device.accepted(oaio_id, base, values='{"a":1}')
        assert device.post("delete/", original_body(oaio_id, stamp, base=stamp))[0] == 200
        entry = device.entry(oaio_id) or {}
        assert entry["version"]["deleted"]
        assert [one["id"] for one in entry["conflicts"]] == [edit]
        assert listed(device, oaio_id) is None


class TestSharing:
    def test_the_last_creator_stays_and_can_hand_over(self) -> None:
        alice, bob = Device("alice"), Device("bob")
        oaio_id, _ = registered(alice)
        assert [alice.share(oaio_id, "alice", right) for right in "xrUD"] == [403] * 4
        assert alice.share(oaio_id, "bob", "C") == 200
        assert alice.share(oaio_id, "alice", "x") == 200
        assert (alice.entry(oaio_id) or {})["right"] == "x"
        assert (bob.entry(oaio_id) or {})["right"] == "C"

    def test_unsubscribing_is_for_everybody_and_safe_to_repeat(self) -> None:
        alice, bob = Device("alice"), Device("bob")
        oaio_id, _ = registered(alice)
        status, answer = alice.post(
            "subscribe/", {"oaio_id": oaio_id, "username": "bob", "access_right": "r"}
        )
        assert (status, type(answer["Pid"])) == (200, int)
        assert answer["Pid"] > 0
        assert bob.share(oaio_id, "bob", "x") == 200
        assert alice.share(oaio_id, "bob", "x") == 200

    def test_a_change_of_right_is_told_to_its_user_alone(self) -> None:
        alice, bob = Device("alice"), Device("bob")
        oaio_id, _ = registered(alice)
        alice.sync()
        alice.share(oaio_id, "bob", "r")
        assert (alice.sync()["entries"], len(bob.sync()["entries"])) == ([], 1)
        alice.share(oaio_id, "bob", "r")
        assert bob.sync()["entries"] == []

    def test_who_is_listed(self) -> None:
        alice, bob, carol, root = (Device(name) for name in ("alice", "bob", "carol", "root"))
        oaio_id, _ = registered(alice)
        alice.share(oaio_id, "bob", "U")
        other, _ = registered(alice)

        def names(device: Device, asked: str) -> str:
            told = device.get(f"v1/access?oaio_id={asked}")[1]["access"]
            return " ".join(f"{one['username']}:{one['access_right']}" for one in told)

        assert names(alice, oaio_id) == names(bob, oaio_id) == "alice:C bob:U"
        assert names(alice, other) == "alice:C bob:x"
        assert names(bob, other) == names(bob, "") == "alice:x bob:x"
        assert names(carol, oaio_id) == "carol:x"
        assert names(root, oaio_id) == "alice:C bob:U carol:x dora:x root:x"


class TestWipeUser:
    def test_nothing_of_the_user_stays_and_the_others_learn_it(self) -> None:
        alice, bob = Device("alice"), Device("bob")
        shared, _ = registered(alice, {"secret": "shared"})
        own, stamp = registered(alice, {"secret": "own"})
        alice.share(shared, "bob", "D")
        theirs, _ = registered(bob, {"kept": 1})
        bob.share(theirs, "alice", "U")
        assert alice.post("wipe_user/", {"Uid": "alice"}) == (200, {})
        assert not User.objects.filter(username="alice").exists()
        assert not StoredVersion.objects.filter(values__contains="secret").exists()
        assert not StoredVersion.objects.filter(username="alice").exists()
        entry = bob.entry(shared) or {}
        assert (entry["version"]["deleted"], entry["version"]["username"]) == (True, "")
        assert listed(bob, theirs)["client_values"] == {"kept": 1}
        assert bob.post("register/", original_body(own, stamp, {"secret": "own"}))[0] == 409
        assert alice.get("current_stamp/")[0] == 401
