"""A site of Django behind gunicorn with four workers on each kind of host: both clients publish there."""

import os
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
import requests
from file_transfer import wire
from file_transfer.original_client import OriginalClient
from file_transfer.servers import Gunicorn, Place, gunicorn
from file_transfer.web_servers import TESTS

from oaio_storage.file_transfer.client import batches, send, sending
from oaio_storage.file_transfer.client import wire as client_wire

APP = "file_transfer.django_site:application"
NAMES = ("index.html", "sub/a.html", "sub/ü b.html", "c.txt")


@pytest.fixture(scope="module")
def django(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    told = attrs.evolve(place, settings={**place.settings, "PYTHONPATH": str(TESTS)})
    with gunicorn(told, tmp_path_factory.mktemp("django"), app=APP) as running:
        yield attrs.evolve(running, url=f"{running.url}transfer/")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / "site" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / name).write_text(f"first {name}")
    os.utime(tmp_path / "site" / "index.html", (0, 1_900_000_000))
    return tmp_path / "site"


def change(folder: Path) -> None:
    """As a second version: one file goes, one comes, two change, one of them with an old time."""
    (folder / "c.txt").unlink()
    (folder / "large").write_bytes(os.urandom(10_000))
    (folder / "sub/a.html").write_text("second")
    (folder / "index.html").write_text("second")
    os.utime(folder / "sub/a.html", (0, 1))
    os.utime(folder / "index.html", (0, 1_900_000_001))


def assert_served(at: Gunicorn, course: str, folder: Path) -> None:
    for name in ("index.html", "sub/a.html", "sub/ü b.html", "c.txt", "large"):
        answer = requests.get(f"{at.url}sites/{course}/{name}", timeout=60)
        if (folder / name).exists():
            assert (answer.status_code, answer.content) == (200, (folder / name).read_bytes()), name
        else:
            assert answer.status_code == 404, name


def test_the_original_client(django: Gunicorn, folder: Path, tmp_path: Path) -> None:
    client = OriginalClient(django.url, "original", wire.token("original"), tmp_path / "pid")
    client.upload(folder)
    client.publish()
    assert_served(django, "original", folder)
    change(folder)
    client.big, client.chunk = 5_000, 2_000
    client.upload(folder)
    client.publish()
    assert_served(django, "original", folder)


def test_our_sender(django: Gunicorn, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BYTES", 5000)
    monkeypatch.setattr(batches, "FILES", 1)
    for module in (client_wire, sending):
        monkeypatch.setattr(module, "CHUNK", 4000)
    done = send(folder, django.url, "ours", wire.token("ours"), state=tmp_path / "state")
    assert done.sent == 4
    assert_served(django, "ours", folder)
    change(folder)
    done = send(folder, django.url, "ours", wire.token("ours"), state=tmp_path / "state")
    assert (done.new, done.update, done.removed) == (("large",), ("index.html", "sub/a.html"), 1)
    assert_served(django, "ours", folder)
