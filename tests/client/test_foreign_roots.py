"""What a client, a server or a storage host keeps for itself is never taken for files of an object."""

import json
from pathlib import Path

import pytest
from client.conftest import PASSWORD, MakeClient, Service

from oaio_storage import OaioClient
from oaio_storage.client import init_client, map_files
from oaio_storage.errors import RootOverlap
from oaio_storage.server.preparing import add_user, prepare


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    (made / "file").write_bytes(b"file")
    return made


def a_client_root(root: Path, service: Service) -> None:
    init_client(root, service.server.url, "alice", PASSWORD, "inner", "app").close()


def a_data_folder(root: Path, service: Service) -> None:
    root.mkdir()
    for name in ("secret_key", "oaio.sqlite3"):
        (root / name).write_bytes((service.data / name).read_bytes())


def a_host_root(root: Path, service: Service) -> None:
    (root / ".oaio").mkdir(parents=True)
    (root / ".oaio" / "root.json").write_bytes((service.data / "files" / ".oaio" / "root.json").read_bytes())


KINDS = [a_client_root, a_data_folder, a_host_root]


@pytest.mark.parametrize("make", KINDS)
def test_a_folder_around_or_inside_is_refused(
    make_client: MakeClient, service: Service, folder: Path, make: object
) -> None:
    client = make_client("one")
    assert callable(make)
    make(folder / "deep", service)
    (folder / "deep" / "inside").mkdir()
    (folder / "deep" / "inside" / "file").write_bytes(b"file")
    for place in (folder, folder / "deep", folder / "deep" / "inside"):
        with pytest.raises(RootOverlap):
            client.register_folder(str(place))
    with pytest.raises(RootOverlap):
        client.register_file("file", root_path=str(folder / "deep" / "inside"))
    made = client.register_file("file", root_path=str(folder))
    assert made is not None
    for place in (folder, folder / "deep"):
        with pytest.raises(RootOverlap):
            client.update_folder(made.oaio_id, str(place))
    with pytest.raises(RootOverlap):
        map_files(client, made.oaio_id, folder / "deep" / "new")
    with pytest.raises(RootOverlap):
        OaioClient(service.server.url, {"username": "alice"}, client_root=str(folder / "deep" / "root"))
    with pytest.raises(RootOverlap):
        prepare(folder / "deep" / "data")
    assert [one for one in client.client_objectz if "deep" in one] == []


def test_what_appears_later_is_a_problem_and_never_sent(
    make_client: MakeClient, service: Service, folder: Path
) -> None:
    one, two = make_client("one"), make_client("two")
    made = one.register_folder(str(folder))
    assert made is not None
    a_client_root(folder / "deep", service)
    (problem,) = [problem for problem in one.sync().problems if problem.oaio_id == made.oaio_id]
    assert "a client root" in problem.what
    two.sync()
    assert [path.name for path in two.files(made.oaio_id)] == ["file"]
    (folder / "deep").rename(folder.with_name("away"))
    assert [one for one in one.sync().problems if one.oaio_id == made.oaio_id] == []


def test_a_server_is_not_made_in_a_client_root(make_client: MakeClient) -> None:
    root = Path(make_client("one").client_root)
    before = sorted(root.iterdir())
    with pytest.raises(RootOverlap):
        prepare(root)
    with pytest.raises(RootOverlap):
        add_user(root, "zed", "a pass phrase")
    assert sorted(root.iterdir()) == before


def test_a_client_is_not_made_in_a_servers_data_folder(service: Service) -> None:
    server = service.server
    for root in (server.data, server.data / "files", server.data / "new"):
        with pytest.raises(RootOverlap):
            init_client(root, server.url, "alice", PASSWORD)
    assert not (server.data / "state.sqlite").exists()
    assert json.loads((server.data / "files" / ".oaio" / "root.json").read_bytes())
