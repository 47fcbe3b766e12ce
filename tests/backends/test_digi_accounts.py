"""Whose account, which mount, how much room: what is wrong is told, and never looks like an empty host."""

import io
from pathlib import Path
from typing import Any

import pytest
from backends.digi_server import api, calls, filesystem, told

from oaio_storage.errors import (
    AccessDenied,
    BadAnswer,
    NotFound,
    QuotaExceeded,
    RootUnavailable,
    TooLarge,
    Unavailable,
)
from oaio_storage.testing.koofr.running import RunningKoofr
from oaio_storage_digi import DigiApi, DigiFileSystem

MIB = 1 << 20


@pytest.mark.parametrize("authentication", ["token", "basic"])
def test_a_wrong_password_is_told(server: RunningKoofr, authentication: Any) -> None:  # noqa: ANN401 - a literal
    for wrong in ({"password": "wrong, and secret"}, {"email": "nobody@example.com"}):
        with api(server, authentication=authentication, **wrong) as host:
            for call in (
                lambda: host.write("a", b""),
                lambda: host.read("a"),
                lambda: list(host.list()),
                lambda: host.delete("a"),
            ):
                with told(AccessDenied):
                    call()
    with api(server, authentication=authentication) as host:
        assert list(host.list()) == []


@pytest.mark.parametrize("call", ["put", "get", "info", "list", "folder", "remove", "copy"])
def test_a_token_that_ends_is_renewed(host: DigiApi, server: RunningKoofr, call: str) -> None:
    for each in ("a", "b"):
        host.write(f"folder/{each}", each.encode())
    host.copy("folder/a", "folder/c")
    server.switch(faults=[{"call": call, "expire": True}])
    host.write("folder/a", b"new")
    host.write("other/a", b"new")
    host.copy("folder/a", "copied/a")
    assert host.read("folder/a") == host.read("copied/a") == b"new"
    host.delete("folder/b")
    assert sorted(seen.path for seen in host.list("folder")) == ["folder/a", "folder/c"]
    seen = calls(server)
    assert seen.count("token") == 1
    assert call in seen


def test_a_token_that_ends_in_the_middle_of_many(host: DigiApi, server: RunningKoofr, tmp_path: Path) -> None:
    files = {f"many/{number}": tmp_path / f"{number}" for number in range(30)}
    for path, local in files.items():
        local.write_bytes(path.encode())
    server.switch(faults=[{"call": "put", "after": 10, "expire": True}])
    host.put_files(files.items())
    assert {path: host.read(path) for path in files} == {path: path.encode() for path in files}
    assert calls(server).count("token") == 1  # for all threads


def test_a_token_that_ends_while_what_can_be_read_once_is_sent(host: DigiApi, server: RunningKoofr) -> None:
    class Once(io.BytesIO):
        def seekable(self) -> bool:
            return False

    server.switch(faults=[{"call": "put", "expire": True}])
    with told(Unavailable):
        host.write("new", Once(b"content"), size=7)
    assert [seen.path for seen in host.list()] == ["old"]
    host.write("new", Once(b"content"), size=7)
    assert host.read("new") == b"content"


def test_an_account_that_vanishes_is_not_an_empty_one(host: DigiApi, server: RunningKoofr) -> None:
    server.switch(vanished=True)
    for call in (
        lambda: list(host.list()),
        lambda: host.stat("old"),
        lambda: host.read("old"),
        lambda: host.delete("old"),
        lambda: host.write("old", b"new"),
    ):
        with told(AccessDenied):
            call()
    server.switch(vanished=False)
    assert host.read("old") == b"old"


def test_an_unknown_mount_is_told_with_those_that_there_are(server: RunningKoofr) -> None:
    with api(server, mount="Attic") as host, pytest.raises(RootUnavailable) as caught:
        host.read("a")
    assert "'DIGIstorage', 'Other'" in caught.value.hint


def test_a_mount_is_chosen_by_name_or_id(server: RunningKoofr) -> None:
    with api(server, mount="Other") as other, api(server) as primary:
        other.write("a", b"other")
        with pytest.raises(NotFound):
            primary.read("a")
        with api(server, mount=filesystem(server, mount="Other").mount.id) as same:
            assert same.read("a") == b"other"
            same.delete("a")


def test_a_mount_that_vanishes_is_not_an_empty_one(host: DigiApi, server: RunningKoofr) -> None:
    host.stat("old")
    server.switch(gone=["DIGIstorage"])
    for call in (
        lambda: list(host.list()),
        lambda: host.stat("old"),
        lambda: host.read("old"),
        lambda: host.open("old"),
        lambda: host.delete("old"),
        lambda: host.write("old", b"new"),
        lambda: host.write("folder/new", b"new"),
        lambda: host.copy("old", "new"),
    ):
        with told(RootUnavailable):
            call()
    server.switch(gone=[])
    assert host.read("old") == b"old"


def test_a_read_only_mount_refuses(host: DigiApi, server: RunningKoofr) -> None:
    server.switch(read_only=["DIGIstorage"])
    for call in (
        lambda: host.write("old", b"new"),
        lambda: host.write("folder/new", b"new"),
        lambda: host.delete("old"),
        lambda: host.copy("old", "new"),
    ):
        with told(AccessDenied):
            call()
    assert host.read("old") == b"old"
    assert [seen.path for seen in host.list()] == ["old"]


def test_no_room_and_too_large_are_told(host: DigiApi, server: RunningKoofr) -> None:
    server.switch(quota={"DIGIstorage": 1})
    for path in ("old", "new"):
        with told(QuotaExceeded):
            host.write(path, bytes(2 * MIB))
    server.switch(quota={}, largest_file=1000)
    for path in ("old", "new"):
        with told(TooLarge):
            host.write(path, bytes(1001))
    assert {seen.path: host.read(seen.path) for seen in host.list()} == {"old": b"old"}


def test_no_room_is_found_out_where_no_status_says_so(host: DigiApi, server: RunningKoofr) -> None:
    server.switch(quota={"DIGIstorage": 1}, faults=[{"call": "put", "status": 422}])
    with told(QuotaExceeded):
        host.write("new", bytes(2 * MIB))
    server.switch(quota={}, faults=[{"call": "put", "status": 422}])
    with told(BadAnswer):
        host.write("new", bytes(2 * MIB))


def test_the_room_is_told(fs: DigiFileSystem, server: RunningKoofr) -> None:
    server.switch(quota={"DIGIstorage": 3})
    assert (fs.quota().total, fs.quota().used, fs.quota().free) == (3 * MIB, MIB, 2 * MIB)
