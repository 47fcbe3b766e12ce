"""The class `OaioClient` of the built wheel, in processes of their own: each sentence once."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from outsider import PASSWORD, NewUser, environment, run, tree, written
from server.originals import original

from oaio_storage.testing.servers import RunningServer, oaio_server

DEVICE = Path(__file__).with_name("python_device.py")
SIGNATURES = {
    "__init__": (
        "host, credentials, app_id='', device_id='', csh_default_id='Digi', client_root='{usr}/oaio_root/'"
    ),
    "register_file": "file_name, file_content=None, root_path='', stamp='', csh_id=''",
    "register_folder": "root_path, stamp='', csh_id=''",
    "register_object": "values, stamp='', oaio_id='', csh_id=''",
    "synchronize_with_server_if_online": "",
    "unregister_object": "oaio_id, wipe_files=False",
    "unsubscribe": "oaio_id, user_name",
    "update_file": "oaio_id, file_name='', file_content=None, root_path='', stamp=''",
    "update_folder": "oaio_id, root_path='', stamp=''",
    "update_object": "oaio_id, values, stamp='', reset=False",
    "upsert_subscription": "oaio_id, user_name, access_right='r'",
    "userz_access": "oaio_id",
    "wipe_user": "user_name",
    "conflicts": "oaio_id=''",
    "resolve": "conflict_id, keep",
    "files": "oaio_id",
    "problems": "",
}
"""What the original's documentation says, and of the last four, this project's."""

SHOW_SIGNATURES = """
import inspect, json, sys
from oaio_storage import OaioClient

def shown(one):
    return one.name if one.default is one.empty else f"{one.name}={one.default!r}"

signatures = {name: inspect.signature(getattr(OaioClient, name)) for name in sys.argv[1:]}
parameters = {name: list(one.parameters.values())[1:] for name, one in signatures.items()}
print(json.dumps({name: ", ".join(map(shown, all)) for name, all in parameters.items()}))
"""


@attrs.frozen
class Device:
    """A running program with one client."""

    process: subprocess.Popen[str]
    root: Path

    def call(self, name: str, *args: object, **options: object) -> dict[str, Any]:
        """What came of it: ``result`` or ``raised``, and ``error``."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([name, args, options]) + "\n")
        self.process.stdin.flush()
        answered: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answered

    def do(self, name: str, *args: object, **options: object) -> Any:  # noqa: ANN401 - whatever it returns
        """The result, without an error."""
        answered = self.call(name, *args, **options)
        assert "result" in answered, answered
        assert not answered["error"], answered
        return answered["result"]

    def raises(self, name: str, *args: object, **options: object) -> list[str]:
        """The names of the classes of what it raised."""
        answered = self.call(name, *args, **options)
        assert "raised" in answered, answered
        return list(answered["raised"])

    def values(self, oaio_id: str) -> Any:  # noqa: ANN401 - JSON
        found = self.do("client_objectz")[oaio_id]["client_values"]
        return {key: value for key, value in found.items() if key not in ("_file_paths", "_root_path")}

    def contents(self, oaio_id: str) -> dict[str, str]:
        return {Path(path).name: Path(path).read_text() for path in self.do("files", oaio_id)}


Start = Callable[..., Device]
Outage = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def start(installed: Path, server: RunningServer, tmp_path: Path) -> Iterator[Start]:
    """Starts devices by the wheel's Python; they end with the test."""
    with ExitStack() as ending:

        def make(user: str, device: str = "laptop", at: str = server.url) -> Device:
            root = tmp_path / f"{user}-{device}"
            words = [installed / "python", DEVICE, at, user, PASSWORD, device, root]
            process = ending.enter_context(
                subprocess.Popen(
                    list(map(str, words)),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env=environment(),
                    cwd=tmp_path,
                )
            )
            return Device(process, root)

        yield make


@pytest.fixture(scope="module")
def outage(server: RunningServer) -> Iterator[Outage]:
    """Lets the server be away for as long as a block takes."""
    with ExitStack() as ending:

        @contextmanager
        def away() -> Iterator[None]:
            server.stop()
            try:
                yield
            finally:
                server.process = ending.enter_context(oaio_server(server.data, server.port)).process

        yield away


