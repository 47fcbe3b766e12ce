"""Calls that fail for the moment are repeated; what may have happened is looked at first."""

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

import attrs
import pytest
from counts import COUNTS

from oaio_storage.errors import (
    AlreadyExists,
    Changed,
    Corrupt,
    InvalidArgument,
    NotFound,
    OaioError,
    Throttled,
    TimedOut,
    Unavailable,
)
from oaio_storage.hosts import Absent, CshApi, Expect, Retry, Stat, Wrapper
from oaio_storage.testing import Fault, FaultHost, Faults, HostContract, HostSource, KitCounts, replaces
from oaio_storage_local import LocalApi

Answer = TypeVar("Answer")
Failure = OaioError | tuple[OaioError, str] | None
Plan = Callable[[], Failure]


def patient(inner: CshApi, attempts: int = 5) -> Retry:
    return Retry(inner, attempts=attempts, wait_initial=0.0, wait_max=0.0, wait_jitter=0.0)


@attrs.frozen(eq=False)
class Flaky(Wrapper):
    """A host whose calls fail by ``plan``: an error fails before it is done, a pair of it and "after" too."""

    plan: Plan
    calls: list[str] = attrs.field(factory=list)

    def _open(self, path: str) -> None:  # noqa: ARG002 - streams read by ranges
        return None

    def _flaky(self, name: str, call: Callable[[], Answer]) -> Answer:
        self.calls.append(name)
        fault = self.plan()
        if isinstance(fault, OaioError):
            raise fault
        answer = call()
        if fault is not None:
            raise fault[0]
        return answer

    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        return self._flaky("read", lambda: self.inner.read(path, start, end, version))

    def _stat(self, path: str) -> Stat:
        return self._flaky("stat", lambda: self.inner.stat(path))

    def _list(self, folder: str) -> Iterator[Stat]:
        return self._flaky("list", lambda: self.inner.list(folder))

    def _write(
        self, path: str, source: BinaryIO, size: int | None, expect: Expect, headers: Mapping[str, str]
    ) -> Stat:
        return self._flaky(
            "write", lambda: self.inner.write(path, source, size=size, expect=expect, headers=headers)
        )

    def _delete(self, path: str, expect: str | None) -> None:
        self._flaky("delete", lambda: self.inner.delete(path, expect=expect))

    def _copy(self, source: str, target: str) -> Stat:
        return self._flaky("copy", lambda: self.inner.copy(source, target))


def planned(
    *faults: Failure,
) -> Plan:
    """These, then none."""
    waiting = iter(faults)
    return lambda: next(waiting, None)


EACH_THIRD = {
    number: Fault.FAIL_BEFORE if number % 6 else Fault.FAIL_AFTER for number in range(3, 1_000_000, 3)
}
"""One call in three fails: before, or after it was done."""


class TestOverFlakyHost(HostContract):
    """All of the contract holds over a host that fails one call in three."""

    counts = attrs.evolve(
        KitCounts.quick(),
        rounds=COUNTS.races,
        histories=COUNTS.machine_histories,
        steps=COUNTS.machine_steps,
    )

    def host_source(self, folder: Path) -> HostSource:
        root = folder / "root"
        root.mkdir()

        def raw_write(path: str, content: bytes) -> None:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)

        return HostSource(
            make=lambda: patient(FaultHost(LocalApi(str(root)), Faults(EACH_THIRD)), attempts=50),
            raw_read=lambda path: (root / path).read_bytes(),
            raw_write=raw_write,
        )

    @replaces
    def test_folders_are_exchanged(self, host: CshApi) -> None:
        """An exchange is never tried again, so a fault of it passes; what it leaves is old or new."""
        host.write("a/x", b"1")
        host.write("b/x", b"2")
        old, new = {"a/x": b"1", "b/x": b"2"}, {"a/x": b"2", "b/x": b"1"}
        with contextlib.suppress(Unavailable, TimedOut):
            host.swap_folders("a", "b")
        assert {path: host.read(path) for path in old} in (old, new)


@pytest.fixture
def local(tmp_path: Path) -> LocalApi:
    (tmp_path / "root").mkdir()
    return LocalApi(str(tmp_path / "root"))


