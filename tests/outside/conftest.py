"""What an outsider has: the script `oaio`, folders, and servers in processes of their own."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from outside.published import Work
from outsider import PASSWORD, Client, NewClient, NewUser, installed_programs, oaio

from oaio_storage.testing.servers import RunningServer, oaio_server

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server for the tests of one module; those that stop or damage it start their own."""
    with oaio_server(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has the built wheel, and nothing of this checkout."""
    return installed_programs(tmp_path_factory.mktemp("environment"), wheel)


@pytest.fixture(scope="module")
def new_user(server: RunningServer) -> NewUser:
    """Adds a user whom no other test knows."""

    def add() -> str:
        name = f"user{next(_numbers)}"
        oaio("user", "add", name, "--data", server.data, "--password-stdin", stdin=PASSWORD).ok()
        return name

    return add


@pytest.fixture(scope="module")
def user(new_user: NewUser) -> str:
    """A user whom the tests of one module share."""
    return new_user()


@pytest.fixture(scope="module")
def new_client(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> NewClient:
    """Makes a client in a folder of its own; nothing else is in the folder around it."""

    def make(user: str, device: str = "laptop", *, at: RunningServer | None = None) -> Client:
        root = tmp_path_factory.mktemp("client") / "root"
        words = ("init", root, "--server", (at or server).url, "--user", user, "--device", device)
        oaio(*words, "--password-stdin", stdin=PASSWORD).ok()
        return Client(root)

    return make


@pytest.fixture(scope="module")
def client(new_client: NewClient, user: str) -> Client:
    """A client of the module's user; a test that damages it makes its own."""
    return new_client(user)


@pytest.fixture(scope="module")
def pair(new_client: NewClient, new_user: NewUser) -> tuple[Client, Client]:
    """A laptop and a phone of one user; each test has objects of its own on them."""
    user = new_user()
    return new_client(user), new_client(user, "phone")


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """An empty folder to publish, and a place that was never published to."""
    (tmp_path / "public").mkdir()
    return Work(tmp_path)
