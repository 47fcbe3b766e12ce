"""Arguments that can't be, and files that are not what was announced."""

import io
import os
from contextlib import suppress
from typing import Any

import fsspec
import pytest
from backends.digi_server import told

from oaio_storage.errors import (
    Corrupt,
    InvalidArgument,
    OaioError,
)
from oaio_storage.hosts import host_api
from oaio_storage.hosts.foreign import ours
from oaio_storage.hosts.registry import settled
from oaio_storage.testing.koofr.running import PASSWORD, USER
from oaio_storage_digi import DigiApi, DigiFileSystem


def test_arguments_that_can_t_be() -> None:
    good: dict[str, Any] = {"email": USER, "password": PASSWORD}
    bad: list[dict[str, Any]] = [
        {"email": ""},
        {"password": ""},
        {"password": 3},
        {"email": "a\nb"},
        {"provider": "digi-mars"},
        {"endpoint": "ftp://example.com"},
        {"endpoint": "https://user:secret@example.com"},
        {"endpoint": "https://example.com/?token=secret"},
        {"endpoint": "https://"},
        {"endpoint": "http://[::1"},
        {"root_folder": "a/../b"},
        {"root_folder": "a\\b"},
        {"root_folder": None},
        {"authentication": "none"},
        {"conditions": "yes"},
        {"mount": 7},
        {"unknown": 1},
    ]
    for wrong in bad:
        with pytest.raises(InvalidArgument) as caught:
            host_api("Digi", **{**good, **wrong})
        assert PASSWORD not in str(caught.value)
        assert "secret" not in str(caught.value)
    halves: list[dict[str, Any]] = [{"email": USER}, {"password": PASSWORD}]
    for missing in halves:
        with pytest.raises(InvalidArgument):
            host_api("Digi", **missing)
        with pytest.raises(InvalidArgument):
            DigiFileSystem(**missing, skip_instance_cache=True)
    assert settled("Digi", root_folder="/a//b/", **good)["root_folder"] == "a/b"


def test_the_original_s_arguments_are_enough() -> None:
    host = DigiApi(root_folder="oaio", email=USER, password=PASSWORD)
    assert host._mount.session.endpoint == "https://digistorage.es"
    assert PASSWORD not in repr(host)
    assert PASSWORD not in repr(host._mount)


def test_foreign_errors_are_all_ours(host: DigiApi) -> None:
    for status in (400, 401, 403, 404, 408, 409, 413, 418, 423, 429, 500, 502, 503, 504, 507):
        err = Exception()
        err.status_code = status  # type: ignore[attr-defined]  # as those of libraries have it
        assert isinstance(ours(err, host.foreign_errors, "can't"), OaioError)


@pytest.mark.parametrize("size", [4, 6])
def test_a_file_of_another_size_than_announced(fs: DigiFileSystem, size: int) -> None:
    for path in ("/top/old", "/top/new"):
        with told(Corrupt):
            fs.store(path, io.BytesIO(b"12345"), size)
    assert fs.find("/") == ["/top/old"]


class _OopsError(Exception):
    pass


def _broken_off(file: Any, content: bytes | str, error: BaseException) -> None:  # noqa: ANN401 - fsspec's
    with file as opened:
        opened.write(content)
        raise error


def test_what_an_exception_ends_is_not_stored(fs: DigiFileSystem) -> None:
    options = fs.storage_options
    for path in ("/top/old", "/top/new"):
        with pytest.raises(_OopsError):
            _broken_off(fs.open(path, "wb"), b"half", _OopsError())
        for mode, content in (("wb", b"half"), ("w", "half")):
            with pytest.raises(InvalidArgument) as caught:
                _broken_off(fsspec.open(f"digi:/{path}", mode, **options), content, _OopsError())
            assert isinstance(caught.value.__context__, _OopsError)
        with pytest.raises(KeyboardInterrupt):
            _broken_off(fsspec.open(f"digi:/{path}", "wb", **options), b"half", KeyboardInterrupt())
        with suppress(_OopsError), fs.transaction:
            file = fs.open(path, "wb")
            file.write(b"half")
            file.close()
            raise _OopsError
        file = fs.open(path, "wb")
        file.write(b"half")
        del file
    assert fs.cat(["/top/old"]) == {"/top/old": b"old"}
    assert fs.find("/") == ["/top/old"]
    with fs.transaction:
        file = fs.open("/top/new", "wb")
        file.write(b"new")
        file.close()
        assert not fs.exists("/top/new")
    assert fs.cat_file("/top/new") == b"new"


def test_what_is_written_in_a_handler_is_stored(fs: DigiFileSystem) -> None:
    try:
        _broken_off(io.BytesIO(), b"", _OopsError())
    except _OopsError:
        with fsspec.open("digi://top/new", "wb", **fs.storage_options) as file:
            file.write(b"new")
    assert fs.cat_file("/top/new") == b"new"


def test_a_host_works_on_both_sides_of_a_fork(host: DigiApi, fs: DigiFileSystem) -> None:
    fs.ls("/top")
    child = os.fork()
    if not child:
        try:
            host.write("child", b"child")
            fs.pipe_file("/top/other", fs.cat_file("/top/old"))
        finally:
            os._exit(0 if fs.exists("/top/other") else 1)
    host.write("parent", b"parent")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert {seen.path: host.read(seen.path) for seen in host.list()} == {
        "child": b"child",
        "old": b"old",
        "other": b"old",
        "parent": b"parent",
    }