def retrying(inner: CshApi, *faults: Failure) -> tuple[Retry, list[str]]:
    flaky = Flaky(inner, planned(*faults))
    return patient(flaky, attempts=4), flaky.calls


def test_attempts_are_bounded_and_the_last_error_passes(local: LocalApi) -> None:
    host, calls = retrying(local, *[Unavailable(str(number)) for number in range(9)])
    with pytest.raises(Unavailable, match="3"):
        host.read("a")
    assert calls == ["read"] * 4


@pytest.mark.parametrize("error", [NotFound("x"), Changed("x"), Corrupt("x"), AlreadyExists("x")])
def test_lasting_errors_are_not_repeated(local: LocalApi, error: OaioError) -> None:
    host, calls = retrying(local, error)
    with pytest.raises(type(error)):
        host.write("a", b"x")
    assert calls == ["write"]


@pytest.mark.parametrize("expect", [None, Absent, "version"])
def test_a_lost_answer_to_a_write_is_no_failure(local: LocalApi, expect: Expect) -> None:
    if expect == "version":
        expect = local.write("a", b"old").version
    host, calls = retrying(local, (TimedOut("lost"), "after"))
    stored = host.write("a", b"new", expect=expect)
    assert local.stat("a").version == stored.version
    assert local.read("a") == b"new"
    assert calls == (["write", "write"] if expect is None else ["write", "stat"])


@pytest.mark.parametrize("expect", [None, Absent, "version"])
def test_a_lost_write_is_repeated_from_its_beginning(local: LocalApi, expect: Expect) -> None:
    if expect == "version":
        expect = local.write("a", b"old").version
    stream = io.BytesIO(b"skipped new")
    stream.seek(8)
    host, _ = retrying(local, TimedOut("lost"), Throttled("wait"))
    assert host.write("a", stream, expect=expect).size == 3
    assert local.read("a") == b"new"


def test_somebody_elses_success_is_not_taken_for_ours(local: LocalApi) -> None:
    def intruding(content: bytes) -> Plan:
        def first() -> Failure:
            local.write("a", content)
            return TimedOut("lost")

        turns = iter([first])
        return lambda: turn() if (turn := next(turns, None)) else None

    with pytest.raises(AlreadyExists):
        patient(Flaky(local, intruding(b"theirs"))).write("a", b"ours", expect=Absent)
    version = local.stat("a").version
    with pytest.raises(Changed):
        patient(Flaky(local, intruding(b"newer"))).write("a", b"ours", expect=version)
    assert local.read("a") == b"newer"


def test_a_stream_that_cannot_be_read_again_is_sent_once(local: LocalApi) -> None:
    class Once(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:  # noqa: ARG002 - a stream's signature
            return b""

    host, calls = retrying(local, Unavailable("no"))
    with pytest.raises(Unavailable):
        host.write("a", cast("BinaryIO", Once()))
    assert calls == ["write"]


@pytest.mark.parametrize("expect", [None, Absent])
def test_a_host_around_it_keeps_nothing_from_being_repeated(local: LocalApi, expect: Expect) -> None:
    host, _ = retrying(local, Unavailable("no"), (TimedOut("lost"), "after"))
    assert Wrapper(Wrapper(host)).write("a", io.BytesIO(b"new"), expect=expect).size == 3
    with pytest.raises(Corrupt):
        Wrapper(Wrapper(host)).write("a", io.BytesIO(b"newer"), size=4)
    assert local.read("a") == b"new"


def test_an_exchange_is_never_repeated(local: LocalApi) -> None:
    local.write("a/x", b"a")
    local.write("b/x", b"b")

    class Forgetful(LocalApi):
        def _swap_folders(self, a: str, b: str) -> None:
            super()._swap_folders(a, b)
            raise TimedOut("lost")

    with pytest.raises(TimedOut):
        patient(Forgetful(local.root_folder)).swap_folders("a", "b")
    assert local.read("a/x") == b"b"


def test_calls_are_repeated_in_one_place(local: LocalApi) -> None:
    with pytest.raises(InvalidArgument, match="repeated already"):
        Retry(Wrapper(Retry(local)))
    assert Wrapper(Retry(local)).state.name == "Local"
