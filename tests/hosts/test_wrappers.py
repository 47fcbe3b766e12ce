"""Hosts around a host keep the contract, and do the one thing that each is there for."""

import io
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

import attrs
import pytest

from oaio_storage.errors import (
    AlreadyExists,
    Changed,
    Corrupt,
    InvalidArgument,
    InvalidName,
    NotFound,
    NotGuaranteed,
    Unavailable,
)
from oaio_storage.hosts import (
    Absent,
    CshApi,
    DryRun,
    Guarantees,
    Limit,
    Logging,
    ReadOnly,
    Retry,
    Stat,
    Wrapper,
)
from oaio_storage.hosts.wrappers.limit import Gate
from oaio_storage.testing import HostContract, HostSource, KitCounts, replaces
from oaio_storage.testing.misbehaving import MemoryApi, Store
from oaio_storage_local import LocalApi


class OverMemory(HostContract):
    counts = KitCounts.quick()

    def around(self, inner: CshApi) -> CshApi:
        return Wrapper(inner)

    def host_source(self, folder: Path) -> HostSource:  # noqa: ARG002 - it needs none
        store = Store()
        return HostSource(
            make=lambda: self.around(MemoryApi(store)),
            raw_read=lambda path: store.files[path][0],
            raw_write=store.put,
        )


class TestWrapper(OverMemory):
    """The one that does nothing."""


class TestLogging(OverMemory):
    def around(self, inner: CshApi) -> CshApi:
        return Logging(inner)


class TestLimit(OverMemory):
    def around(self, inner: CshApi) -> CshApi:
        return Limit(inner, calls=2, bytes_in_flight=1 << 20)


class TestOneCallAtATime(HostContract):
    """Over a disk, which has streams of its own."""

    counts = KitCounts.quick()

    def host_source(self, folder: Path) -> HostSource:
        root = folder / "root"
        root.mkdir()

        def raw_write(path: str, content: bytes) -> None:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)

        return HostSource(
            make=lambda: Logging(Limit(LocalApi(str(root)), 1)),
            raw_read=lambda path: (root / path).read_bytes(),
            raw_write=raw_write,
        )

    @replaces
    def test_clean_up_spares_what_is_under_way(self, host: CshApi) -> None:
        """Nothing is under way when it comes to its turn."""
        host.write("file", b"x")
        assert host.clean_up(3600) == 0
        assert host.read("file") == b"x"


@pytest.mark.parametrize(
    "made",
    [
        lambda: Logging(cast("CshApi", "x")),
        lambda: ReadOnly(cast("CshApi", None)),
        lambda: Logging(MemoryApi(), level=cast("int", "DEBUG")),
        lambda: Limit(MemoryApi(), True),
        *(
            partial(Retry, MemoryApi(), **cast("dict[str, Any]", {name: value}))
            for name, value in [
                *(("attempts", wrong) for wrong in (0, -1, 1.5, True, None, "3")),
                *(("timeout", wrong) for wrong in (0, -1, float("nan"), float("inf"), "9", None)),
                *((name, -0.1) for name in ("wait_initial", "wait_max", "wait_jitter")),
            ]
        ),
    ],
)
def test_arguments_without_sense_are_refused(made: Callable[[], object]) -> None:
    with pytest.raises(InvalidArgument):
        made()


@attrs.frozen(eq=False)
class Counting(MemoryApi):
    """How many calls, and bytes of written content, are inside at the same time at most."""

    lock: threading.Lock = attrs.field(factory=threading.Lock)
    inside: list[int] = attrs.field(factory=lambda: [0, 0])
    most: list[int] = attrs.field(factory=lambda: [0, 0])

    def _count(self, size: int, by: int) -> None:
        with self.lock:
            self.inside[0] += by
            self.inside[1] += size * by
            self.most[:] = map(max, self.most, self.inside)

    def _busy(self, size: int, call: Callable[[], object]) -> None:
        self._count(size, 1)
        time.sleep(0.002)
        call()
        self._count(size, -1)

    def _stat(self, path: str) -> Stat:
        self._busy(0, lambda: None)
        return super()._stat(path)

    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        self._busy(0, lambda: None)
        return super()._read(path, start, end, version)

    def _store(self, path: str, content: bytes, expect: object) -> Stat:
        self._busy(len(content), lambda: self.store.put(path, content))
        return Stat(path, len(content), expect if isinstance(expect, str) else "")


def test_no_more_calls_than_allowed_are_inside_at_a_time() -> None:
    inner = Counting()
    inner.store.put("file", b"x" * 10)
    host = Limit(inner, 3)

    def use(number: int) -> None:
        host.stat("file")
        host.state.write(f"{number}", b"12345")
        with host.open("file") as stream:
            assert stream.read() == b"x" * 10
        assert [found.path for found in host.list("file")] == []

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(use, range(24)))
    assert inner.most[0] == 3
    assert inner.inside == [0, 0]


