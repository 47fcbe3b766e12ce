"""The contract kit over SFTP, against a real server; and what happens when it is not as it should be."""

import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import asyncssh
import attrs
import pytest
from sftp_server import PASSWORD, USER, sftp_server

from oaio_storage.errors import AccessDenied, Changed, NotFound, OaioError, Unavailable
from oaio_storage.hosts import CshApi
from oaio_storage.hosts.fsspec_api import FsspecApi
from oaio_storage.testing import HostContract, HostSource, KitCounts, replaces

OPTIONS: dict[str, Any] = {
    "username": USER,
    "password": PASSWORD,
    "look_for_keys": False,
    "allow_agent": False,
}
A_TICK = 1.1
"""Seconds after which the times of SFTP, which have no fractions, differ."""

_numbers = count(1)


@attrs.frozen
class Served:
    folder: Path
    port: int

    def url(self, path: str) -> str:
        return f"sftp://127.0.0.1:{self.port}/{path}"


@pytest.fixture(scope="module")
def sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("sftp")
    with sftp_server(folder) as port:
        yield Served(folder, port)


class TestSftp(HostContract):
    counts = KitCounts(
        listed=(0, 1, 20),
        racers=2,
        racing_processes=2,
        overwrites=3,
        large=1 << 16,
        sizes=(0, 1, (1 << 20) + 1),
        kills=1,
        histories=3,
        steps=20,
    )
    served: Served

    @pytest.fixture(autouse=True)
    def _served(self, sftp: Served) -> None:
        self.served = sftp

    def host_source(self, folder: Path) -> HostSource:  # noqa: ARG002 - it lies on the server
        name = f"root{next(_numbers)}"
        root = self.served.folder / name
        root.mkdir()

        def raw_write(path: str, content: bytes) -> None:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)

        arguments: dict[str, Any] = {"url": self.served.url(name), "storage_options": OPTIONS}
        return HostSource(
            make=lambda: FsspecApi(**arguments),
            raw_read=lambda path: (root / path).read_bytes(),
            raw_write=raw_write,
            process=("oaio_storage.hosts.fsspec_api:FsspecApi", arguments),
        )

    @replaces
    def test_versions_follow_the_content(self, host: CshApi) -> None:
        """Where the size is equal only from one second to the next, as ``strong_version`` says."""
        first = host.write("file", b"one").version
        assert host.write("file", b"longer").version != first
        time.sleep(A_TICK)
        assert host.write("file", b"two").version != first
        with pytest.raises(Changed):
            host.read("file", version=first)
        with pytest.raises(NotFound):
            host.read("absent", version=first)

    @replaces
    def test_an_open_file_is_one_version(self, host: CshApi) -> None:
        """Same: where it is replaced a second later."""
        old, new = bytes(3 << 20), b"\1" * (3 << 20)
        host.write("file", old)
        with host.open("file") as stream:
            stream.read(1)
            time.sleep(A_TICK)
            host.write("file", new)
            with pytest.raises(Changed):
                stream.read()


def test_threads_share_no_connection(sftp: Served) -> None:
    """Paramiko drops an answer that another thread reads, so with one for all some would wait for ever."""
    (sftp.folder / "threads").mkdir()
    host = FsspecApi(sftp.url("threads"), OPTIONS)
    wrong: list[object] = []

    def work(number: int) -> None:
        for turn in range(5):
            content = b"%d" % number * 1000
            host.write(f"{number}", content)
            if (seen := host.read(f"{number}")) != content:
                wrong.append((number, turn, seen))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(list(host.list())) == 4


def test_a_wrong_password_or_key_is_denied(sftp: Served, tmp_path: Path) -> None:
    key = tmp_path / "key"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(key)
    secret = "wrong horse"
    for wrong in ({"password": secret}, {"password": None, "key_filename": str(key)}):
        host = FsspecApi(sftp.url("x"), {**OPTIONS, **wrong})
        with pytest.raises(AccessDenied) as caught:
            host.stat("a")
        assert secret not in f"{caught.value}{caught.value.hint}{host!r}"


def test_a_server_that_went_away_is_used_again_once_it_is_back(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    with sftp_server(tmp_path) as port:
        host = FsspecApi(f"sftp://127.0.0.1:{port}/root", OPTIONS)
        host.write("a", b"kept")
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            host.read("a")
        assert caught.value.exit_code == 5
    with sftp_server(tmp_path, port):
        assert host.read("a") == b"kept"


def test_nobody_at_this_name(tmp_path: Path) -> None:
    host = FsspecApi(f"sftp://user:secret@nowhere.invalid{tmp_path}", {"password": "secret"})
    with pytest.raises(Unavailable) as caught:
        host.stat("a")
    assert isinstance(caught.value, OaioError)
    assert "secret" not in f"{caught.value}{host!r}"
