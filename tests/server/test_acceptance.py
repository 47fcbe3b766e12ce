"""Versions through ``/api/v1/sync``: clauses O1 to O4, O6, O9 and O10 on a real database."""

import json
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from server.devices import Device, new_id

from oaio_storage.manifest import FileEntry, Manifest
from oaio_storage.model import stamp_plus
from oaio_storage.server import reading
from oaio_storage.server.models import FeedClock

pytestmark = pytest.mark.usefixtures("data")


class TestO1Versions:
    def test_a_registered_version_comes_back_as_it_was_sent(self) -> None:
        device, oaio_id = Device("alice"), new_id()
        files = Manifest({"a/b": FileEntry(size=1, checksum="0" * 64)}).text()
        item = device.item(oaio_id, values='{"ä":-0.0}', attached="folder", files=files, root_path="{doc}/x")
        told = device.sync(item)
        version = told["results"][0]["version"]
        kept = {key: value for key, value in item.items() if key not in ("overtakes", "resolves")}
        assert {key: version[key] for key in kept} == kept
        assert (version["number"], version["username"], version["paths"]) == (1, "alice", None)
        assert told["entries"] == [{"oaio_id": oaio_id, "right": "C", "version": version, "conflicts": []}]

    def test_numbers_grow_by_one(self) -> None:
        device, oaio_id = Device("alice"), new_id()
        base = device.accepted(oaio_id)
        for number in (2, 3):
            base = device.accepted(oaio_id, base)
            entry = device.entry(oaio_id)
            assert entry
            assert entry["version"]["number"] == number
            assert entry["version"]["id"] == base


class TestO2Repetition:
    def test_the_same_again_answers_the_same_and_writes_nothing(self) -> None:
        device = Device("alice")
        item = device.item(new_id())
        first, before = device.sync(item), device.cursor
        again = device.sync(item)
        assert again["results"] == first["results"]
        assert (again["entries"], device.cursor) == ([], before)

    def test_another_body_under_the_same_id_is_refused(self) -> None:
        device = Device("alice")
        item = device.item(new_id())
        device.sync(item)
        result = device.sync(item | {"values": '{"a":1}'})["results"][0]
        assert (result["status"], result["error"]["code"]) == (422, "ReusedId")

    def test_a_refused_version_is_judged_anew(self) -> None:
        device, oaio_id = Device("alice"), new_id()
        base = device.item(oaio_id)
        edit = device.item(oaio_id, base["id"])
        assert device.sync(edit)["results"][0]["status"] == 404
        results = device.sync(base, edit)["results"]
        assert [one["status"] for one in results] == [200, 200]


class TestO3Transactions:
    def test_a_stale_base_is_answered_with_the_current_version(self) -> None:
        device, oaio_id = Device("alice"), new_id()
        base = device.accepted(oaio_id)
        front = device.accepted(oaio_id, base)
        result = device.propose(oaio_id, base)
        assert (result["status"], result["error"]["code"], result["current"]["id"]) == (409, "Stale", front)

    def test_a_refused_item_does_not_stop_the_others(self) -> None:
        device = Device("alice")
        items = [device.item(new_id()), {"id": "odd"}, device.item(new_id(), "f" * 32), device.item(new_id())]
        assert [one["status"] for one in device.sync(*items)["results"]] == [200, 400, 404, 200]

    def test_bad_content_is_refused_by_its_own_error(self) -> None:
        device = Device("alice")
        cases = {
            "InvalidValues": {"values": '{"b":1, "a":2}'},
            "InvalidManifest": {"attached": "folder", "files": "no manifest"},
            "InvalidArgument": {"values": '{"_root_path":"x"}'},
            "InvalidName": {"oaio_id": "../x"},
            "UnknownHost": {"attached": "folder", "files": Manifest().text(), "csh_id": "Nowhere"},
        }
        for code, fields in cases.items():
            result = device.sync(device.item(new_id()) | fields)["results"][0]
            assert result["error"]["code"] == code, result
        assert "Local" in result["error"]["hint"]
        assert device.sync(cursor="")["entries"] == []

    def test_a_values_object_keeps_any_host_id(self) -> None:
        Device("alice").accepted(new_id(), csh_id="Digi")


