"""All or nothing: B6, B7, B15, B23; and deleting: B2, B12."""

import contextlib
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest

from oaio_storage.errors import AlreadyExists, Changed, InvalidArgument, NotFound, SourceChanged
from oaio_storage.hosts import CshApi
from oaio_storage.testing.host_contract.base import HostKit, HostSource, everything, instances, need, race
from oaio_storage.testing.host_contract.contents import Generated, InPieces


class _Interrupted(io.BufferedReader):
    """Somebody presses the keys at the second piece."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell():
            raise KeyboardInterrupt
        return super().read(min(1000, size) if size and size > 0 else 1000)


class Writing(HostKit):
    """Group: writing and deleting."""

    def test_contents_may_be_bytes_a_file_or_a_stream(self, host: CshApi, tmp_path: Path) -> None:
        """B18, B20: with the size or without."""
        local = tmp_path / "local-source"
        local.write_bytes(b"content")
        for content in (b"content", local):
            assert host.write("file", content).size == host.write("file", content, size=7).size == 7
            assert host.read("file") == b"content"
        for size in (None, 7):
            stream = io.BytesIO(b"skipped content")
            stream.seek(8)
            host.write("stream", stream, size=size)
            assert host.read("stream") == b"content"
        with pytest.raises(InvalidArgument):
            host.write("file", cast("bytes", "text"))
        with pytest.raises(InvalidArgument):
            host.write("file", b"", size=-1)
        assert everything(host) == {"file": b"content", "stream": b"content"}

    def test_readers_see_old_or_new(self, source: HostSource, host: CshApi) -> None:
        """B6: never empty, short, mixed or missing, where it is guaranteed; afterwards the last anyway."""
        contents = [bytes([1]), bytes([2]) * self.counts.large]
        host.write("file", contents[0])
        done, reads = threading.Event(), [0, 0]

        def check(number: int) -> None:
            with source.make() as other:
                while not done.is_set():
                    assert other.read("file") in contents
                    reads[number] += 1

        with ThreadPoolExecutor(2) as pool:
            readers = [pool.submit(check, number) for number in range(2) if host.guarantees.atomic_write]
            try:
                for number in range(self.counts.overwrites):
                    host.write("file", contents[number % 2])
                while readers and not all(reads) and not any(reader.done() for reader in readers):
                    host.write("file", contents[0])
            finally:
                done.set()
            for reader in readers:
                reader.result()
        host.write("file", contents[1])
        with source.make() as other:
            assert other.read("file") == contents[1]

    def test_writers_at_once_are_not_mixed(self, source: HostSource, host: CshApi) -> None:
        """B6, B22: without conditions all are acknowledged, one stays, and none is told another's version."""
        need(host, "atomic_write")
        contents = [b"%02d" % number * (15_000 + number // 2) for number in range(self.counts.racers)]
        with instances(source, len(contents)) as hosts:
            for number in range(self.counts.rounds):
                path, told = f"races/{number}", dict[int, str]()

                def act(host: CshApi, racer: int, path: str = path, told: dict[int, str] = told) -> None:
                    told[racer] = host.write(path, InPieces(contents[racer])).version

                assert race(hosts, act) == {"won": len(hosts)}
                assert host.read(path) in contents, "the contents of several writers were mixed"
                for racer, version in told.items():
                    if version and host.guarantees.strong_version:
                        with contextlib.suppress(Changed):
                            assert host.read(path, version=version) == contents[racer]

    def test_a_dropped_source_leaves_the_old(self, host: CshApi) -> None:
        """B7: an interrupt of the caller is a failed write too, and passes unchanged."""
        host.write("old", b"old")
        for path in ("old", "new"):
            with pytest.raises(KeyboardInterrupt):
                host.write(path, _Interrupted(Generated(1 << 20)))
        assert everything(host) == {"old": b"old"}

    def test_a_missing_local_file_is_told(self, host: CshApi, tmp_path: Path) -> None:
        """B7, B25: as an error of this device, not of the host."""
        host.write("old", b"old")
        for local in (tmp_path / "nowhere", tmp_path):
            with pytest.raises(SourceChanged):
                host.write("old", local)
        assert everything(host) == {"old": b"old"}

    def test_file_or_folder_not_both(self, host: CshApi) -> None:
        """B15: in either order; when the one is gone the other may come. Where names are flat, both stay."""
        if host.guarantees.flat_names:
            names = ["a", "a/b", "a/b/c", "d/e/f", "d/e", "d"]
            for count, name in enumerate(names):
                host.write(name, name.encode())
                assert everything(host) == {each: each.encode() for each in names[: count + 1]}
            assert host.copy("a", "d/e/f/g").size == 1
            for name in ("a", "d/e", "d/e/f/g"):
                host.delete(name)
            assert everything(host) == {name: name.encode() for name in ("a/b", "a/b/c", "d/e/f", "d")}
            return
        host.write("a", b"file")
        host.write("d/e/f", b"file")
        for path in ("a/b", "a/b/c", "d", "d/e"):
            with pytest.raises(AlreadyExists):
                host.write(path, b"x")
            with pytest.raises(AlreadyExists):
                host.copy("d/e/f", path)
        assert everything(host) == {"a": b"file", "d/e/f": b"file"}
        host.delete("a")
        host.delete("d/e/f")
        host.write("a/b", b"x")
        host.write("d", b"x")
        assert everything(host) == {"a/b": b"x", "d": b"x"}

    def test_a_copy_is_a_file_of_its_own(self, host: CshApi) -> None:
        """B23: it stays when the source is replaced or deleted, and the source stays until it is deleted."""
        host.write("source", b"one")
        host.write("b/target", b"older")
        for target in ("b/target", "b/target", "new/target", "source"):
            assert host.copy("source", target).size == 3
        host.write("source", b"two!")
        host.copy("source", "new/target")
        host.delete("source")
        assert everything(host) == {"b/target": b"one", "new/target": b"two!"}
        with pytest.raises(NotFound):
            host.copy("source", "b/target")
        assert everything(host) == {"b/target": b"one", "new/target": b"two!"}

    def test_deleting_removes_exactly_one_file(self, source: HostSource, host: CshApi) -> None:
        """B2, B12: the absent is success; a folder is no file."""
        for path in ("a", "ab", "a*", "f/a", "f/ab"):
            host.write(path, path.encode())
        for path in ("a", "a", "f/a", "absent", "absent/deeper", "f", "ab/below"):
            host.delete(path)
        with source.make() as other:
            assert everything(other) == {"ab": b"ab", "a*": b"a*", "f/ab": b"f/ab"}
        with pytest.raises(NotFound):
            host.read("a")
