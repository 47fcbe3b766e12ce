"""The storage hosts that a server offers: sealed at rest, checked when they are added."""

import json
import sqlite3
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from oaio_storage.errors import (
    AlreadyExists,
    InvalidArgument,
    InvalidConfiguration,
    NotFound,
    OaioError,
    Unavailable,
    UnknownHost,
    WrongRoot,
)
from oaio_storage.hosts import host_api
from oaio_storage.server import add_host, change_key, hosts_of, prepare, remove_host, set_default_host

SECRET = "hidden-word"
MEMORY = {"url": "memory://test_hosts", "storage_options": {"token": SECRET}}

WORDS = {"user": b"alice", "dvc": b"laptop", "app": b"app", "csh": b"Local"}
CONTEXT = {f"X-OAIO-{name}": str(word) for name, word in WORDS.items()}
"""What original clients send with every request: literals of bytes."""


def stored(data: Path) -> bytes:
    """Everything that the files of the database hold."""
    return b"".join(path.read_bytes() for path in data.glob("oaio.sqlite3*"))


def ids(data: Path) -> list[str]:
    return [host.csh_id for host in hosts_of(data)]


def opened(csh_id: str) -> dict[str, object]:
    from oaio_storage.server.offer import offered_host  # noqa: PLC0415 - needs configured settings

    return dict(offered_host(csh_id).args)


@pytest.fixture
def session(data: Path) -> Client:
    """Requests of a user who is logged in, to the server's code in this process."""
    assert data
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(username="alice"))
    return client


def test_arguments_are_sealed_with_a_key_outside_of_the_database(data: Path) -> None:
    shown = add_host(data, "Fsspec-mem", MEMORY)
    assert shown.options == {"url": "memory://test_hosts", "storage_options": "***"}
    key = data / "hosts_key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert SECRET.encode() not in stored(data)
    assert b"memory://test_hosts" not in stored(data)
    assert key.read_bytes().strip() not in stored(data)
    assert opened("Fsspec-mem") == MEMORY
    assert SECRET not in repr(hosts_of(data))


def test_only_a_session_is_told_the_arguments(data: Path, session: Client) -> None:
    add_host(data, "Fsspec-mem", MEMORY)
    for address in ("/api/v1/hosts/Fsspec-mem", "/api/csh_args/Fsspec-mem"):
        assert SECRET in session.get(address, headers=CONTEXT).content.decode()
        refused = Client(SERVER_NAME="localhost").get(address, headers=CONTEXT)
        assert refused.status_code == 401
        assert SECRET not in refused.content.decode()
    assert json.loads(session.get("/api/csh_args/Fsspec-mem", headers=CONTEXT).content) == MEMORY


def test_admin_pages_show_ids_and_roots_alone(data: Path) -> None:
    add_host(data, "Fsspec-mem", MEMORY)
    (data / "hidden-folder").mkdir()
    add_host(data, "Local-b", {"root_folder": str(data / "hidden-folder")})
    root_id = {host.csh_id: host.root_id for host in hosts_of(data)}["Local-b"]
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(username="root"))
    for address, seen in {
        "": root_id,
        "Local-b/change/": root_id,
        "Fsspec-mem/change/": "Fsspec-mem",
    }.items():
        answer = client.get(f"/admin/oaio/host/{address}", follow=True)
        page = answer.content.decode()
        assert answer.status_code == 200
        assert seen in page
        for hidden in (SECRET, "hidden-folder", "gAAAA"):
            assert hidden not in page
    assert client.get("/admin/oaio/host/add/").status_code == 403
    assert client.post("/admin/oaio/host/Local-b/delete/", {"post": "yes"}).status_code == 403


