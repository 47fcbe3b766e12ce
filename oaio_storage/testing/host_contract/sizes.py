"""Contents of any size, and sources that do not keep their word: B18, B20."""

import contextlib
import io
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from oaio_storage.errors import Corrupt
from oaio_storage.hosts import CshApi
from oaio_storage.hosts.streams import sha256_of
from oaio_storage.testing.host_contract.base import HostKit, HostSource, everything, paths
from oaio_storage.testing.host_contract.contents import content_of, generated

_MIB = 1 << 20


class Sizes(HostKit):
    """Group: sizes."""

    def test_sizes_arrive_equal(self, source: HostSource, host: CshApi) -> None:
        """B18: whether they were announced or not; an empty file is a file."""
        for size in self.counts.sizes:
            content, path = content_of(size), f"sizes/{size}"
            for announced, seekable in ((size, True), (None, True), (None, False)):
                host.write(path, b"older")
                assert host.write(path, generated(size, seekable=seekable), size=announced).size == size
                with source.make() as reader:
                    assert reader.read(path) == content
                    assert reader.stat(path).size == size
                    assert [found.size for found in reader.list("sizes") if found.path == path] == [size]

    def test_a_huge_file_arrives_equal_in_bounded_memory(self, host: CshApi) -> None:
        """B18: where the counts ask for one, such as more than the 5 GiB of one request to many services."""
        size = self.counts.huge
        if not size:
            pytest.skip("no huge file was asked for (KitCounts.huge)")
        wanted = sha256_of(generated(size))
        with _bounded_memory(128 * _MIB):
            assert host.write("huge", generated(size), size=size).size == size
            with host.open("huge") as stream:
                assert sha256_of(stream) == wanted
        assert host.read("huge", size - 3) == host.read("huge", size - 3, size + 9)
        host.delete("huge")

    def test_a_source_that_is_longer_or_shorter_is_refused(self, host: CshApi, tmp_path: Path) -> None:
        """B20: nothing is stored, and the old stays; also around the sizes of parts."""
        host.write("old", b"old")
        local = tmp_path / "local-source"
        local.write_bytes(b"12345")
        for path in ("old", "folder/new"):
            for size in (0, 4, 6, 5 * _MIB):
                for content in (b"12345", local, io.BytesIO(b"12345"), generated(5, seekable=False)):
                    with pytest.raises(Corrupt):
                        host.write(path, content, size=size)
            for size in self.counts.sizes[1:]:
                for wrong in (size - 1, size + 1):
                    with pytest.raises(Corrupt):
                        host.write(path, generated(size), size=wrong)
        assert everything(host) == {"old": b"old"}

    def test_a_source_that_fails_leaves_the_old(self, host: CshApi) -> None:
        """B7, B20: whatever it raises passes unchanged, and nothing partial is left under any name."""
        host.write("old", b"old")
        for path in ("old", "new", "folder/new"):
            for size in self.counts.sizes:
                for announced in (None, size + 10):
                    error = OSError(28, "the caller's own")
                    with pytest.raises(OSError, match="the caller's own") as caught:
                        host.write(path, generated(size, error), size=announced)
                    assert caught.value is error
        assert everything(host) == {"old": b"old"}
        assert paths(host.state) == []


@contextlib.contextmanager
def _bounded_memory(limit: int) -> Iterator[None]:
    """Fail if this process came to hold more than ``limit`` bytes beyond what it held at most before."""
    before = _peak()
    yield
    assert _peak() - before <= limit


def _peak() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
