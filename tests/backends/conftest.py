"""One server with the API of Koofr and Digi Storage for each module, emptied after each test."""

from collections.abc import Iterator

import attrs
import pytest
from backends.digi_server import api, filesystem

from oaio_storage.testing.koofr.running import RunningKoofr, koofr_server
from oaio_storage.testing.koofr.switches import Switches
from oaio_storage_digi import DigiApi, DigiFileSystem

CALM = attrs.asdict(Switches())


@pytest.fixture(scope="module")
def running() -> Iterator[RunningKoofr]:
    with koofr_server(None, 0, "--mount", "DIGIstorage", "--mount", "Other") as server:
        yield server


@pytest.fixture
def server(running: RunningKoofr) -> Iterator[RunningKoofr]:
    yield running
    running.switch(**CALM)
    raw = filesystem(running)
    raw.rm("/", recursive=True)
    raw.mount.session.close()
    running.requests()


@pytest.fixture
def host(server: RunningKoofr) -> Iterator[DigiApi]:
    with api(server, "top", conditions=True) as host:
        host.write("old", b"old")
        server.requests()
        yield host


@pytest.fixture
def fs(server: RunningKoofr) -> Iterator[DigiFileSystem]:
    made = filesystem(server, attempts=1)
    made.pipe_file("/top/old", b"old")
    server.requests()
    yield made
    made.mount.session.close()
