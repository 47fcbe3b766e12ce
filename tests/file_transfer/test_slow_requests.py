"""Clients that are slow, or end too early: each is answered, or closed at a set time."""

import json
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from file_transfer import wire
from file_transfer.servers import Gunicorn, Place, gunicorn

APP = """
import flask
from oaio_storage.file_transfer.flask import create_blueprint
from oaio_storage.file_transfer.limits import Limits

app = flask.Flask(__name__)
app.config["TRANSFER_LIMITS"] = Limits(wait_seconds=1, body_bytes=1 << 20, entries=50)
app.config["JWT_PUBLIC_KEY"] = {key!r}
app.register_blueprint(create_blueprint({place!r}))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    folder = tmp_path_factory.mktemp("slow")
    (folder / "courses").mkdir()
    (folder / "slow_app.py").write_text(APP.format(key=wire.public_pem(), place=str(folder / "courses")))
    place = Place(str(folder / "courses"), {"PYTHONPATH": str(folder)})
    with gunicorn(place, folder / "gunicorn", "--timeout", "5", workers=2, app="slow_app:app") as running:
        yield running


def head_of(site: Gunicorn, length: int) -> bytes:
    told = {
        "Host": urlsplit(site.url).netloc,
        **wire.bearer(),
        "Content-Type": "multipart/form-data; boundary=b",
        "Content-Length": str(length),
    }
    lines = (f"{name}: {value}" for name, value in told.items())
    return "\r\n".join([f"POST /{wire.COURSE}/select-files HTTP/1.1", *lines, "", ""]).encode()


def opened(site: Gunicorn) -> socket.socket:
    at = urlsplit(site.url)
    return socket.create_connection((str(at.hostname), int(at.port or 0)), timeout=30)


def answer(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    found = b""
    while piece := connection.recv(1 << 16):
        found += piece
    return found


def test_a_body_that_stalls_is_answered(site: Gunicorn) -> None:
    with opened(site) as connection:
        connection.sendall(head_of(site, 1000) + b"--b\r\n")
        begin = time.monotonic()
        told = answer(connection)
        assert time.monotonic() - begin < 30
    assert told.startswith(b"HTTP/1.1 408 "), told
    assert b"connection: close" in told.lower()


def test_a_head_that_stalls_is_closed(site: Gunicorn) -> None:
    with opened(site) as connection:
        connection.sendall(head_of(site, 1000)[:40])
        assert b"200" not in answer(connection)


def test_a_body_that_ends_too_early_changes_nothing(site: Gunicorn) -> None:
    for sent in (b"", b"--b\r\n", b'--b\r\nContent-Disposition: form-data; name="manifest_client"\r\n\r\n{'):
        with opened(site) as connection:
            connection.sendall(head_of(site, 1000) + sent)
            connection.shutdown(socket.SHUT_WR)
            assert b" 400 " in answer(connection).partition(b"\r\n")[0]
    client = wire.Client(site.ask)
    told = client.select(json.dumps(wire.manifest_of({"index.html": b"1"})).encode())
    assert told.status == 200
    assert told.json["exist"] is False


def test_who_sends_too_much_reads_the_answer(site: Gunicorn) -> None:
    client = wire.Client(site.ask)
    told = client.select(json.dumps(wire.manifest_of({str(one): b"" for one in range(51)})).encode())
    assert told.status == 413
    told = client.select(b" " * (8 << 20))
    assert told.status == 413
    stranger = wire.Client(site.ask, headers={})
    assert stranger.select(b" " * (8 << 20)).status == 401