def test_what_the_first_version_kept_as_text_is_sealed_and_leaves_no_trace(data: Path) -> None:
    from django.db import connections  # noqa: PLC0415 - configured by now

    connections.close_all()
    with sqlite3.connect(data / "oaio.sqlite3") as database:
        database.execute("PRAGMA secure_delete = OFF")  # as where the system's SQLite does not set it
        plain = json.dumps(MEMORY, sort_keys=True, separators=(",", ":"))
        insert = "INSERT INTO oaio_host (csh_id, sealed, root_id, is_default) VALUES (?, ?, '', 0)"
        database.executemany(insert, [(f"Fsspec-{number}", plain) for number in range(99)])
        database.execute("DELETE FROM oaio_host WHERE csh_id LIKE 'Fsspec-_%' AND csh_id <> 'Fsspec-98'")
    database.close()
    assert SECRET.encode() in stored(data)
    prepare(data)
    assert opened("Fsspec-98") == MEMORY
    connections.close_all()
    assert SECRET.encode() not in stored(data)


def test_a_new_key_seals_everything_anew(data: Path) -> None:
    add_host(data, "Fsspec-mem", MEMORY)
    key = data / "hosts_key"
    first = key.read_bytes().split()
    before = stored(data)
    for _ in range(2):
        assert change_key(data) == key
        assert opened("Fsspec-mem") == MEMORY
    assert not set(first) & set(key.read_bytes().split())
    assert key.stat().st_mode & 0o777 == 0o600
    assert stored(data) != before


def test_the_key_may_be_a_link_to_elsewhere(data: Path, tmp_path: Path) -> None:
    add_host(data, "Fsspec-mem", MEMORY)
    elsewhere = tmp_path / "elsewhere"
    content = (data / "hosts_key").read_bytes()
    (data / "hosts_key").unlink()
    (data / "hosts_key").symlink_to(elsewhere)
    with pytest.raises(InvalidConfiguration, match="hosts_key"):
        prepare(data)
    assert not elsewhere.exists(), "it may lie on a disk that is not mounted"
    elsewhere.touch(0o600)
    elsewhere.write_bytes(content)
    prepare(data)
    assert opened("Fsspec-mem") == MEMORY
    change_key(data)
    assert opened("Fsspec-mem") == MEMORY
    assert (data / "hosts_key").readlink() == elsewhere


@pytest.mark.parametrize("content", [b"", b"no key\n", b"\xff"])
def test_a_damaged_key_is_told(data: Path, content: bytes) -> None:
    (data / "hosts_key").write_bytes(content)
    with pytest.raises(InvalidConfiguration, match="hosts_key"):
        prepare(data)
    assert (data / "hosts_key").read_bytes() == content


def test_a_key_that_others_may_read_is_refused(data: Path) -> None:
    (data / "hosts_key").chmod(0o640)
    with pytest.raises(InvalidConfiguration, match="hosts_key") as caught:
        prepare(data)
    assert caught.value.hint.startswith("chmod 600")


def test_a_lost_key_costs_the_hosts_that_it_sealed_and_no_other(data: Path, session: Client) -> None:
    add_host(data, "Fsspec-mem", MEMORY)
    key = (data / "hosts_key").read_bytes()
    (data / "hosts_key").unlink()
    with pytest.raises(InvalidConfiguration, match="hosts_key is missing"):
        prepare(data)
    assert not (data / "hosts_key").exists()
    change_key(data)
    problems = {host.csh_id: host.problem for host in hosts_of(data)}
    assert "hosts_key" in problems["Fsspec-mem"]
    assert problems["Local"] == ""
    with pytest.raises(Unavailable):
        opened("Fsspec-mem")
    answer = session.get("/api/v1/hosts/Fsspec-mem")
    assert (answer.status_code, json.loads(answer.content)["error"]["code"]) == (503, "Unavailable")
    (data / "hosts_key").write_bytes(key)
    prepare(data)
    assert (opened("Fsspec-mem"), list(opened("Local"))) == (MEMORY, ["root_folder"])
    assert remove_host(data, "Fsspec-mem").objects == 0


