"""A server of the real kind for the tests of the client, and clients of it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from oaio_storage.client import init_client
from oaio_storage.client.api import OaioClient
from oaio_storage.testing.servers import RunningServer, oaio_server

PASSWORD = "a long pass phrase"


@attrs.define
class Service:
    """A running server with users, and the way to restart it."""

    server: RunningServer
    folder: Path
    users: set[str] = attrs.field(factory=set)

    @property
    def data(self) -> Path:
        return self.server.data

    def add_user(self, name: str) -> None:
        if name not in self.users:
            command = [sys.executable, "-m", "oaio_storage.cli", "user", "add", name]
            options = ["--data", str(self.data), "--password-stdin"]
            subprocess.run([*command, *options], input=PASSWORD.encode(), check=True, capture_output=True)
            self.users.add(name)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    with oaio_server(folder / "data") as server:
        made = Service(server, folder)
        made.add_user("alice")
        made.add_user("bob")
        yield made


MakeClient = Callable[..., OaioClient]


@pytest.fixture
def make_client(service: Service, tmp_path: Path) -> Iterator[MakeClient]:
    """Clients of the session's server, each with a client_root of its own."""
    made: list[OaioClient] = []

    def make(device: str, user: str = "alice", root: Path | None = None) -> OaioClient:
        folder = root or tmp_path / f"{user}-{device}"
        made.append(
            init_client(folder, service.server.url, user, PASSWORD, f"{device}-{tmp_path.name}", "app")
        )
        return made[-1]

    yield make
    for client in made:
        client.close()


def go_offline(client: OaioClient) -> None:
    client.remote.url = "http://127.0.0.1:9"
    client.remote.close()


def go_online(client: OaioClient, service: Service) -> None:
    client.remote.url = service.server.url
    client._syncing.pause.succeeded()
