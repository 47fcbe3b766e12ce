"""A data folder of its own for each test, from one template; the server runs here, or in its own process."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import django
import pytest
from django.db import connections

from oaio_storage.server import add_user, prepare
from oaio_storage.testing.servers import RunningServer, oaio_server

os.environ["DJANGO_SETTINGS_MODULE"] = "oaio_storage.server.settings"
django.setup()

USERS = ("alice", "bob", "carol", "dora")
PASSWORD = "pw of everybody"


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared data folder with the accounts of :data:`USERS`, and ``root``, who is staff."""
    from django.contrib.auth.models import User  # noqa: PLC0415 - only after the setup above

    data = tmp_path_factory.mktemp("template") / "data"
    add_user(data, USERS[0], PASSWORD)
    first = User.objects.get()
    for name in USERS[1:]:
        User.objects.create(username=name, password=first.password)
    User.objects.create(username="root", password=first.password, is_staff=True, is_superuser=True)
    connections.close_all()
    return data


@pytest.fixture
def data(template: Path, tmp_path: Path) -> Iterator[Path]:
    """A data folder that this process is configured for."""

    folder = tmp_path / "data"
    shutil.copytree(template, folder)
    prepare(folder)
    yield folder
    connections.close_all()


@pytest.fixture
def server(data: Path) -> Iterator[RunningServer]:
    """A real server on :func:`data`."""
    with oaio_server(data) as running:
        yield running