def test_a_root_gets_a_marker_where_the_host_can(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    shown = add_host(data, "Local-b", {"root_folder": "there"})
    assert shown.options == {"root_folder": str(tmp_path / "there")}
    with host_api("Local", root_folder=str(tmp_path / "there")) as host:
        assert shown.root_id == host.root_id()
    assert add_host(data, "Fsspec-mem", MEMORY).root_id == ""
    there = add_host(data, "Fsspec-there", {"url": f"file://{tmp_path}/other"})
    assert there.root_id == ""


def test_what_cannot_be_offered_is_refused_and_not_stored(data: Path, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    for name in "bc":
        (tmp_path / name).mkdir()
    add_host(data, "Local-b", {"root_folder": str(tmp_path / "b")})
    before = hosts_of(data)
    cases: list[tuple[str, dict[str, object], type[OaioError], str]] = [
        ("Local-b", {"root_folder": str(tmp_path / "c")}, AlreadyExists, "Local-b"),
        ("Local-c", {"root_folder": str(tmp_path / "b")}, InvalidArgument, "Local-b"),
        ("Local-c", {"root_folder": str(data / "files")}, InvalidArgument, "Local"),
        ("Local-c", {"root_folder": str(tmp_path / "a file" / "c")}, OaioError, "Local-c"),
        ("Local-c", {"root_folder": str(tmp_path / "nowhere")}, WrongRoot, "Local-c"),
        ("Local-c", {"colour": "red"}, InvalidArgument, "Local-c.*colour"),
        ("Nothing-c", {}, UnknownHost, "Nothing-c"),
        ("Fsspec-c", {"url": "sftp://127.0.0.1:1/a"}, OaioError, "Fsspec-c"),
        ("Fsspec-c", {"url": "no-such-scheme://a"}, InvalidArgument, "Fsspec-c.*no-such-scheme"),
    ]
    for csh_id, args, kind, said in cases:
        with pytest.raises(kind, match=said):
            add_host(data, csh_id, args)
        assert hosts_of(data) == before
    assert not (tmp_path / "nowhere").exists()


def test_the_operator_chooses_the_default(data: Path, tmp_path: Path) -> None:
    def default() -> list[str]:
        return [host.csh_id for host in hosts_of(data) if host.is_default]

    for name in ("Local-b", "Fsspec-mem"):
        (tmp_path / name).mkdir()
        add_host(data, name, MEMORY if name == "Fsspec-mem" else {"root_folder": str(tmp_path / name)})
    assert default() == ["Local"]
    for name in ("Local-b", "Fsspec-mem", "Local-b"):
        set_default_host(data, name)
        assert default() == [name]
    for gone, new in (("Local-b", "Local"), ("Local", "Fsspec-mem"), ("Fsspec-mem", "")):
        assert remove_host(data, gone).new_default == new
        assert default() == [new] * bool(new)
    assert hosts_of(data) == []
    with pytest.raises(NotFound, match="Local-b"):
        set_default_host(data, "Local-b")


def test_the_servers_own_host_stays_removed_and_its_id_is_its_own(data: Path, tmp_path: Path) -> None:
    remove_host(data, "Local")
    prepare(data)
    assert ids(data) == []
    with pytest.raises(InvalidArgument, match="Local"):
        add_host(data, "Local", {"root_folder": str(tmp_path / "b")})
    add_host(data, "Local", {"root_folder": str(data / "files")})
    prepare(data)
    assert ids(data) == ["Local"]


def test_a_folder_that_is_no_servers_is_not_made_one(tmp_path: Path) -> None:
    for call in (hosts_of, change_key):
        with pytest.raises(NotFound, match="nothing"):
            call(tmp_path / "nothing")
    with pytest.raises(NotFound, match="nothing"):
        remove_host(tmp_path / "nothing", "Local")
    assert not (tmp_path / "nothing").exists()
