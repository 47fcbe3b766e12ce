"""Large files into local ones by blocks in parallel: whole, of one version, or not at all; on SeaweedFS."""

import hashlib
import os
import threading
from collections import deque
from pathlib import Path

import pytest
from seaweed import Weed

from oaio_storage.errors import Changed, Corrupt
from oaio_storage_s3 import S3Api
from oaio_storage_s3.multipart import ROOMS, Rooms
from oaio_storage_s3.pouring import Pouring
from oaio_storage_s3.reading import BLOCK


@pytest.fixture
def host(weed: Weed) -> S3Api:
    return S3Api(**weed.options(weed.bucket, weed.new_prefix()))


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 17])
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


@pytest.mark.parametrize("failing", range(12))
def test_an_error_stops_all_and_gives_the_memory_back(tmp_path: Path, failing: int) -> None:
    rooms, before = Rooms(), threading.active_count()

    def fetch(start: int, end: int) -> memoryview:
        if start == failing:
            raise Changed("replaced")
        return memoryview(bytes(end - start))

    with (tmp_path / "file").open("xb") as target, pytest.raises(Changed):
        Pouring(fetch, target.fileno(), deque((at, at + 1) for at in range(12)), rooms).run()
    assert threading.active_count() == before
    assert all(rooms.take_free() for _ in range(ROOMS))
