"""What a user of the kit gives, and what all groups of tests share."""

import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import attrs
import pytest

from oaio_storage.errors import OaioError
from oaio_storage.hosts import CshApi
from oaio_storage.testing.contract import Contract
from oaio_storage.testing.elsewhere import Elsewhere, elsewhere

_MIB = 1 << 20


@attrs.frozen(kw_only=True)
class HostSource:
    """Where the kit gets hosts from, all bound to one root that is empty at first.

    Attributes:
        make: a fresh instance, at each call.
        raw_read: the content of a file, read around the backend.
        raw_write: store a file, around the backend, as a stranger would.
        raw_list: the paths of all that lies below the root, temporary files and unfinished uploads too but
            for folders, asked around the backend; None if nobody can tell.
        raw_link: place a link to a local file or folder outside of the root under a path, as a stranger
            would; None if the host knows no links.
        process: how another process makes the same host: ``module:Class`` and its arguments; None if no other
            process can reach it.
    """

    make: Callable[[], CshApi]
    raw_read: Callable[[str], bytes]
    raw_write: Callable[[str, bytes], object]
    raw_list: Callable[[], Iterable[str]] | None = None
    raw_link: Callable[[str, Path], object] | None = None
    process: tuple[str, Mapping[str, Any]] | None = None


def around(*limits: int) -> tuple[int, ...]:
    """The sizes where mistakes are made: 0, 1, and each limit with its two neighbours."""
    return tuple(sorted({0, 1, *(limit + step for limit in limits for step in (-1, 0, 1))}))


@attrs.frozen(kw_only=True)
class KitCounts:
    """How often the kit repeats what chance decides, and how much it moves.

    The defaults are what the clauses name: pages of listings are often of 1,000 files (B3), parts of contents
    of 5 or 50 MiB (B18). They take a minute or so on a disk; :meth:`quick` takes seconds.

    Attributes:
        listed: numbers of files of which listings have to be exact.
        rounds: races for one file.
        racers: threads in each race.
        racing_processes: processes in each race, where another process can reach the host.
        overwrites: replacements of a file that others read meanwhile.
        large: size in bytes of the large content of those.
        sizes: sizes in bytes that have to arrive equal; :func:`around` makes them of the host's limits.
        huge: size in bytes of one more, which is made and compared piece by piece; 0 for none.
        kills: writing processes that are killed, where another process can reach the host.
        histories: histories of the state machine.
        steps: steps of each history at most.
    """

    listed: tuple[int, ...] = (0, 1, 999, 1000, 1001, 2500)
    rounds: int = 5
    racers: int = 16
    racing_processes: int = 4
    overwrites: int = 20
    large: int = _MIB
    sizes: tuple[int, ...] = around(1 << 12, 1 << 16, _MIB, 5 * _MIB, 8 * _MIB, 50 * _MIB)
    huge: int = 0
    kills: int = 3
    histories: int = 10
    steps: int = 20

    @classmethod
    def quick(cls) -> Self:
        """Few of all, for tests that run after each change; ``attrs.evolve`` makes more of some."""
        return cls(
            listed=(0, 1, 30),
            rounds=2,
            racers=8,
            racing_processes=2,
            overwrites=5,
            sizes=around(1 << 12, 1 << 16, _MIB),
            kills=2,
        )


class HostKit(Contract, ABC):
    """What all groups share; see :class:`~oaio_storage.testing.host_contract.HostContract`.

    A test of what a host does not declare, or of what its source can't show, is skipped and says so; that
    the host refuses what it does not declare is the subject of tests that never are.
    """

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


def need(host: CshApi, guarantee: str) -> None:
    """Skip the test unless ``host`` declares ``guarantee``, a field of Guarantees."""
    if not getattr(host.guarantees, guarantee):
        pytest.skip(f"{host.name} does not declare {guarantee}")


@contextmanager
def somewhere_else(source: HostSource) -> Iterator[Elsewhere]:
    """The host in another process; skips the test where there is none."""
    if source.process is None:
        pytest.skip("no other process can reach the host (HostSource.process)")
    with elsewhere(*source.process) as there:
        yield there


@contextmanager
def instances(source: HostSource, count: int) -> Iterator[list[CshApi]]:
    """So many hosts on one root."""
    with ExitStack() as stack:
        yield [stack.enter_context(source.make()) for _ in range(count)]


def paths(host: CshApi, folder: str = "") -> list[str]:
    """All paths that a listing yields, sorted, with repeats."""
    return sorted(found.path for found in host.list(folder))


def everything(host: CshApi) -> dict[str, bytes]:
    """All files and their contents."""
    return {path: host.read(path) for path in paths(host)}


def check_holds(host: CshApi, model: Mapping[str, bytes]) -> None:
    """Fail, with the first name that differs, unless ``host`` has exactly the files of ``model``."""
    listed = paths(host)
    for name in sorted({*listed, *model}):
        assert listed.count(name) == (name in model), f"{name!r} is listed {listed.count(name)} times"
        found = host.read(name)
        assert found == model[name], f"{name!r} holds {found[:40]!r} instead of {model[name][:40]!r}"


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
