"""What was written is read, by everybody, at once: B1, B2, B5, B22."""

import contextlib
import time

import pytest

from oaio_storage.errors import Changed, NotFound
from oaio_storage.hosts import CshApi
from oaio_storage.testing.elsewhere import elsewhere
from oaio_storage.testing.host_contract.base import HostKit, HostSource, everything, somewhere_else
from oaio_storage.testing.host_contract.contents import sha256


class Reading(HostKit):
    """Group: reading."""

    def test_writes_are_read_at_once_by_any_instance(self, source: HostSource, host: CshApi) -> None:
        """B1, B2, B5: also by an instance that has seen the older state."""
        with source.make() as other:
            assert everything(other) == {}
            for content in (b"first", b"second", b""):
                stored = host.write("folder/file", content)
                assert (stored.path, stored.size) == ("folder/file", len(content))
                with source.make() as fresh:
                    for reader in (host, other, fresh):
                        assert reader.read("folder/file") == content
                        assert reader.stat("folder/file").size == len(content)
                        assert everything(reader) == {"folder/file": content}
                assert source.raw_read("folder/file") == content
            host.delete("folder/file")
            for call in (other.read, other.stat, other.open):
                with pytest.raises(NotFound):
                    call("folder/file")
            assert everything(other) == {}

    def test_writes_are_read_at_once_by_another_process(self, source: HostSource, host: CshApi) -> None:
        """B1, B2, B5: both ways."""
        with somewhere_else(source) as there:
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

    def test_an_open_file_is_one_version(self, host: CshApi) -> None:
        """B6: while it is replaced by one of equal size: the old one to its end, or an error; never a mix."""
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

    def test_checksums_are_those_of_the_content(self, source: HostSource, host: CshApi) -> None:
        """B10, B21: SHA-256 where it is declared; none, rather than another kind, where it is not."""
        assert host.guarantees.checksum in ("", "sha256")
        source.raw_write("theirs", b"theirs")
        told = host.write("ours", b"ours").checksum, host.stat("ours").checksum, host.stat("theirs").checksum
        wanted = sha256(b"ours"), sha256(b"ours"), sha256(b"theirs")
        assert told == (wanted if host.guarantees.checksum else ("", "", ""))


def _pass_a_tick(host: CshApi) -> None:
    if not host.guarantees.strong_version:  # it may stand on the clock
        time.sleep(0.05)
