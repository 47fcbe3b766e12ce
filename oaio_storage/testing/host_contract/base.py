"""What a user of the kit gives, and what all groups of tests share."""

import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest

from oaio_storage.errors import OaioError
from oaio_storage.hosts import CshApi
from oaio_storage.testing.contract import Contract


@attrs.frozen(kw_only=True)
class HostSource:
    """Where the kit gets hosts from, all bound to one root that is empty at first.

    Attributes:
        make: a fresh instance, at each call.
        raw_read: the content of a file, read around the backend.
        raw_write: store a file, around the backend, as a stranger would.
        raw_link: place a link to a local file or folder outside of the root under a path, as a stranger
            would; None if the host knows no links.
        process: how another process makes the same host: ``module:Class`` and its arguments; None if no other
            process can reach it.
    """

    make: Callable[[], CshApi]
    raw_read: Callable[[str], bytes]
    raw_write: Callable[[str, bytes], object]
    raw_link: Callable[[str, Path], object] | None = None
    process: tuple[str, Mapping[str, Any]] | None = None


@attrs.frozen(kw_only=True)
class KitCounts:
    """How often the kit repeats what chance decides, and how much it moves; the defaults take seconds.

    Attributes:
        listed: numbers of files of which listings have to be exact.
        rounds: races for one file.
        racers: threads in each race.
        racing_processes: processes in each race, where another process can reach the host.
        overwrites: replacements of a file that others read meanwhile.
        large: size in bytes of the large content of those.
        sizes: sizes in bytes that have to arrive equal.
        histories: histories of the state machine.
        steps: steps of each history at most.
    """

    listed: tuple[int, ...] = (0, 1, 30)
    rounds: int = 5
    racers: int = 16
    racing_processes: int = 4
    overwrites: int = 20
    large: int = 1 << 20
    sizes: tuple[int, ...] = (0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1)
    histories: int = 10
    steps: int = 20


class HostKit(Contract, ABC):
    """What all groups share; see :class:`~oaio_storage.testing.host_contract.HostContract`."""

    counts: ClassVar[KitCounts] = KitCounts()

    @abstractmethod
    def host_source(self, folder: Path) -> HostSource:
        """Hosts with a root of their own; ``folder`` is an empty folder of this test, if one is needed."""

    @pytest.fixture
    def source(self, tmp_path: Path) -> HostSource:
        """Hosts with a root of their own, empty for each test."""
        return self.host_source(tmp_path)

    @pytest.fixture
    def host(self, source: HostSource) -> Iterator[CshApi]:
        """One of them."""
        with source.make() as host:
            yield host


def paths(host: CshApi, folder: str = "") -> list[str]:
    """All paths that a listing yields, sorted, with repeats."""
    return sorted(found.path for found in host.list(folder))


def everything(host: CshApi) -> dict[str, bytes]:
    """All files and their contents."""
    return {path: host.read(path) for path in paths(host)}


def race(hosts: list[CshApi], act: Callable[[CshApi, int], object]) -> Counter[str]:
    """Let ``act`` run on all ``hosts`` at once; how often it ended as ``"won"``, or as which error."""
    start = threading.Barrier(len(hosts))

    def one(number: int) -> str:
        start.wait()
        try:
            act(hosts[number], number)
        except OaioError as err:
            return type(err).__name__
        return "won"

    with ThreadPoolExecutor(len(hosts)) as pool:
        return Counter(pool.map(one, range(len(hosts))))
