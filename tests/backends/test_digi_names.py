"""Names that can't be, are taken, or differ in case; folders where files should be."""

from functools import partial
from typing import TYPE_CHECKING

import pytest
from backends.digi_server import api, calls, told
from hypothesis import given
from hypothesis import strategies as st

from oaio_storage.errors import (
    AlreadyExists,
    Changed,
    InvalidName,
    NotFound,
)
from oaio_storage.testing.koofr.running import RunningKoofr
from oaio_storage_digi import DigiApi, DigiFileSystem, names

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_folder_where_a_file_should_be(host: DigiApi, fs: DigiFileSystem) -> None:
    host.write("folder/file", b"x")
    for look in (host.read, host.stat, host.open):
        with told(NotFound):
            look("folder")
    for path in ("folder", "old/file"):
        with told(AlreadyExists):
            host.write(path, b"")
    for call in (
        lambda: fs.open("/top/folder", "rb"),
        lambda: fs.cat_file("/top/folder"),
        lambda: fs.pipe_file("/top/folder", b""),
        lambda: fs.cp_file("/top/old", "/top/folder"),
        lambda: fs.rm("/top/folder"),
    ):
        with pytest.raises(IsADirectoryError):
            call()
    for path in ("/top/old/file", "/top/old/deep/file"):
        with pytest.raises(FileExistsError):
            fs.pipe_file(path, b"")
    with pytest.raises(NotADirectoryError):
        fs.rmdir("/top/old")
    assert fs.cat_file("/top/old") == b"old"
    assert fs.cat_file("/top/folder/file") == b"x"


@pytest.mark.parametrize("name", ["a\\b", "a\0b", "a\nb", "\x7f", "..", ".", "a/../b", "\ud800"])
def test_refused_names_are_not_sent(fs: DigiFileSystem, server: RunningKoofr, name: str) -> None:
    path = f"/top/{name}"
    for call in (
        lambda: fs.pipe_file(path, b""),
        lambda: fs.cat_file(path),
        lambda: fs.info(path),
        lambda: fs.ls(path),
        lambda: fs.mkdir(path),
        lambda: fs.rm_file(path),
        lambda: fs.cp_file("/top/old", path),
        lambda: fs.mv("/top/old", path),
    ):
        with told(InvalidName):
            call()
    assert not {"put", "get", "list", "folder", "remove", "copy", "move"}.intersection(calls(server))


def test_names_that_the_service_alone_refuses(host: DigiApi, server: RunningKoofr) -> None:
    server.switch(faults=[{"call": "put", "status": 400, "times": None}])
    with told(InvalidName):
        host.write("new", b"x")
    server.switch(faults=[{"call": "folder", "status": 400, "times": None}])
    with told(InvalidName):
        host.write("folder/new", b"x")


def test_names_equal_but_for_case(host: DigiApi) -> None:
    host.write("Folder/File", b"first")
    for twin in ("Folder/FILE", "folder/File", "folder/other", "FOLDER/deep/er"):
        writes: list[Callable[[], object]] = [
            partial(host.write, twin, b"x"),
            partial(host.copy, "old", twin),
        ]
        for write in writes:
            with told(AlreadyExists):
                write()
        for look in (host.read, host.stat, host.open):
            with told(NotFound):
                look(twin)
        with told(Changed):
            host.write(twin, b"x", expect=host.stat("Folder/File").version)
        host.delete(twin)
        assert list(host.list(twin)) == []
    assert {seen.path: host.read(seen.path) for seen in host.list()} == {
        "Folder/File": b"first",
        "old": b"old",
    }


@pytest.mark.parametrize(
    ("provider", "stored"), [("digi-spain", "a\uff1a\u201b\uff1a\u201b\u201b"), ("koofr", "a:\uff1a\u201b")]
)
def test_names_that_digi_refuses_have_another_spelling_there(
    server: RunningKoofr, fs: DigiFileSystem, provider: str, stored: str
) -> None:
    name = "a:\uff1a\u201b"
    with api(server, "top", provider=provider) as host:
        for path in (f"x{name}", f"f{name}/x{name}"):
            host.write(path, path.encode())
        assert {seen.path: host.read(seen.path).decode() for seen in host.list() if seen.path != "old"} == {
            path: path for path in (f"x{name}", f"f{name}/x{name}")
        }
        assert f"/top/f{stored}/x{stored}" in fs.find("/top")
        fs.pipe_file("/top/a?stranger", b"x")
        assert ("a?stranger" in {seen.path for seen in host.list()}) is (provider == "koofr")


@given(st.text())
def test_every_name_is_given_back(name: str) -> None:
    assert names.unescape(names.escape(name)) == name
    assert not set(names.escape(name)).intersection(':?<>"|*')
