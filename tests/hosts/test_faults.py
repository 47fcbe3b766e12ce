"""Each fault does what it says, at the operation that it is planned for and at no other."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from oaio_storage.errors import (
    AccessDenied,
    NotFound,
    OaioError,
    QuotaExceeded,
    Throttled,
    TimedOut,
    Unavailable,
)
from oaio_storage.hosts import Absent, CshApi
from oaio_storage.testing import Crash, Fault, FaultHost, Faults, MemoryApi

OLD, NEW = b"old content", b"another content"
HALF = NEW[: len(NEW) // 2]
FLIPPED = bytes([*NEW[:7], NEW[7] ^ 1, *NEW[8:]])

Act = Callable[[CshApi], object]

ACTS: dict[str, Act] = {
    "read": lambda host: host.read("a"),
    "stat": lambda host: host.stat("a").size,
    "list": lambda host: sorted(found.path for found in host.list()),
    "write": lambda host: host.write("a", NEW).size,
    "copy": lambda host: host.copy("source", "a").size,
    "delete": lambda host: host.delete("a"),
    "clean_up": lambda host: host.clean_up(0),
}


@pytest.fixture
def inner() -> MemoryApi:
    host = MemoryApi()
    host.write("a", OLD)
    host.write("source", NEW)
    for name in "bcd":
        host.write(name, b"")
    return host


def content(host: CshApi) -> bytes | None:
    try:
        return host.read("a")
    except NotFound:
        return None


def after(act: str) -> bytes | None:
    return {"write": NEW, "copy": NEW, "delete": None}.get(act, OLD)


BEFORE: dict[Fault, type[BaseException]] = {
    Fault.FAIL_BEFORE: Unavailable,
    Fault.HANG: TimedOut,
    Fault.THROTTLE: Throttled,
    Fault.QUOTA: QuotaExceeded,
    Fault.DENIED: AccessDenied,
    Fault.CRASH_BEFORE: Crash,
}


@pytest.mark.parametrize(
    ("act", "fault"), [(act, fault) for fault in BEFORE for act in ACTS if act in fault.applies_to]
)
def test_before_nothing_is_done(inner: MemoryApi, act: str, fault: Fault) -> None:
    faults = Faults({1: fault})
    with pytest.raises(BEFORE[fault]):
        ACTS[act](FaultHost(inner, faults))
    faults.settle()
    assert content(inner) == OLD
    assert faults.struck == [(1, fault)]


@pytest.mark.parametrize("act", ["write", "copy", "delete", "clean_up"])
@pytest.mark.parametrize(("fault", "error"), [(Fault.FAIL_AFTER, TimedOut), (Fault.CRASH_AFTER, Crash)])
def test_after_it_is_done(inner: MemoryApi, act: str, fault: Fault, error: type[BaseException]) -> None:
    with pytest.raises(error):
        ACTS[act](FaultHost(inner, Faults({1: fault})))
    assert content(inner) == after(act)


@pytest.mark.parametrize("act", ["write", "copy"])
def test_part_of_it_is_done(inner: MemoryApi, act: str) -> None:
    for fault, error in ((Fault.TORN, Unavailable), (Fault.CRASH_TORN, Crash)):
        inner.write("a", OLD)
        with pytest.raises(error):
            ACTS[act](FaultHost(inner, Faults({1: fault})))
        assert content(inner) == HALF
    for fault, stored in ((Fault.SHORT, HALF), (Fault.FLIP, FLIPPED)):
        assert ACTS[act](FaultHost(inner, Faults({1: fault}))) == len(NEW)
        assert content(inner) == stored


def test_answers_are_short_or_damaged(inner: MemoryApi) -> None:
    inner.write("a", NEW)
    host = FaultHost(inner, Faults({1: Fault.SHORT, 2: Fault.FLIP}))
    assert (host.read("a"), host.read("a"), host.read("a")) == (HALF, FLIPPED, NEW)


@pytest.mark.parametrize("act", ["write", "copy", "delete"])
def test_what_is_late_takes_effect_after_others(inner: MemoryApi, act: str) -> None:
    host = FaultHost(inner, Faults({1: Fault.LATE}))
    with pytest.raises(TimedOut):
        ACTS[act](host)
    assert [content(host) for _ in range(3)] == [OLD, OLD, after(act)]


@pytest.mark.parametrize("act", ["write", "copy", "delete"])
def test_what_is_sent_twice_is_done_again_later(inner: MemoryApi, act: str) -> None:
    faults = Faults({1: Fault.DUPLICATE})
    host = FaultHost(inner, faults)
    ACTS[act](host)
    assert content(host) == after(act)
    host.write("a", b"somebody else's")
    assert content(inner) == b"somebody else's"
    faults.settle()
    assert content(inner) == after(act)


def test_a_condition_stands_when_it_is_late_or_sent_twice(inner: MemoryApi) -> None:
    faults = Faults({1: Fault.LATE, 3: Fault.DUPLICATE})
    host = FaultHost(inner, faults)
    with pytest.raises(TimedOut):
        host.write("new", b"late", expect=Absent)
    inner.write("new", b"theirs")
    host.read("new")
    host.write("newer", b"once", expect=Absent)
    inner.write("newer", b"theirs")
    faults.settle()
    assert (inner.read("new"), inner.read("newer")) == (b"theirs", b"theirs")


def test_stale_answers_are_those_before_the_last_change(inner: MemoryApi) -> None:
    host = FaultHost(
        inner, Faults({2: Fault.STALE, 3: Fault.STALE, 5: Fault.STALE, 6: Fault.STALE, 8: Fault.STALE})
    )
    host.write("a", NEW)
    assert (host.read("a"), host.stat("a").size, host.read("a")) == (OLD, len(OLD), NEW)
    assert host.read("b") == b""  # nothing older is known
    assert host.stat("a").size == len(OLD)
    host.write("e", b"x")
    assert sorted(found.path for found in host.list()) == ["a", "b", "c", "d", "source"]
    assert sorted(found.path for found in host.list()) == ["a", "b", "c", "d", "e", "source"]


def test_stale_answers_reach_the_state_folder_too(inner: MemoryApi) -> None:
    state = FaultHost(inner, Faults({3: Fault.STALE, 4: Fault.STALE})).state
    state.write("head", b"1")
    state.write("head", b"2")
    assert (state.read("head"), [found.size for found in state.list()], state.read("head")) == (
        b"1",
        [1],
        b"2",
    )


def test_pages_are_lost_or_come_twice(inner: MemoryApi) -> None:
    host = FaultHost(inner, Faults({1: Fault.PAGE_LOST, 2: Fault.PAGE_REPEATED}))
    lost, repeated, whole = ([found.path for found in host.list()] for _ in range(3))
    assert len(lost) == 4
    assert len(repeated) == 6
    assert set(lost) < set(repeated) == set(whole)


def test_time_is_virtual(inner: MemoryApi) -> None:
    faults = Faults({1: Fault.SLOW})
    assert FaultHost(inner, faults).read("a") == OLD
    assert faults.seconds == 60


def test_a_crashed_client_does_nothing_any_more(inner: MemoryApi, tmp_path: Path) -> None:
    faults = Faults({2: Fault.CRASH_AFTER})
    host = FaultHost(inner, faults)
    host.write("a", b"1")
    for call in (lambda: host.write("a", b"2"), lambda: host.write("a", b"3"), lambda: host.state.read("x")):
        with pytest.raises(Crash):
            call()
    assert content(inner) == b"2"
    assert faults.count == 2
    with pytest.raises(Crash):
        host.get_files([("a", tmp_path / "a", None, None)])
    with host, pytest.raises(Crash):
        host.read("a")
    assert content(inner) == b"2"


def test_a_fault_can_stay(inner: MemoryApi) -> None:
    faults = Faults(from_on=(2, Fault.DENIED))
    host = FaultHost(inner, faults)
    host.write("a", b"1")
    for _ in range(3):
        with pytest.raises(AccessDenied):
            host.write("a", b"2")
    assert (content(inner), faults.count) == (b"1", 4)


def test_operations_are_counted_over_all_hosts_of_a_client(inner: MemoryApi) -> None:
    faults = Faults()
    host = FaultHost(inner, faults)
    host.create_root()
    threads = [threading.Thread(target=lambda: FaultHost(inner, faults).read("a")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with host.open("source") as stream:
        assert stream.read() == NEW
    assert faults.operations == [
        ("write", ".oaio/root.json"),
        ("read", ".oaio/root.json"),
        *[("read", "a")] * 8,
        ("stat", "source"),
        ("read", "source"),
    ]


def test_a_fault_that_makes_no_difference_does_not_strike(inner: MemoryApi) -> None:
    faults = Faults({1: Fault.FLIP, 2: Fault.PAGE_LOST})
    host = FaultHost(inner, faults)
    host.delete("a")
    host.write("a", NEW)
    assert faults.struck == []
    assert content(inner) == NEW


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_says_what_it_does(fault: Fault) -> None:
    assert len(fault.value) > 10
    assert fault.applies_to
    if fault.is_told:
        assert isinstance(fault.error, OaioError | Crash)