class TestO4Stamps:
    def test_too_far_ahead_is_clock_skew(self) -> None:
        device = Device("alice")
        now = device.sync()["now"]
        result = device.propose(new_id(), stamp=stamp_plus(now, 80_000_000))
        assert (result["status"], result["error"]["code"]) == (409, "ClockSkew")
        device.accepted(new_id(), stamp=stamp_plus(now, 60_000_000))

    def test_not_after_the_base_is_clock_skew(self) -> None:
        device, oaio_id = Device("alice"), new_id()
        stamp = device.stamp()
        base = device.accepted(oaio_id, stamp=stamp)
        assert device.propose(oaio_id, base, stamp=stamp)["error"]["code"] == "ClockSkew"

    def test_no_two_answers_give_the_same_stamp(self) -> None:
        device, other = Device("alice"), Device("bob")
        given: list[str] = []
        for count in (1, 500, 10_000, 1):
            for one in (device, other):
                first = one.sync(stamps=count)["stamp"]
                given += [stamp_plus(first, place) for place in (0, count - 1)]
        assert given == sorted(given)
        assert len(set(given)) == len(given) - 4  # the two answers of one stamp each, twice

    def test_a_clock_set_back_gives_later_stamps_still(self) -> None:
        device = Device("alice")
        ahead = stamp_plus(device.stamp(), 3_600_000_000)
        FeedClock.objects.update(last_stamp=ahead)
        assert device.sync()["now"] == ahead
        assert device.stamp() == stamp_plus(ahead, 1)
        device.accepted(new_id())


class TestO6Feed:
    def test_a_sync_without_proposals_writes_nothing(self, data: Path) -> None:
        device = Device("alice")
        device.accepted(new_id())
        with CaptureQueriesContext(connection) as captured:
            device.sync(cursor="")
        assert all(query["sql"].startswith("SELECT") for query in captured.captured_queries)
        assert len(captured) <= 8
        assert data.is_dir()

    def test_the_number_of_statements_does_not_grow_with_the_entries(self) -> None:
        device = Device("alice")
        counts = []
        for _ in range(2):
            device.sync(*(device.item(new_id()) for _ in range(10)))
            with CaptureQueriesContext(connection) as captured:
                assert device.sync(cursor="")["entries"]
            counts.append(len(captured))
        assert counts[0] == counts[1]

    def test_pages_cover_everything_once(self) -> None:
        device = Device("alice")
        ids = [new_id() for _ in range(7)]
        device.sync(*(device.item(one) for one in ids))
        found, cursor, more = [], "", True
        while more:
            told = device.sync(cursor=cursor, limit=3)
            found += [one["oaio_id"] for one in told["entries"]]
            cursor, more = told["cursor"], told["more"]
        assert found == ids

    def test_pages_of_long_versions_hold_fewer_and_one_at_least(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reading, "PAGE_CHARS", 1000)
        device, text = Device("alice"), json.dumps({"a": "b" * 390}, separators=(",", ":"))
        ids = [new_id() for _ in range(5)]
        bases = [device.accepted(one, values=text) for one in ids]
        device.accepted(ids[4], bases[4], values=text, overtakes=[bases[4]])  # its conflict counts too
        ids.append(new_id())
        device.accepted(ids[5], values=text.replace("b", "b" * 9))
        pages, cursor, more = [], "", True
        while more:
            told = device.sync(cursor=cursor)
            pages.append([one["oaio_id"] for one in told["entries"]])
            cursor, more = told["cursor"], told["more"]
        assert pages == [ids[:2], ids[2:4], ids[4:5], ids[5:]]

    def test_an_object_changed_meanwhile_moves_to_the_end(self) -> None:
        device, first, second = Device("alice"), new_id(), new_id()
        base = device.accepted(first)
        device.accepted(second)
        device.accepted(first, base)
        assert [one["oaio_id"] for one in device.sync(cursor="")["entries"]] == [second, first]

    @pytest.mark.parametrize(
        "cursor", ["x", "1", "-1", "f" * 32, "f" * 32 + "-", "f" * 32 + "-01", "\x00", "ü" * 99]
    )
    def test_a_cursor_that_was_never_given_is_refused(self, cursor: str) -> None:
        status, answer = Device("alice").post(
            "v1/sync", {"cursor": cursor, "stamps": 0, "items": [], "limit": 1}
        )
        assert (status, answer["error"]["code"]) == (400, "InvalidArgument")

    def test_a_cursor_of_another_time_or_server_starts_over(self) -> None:
        device, oaio_id = Device("alice"), new_id()
        device.accepted(oaio_id)
        server_id = device.sync()["server_id"]
        for cursor in (f"{server_id}-99999", f"{'0' * 32}-1"):
            assert [one["oaio_id"] for one in device.sync(cursor=cursor)["entries"]] == [oaio_id]


class TestO9Deletions:
    def test_a_deletion_is_a_version_and_reaches_every_reader(self) -> None:
        alice, bob, oaio_id = Device("alice"), Device("bob"), new_id()
        base = alice.accepted(oaio_id, values='{"a":1}')
        alice.share(oaio_id, "bob", "r")
        bob.sync()
        gone = alice.accepted(oaio_id, base, deleted=True)
        (entry,) = bob.sync()["entries"]
        assert (entry["version"]["id"], entry["version"]["deleted"], entry["right"]) == (gone, True, "r")

    def test_a_deleted_id_is_never_accepted_again(self) -> None:
        alice, oaio_id = Device("alice"), new_id()
        base = alice.accepted(oaio_id)
        gone = alice.accepted(oaio_id, base, deleted=True)
        result = alice.propose(oaio_id)
        assert (result["status"], result["error"]["code"], result["current"]["id"]) == (
            409,
            "AlreadyExists",
            gone,
        )
        result = Device("carol").propose(oaio_id)
        assert (result["status"], result["current"]) == (409, None)


