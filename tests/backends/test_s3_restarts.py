"""SeaweedFS is killed in the middle of work and started anew: nothing acknowledged is lost or half there.

For some time after a restart it can't read all that it holds. What can't be read then is unknown, never
absent; it is judged when everything reads, or after WHOLE_SECONDS.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from counts import COUNTS
from seaweed import WHOLE_SECONDS, Weed, seaweed

from oaio_storage.errors import NotFound, OaioError
from oaio_storage.hosts import Absent, CshApi, Retry
from oaio_storage_s3 import S3Api
from oaio_storage_s3.multipart import PART

WRITERS = 3
LARGE_EVERY = 7


@pytest.fixture(scope="module")
def own_weed() -> Iterator[Weed]:
    with seaweed() as server:
        yield server


def content_of(path: str) -> bytes:
    """What is written under a path; the path and its length are in every piece, so that a part is seen."""
    number = int(path.rpartition("-")[2])
    size = PART + 1000 if number % LARGE_EVERY == 3 else 100 + 37 * number
    line = f"{path} {size}\n".encode()
    return (line * (size // len(line) + 1))[:size]


class Writer(threading.Thread):
    """Creates files one after the other until it is stopped; knows which of them were acknowledged."""

    def __init__(self, host: CshApi, name: str) -> None:
        super().__init__()
        self.host, self.prefix = host, name
        self.acknowledged: list[str] = []
        self.tried: list[str] = []
        self.failures: list[OaioError] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        number = 0
        while not self.stopping.is_set():
            path = f"{self.prefix}/file-{number}"
            number += 1
            self.tried.append(path)
            try:
                self.host.write(path, content_of(path), expect=Absent)
            except OaioError as err:
                self.failures.append(err)
                time.sleep(0.1)
            else:
                self.acknowledged.append(path)


def until(held: Callable[[], bool], seconds: float) -> bool:
    """Whether ``held`` becomes true in time."""
    deadline = time.monotonic() + seconds
    while not held():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.3)
    return True


def unreadable(host: CshApi, paths: list[str]) -> list[str]:
    """Those of ``paths`` that can't be read now; other contents fail at once."""
    found = []
    for path in paths:
        try:
            content = host.read(path)
        except OaioError:
            found.append(path)
        else:
            assert hashlib.sha256(content).digest() == hashlib.sha256(content_of(path)).digest(), path
    return found


@pytest.mark.timeout(600)
def test_killed_in_the_middle_of_work(own_weed: Weed) -> None:
    options = own_weed.options(own_weed.bucket, own_weed.new_prefix(), timeout=20.0)
    writers = [Writer(S3Api(**options), f"writer{number}") for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(max(1, COUNTS.server_kills // 10)):
            counts = [len(writer.acknowledged) for writer in writers]
            assert until(
                lambda counts=counts: all(  # type: ignore[misc]  # a default is bound
                    len(writer.acknowledged) >= count + 10
                    for writer, count in zip(writers, counts, strict=True)
                ),
                WHOLE_SECONDS,
            )
            own_weed.kill()
            time.sleep(0.5)
            own_weed.start()
    finally:
        for writer in writers:
            writer.stopping.set()
        for writer in writers:
            writer.join()
    acknowledged = [path for writer in writers for path in writer.acknowledged]
    tried = [path for writer in writers for path in writer.tried]
    assert any(writer.failures for writer in writers), "no write met the kill"
    host = Retry(S3Api(**options), attempts=3)
    left = list(acknowledged)

    def all_read() -> bool:
        left[:] = unreadable(host, left)
        return not left

    assert until(all_read, WHOLE_SECONDS), f"lost: {left}"
    listed = {found.path: found.size for found in host.list()}
    assert set(acknowledged) <= set(listed) <= set(tried)
    for path in set(listed) - set(acknowledged):
        assert listed[path] == len(content_of(path))
    assert unreadable(host, list(listed)) == []
    host.clean_up(0)
    assert sorted(own_weed.keys(str(options["bucket"]), f"{options['prefix']}/")) == sorted(
        f"{options['prefix']}/{path}" for path in listed
    )


def test_what_was_asked_while_it_is_down_is_no_absence(own_weed: Weed) -> None:
    host = S3Api(**own_weed.options(own_weed.bucket, own_weed.new_prefix()))
    host.write("a/file-1", content_of("a/file-1"))
    own_weed.kill()
    try:
        for call in (host.read, host.stat, host.open):
            with pytest.raises(OaioError) as caught:
                call("a/file-1")
            assert not isinstance(caught.value, NotFound)
        with pytest.raises(OaioError):
            list(host.list())
    finally:
        own_weed.start()
    assert until(lambda: not unreadable(host, ["a/file-1"]), WHOLE_SECONDS)