@pytest.fixture
def alone(start: Start, user: str) -> Device:
    """A device of the module's user."""
    return start(user)


def test_names_parameters_and_defaults_are_the_originals(installed: Path, tmp_path: Path) -> None:
    shown = json.loads(run(str(installed / "python"), "-c", SHOW_SIGNATURES, *SIGNATURES, cwd=tmp_path))
    assert shown == SIGNATURES


def test_values_are_registered_updated_and_reset(alone: Device) -> None:
    made = alone.do("register_object", {"a": 1, "b": 2}, oaio_id="my own id")
    assert (made["oaio_id"], made["csh_access_right"]) == ("my own id", "C")
    assert alone.do("update_object", "my own id", {"b": 3})["client_values"] == {"a": 1, "b": 3}
    assert alone.do("update_object", "my own id", {"c": 4}, reset=True)["client_values"] == {"c": 4}
    assert "AssertionError" in alone.raises("register_object", {}, oaio_id="my own id")
    assert "AssertionError" in alone.raises("update_object", "another id", {})
    for values in (None, [1], {"a": "\0"}):
        assert {"AssertionError", "OaioError"} <= set(alone.raises("register_object", values))
    assert alone.values("my own id") == {"c": 4}


def test_a_stamp_registers_one_object(alone: Device) -> None:
    stamp = alone.do("register_object", {"a": 1})["client_stamp"]
    known = alone.do("client_objectz").keys()
    again = alone.call("register_object", {"a": 2}, stamp, "another id")
    assert again["result"] is None
    assert stamp in again["error"]
    assert alone.do("client_objectz").keys() == known


def test_a_file_is_registered_by_path_or_by_content(
    alone: Device, start: Start, user: str, tmp_path: Path
) -> None:
    by_path = alone.do("register_file", str(written(tmp_path / "mine", {"a.txt": "here"}) / "a.txt"))[
        "oaio_id"
    ]
    by_content = alone.do("register_file", "b.txt", {"bytes": "made"})["oaio_id"]
    assert "AssertionError" in alone.raises("register_file", str(tmp_path / "nowhere.txt"))
    alone.do("update_file", by_path, "a.txt", {"bytes": "changed"}, str(tmp_path / "mine"))
    alone.do("update_file", by_content, file_content={"bytes": "made again"})
    assert "AssertionError" in alone.raises("update_file", by_path, str(tmp_path / "nowhere.txt"))
    assert alone.do("synchronize_with_server_if_online") is True
    phone = start(user, "phone")
    assert phone.do("synchronize_with_server_if_online") is True
    assert phone.contents(by_path) == {"a.txt": "changed"}
    assert phone.contents(by_content) == {"b.txt": "made again"}


def test_a_folder_is_registered_and_updated_by_its_path(
    alone: Device, start: Start, user: str, tmp_path: Path
) -> None:
    folder = written(tmp_path / "mine", {"a": "1", "b/c": "2"})
    made = alone.do("register_folder", str(folder))["oaio_id"]
    assert "AssertionError" in alone.raises("register_folder", str(tmp_path / "nowhere"))
    (folder / "a").unlink()
    alone.do("update_folder", made)
    alone.do("sync")
    phone = start(user, "phone")
    phone.do("sync")
    assert phone.contents(made) == {"c": "2"}
    alone.do("update_folder", made, str(written(tmp_path / "other", {"d": "3"})))
    alone.do("sync")
    phone.do("sync")
    assert phone.contents(made) == {"d": "3"}


