"""What ``FsspecApi`` takes as an address and options, and what its filesystems share: nothing."""

import multiprocessing
import os
import pickle
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, cast

import fsspec
import paramiko.ssh_exception
import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from oaio_storage.errors import BadAnswer, Corrupt, InvalidArgument, NotFound, NotGuaranteed, RootUnavailable
from oaio_storage.hosts import host_api
from oaio_storage.hosts.foreign import ours
from oaio_storage.hosts.fsspec_api import FsspecApi
from oaio_storage.hosts.library_errors import of_imported


def held(host: FsspecApi) -> Any:  # noqa: ANN401 - fsspec has no types
    with host._filesystems.folder() as folder:
        return folder.fs


def read_elsewhere(host: FsspecApi) -> tuple[int, bytes]:
    return os.getpid(), host.read("a")


# ---- what a write answers


class Shared(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Somebody else does something after each write, once."""

    protocol = "shared"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    others: ClassVar[list[Callable[[Any, str], object]]] = []

    def pipe_file(self, path: str, value: bytes, **_: Any) -> None:  # noqa: ANN401 - as its base
        super().pipe_file(path, value)
        while self.others:
            self.others.pop()(super(), path)


@pytest.mark.parametrize(
    ("then", "version"),
    [
        (lambda _, __: None, True),
        (lambda fs, path: fs.pipe_file(path, b"somebody else's"), False),
        (lambda fs, path: fs.rm_file(path), False),
    ],
)
def test_a_write_beside_another_is_no_failure(then: Callable[[Any, str], object], version: bool) -> None:  # noqa: FBT001
    fsspec.register_implementation("shared", Shared, clobber=True)
    Shared.others.append(then)
    stored = FsspecApi("shared://root").write("a", b"ours")
    assert (stored.path, stored.size, bool(stored.version)) == ("a", 4, version)


@pytest.mark.parametrize("left", [b"", b"our", b"ours and more"])
def test_a_part_of_what_was_sent_is_a_failure(left: bytes) -> None:
    fsspec.register_implementation("shared", Shared, clobber=True)
    Shared.others.append(lambda fs, path: fs.pipe_file(path, left))
    with pytest.raises(BadAnswer, match="4 bytes of 'a' were sent"):
        FsspecApi("shared://root").write("a", b"ours")


# ---- archives


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for name in ("a", "f/b", "f/g/*", "ü", "../out", "/absolute"):
            packed.writestr(name, name)
        packed.mkdir("empty")
    return path


@pytest.mark.parametrize("root", ["", "f"])
def test_an_archive_is_read_through_a_chain(archive: Path, root: str) -> None:
    host = FsspecApi(f"zip://{root}::{archive.as_uri()}")
    expected = {"": {"a", "f/b", "f/g/*", "ü", "absolute"}, "f": {"b", "g/*"}}[root]
    assert {found.path for found in host.list()} == expected
    for path in expected - {"absolute"}:
        full = f"{root}/{path}".strip("/")
        assert host.read(path) == full.encode()
        assert host.read(path, 1, 2) == full.encode()[1:2]
        assert host.read(path, version=host.stat(path).version) == full.encode()
    for absent in ("f" if not root else "g", "nothing", "b/c" if root else "a/c"):
        with pytest.raises(NotFound):
            host.read(absent)


def test_an_archive_refuses_every_change(archive: Path) -> None:
    before = archive.read_bytes()
    host = FsspecApi(f"zip://::{archive.as_uri()}")
    assert host.guarantees.read_only
    for change in (
        lambda: host.write("new", b"x"),
        lambda: host.delete("a"),
        lambda: host.copy("a", "c"),
        host.create_root,
    ):
        with pytest.raises(NotGuaranteed):
            change()
    for options in ({"mode": "w"}, {"zip": {"mode": "a"}}):
        with pytest.raises(InvalidArgument, match="only be read"):
            FsspecApi(f"zip://::{archive.as_uri()}", options)
    assert archive.read_bytes() == before


def test_an_archive_that_is_missing_or_damaged_is_no_empty_one(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(b"no archive")
    for path, error in ((tmp_path / "absent.zip", RootUnavailable), (damaged, Corrupt)):
        host = FsspecApi(f"zip://::{path.as_uri()}")
        with pytest.raises(error):
            list(host.list())
        with pytest.raises(error):
            host.read("a")


# ---- nothing is shared


def test_no_instance_is_shared_inner_ones_neither(archive: Path) -> None:
    url = f"zip://::{archive.as_uri()}"
    shared = fsspec.filesystem("file")
    first, second = held(FsspecApi(url)), held(FsspecApi(url))
    assert first is not second
    inner = [fs.of.fs for fs in (first, second)]
    assert inner[0] is not inner[1]
    assert shared not in [id(fs) for fs in inner]
    assert not any(fs is shared for fs in inner)
    host = FsspecApi("memory://x")
    assert held(host) is held(host)
    assert held(host) is not held(FsspecApi("memory://x"))


def test_two_instances_see_each_others_changes_though_fsspec_would_remember(tmp_path: Path) -> None:
    fsspec.register_implementation("remembering", Remembering, clobber=True)
    one, other = (FsspecApi(f"remembering://{tmp_path}") for _ in range(2))
    assert [list(host.list()) for host in (one, other)] == [[], []]
    one.write("a", b"1")
    assert [found.path for found in other.list()] == ["a"]
    other.delete("a")
    assert list(one.list()) == []


class Remembering(DirFileSystem):  # type: ignore[misc]  # fsspec has no types
    protocol = "remembering"

    def __init__(self, **options: object) -> None:
        super().__init__(path="/", fs=fsspec.filesystem("file"), **options)

    def ls(self, path: str, detail: bool = True, **options: object) -> Any:  # noqa: ANN401, FBT001, FBT002 - fsspec's
        if path not in self.dircache:
            self.dircache[path] = super().ls(path, detail=detail, **options)
        return self.dircache[path] if path in self.dircache else super().ls(path, detail=detail, **options)


def test_after_a_fork_the_child_makes_its_own(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    host = FsspecApi(tmp_path.as_uri())
    parents = id(held(host))
    receiving, sending = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.write(sending, b"%d %s" % (id(held(host)) != parents, host.read("a")))
        finally:
            os._exit(0)
    os.close(sending)
    os.waitpid(child, 0)
    assert os.read(receiving, 100) == b"1 content"
    os.close(receiving)
    assert id(held(host)) == parents


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_host_goes_to_other_processes(method: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    host = FsspecApi(tmp_path.as_uri())
    held(host)
    with multiprocessing.get_context(method).Pool(1) as pool:
        process, content = pool.apply(read_elsewhere, (host,))
    assert (process != os.getpid(), content) == (True, b"content")
    assert repr(pickle.loads(pickle.dumps(host))) == repr(host)


# ---- what is refused


def test_secrets_of_an_address_are_never_shown() -> None:
    for url in (
        "sftp://user:se/cret@host/folder".replace("/cret", "cret"),
        "sftp://user:secret@host/folder",
        "zip://folder::https://user:secret@host/a.zip?token=secret",
    ):
        try:
            shown = repr(FsspecApi(url))
        except InvalidArgument as err:  # what it needs is not installed
            shown = f"{err}{err.hint}"
        assert "secret" not in shown


def test_a_query_is_refused_where_it_means_nothing() -> None:
    with pytest.raises(InvalidArgument, match="no query") as caught:
        FsspecApi("sftp://host/folder?token=secret")
    assert "secret" not in f"{caught.value}{caught.value.hint}"


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("nothing://x", "entry points of fsspec.specs"),
        ("zip://::nothing://x", "entry points of fsspec.specs"),
        ("libarchive://::file:///a", "LibArchive"),
    ],
)
def test_what_is_not_installed_says_what_to_install(url: str, hint: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        FsspecApi(url)
    assert hint in caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "url", ["", 7, None, b"memory://x", "memory://x\n", "memory://\0", "simplecache::memory://x"]
)
def test_other_addresses_are_refused(url: object) -> None:
    with pytest.raises(InvalidArgument):
        FsspecApi(cast("str", url))


@pytest.mark.parametrize("options", [None, [], "secret", {1: 2}, {"file": "secret"}])
def test_options_of_a_wrong_type_are_refused(options: object) -> None:
    for make in (FsspecApi, partial(host_api, "Fsspec")):
        with pytest.raises(InvalidArgument, match="storage_options") as caught:
            make(url="zip://::file:///a", storage_options=cast("Any", options))
        assert "secret" not in f"{caught.value}"


def test_options_that_the_filesystem_refuses_are_told_without_them() -> None:
    host = FsspecApi("sftp://host/folder", {"nonsense": "secret"})
    with pytest.raises(InvalidArgument, match="storage_options") as caught:
        host.stat("a")
    assert "secret" not in f"{caught.value}{caught.value.hint}"


# ---- errors of libraries


def test_every_error_of_paramiko_has_a_row() -> None:
    kinds = [
        kind
        for kind in vars(paramiko.ssh_exception).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    ]
    assert len(kinds) > 10
    for kind in kinds:
        assert not isinstance(ours(kind.__new__(kind), of_imported(), "failed"), BadAnswer), kind


@pytest.mark.parametrize("status", [401, 403, 404, 408, 410, 412, 413, 423, 429, 500, 502, 503, 504, 507])
def test_the_status_of_an_answer_decides(status: int) -> None:
    err = Exception("secret")
    err.status = status  # type: ignore[attr-defined]  # as aiohttp has it
    found = ours(err, of_imported(), "failed")
    assert not isinstance(found, BadAnswer)
    assert "secret" not in str(found)
