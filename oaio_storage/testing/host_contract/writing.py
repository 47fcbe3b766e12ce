"""All or nothing: B6, B7, B15, B20, B23; and deleting: B2, B12."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from oaio_storage.errors import AlreadyExists, Corrupt, InvalidArgument, NotFound, OaioError, SourceChanged
from oaio_storage.hosts import CshApi
from oaio_storage.testing.host_contract.base import HostKit, HostSource, everything, paths


class FailingStream(io.RawIOBase):
    """A stream that yields ``good`` bytes and then raises ``error``."""

    def __init__(self, good: int, error: Exception) -> None:
        super().__init__()
        self._good, self._error, self._position = good, error, 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes, so that it can be sent again."""
        return True

    def tell(self) -> int:
        """The position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to ``offset`` from the beginning."""
        assert whence == 0
        self._position = offset
        return offset

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a writable buffer
        """Fill ``buffer``, or raise."""
        if self._position >= self._good:
            raise self._error
        count = min(self._good - self._position, len(buffer))
        buffer[:count] = bytes(count)
        self._position += count
        return count


class Writing(HostKit):
    """Group: writing and deleting."""

    def test_contents_may_be_bytes_a_file_or_a_stream(self, host: CshApi, tmp_path: Path) -> None:
        """With the size or without."""
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
            reader = source.make()
            while not done.is_set():
                assert reader.read("file") in contents
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
        assert source.make().read("file") == contents[1]

    def test_a_failed_write_leaves_the_old(self, host: CshApi) -> None:
        """B7: whatever the source raises passes unchanged, and nothing partial is left under any name."""
        host.write("old", b"old")
        for path in ("old", "new", "folder/new"):
            for good in (0, 1, 3 << 20):
                error = OSError(28, "the caller's own")
                with pytest.raises(OSError, match="the caller's own") as caught:
                    host.write(path, cast("BinaryIO", FailingStream(good, error)))
                assert caught.value is error
        assert everything(host) == {"old": b"old"}
        assert paths(host.state) == []

    def test_an_announced_size_is_kept(self, host: CshApi, tmp_path: Path) -> None:
        """B20: a source that ends early or late makes the write fail, and leaves the old."""
        host.write("old", b"old")
        local = tmp_path / "local-source"
        local.write_bytes(b"12345")
        for path in ("old", "new"):
            for size in (0, 4, 6, 5 << 20):
                for content in (b"12345", local, io.BytesIO(b"12345")):
                    with pytest.raises(Corrupt):
                        host.write(path, content, size=size)
        assert everything(host) == {"old": b"old"}

    def test_a_missing_local_file_is_told(self, host: CshApi, tmp_path: Path) -> None:
        """As an error of this device, not of the host."""
        host.write("old", b"old")
        for local in (tmp_path / "nowhere", tmp_path):
            with pytest.raises(SourceChanged):
                host.write("old", local)
        assert everything(host) == {"old": b"old"}

    def test_file_or_folder_not_both(self, host: CshApi) -> None:
        """B15: in either order; when the one is gone the other may come."""
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
        """It stays when the source is replaced or deleted, and replaces what was there."""
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
        assert everything(source.make()) == {"ab": b"ab", "a*": b"a*", "f/ab": b"f/ab"}
        with pytest.raises(NotFound):
            host.read("a")

    def test_clean_up_removes_no_file(self, host: CshApi) -> None:
        """B26: and is safe to repeat."""
        host.write("a/b", b"x")
        for _ in range(2):
            assert host.clean_up(0) == 0
        with pytest.raises(InvalidArgument):
            host.clean_up(-1)
        assert everything(host) == {"a/b": b"x"}

    def test_errors_are_ours(self, host: CshApi) -> None:
        """B25: nothing else leaves the public methods, and messages name the path."""
        host.write("a", b"x")
        for call in (lambda: host.read("no"), lambda: host.write("a/no", b"")):
            with pytest.raises(OaioError, match="no"):
                call()