@pytest.mark.parametrize("wipe", [False, True])
def test_unregistering_keeps_files_unless_they_are_to_be_wiped(
    *, wipe: bool, alone: Device, tmp_path: Path
) -> None:
    folder = written(tmp_path / "mine", {"a": "1", "b": "2"})
    made = alone.do("register_folder", str(folder))["oaio_id"]
    (folder / "later").write_text("not registered")
    alone.do("sync")
    (folder / "later").unlink()
    later = written(tmp_path / "beside", {"later": "precious"})
    kept = tree(folder)
    assert alone.do("unregister_object", made, wipe_files=wipe) == ""
    assert made not in alone.do("client_objectz")
    assert tree(folder) == ({} if wipe else kept)
    assert tree(later).keys() == {"later"}
    assert alone.call("unregister_object", "no such object")["result"] != ""


def test_subscriptions_tell_who_may_do_what(start: Start, new_user: NewUser) -> None:
    creator, reader, updater, deleter = (new_user() for _ in range(4))
    laptop = start(creator)
    made = laptop.do("register_object", {"a": 1})["oaio_id"]
    for name, right in ((reader, "r"), (updater, "U"), (deleter, "D")):
        assert laptop.do("upsert_subscription", made, name, right) > 0
    told = [(one["access_right"], one["username"]) for one in laptop.do("userz_access", made)]
    assert told == [("C", creator), ("D", deleter), ("U", updater), ("r", reader)]
    assert {one["access_right"] for one in laptop.do("userz_access", "")} == {"x"}
    for wrong in ((made, "nobody of this name"), ("no such object", reader)):
        answered = laptop.call("upsert_subscription", *wrong)
        assert answered["result"] == 0
        assert answered["error"]
    assert laptop.do("unsubscribe", made, deleter) == ""
    assert deleter not in {one["username"] for one in laptop.do("userz_access", made)}


def test_a_right_is_known_at_the_call_and_one_lost_later_is_a_problem(
    start: Start, new_user: NewUser, outage: Outage
) -> None:
    alice, bob = new_user(), new_user()
    laptop, tablet = start(alice), start(bob, "tablet")
    read, write = (laptop.do("register_object", {"n": n})["oaio_id"] for n in (1, 2))
    laptop.do("upsert_subscription", read, bob, "r")
    laptop.do("upsert_subscription", write, bob, "U")
    tablet.do("sync")
    assert "OaioError" in tablet.raises("update_object", read, {"n": 5})
    assert "right" in tablet.call("unregister_object", write)["error"]
    with outage():
        assert tablet.call("update_object", write, {"n": 6})["result"]
    laptop.do("upsert_subscription", write, bob, "r")
    (problem,) = tablet.do("sync")["problems"]
    assert problem["oaio_id"] == write
    assert tablet.do("problems") == [problem]
    assert problem.keys() == {"id", "oaio_id", "what", "way_out"}
    laptop.do("sync")
    assert laptop.values(write) == {"n": 2}


def test_a_wiped_user_takes_its_objects_along(start: Start, new_user: NewUser) -> None:
    alice, bob = new_user(), new_user()
    laptop, tablet = start(alice), start(bob, "tablet")
    made = laptop.do("register_object", {"a": 1})["oaio_id"]
    laptop.do("upsert_subscription", made, bob)
    tablet.do("sync")
    assert tablet.call("wipe_user", alice)["result"] != ""
    assert laptop.do("wipe_user", alice) == ""
    tablet.do("sync")
    assert made not in tablet.do("client_objectz")
    assert laptop.call("synchronize_with_server_if_online")["result"] is False


def test_the_last_synchronisation_is_known_by_its_stamp(alone: Device) -> None:
    before = alone.do("last_sync_stamp")
    alone.do("sync")
    after = alone.do("last_sync_stamp")
    assert before < after
    assert after.isdigit()
    assert (alone.root / "last_sync_stamp.txt").read_text().strip() == after


