"""What comes otherwise than it should: cut, lost, late, or as HTML."""

import os
import socket
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from backends.digi_server import api, calls, filesystem, told

from oaio_storage.errors import (
    BadAnswer,
    Changed,
    Throttled,
    TimedOut,
    TryAgain,
    Unavailable,
)
from oaio_storage.hosts import host_api
from oaio_storage.testing.koofr.running import PASSWORD, USER, RunningKoofr
from oaio_storage_digi import DigiApi, DigiFileSystem

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1 << 20


@pytest.mark.parametrize("call", ["mounts", "info", "list", "put", "folder", "remove", "copy", "token"])
def test_html_instead_of_json(server: RunningKoofr, host: DigiApi, call: str) -> None:
    server.switch(faults=[{"call": call, "html": True, "times": None}])
    with api(server, "top") as fresh, told(BadAnswer):
        list(fresh.list())
        fresh.stat("old")
        fresh.copy("old", "copied")
        fresh.write("folder/new", b"new")
        fresh.delete("old")
    server.switch(faults=[])
    assert host.read("old") == b"old"


@pytest.mark.parametrize("cut", [0, 1, 2 * MIB])
def test_a_content_that_is_cut(
    host: DigiApi, fs: DigiFileSystem, server: RunningKoofr, tmp_path: Path, cut: int
) -> None:
    content = os.urandom(3 * MIB)
    host.write("large", content)
    target = tmp_path / "target"
    target.write_bytes(b"older")
    server.switch(faults=[{"call": "get", "cut": cut, "times": None}])
    fetches: list[Callable[[], object]] = [
        lambda: host.read("large"),
        lambda: host.read("large", 1, 3 * MIB - 1),
        lambda: fs.cat_file("/top/large"),
        lambda: fs.cat_file("/top/large", 1, -1),
    ]
    if cut <= 1:  # otherwise each of these takes up where it was cut, until all is there
        fetches.append(lambda: host.get_files([("large", target, None, None)]))
        fetches.append(lambda: fs.get_file("/top/large", str(target)))
    for fetch in fetches:
        with pytest.raises(TryAgain):
            fetch()
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("target", b"older")]
    server.switch(faults=[{"call": "get", "cut": cut, "times": 2}])
    with host.open("large") as stream:  # it is taken up again
        assert stream.read() == content
    server.switch(faults=[{"call": "get", "cut": cut, "times": 2}])
    fs.get_file("/top/large", str(target))
    assert target.read_bytes() == content


def test_a_content_that_changes_while_it_is_cut(host: DigiApi, server: RunningKoofr) -> None:
    host.write("large", bytes(3 * MIB))
    server.switch(faults=[{"call": "get", "cut": 2 * MIB, "times": 1}])
    with host.open("large") as stream:
        stream.read(1)
        host.write("large", b"\1" * (3 * MIB))
        with told(Changed):
            stream.read()


@pytest.mark.parametrize("cut", [0, 10, 100_000])
def test_an_upload_that_is_cut(host: DigiApi, fs: DigiFileSystem, server: RunningKoofr, cut: int) -> None:
    server.switch(faults=[{"call": "put", "cut_request": cut, "times": None}])
    for path in ("old", "new"):
        writes: list[Callable[[], object]] = [
            partial(host.write, path, bytes(MIB)),
            partial(fs.pipe_file, f"/top/{path}", bytes(MIB)),
        ]
        for write in writes:
            with pytest.raises(TryAgain):
                write()
    server.switch(faults=[])
    assert {seen.path: host.read(seen.path) for seen in host.list()} == {"old": b"old"}


def test_an_answer_that_is_lost_leaves_the_outcome_unknown(host: DigiApi, server: RunningKoofr) -> None:
    changes: dict[str, Callable[[], object]] = {
        "put": lambda: host.write("new", b"new"),
        "copy": lambda: host.copy("old", "copied"),
        "remove": lambda: host.delete("copied"),
    }
    for call, change in changes.items():
        server.switch(faults=[{"call": call, "lost": True}])
        with told(TimedOut):
            change()
    assert {seen.path: host.read(seen.path) for seen in host.list()} == {"new": b"new", "old": b"old"}


def test_a_lost_answer_is_asked_for_again_where_that_is_safe(server: RunningKoofr) -> None:
    fs = filesystem(server)
    fs.makedirs("/top")
    for call in ("put", "get", "info", "list"):
        server.switch(faults=[{"call": call, "lost": True}])
        fs.pipe_file("/top/file", b"content")
        assert fs.cat_file("/top/file") == b"content"
        assert fs.ls("/top", detail=False) == ["/top/file"]
        assert fs.isfile("/top/file")
    server.switch(faults=[{"call": "put", "lost": True}])
    with told(TimedOut):  # a repeat would fail by its own success
        fs.pipe_file("/top/new", b"content", mode="create")
    assert fs.cat_file("/top/new") == b"content"
    fs.mount.session.close()


@pytest.mark.parametrize("status", [429, 499, 500, 502, 503, 504])
def test_a_busy_service_is_asked_a_bounded_number_of_times(server: RunningKoofr, status: int) -> None:
    fs = filesystem(server, attempts=3)
    fs.pipe_file("/file", b"content")
    server.requests()
    server.switch(faults=[{"call": "get", "status": status, "times": 2}])
    assert fs.cat_file("/file") == b"content"
    server.switch(faults=[{"call": "get", "status": status, "times": None}])
    with told({429: Throttled, 504: TimedOut}.get(status, Unavailable)):
        fs.cat_file("/file")
    assert calls(server).count("get") == 6
    fs.mount.session.close()


def test_all_threads_wait_as_long_as_the_service_asks_for(fs: DigiFileSystem, server: RunningKoofr) -> None:
    server.switch(faults=[{"call": "get", "status": 429, "retry_after": 1}])
    with told(Throttled):
        fs.cat_file("/top/old")
    waiting = threading.Event()

    def read() -> None:
        assert fs.cat_file("/top/old") == b"old"
        waiting.set()

    thread = threading.Thread(target=read)
    thread.start()
    assert not waiting.wait(0.5)
    thread.join()
    assert waiting.is_set()


def test_a_host_is_asked_again_by_its_wrapper_alone(server: RunningKoofr) -> None:
    arguments = {"email": USER, "password": PASSWORD, "endpoint": server.url}
    with host_api("Digi", **arguments) as host:
        server.switch(faults=[{"call": "put", "status": 503}])
        host.write("a", b"x")
        assert calls(server).count("put") == 2


def test_a_silent_service_and_one_that_is_not_there(server: RunningKoofr) -> None:
    silent = filesystem(server, attempts=1, read_seconds=0.2)
    server.switch(faults=[{"call": "mounts", "delay": 1}])
    with told(TimedOut):
        silent.ls("/")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        absent = filesystem(server, attempts=1, endpoint=f"http://127.0.0.1:{nobody.getsockname()[1]}")
        with told(Unavailable):
            absent.ls("/")
    through = filesystem(server, attempts=1, proxies={"http": "http://user:correct horse@127.0.0.1:1"})
    with told(Unavailable):
        through.ls("/")
    for each in (silent, absent, through):
        each.mount.session.close()


def test_a_clock_that_is_off_changes_nothing(host: DigiApi, fs: DigiFileSystem, server: RunningKoofr) -> None:
    for seconds in (10**9, -(10**9)):
        server.switch(clock=seconds)
        host.write("file", b"%d" % seconds)
        seen = host.stat("file")
        assert host.read("file", version=seen.version) == b"%d" % seconds
        host.write("file", b"next", expect=seen.version)
        assert fs.modified("/top/file").year in (2058, 1995)