class TestO10DeletionAgainstEdit:
    def setup_deleted(self) -> tuple[Device, Device, Device, str, str, str]:
        alice, bob, carol, oaio_id = Device("alice"), Device("bob"), Device("carol"), new_id()
        base = alice.accepted(oaio_id)
        alice.share(oaio_id, "bob", "U")
        alice.share(oaio_id, "carol", "r")
        gone = alice.accepted(oaio_id, base, deleted=True)
        return alice, bob, carol, oaio_id, base, gone

    def test_the_edit_is_listed_to_its_author_and_the_owner(self) -> None:
        alice, bob, carol, oaio_id, base, gone = self.setup_deleted()
        assert bob.propose(oaio_id, base)["error"]["code"] == "Stale"
        edit = bob.accepted(oaio_id, base, values='{"b":1}', aside=True)
        for device, listed in ((alice, [edit]), (bob, [edit]), (carol, [])):
            entry = device.entry(oaio_id)
            assert entry
            assert entry["version"]["id"] == gone
            assert [one["id"] for one in entry["conflicts"]] == listed

    def test_keeping_the_edit_needs_d_or_c_and_makes_it_live_again(self) -> None:
        alice, bob, _, oaio_id, base, gone = self.setup_deleted()
        edit = bob.accepted(oaio_id, base, values='{"b":1}', aside=True)
        refused = bob.propose(oaio_id, gone, values='{"b":1}', resolves=[edit])
        assert (refused["status"], refused["error"]["code"]) == (403, "Forbidden")
        alice.accepted(oaio_id, gone, values='{"b":1}', resolves=[edit])
        entry = bob.entry(oaio_id)
        assert entry
        assert entry["version"]["values"] == '{"b":1}'
        assert not entry["conflicts"]

    def test_with_u_alone_another_s_edit_is_not_settled_by_one_of_one_s_own(self) -> None:
        alice, bob, _, oaio_id, base, _ = self.setup_deleted()
        theirs = alice.accepted(oaio_id, base, values='{"a":1}', aside=True)
        refused = bob.propose(oaio_id, theirs, aside=True, resolves=[theirs])
        assert (refused["status"], refused["error"]["code"]) == (403, "Forbidden")
        own = bob.accepted(oaio_id, base, values='{"b":1}', aside=True)
        later = bob.accepted(oaio_id, own, values='{"b":2}', aside=True, resolves=[own])
        entry = alice.entry(oaio_id)
        assert entry
        assert [one["id"] for one in entry["conflicts"]] == [theirs, later]

    def test_without_a_conflict_nothing_revives_it(self) -> None:
        alice, bob, _, oaio_id, base, gone = self.setup_deleted()
        assert alice.propose(oaio_id, gone)["error"]["code"] == "Stale"
        edit = bob.accepted(oaio_id, base, aside=True)
        front = alice.accepted(oaio_id, gone, deleted=True, resolves=[edit])
        assert alice.propose(oaio_id, front, resolves=[edit])["error"]["code"] == "Stale"


class TestConflicts:
    def test_an_overtaken_version_is_listed_until_it_is_settled(self) -> None:
        alice, bob, oaio_id = Device("alice"), Device("bob"), new_id()
        base = alice.accepted(oaio_id)
        alice.share(oaio_id, "bob", "r")
        other = alice.accepted(oaio_id, base, values='{"a":1}')
        front = alice.accepted(oaio_id, other, values='{"a":2}', overtakes=[other])
        entry = bob.entry(oaio_id)
        assert entry
        assert [one["version"]["values"] for one in entry["conflicts"]] == ['{"a":1}']
        alice.accepted(oaio_id, front, values='{"a":1}', resolves=[other])
        entry = bob.entry(oaio_id)
        assert entry
        assert entry["conflicts"] == []


class TestManyAtOnce:
    def test_two_hundred_items_in_one_request(self) -> None:
        device = Device("alice")
        first = device.sync(stamps=200)["stamp"]
        items = [device.item(new_id(), stamp=stamp_plus(first, place)) for place in range(200)]
        told = device.sync(*items)
        assert {one["status"] for one in told["results"]} == {200}
        assert len(told["entries"]) == 200
        status, answer = device.post("v1/sync", {"cursor": "", "stamps": 0, "items": [{}] * 201, "limit": 1})
        assert (status, answer["error"]["code"]) == (400, "InvalidArgument")

    def test_a_body_above_the_limit_is_refused(self) -> None:
        status, answer = Device("alice").post("v1/sync", json.dumps({"x": "x" * (8 << 20)}))
        assert (status, answer["error"]["code"]) == (413, "TooLarge")
