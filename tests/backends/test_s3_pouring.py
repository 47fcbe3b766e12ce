"""Large files into local ones by blocks in parallel: whole, of one version, or not at all; on SeaweedFS."""

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from backends.s3_proxy import proxy_of
from seaweed import Weed

from oaio_storage.errors import Changed, Corrupt, TimedOut, Unavailable
from oaio_storage.hosts import host_api
from oaio_storage_s3 import S3Api
from oaio_storage_s3.multipart import ROOMS, Rooms
from oaio_storage_s3.pouring import LARGEST, LEAST, Pouring, Ranges
from oaio_storage_s3.reading import BLOCK, FIRST
from oaio_storage_s3.resuming import PROGRESS, RESUMED, Stream, resumed

CONTENT = bytes(range(256)) * (8 * PROGRESS // 256)


@pytest.fixture
def host(weed: Weed) -> S3Api:
    return S3Api(**weed.options(weed.bucket, weed.new_prefix()))


@pytest.mark.parametrize("size", [0, 1, FIRST - 1, FIRST, FIRST + 1, FIRST + BLOCK, FIRST + 2 * LEAST + 17])
def test_all_sizes_arrive_whole(host: S3Api, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    host.write("file", content)
    digest = hashlib.sha256(content).hexdigest()
    for told in ((size, digest), (None, None)):
        assert host.get_files([("file", tmp_path / "file", *told)]).bytes == size
        assert (tmp_path / "file").read_bytes() == content
    for wrong in ((size + 1, None), (size, "0" * 64)):
        with pytest.raises(Corrupt):
            host.get_files([("file", tmp_path / "other", *wrong)])
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_blocks_of_two_versions_are_never_mixed(host: S3Api, tmp_path: Path) -> None:
    old, new = os.urandom(3 * BLOCK), os.urandom(3 * BLOCK)
    host.write("file", old)
    with host.open("file") as stream, (tmp_path / "file").open("xb") as target:
        host.write("file", new)
        with pytest.raises(Changed):
            stream.raw.pour(target.fileno())  # type: ignore[attr-defined]  # what io.BufferedReader has


@pytest.mark.parametrize("size", [1, LEAST - 1, LEAST, LEAST + 1, 40 * LEAST + 5])
def test_the_ranges_cover_a_file_once_and_get_smaller(size: int) -> None:
    ranges = Ranges(7, 7 + size)
    taken = list(iter(ranges.take, None))
    assert [start for start, _ in taken] == [7, *(end for _, end in taken[:-1])]
    assert taken[-1][1] == 7 + size
    lengths = [end - start for start, end in taken]
    assert lengths == sorted(lengths, reverse=True)
    assert max(lengths) <= LARGEST


@pytest.mark.parametrize("failing", range(6))
def test_an_error_stops_all_and_gives_the_memory_back(tmp_path: Path, failing: int) -> None:
    rooms, before = Rooms(), threading.active_count()

    def stream(start: int, end: int) -> Iterator[bytes]:
        if start // LEAST == failing:
            raise Changed("replaced")
        yield bytes(end - start)

    with (tmp_path / "file").open("xb") as target, pytest.raises(Changed):
        Pouring(stream, target.fileno(), Ranges(0, 6 * LEAST), rooms).run()
    assert threading.active_count() == before
    assert all(rooms.take_free() for _ in range(ROOMS))


def broken_after(count: int, asked: list[int]) -> Stream:
    """A stream of the letters of the alphabet whose connection breaks after every ``count`` bytes."""

    def stream(start: int, end: int) -> Iterator[bytes]:
        asked.append(start)
        if sent := CONTENT[start : min(start + count, end)]:
            yield sent
        if start + count < end:
            raise TimedOut("cut off")

    return stream


def test_a_range_that_breaks_off_is_taken_up_while_it_gets_on() -> None:
    asked: list[int] = []
    assert b"".join(resumed(broken_after(PROGRESS, asked), 5, len(CONTENT))) == CONTENT[5:]
    assert len(asked) > 2 * RESUMED
    asked.clear()
    with pytest.raises(TimedOut):
        list(resumed(broken_after(10, asked), 0, len(CONTENT)))
    assert asked == [0, 10, 20, 30]


def test_a_range_that_ends_early_or_late_is_never_taken_for_whole() -> None:
    with pytest.raises(Unavailable, match="too early"):
        list(resumed(lambda start, _: iter([CONTENT[start : start + 3]]), 0, 40))
    with pytest.raises(Corrupt):
        list(resumed(lambda *_: iter([CONTENT]), 0, 40))


def test_a_download_survives_connections_that_break(weed: Weed, tmp_path: Path) -> None:
    content = os.urandom(BLOCK + 3 * LEAST)
    with proxy_of(weed.endpoint) as proxy:
        host = host_api("S3", **weed.options(weed.bucket, weed.new_prefix()) | {"endpoint": proxy.endpoint})
        host.write("file", content)
        proxy.cut = lambda asked, number: 3 * PROGRESS if asked.method == "GET" and number % 2 else None
        proxy.asked.clear()
        host.get_files([("file", tmp_path / "file", len(content), hashlib.sha256(content).hexdigest())])
        with host.open("file") as stream:
            assert stream.read() == content
        assert proxy.cut_off > 2
