"""What was written is read, by everybody, at once: B1, B2, B5, B18, B19, B22."""

import contextlib
import random
import time

import pytest

from oaio_storage.errors import Changed, InvalidArgument, NotFound
from oaio_storage.hosts import CshApi
from oaio_storage.testing.elsewhere import elsewhere
from oaio_storage.testing.host_contract.base import HostKit, HostSource, everything


class Reading(HostKit):
    """Group: reading."""

    def test_writes_are_read_at_once_by_any_instance(self, source: HostSource, host: CshApi) -> None:
        """B1, B5: also by an instance that has seen the older state."""
        other = source.make()
        assert everything(other) == {}
        for content in (b"first", b"second", b""):
            stored = host.write("folder/file", content)
            assert (stored.path, stored.size) == ("folder/file", len(content))
            for reader in (host, other, source.make()):
                assert reader.read("folder/file") == content
                assert reader.stat("folder/file").size == len(content)
                assert everything(reader) == {"folder/file": content}

    def test_writes_are_read_at_once_by_another_process(self, source: HostSource, host: CshApi) -> None:
        """B1, B2, B5: both ways."""
        if source.process is None:
            return  # nobody else can reach it
        with elsewhere(*source.process) as there:
            host.write("a", b"ours")
            assert there.call("read", "a") == "ours"
            there.call("write", "b/c", "theirs")
            assert host.read("b/c") == b"theirs"
            assert there.call("list", "") == ["a", "b/c"]
            host.delete("a")
            assert there.call("read", "a") == {"error": "NotFound"}
            assert there.call("list", "") == ["b/c"]

    def test_what_was_stored_outlives_all_instances(self, source: HostSource) -> None:
        """B1: what was acknowledged does not depend on whoever wrote it being there."""
        with source.make() as first:
            first.write("file", b"kept")
        if source.process is not None:
            with elsewhere(*source.process) as there:
                assert there.call("read", "file") == "kept"
                there.call("write", "other", "kept too")
        else:
            with source.make() as second:
                second.write("other", b"kept too")
        with source.make() as last:
            assert everything(last) == {"file": b"kept", "other": b"kept too"}

    def test_strangers_files_are_files(self, source: HostSource, host: CshApi) -> None:
        """What others put there is read, and what was written they find under its literal name."""
        source.raw_write("theirs/x", b"theirs")
        host.write("ours/[1]", b"ours")
        assert everything(host) == {"theirs/x": b"theirs", "ours/[1]": b"ours"}
        assert source.raw_read("ours/[1]") == b"ours"
        assert host.stat("theirs/x").version

    def test_the_absent_is_not_found(self, host: CshApi) -> None:
        """As one typed error, which is a FileNotFoundError too; a folder is no file."""
        host.write("folder/file", b"x")
        for path in ("absent", "absent/deeper", "folder", "folder/file/below"):
            for call in (host.read, host.stat, host.open):
                with pytest.raises(NotFound) as caught:
                    call(path)
                assert isinstance(caught.value, FileNotFoundError)
                assert path in str(caught.value)

    def test_sizes_arrive_equal(self, source: HostSource, host: CshApi) -> None:
        """B18: an empty file is a file."""
        for size in self.counts.sizes:
            content = random.Random(size).randbytes(size)  # noqa: S311 - any bytes
            host.write(f"sizes/{size}", content)
            assert source.make().read(f"sizes/{size}") == content
            assert host.stat(f"sizes/{size}").size == size

    def test_ranges_are_slices(self, host: CshApi) -> None:
        """B19: also beyond the end."""
        content = bytes(range(7))
        host.write("file", content)
        host.write("empty", b"")
        for start in range(10):
            for end in (*range(10), None):
                assert host.read("file", start, end) == content[start:end]
                assert host.read("empty", start, end) == b""
        for start, end in ((-1, None), (0, -1)):
            with pytest.raises(InvalidArgument):
                host.read("file", start, end)

    def test_an_open_file_is_seekable(self, host: CshApi) -> None:
        """It is a binary stream as Python's own."""
        content = random.Random(1).randbytes(3_000_000)  # noqa: S311 - any bytes
        host.write("file", content)
        with host.open("file") as stream:
            assert stream.read(10) == content[:10]
            assert stream.seek(-5, 2) == len(content) - 5
            assert stream.read() == content[-5:]
            assert stream.seek(1_500_000) == stream.tell() == 1_500_000
            assert stream.read(100) == content[1_500_000:1_500_100]
            stream.seek(0)
            assert stream.read() == content
            assert stream.seek(len(content) + 10) == len(content) + 10
            assert stream.read() == b""

    def test_an_open_file_is_one_version(self, host: CshApi) -> None:
        """While it is replaced by one of equal size: the old one to its end, or an error; never a mix."""
        old, new = bytes(3 << 20), b"\1" * (3 << 20)
        host.write("file", old)
        with host.open("file") as stream:
            begun = stream.read(1)
            _pass_a_tick(host)
            host.write("file", new)
            with contextlib.suppress(Changed, NotFound):
                assert begun + stream.read() == old
        assert host.read("file") == new

    def test_versions_follow_the_content(self, host: CshApi) -> None:
        """B22: another content has another version, at equal size; with a version, only that one is read."""
        seen = []
        for content in (b"one", b"two", b"six"):
            seen.append(host.write("file", content).version)
            assert host.stat("file").version == seen[-1]
            assert host.read("file", 1, 2, seen[-1]) == content[1:2]
            _pass_a_tick(host)
        assert len(set(seen)) == len(seen)
        with pytest.raises(Changed):
            host.read("file", version=seen[0])
        with pytest.raises(NotFound):
            host.read("absent", version=seen[0])


def _pass_a_tick(host: CshApi) -> None:
    if not host.guarantees.strong_version:  # it may stand on the clock
        time.sleep(0.05)