def test_no_more_bytes_than_allowed_travel_at_a_time() -> None:
    inner = Counting()
    host = Limit(inner, 8, 100)
    sizes = [10, 99, 100, 250, 1, 40, 60]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda pair: host.write(f"{pair[0]}", b"x" * pair[1]), enumerate(sizes * 3)))
    assert 100 < inner.most[1] <= 250  # what is larger than the limit travels alone
    assert inner.inside == [0, 0]


def test_a_small_call_does_not_overtake_a_large_one() -> None:
    gate, order = Gate(8, 10), []
    entered = threading.Barrier(2)

    def enter(name: str, size: int) -> None:
        with gate.passing(size):
            order.append(name)

    def hold() -> None:
        with gate.passing(6):
            entered.wait()
            entered.wait()

    def waiting(count: int) -> None:
        while len(gate._waiting) < count:
            time.sleep(0.001)

    with ThreadPoolExecutor(3) as pool:
        pool.submit(hold)
        entered.wait()
        pool.submit(enter, "large", 10)
        waiting(1)
        pool.submit(enter, "small", 1)
        waiting(2)
        assert order == []
        entered.wait()
    assert order == ["large", "small"]


def test_a_read_of_an_open_stream_waits_for_its_turn(tmp_path: Path) -> None:
    inner = LocalApi(str(tmp_path))
    inner.write("a", b"content")
    host = Limit(inner, 1)
    with host.open("a") as stream, ThreadPoolExecutor(1) as holder, ThreadPoolExecutor(1) as reader:
        holding = host.gate.passing()
        holder.submit(holding.__enter__).result()
        reading = reader.submit(stream.read)
        while not host.gate._waiting:
            assert not reading.done()
        holder.submit(holding.__exit__, None, None, None).result()
        assert reading.result() == b"content"


def test_a_host_may_be_the_source_of_its_own_writes() -> None:
    host = Limit(MemoryApi(), 1, 1)
    host.write("a", b"x" * (3 << 20))
    with host.open("a") as source:
        assert host.write("b", source).size == 3 << 20


def test_an_interrupted_call_leaves_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(1, None)

    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    def enter_interrupted() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Event, "wait", interrupted)
            with pytest.raises(KeyboardInterrupt):
                gate.passing().__enter__()

    enter_interrupted()
    assert gate._free_calls == 1
    with ThreadPoolExecutor(1) as other:
        holding = gate.passing()
        other.submit(holding.__enter__).result()
        enter_interrupted()
        assert not gate._waiting
        other.submit(holding.__exit__, None, None, None).result()
    assert gate._free_calls == 1


@pytest.mark.parametrize("limits", [(0,), (-1,), (True,), (1.5,), (1, 0), ("1",)])
def test_senseless_limits_are_refused(limits: tuple[int, ...]) -> None:
    with pytest.raises(InvalidArgument):
        Limit(MemoryApi(), *limits)


# ---- logging


SECRET = "hidden-secret"


@attrs.frozen(eq=False)
class Secretive(MemoryApi):
    token: str = attrs.field(default=SECRET, repr=False)

    @property
    def guarantees(self) -> Guarantees:
        return attrs.evolve(super().guarantees, signed_urls=True)

    def _sign_url(self, path: str, seconds: int) -> str:
        return f"https://host/{path}?signature={SECRET}&seconds={seconds}"

    def _delete(self, path: str, expect: str | None) -> None:
        if path == "unlucky":
            raise Unavailable(f"down: {SECRET}")
        super()._delete(path, expect)


def test_each_call_has_one_record_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "oaio_storage.hosts")
    host = Logging(Secretive())
    host.write("a/b", SECRET.encode(), headers={"X-Token": SECRET})
    host.read("a/b", 2, 5)
    host.copy("a/b", "c")
    assert len(list(host.list())) == 2
    assert SECRET in host.sign_url("c", 60)
    with pytest.raises(AlreadyExists):
        host.write("c", b"", expect=Absent)
    with pytest.raises(Unavailable):
        host.delete("unlucky")
    with pytest.raises(InvalidName):
        host.read("../x")
    next(host.list())
    host.state.write("x", b"1")
    told = [(record.levelno, record.getMessage()) for record in caplog.records]
    name = "Secretive: "
    assert [(level, text.partition(" in ")[0], text.rpartition(" s: ")[2]) for level, text in told] == [
        (logging.DEBUG, f"{name}write 'a/b' 13 B", "done"),
        (logging.DEBUG, f"{name}read 'a/b' 3 B", "done"),
        (logging.DEBUG, f"{name}copy 'a/b' 'c' 13 B", "done"),
        (logging.DEBUG, f"{name}list 2 files", "done"),
        (logging.DEBUG, f"{name}sign 'c'", "done"),
        (logging.DEBUG, f"{name}write 'c' 0 B", "AlreadyExists"),
        (logging.WARNING, f"{name}delete 'unlucky'", "Unavailable"),
        (logging.DEBUG, f"{name}list 1 files", "GeneratorExit"),
        (logging.DEBUG, f"{name}write 'x' 1 B", "done"),
    ]
    everything = "".join(f"{vars(record)}" for record in caplog.records)
    assert SECRET not in everything
    first = vars(caplog.records[0])
    assert (first["oaio_operation"], first["oaio_path"], first["oaio_size"]) == ("write", "a/b", 13)


