"""What is cut off leaves nothing that matters, and nothing at all after cleaning up: B7, B26."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO, cast

import pytest

from oaio_storage.errors import InvalidArgument
from oaio_storage.hosts import CshApi
from oaio_storage.names import STATE_FOLDER
from oaio_storage.testing.elsewhere import STALLED
from oaio_storage.testing.host_contract.base import (
    HostKit,
    HostSource,
    everything,
    need,
    paths,
    somewhere_else,
)
from oaio_storage.testing.host_contract.contents import Generated, content_of, generated

_MIB = 1 << 20


class Litter(HostKit):
    """Group: what is cut off."""

    def test_clean_up_removes_no_file(self, host: CshApi) -> None:
        """B26: and is safe to repeat."""
        host.write("a/b", b"x")
        host.state.write("a/b", b"x")
        for _ in range(2):
            assert host.clean_up(0) == 0
        for wrong in (-1, float("nan")):
            with pytest.raises(InvalidArgument):
                host.clean_up(wrong)
        assert everything(host) == everything(host.state) == {"a/b": b"x"}

    def test_clean_up_spares_what_is_under_way(self, host: CshApi) -> None:
        """B26: a write that has begun less than so many seconds ago is acknowledged and complete."""
        content = content_of(2 * _MIB)
        waiting = _Waiting(len(content))
        with ThreadPoolExecutor(1) as pool:
            written = pool.submit(lambda: host.write("file", cast("BinaryIO", waiting)))
            assert waiting.reached.wait(60)
            host.clean_up(3600)
            waiting.go_on.set()
            assert written.result().size == len(content)
        assert everything(host) == {"file": content}

    def test_failed_writes_leave_no_litter(self, source: HostSource, host: CshApi) -> None:
        """B7, B26: at the latest once it is cleaned up."""
        host.write("old", b"old")
        for path in ("old", "new", "folder/new"):
            with pytest.raises(OSError, match="caller"):
                host.write(path, generated(3 * _MIB, OSError("the caller's own")))
        host.clean_up(0)
        assert everything(host) == {"old": b"old"}
        assert _raw(source) == ["old"]

    def test_a_killed_writer_leaves_the_old(self, source: HostSource, host: CshApi) -> None:
        """B7, B11, B26: what it has begun is neither listed nor read, and goes with the next clean-up."""
        need(host, "atomic_write")
        host.write("old", b"old")
        for path in ("old", "new", "folder/new"):
            with somewhere_else(source) as writer:
                assert writer.call("stall", path, 3 * _MIB) == STALLED
                assert everything(host) == {"old": b"old"}
                writer.kill()
            assert everything(host) == {"old": b"old"}
        host.clean_up(0)
        with source.make() as fresh:
            assert everything(fresh) == {"old": b"old"}
            assert fresh.clean_up(0) == 0
            assert fresh.write("folder/new", b"new").size == 3
        assert _raw(source) == ["folder/new", "old"]

    def test_a_writer_killed_at_any_time_leaves_old_or_new(self, source: HostSource, host: CshApi) -> None:
        """B7, B11: the outcome is unknown until it is read, and then one for all."""
        contents = [content_of(size) for size in (1, 100_000)]
        host.write("file", contents[0])
        for number in range(self.counts.kills):
            with somewhere_else(source) as writer:
                writer.call("list", "")
                writer.send("write", "file", contents[number % 2].decode("latin-1"))
                threading.Event().wait(0.002 * number)
                writer.kill()
            with source.make() as one, source.make() as other:
                found = everything(one)
                assert found == everything(other)
                if host.guarantees.atomic_write:
                    assert found.get("file") in contents, f"an old or new 'file' was to be in {set(found)}"
                one.write("file", contents[0])
        host.clean_up(0)
        assert paths(host) == _raw(source) == ["file"]


def _raw(source: HostSource) -> list[str]:
    """What lies there, beside the state of the root."""
    if source.raw_list is None:
        with source.make() as host:
            return paths(host)
    return sorted(path for path in source.raw_list() if not path.startswith(f"{STATE_FOLDER}/"))


class _Waiting(Generated):
    """A stream that waits in its middle until it may go on."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.reached, self.go_on = threading.Event(), threading.Event()

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a writable buffer
        if self.tell() and not self.go_on.is_set():
            self.reached.set()
            self.go_on.wait(60)
        return super().readinto(buffer)
