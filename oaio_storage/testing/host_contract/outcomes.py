"""Done, not done, or unknown, and which error says so: B11, B21, B25."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from oaio_storage.errors import (
    AccessDenied,
    AlreadyExists,
    Corrupt,
    InvalidArgument,
    InvalidName,
    NotFound,
    OaioError,
    QuotaExceeded,
    Throttled,
    TimedOut,
    TryAgain,
    Unavailable,
)
from oaio_storage.hosts import Absent, CshApi, Retry
from oaio_storage.hosts.foreign import ours
from oaio_storage.testing.host_contract.base import HostKit, HostSource, everything, need
from oaio_storage.testing.host_contract.contents import sha256
from oaio_storage.testing.misbehaving import Fault, FaultHost, Faults

Change = Callable[[CshApi], object]


def _patient(host: CshApi, attempts: int) -> Retry:
    try:
        return Retry(host, attempts=attempts, wait_initial=0.0, wait_max=0.0, wait_jitter=0.0)
    except InvalidArgument:
        pytest.skip("the calls of the host are repeated already, and are never repeated twice")


class Outcomes(HostKit):
    """Group: outcomes."""

    @pytest.mark.parametrize("fault", [Fault.FAIL_BEFORE, Fault.FAIL_AFTER, Fault.HANG, Fault.LATE])
    def test_after_an_unknown_outcome_reading_tells(
        self, source: HostSource, host: CshApi, fault: Fault
    ) -> None:
        """B11: whether the request or its answer was lost, all see one truth."""
        host.write("kept", b"old")
        host.write("replaced", b"old")
        changes: list[Change] = [
            lambda faulty: faulty.write("replaced", b"new"),
            lambda faulty: faulty.copy("replaced", "copied"),
            lambda faulty: faulty.delete("kept"),
        ]
        for change in changes:
            faults = Faults({1: fault})
            with pytest.raises(Unavailable if fault is Fault.FAIL_BEFORE else TimedOut):
                change(FaultHost(host, faults))
            faults.settle()
            with source.make() as one, source.make() as other:
                assert everything(one) == everything(other) == everything(host)
        is_done = fault in (Fault.FAIL_AFTER, Fault.LATE)
        done, undone = {"replaced": b"new", "copied": b"new"}, {"kept": b"old", "replaced": b"old"}
        assert everything(host) == (done if is_done else undone)

    def test_a_conditional_write_with_a_lost_answer_has_one_outcome(self, host: CshApi) -> None:
        """B11, B25: tried again, it is neither done twice nor taken for somebody else's."""
        need(host, "conditional_write")
        created = _patient(FaultHost(host, Faults({1: Fault.FAIL_AFTER})), 3).write("a", b"1", expect=Absent)
        assert host.stat("a").version == created.version
        faulty = FaultHost(host, Faults({1: Fault.HANG, 3: Fault.FAIL_AFTER}))
        replaced = _patient(faulty, 5).write("a", b"2", expect=created.version)
        assert host.stat("a").version == replaced.version
        assert everything(host) == {"a": b"2"}

    def test_only_what_may_pass_is_tried_again(self, host: CshApi) -> None:
        """B25: and a bounded number of times."""
        host.write("a", b"old")
        for fault, error, attempts in (
            (Fault.THROTTLE, Throttled, 3),
            (Fault.HANG, TimedOut, 3),
            (Fault.FAIL_BEFORE, Unavailable, 3),
            (Fault.QUOTA, QuotaExceeded, 1),
            (Fault.DENIED, AccessDenied, 1),
        ):
            assert issubclass(error, TryAgain) == (attempts > 1)
            faults = Faults(from_on=(1, fault))
            with pytest.raises(error):
                _patient(FaultHost(host, faults), 3).write("a", b"new")
            assert faults.count == attempts
        assert everything(host) == {"a": b"old"}

    def test_errors_are_told_apart(self, host: CshApi) -> None:
        """B25: one class for each cause, with the path in the message."""
        host.write("folder/file", b"x")
        for error, call in (
            (NotFound, lambda: host.read("no-such")),
            (NotFound, lambda: host.copy("no-such", "target")),
            (AlreadyExists, lambda: host.write("folder/file/no-such", b"")),
            (InvalidName, lambda: host.write("../no-such", b"")),
            (Corrupt, lambda: host.write("no-such", b"123", size=4)),
            (InvalidArgument, lambda: host.clean_up(-1)),
        ):
            if error is AlreadyExists and host.guarantees.flat_names:
                continue
            with pytest.raises(error) as caught:
                call()
            assert type(caught.value) is error
        with pytest.raises(OaioError, match="no-such"):
            host.read("no-such")

    def test_foreign_errors_have_ours(self, host: CshApi) -> None:
        """B11, B25: of what any backend may meet; a foreign text, which may hold secrets, is not told."""
        for foreign, wanted in (
            (TimeoutError("secret"), TimedOut),
            (ConnectionResetError("secret"), Unavailable),
            (PermissionError(errno.EACCES, "secret"), AccessDenied),
            (OSError(errno.ENOSPC, "no room"), QuotaExceeded),
            (FileNotFoundError(errno.ENOENT, "gone"), NotFound),
        ):
            assert type(ours(foreign, host.foreign_errors, "can't")) is wanted
        told = str(ours(RuntimeError("secret"), host.foreign_errors, "can't"))
        assert "secret" not in told

    @pytest.mark.parametrize("fault", [Fault.FLIP, Fault.SHORT])
    def test_damage_on_the_way_is_found(self, host: CshApi, tmp_path: Path, fault: Fault) -> None:
        """B21: by whoever knows the checksum; the local file stays as it was."""
        content = b"content" * 1000
        target = tmp_path / "fetched" / "file"
        target.parent.mkdir()
        target.write_bytes(b"older")
        host.write("file", content)
        files = [("file", target, len(content), sha256(content))]
        with pytest.raises(Corrupt):
            FaultHost(host, Faults({2: fault})).get_files(files)
        FaultHost(host, Faults({1: fault})).write("file", content)
        with pytest.raises(Corrupt):
            host.get_files(files)
        assert [(found.name, found.read_bytes()) for found in target.parent.iterdir()] == [("file", b"older")]