# ---- dry run


@pytest.fixture
def store() -> Store:
    store = Store()
    for path in ("a", "f/x", "f/y", "g/x"):
        store.put(path, b"old")
    return store


@attrs.frozen(eq=False)
class Swapping(MemoryApi):
    @property
    def guarantees(self) -> Guarantees:
        return attrs.evolve(super().guarantees, swap=True)


@pytest.fixture
def dry(store: Store) -> Iterator[DryRun]:
    """A host that is only planned for; nothing may change."""
    before = dict(store.files)
    yield DryRun(Swapping(store))
    assert store.files == before


def test_changes_are_planned_and_print(dry: DryRun) -> None:
    dry.write("b", b"12345")
    dry.write("n/deep", io.BytesIO(b"123"))
    dry.copy("f/x", "h/x")
    dry.delete("a")
    dry.delete("absent")
    dry.swap_folders("f", "g")
    dry.state.write("trees/head", b"1")
    dry.clean_up(60)
    assert len(dry.create_root()) == 32
    assert [str(change) for change in dry.plan] == [
        "write b 5 B",
        "write n/deep 3 B",
        "copy f/x to h/x 3 B",
        "delete a",
        "exchange f and g",
        "write .oaio/trees/head 1 B",
        "clean up what is older than 60 s",
        "create root",
    ]
    assert dry.read("a") == b"old"
    assert sorted(found.path for found in dry.list()) == ["a", "f/x", "f/y", "g/x"]


def test_what_the_host_would_refuse_is_refused_and_not_planned(dry: DryRun) -> None:
    version = dry.stat("a").version
    refused: dict[Callable[[], object], type[Exception]] = {
        lambda: dry.write("../x", b""): InvalidName,
        lambda: dry.write("a", b"", expect=Absent): AlreadyExists,
        lambda: dry.write("a", b"", expect="other"): Changed,
        lambda: dry.write("absent", b"", expect=version): Changed,
        lambda: dry.write("a/b", b""): AlreadyExists,
        lambda: dry.write("f", b""): AlreadyExists,
        lambda: dry.write("b", b"1", size=2): Corrupt,
        lambda: dry.write("b", io.BytesIO(b"1"), size=2): Corrupt,
        lambda: dry.copy("absent", "b"): NotFound,
        lambda: dry.copy("a", "f"): AlreadyExists,
        lambda: dry.delete("a", expect="other"): Changed,
        lambda: dry.swap_folders("f", "absent"): NotFound,
        lambda: dry.sign_url("a", 1): NotGuaranteed,
    }
    for call, error in refused.items():
        with pytest.raises(error):
            call()
    assert dry.plan == []


def test_the_plan_itself_counts(dry: DryRun) -> None:
    planned = dry.write("new", b"1", expect=Absent)
    with pytest.raises(AlreadyExists):
        dry.write("new", b"2", expect=Absent)
    with pytest.raises(AlreadyExists):
        dry.write("new/below", b"")
    dry.write("new", b"2", expect=planned.version)
    with pytest.raises(Changed):
        dry.delete("new", expect=planned.version)
    for path in ("f/x", "f/y"):
        dry.delete(path)
    dry.write("f", b"now a file", expect=Absent)
    dry.delete("new")
    dry.write("new/below", b"")
    with pytest.raises(AlreadyExists):
        dry.write("new", b"")


def test_a_planned_exchange_counts(dry: DryRun) -> None:
    dry.swap_folders("f", "g")
    with pytest.raises(NotFound):
        dry.copy("f/y", "b")
    assert dry.copy("g/y", "b").size == 3
    dry.delete("f/x")
    with pytest.raises(NotFound):
        dry.swap_folders("f", "g")


def test_a_host_without_conditions_plans_none() -> None:
    @attrs.frozen(eq=False)
    class Plain(MemoryApi):
        @property
        def guarantees(self) -> Guarantees:
            return Guarantees()

    dry = DryRun(Plain())
    unread = cast("BinaryIO", io.BytesIO(b"x"))
    for call in (lambda: dry.write("a", unread, expect=Absent), dry.create_root):
        with pytest.raises(NotGuaranteed):
            call()
    assert (unread.tell(), dry.plan) == (0, [])
