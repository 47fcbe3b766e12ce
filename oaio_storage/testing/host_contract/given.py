"""What lies there is read, whoever put it there, and nothing else: B1, B4, B13, B14, B17, B19."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from oaio_storage.errors import AlreadyExists, InvalidArgument, InvalidName, NotFound, NotGuaranteed
from oaio_storage.hosts import CshApi
from oaio_storage.testing.host_contract.base import HostKit, HostSource, check_holds, everything, paths
from oaio_storage.testing.host_contract.contents import content_of
from oaio_storage.testing.host_contract.names import LITERAL_NAMES, REFUSED_NAMES


class Given(HostKit):
    """Group: what is there is read. All of it holds for hosts on which nothing can be stored, too."""

    @contextlib.contextmanager
    def given(self, source: HostSource, *contents: str | tuple[str, bytes]) -> Iterator[CshApi]:
        """A host on which strangers have put files; their contents are their paths where none are told."""
        for given in contents:
            path, content = given if isinstance(given, tuple) else (given, given.encode())
            source.raw_write(path, content)
        with source.make() as host:
            yield host

    def test_what_strangers_put_there_is_read(self, source: HostSource) -> None:
        """B1, B17: with its size, a version, and under its literal name."""
        with self.given(source, "x", "theirs/[1]", "deep/er/\u00e9", ("empty", b"")) as host:
            contents = {"x": b"x", "theirs/[1]": b"theirs/[1]", "deep/er/\u00e9": "deep/er/\u00e9".encode()}
            assert everything(host) == contents | {"empty": b""}
            for path, content in contents.items():
                seen = host.stat(path)
                assert (seen.path, seen.size) == (path, len(content))
                assert seen.version
                assert host.read(path, version=seen.version) == content
                assert source.raw_read(path) == content

    def test_strangers_names_are_literal(self, source: HostSource) -> None:
        """B13, B17: each is read as itself and no other."""
        with self.given(source, *LITERAL_NAMES) as host:
            check_holds(host, {name: name.encode() for name in LITERAL_NAMES})
            assert {host.stat(name).path for name in LITERAL_NAMES} == set(LITERAL_NAMES)

    def test_the_absent_is_not_found(self, source: HostSource) -> None:
        """B25: as one typed error, which is a FileNotFoundError too; a folder is no file."""
        with self.given(source, "folder/file") as host:
            for path in ("absent", "absent/deeper", "folder", "folder/file/below"):
                for call in (host.read, host.stat, host.open):
                    with pytest.raises(NotFound) as caught:
                        call(path)
                    assert isinstance(caught.value, FileNotFoundError)
                    assert path in str(caught.value)
            with pytest.raises(NotFound):
                host.read("absent", version="any")

    def test_folders_have_bounds(self, source: HostSource) -> None:
        """B4: a listing of ``a`` has nothing of ``ab``; of the absent, or of a file, it has nothing."""
        with self.given(source, "a/x", "a/y/z", "ab/x", "a.x", "b/a/x") as host:
            assert paths(host, "a") == ["a/x", "a/y/z"]
            assert paths(host, "a/y") == ["a/y/z"]
            assert paths(host, "b") == ["b/a/x"]
            for nothing in ("absent", "a/absent", "a/x", "a/x/below"):
                assert paths(host, nothing) == []

    def test_ranges_are_slices(self, source: HostSource) -> None:
        """B19: also beyond the end."""
        content = bytes(range(7))
        with self.given(source, ("file", content), ("empty", b"")) as host:
            for start in range(10):
                for end in (*range(10), None):
                    assert host.read("file", start, end) == content[start:end]
                    assert host.read("empty", start, end) == b""
            for wrong in ((-1, None), (0, -1), ("a", None), (0, "9"), (None, 1), (0.5, 1)):
                with pytest.raises(InvalidArgument):
                    host.read("file", *cast("tuple[int, int]", wrong))

    def test_an_open_file_is_seekable(self, source: HostSource) -> None:
        """B19: it is a binary stream as Python's own."""
        content = content_of(3_000_000)
        with self.given(source, ("file", content)) as host, host.open("file") as stream:
            assert stream.read(10) == content[:10]
            assert stream.seek(-5, 2) == len(content) - 5
            assert stream.read() == content[-5:]
            assert stream.seek(1_500_000) == stream.tell() == 1_500_000
            assert stream.read(100) == content[1_500_000:1_500_100]
            stream.seek(0)
            assert stream.read() == content
            assert stream.seek(len(content) + 10) == len(content) + 10
            assert stream.read() == b""

    def test_unsafe_names_are_refused(self, source: HostSource, tmp_path: Path) -> None:
        """B14: by every method, as one error, and nothing changes."""
        with self.given(source, ("a", b"x")) as host:
            for name in (*REFUSED_NAMES, *cast("list[str]", [None, 3, b"a", Path("a")])):
                for call in _calls(host, name, tmp_path):
                    with pytest.raises(InvalidName):
                        call()
            assert everything(host) == {"a": b"x"}

    def test_links_lead_nowhere(self, source: HostSource, tmp_path: Path) -> None:
        """B14: links that strangers placed are no files, and nothing outside is read, changed or removed."""
        if source.raw_link is None:
            pytest.skip("the host knows no links (HostSource.raw_link)")
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "secret").write_bytes(b"secret")
        source.raw_link("to-file", outside / "secret")
        source.raw_link("to-folder", outside)
        with self.given(source, ("a", b"ours")) as host:
            for path in ("to-file", "to-folder", "to-folder/secret"):
                for call in (host.read, host.stat, host.open):
                    with pytest.raises(NotFound):
                        call(path)
            for path in ("to-file", "to-folder", "to-folder/secret", "to-folder/new"):
                with contextlib.suppress(AlreadyExists, NotGuaranteed):
                    host.write(path, b"new")
                with contextlib.suppress(NotGuaranteed):
                    host.delete(path)
            assert everything(host) == {"a": b"ours"}
            assert {found.name: found.read_bytes() for found in outside.iterdir()} == {"secret": b"secret"}


def _calls(host: CshApi, name: str, folder: Path) -> list[Callable[[], object]]:
    calls: list[Callable[[], object]] = [
        lambda: host.read(name),
        lambda: host.open(name),
        lambda: host.stat(name),
        lambda: host.write(name, b""),
        lambda: host.copy("a", name),
        lambda: host.copy(name, "b"),
        lambda: host.delete(name),
        lambda: host.swap_folders(name, "b"),
        lambda: host.sign_url(name, 1),
        lambda: host.put_files([("c", folder / "c"), (name, folder / "d")]),
        lambda: host.get_files([("a", folder / "c", None, None), (name, folder / "d", None, None)]),
        lambda: host.delete_files(["a", name]),
        lambda: host.copy_files([("a", "c", 1), (name, "d", 1)]),
        lambda: host.copy_files([("a", "c", 1), ("a", name, 1)]),
    ]
    return calls if name == "" else [*calls, lambda: host.list(name)]