def test_a_host_that_is_not_offered_is_refused_once_the_offer_is_known(
    start: Start, user: str, outage: Outage, tmp_path: Path
) -> None:
    device = start(user)
    with outage():
        folder = str(written(tmp_path / "early", {"a": "1"}))
        early = device.call("register_folder", folder, csh_id="Nowhere")["result"]["oaio_id"]
    (problem,) = device.do("sync")["problems"]
    assert problem["oaio_id"] == early
    assert "Nowhere" in problem["what"]
    assert problem["way_out"]
    before = device.do("client_objectz").keys()
    folder = str(written(tmp_path / "later", {"a": "1"}))
    assert "UnknownHost" in device.raises("register_folder", folder, csh_id="Nowhere")
    assert "Local" in device.call("register_folder", folder, csh_id="Nowhere")["error"]
    assert device.do("client_objectz").keys() == before
    bare = device.do("register_object", {"a": 1}, csh_id="Nowhere")
    assert bare["csh_id"] == "Nowhere"


def test_without_a_server_edits_wait_and_synchronising_says_so(alone: Device, outage: Outage) -> None:
    assert alone.do("synchronize_with_server_if_online") is True
    with outage():
        made = alone.call("register_object", {"a": 1})["result"]["oaio_id"]
        answered = alone.call("synchronize_with_server_if_online")
        assert answered["result"] is False
        assert "reached" in answered["error"]
        assert "Offline" in alone.raises("sync")
        assert alone.values(made) == {"a": 1}
    report = alone.do("sync")
    counts = {"sent", "received", "bytes_sent", "bytes_received", "requests"}
    assert report.keys() == counts | {"conflicts", "problems"}
    assert (report["sent"], report["conflicts"], report["problems"]) == (1, [], [])
    assert min(report["bytes_sent"], report["bytes_received"], report["requests"]) > 0


def test_an_overtaken_edit_is_a_conflict_that_is_resolved(
    start: Start, new_user: NewUser, outage: Outage
) -> None:
    user = new_user()
    laptop, phone = start(user), start(user, "phone")
    made = {keep: laptop.do("register_object", {"by": "-"})["oaio_id"] for keep in ("front", "other", "both")}
    phone.do("sync")
    with outage():
        for device, name in ((laptop, "laptop"), (phone, "phone")):
            for oaio_id in made.values():
                device.call("update_object", oaio_id, {"by": name})
    for device in (laptop, phone, laptop):
        device.do("sync")
    assert len(laptop.do("conflicts")) == len(made)
    copies = {}
    for keep, oaio_id in made.items():
        (conflict,) = laptop.do("conflicts", oaio_id)
        assert conflict.keys() == {"id", "oaio_id", "front", "other", "since"}
        assert conflict["front"]["client_values"] == {"by": "phone"}
        assert conflict["other"]["client_values"] == {"by": "laptop"}
        copies[keep] = laptop.do("resolve", conflict["id"], keep)["oaio_id"]
    assert "OaioError" in laptop.raises("resolve", "no such conflict", "front")
    laptop.do("sync")
    phone.do("sync")
    for device in (laptop, phone):
        assert device.do("conflicts") == []
        assert [device.values(made[keep])["by"] for keep in made] == ["phone", "laptop", "phone"]
        assert device.values(copies["both"]) == {"by": "laptop"}
    assert copies["both"] not in made.values()


def test_the_original_client_works_beside_the_wheels_on_the_same_objects(
    start: Start, server: RunningServer, new_user: NewUser, tmp_path: Path
) -> None:
    user = new_user()
    ours = start(user)
    with original(server.url, user, PASSWORD, "theirs", tmp_path / "theirs") as theirs:
        folder = written(tmp_path / "mine", {"a": "1"})
        made = theirs.do("register_folder", str(folder))["oaio_id"]
        ours.do("sync")
        (received,) = ours.do("files", made)
        Path(received).write_text("ours")
        ours.do("sync")
        theirs.objects()
        assert (folder / "a").read_text() == "ours"
        values = ours.do("register_object", {"by": "ours"})["oaio_id"]
        ours.do("sync")
        assert theirs.objects()[values]["client_values"] == {"by": "ours"}
        theirs.do("update_object", values, {"by": "theirs"})
        ours.do("sync")
        assert ours.values(values) == {"by": "theirs"}
        assert theirs.call("unregister_object", made)["result"] == ""
        ours.do("sync")
        assert made not in ours.do("client_objectz")
