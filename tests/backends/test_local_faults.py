"""Disks that fail: full, read-only, forbidden, folders that vanish. Errors are typed, nothing is damaged."""

import errno
import os
import resource
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from backends.crash_scenarios import SCENARIOS, Scenario, files, prepared, steps_of

from oaio_storage.errors import (
    AccessDenied,
    BadAnswer,
    NotFound,
    OaioError,
    QuotaExceeded,
    Unavailable,
    WrongRoot,
)
from oaio_storage_local import LocalApi
from oaio_storage_local.disk import SystemDisk

FAULTS = {
    errno.ENOSPC: QuotaExceeded,
    errno.EDQUOT: QuotaExceeded,
    errno.EACCES: AccessDenied,
    errno.EROFS: AccessDenied,
    errno.EIO: BadAnswer,
}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("number", FAULTS, ids=errno.errorcode.get)
def test_each_operation_can_fail(scenario: Scenario, number: int, lasting: bool) -> None:  # noqa: FBT001 - a case
    at, failed = 0, True
    while failed:
        at += 1
        disk, failed = prepared(scenario), False
        host = LocalApi.on(disk, "/srv/root")
        assert host.guarantees.swap
        disk.operations = 0

        def fails(_name: str, operation: int, at: int = at) -> None:
            nonlocal failed
            if operation == at or (lasting and operation > at):
                failed = True
                raise OSError(number, os.strerror(number))

        disk.fails = fails
        with suppress(FAULTS[number]):
            scenario.act(host)
        disk.fails = lambda _name, _operation: None
        assert files(disk) in steps_of(scenario, [scenario.before, scenario.after]), at
        scenario.act(host)
        assert files(disk) == scenario.after


class Unreadable(SystemDisk):
    """A disk with bad sectors everywhere."""

    def read(self, *_: object) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def read_into(self, *_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize("size", [-1, 4])
def test_an_open_file_that_can_not_be_read_on_is_named(size: int, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    host = LocalApi.on(Unreadable(), str(tmp_path))
    with host.open("file") as stream, pytest.raises(BadAnswer, match="can't read 'file'"):
        stream.read(size)


FULL = """
import resource, signal, sys
from oaio_storage.errors import TooLarge
from oaio_storage_local import LocalApi
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try: LocalApi(sys.argv[1]).write("folder/file", bytes(200_000))
except TooLarge as err: print(err)
"""


def test_a_file_above_the_limit_of_the_process_is_told(tmp_path: Path) -> None:
    assert resource.RLIMIT_FSIZE is not None
    host = LocalApi(str(tmp_path))
    host.write("folder/file", b"old")
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "too large" in done.stdout.lower()
    assert host.read("folder/file") == b"old"
    assert [found.name for found in (tmp_path / "folder").iterdir()] == ["file"]


class Source:
    """A stream in whose middle something happens."""

    def __init__(self, happens: object) -> None:
        self.happens, self.reads = happens, 0

    def read(self, _size: int = -1) -> bytes:
        self.reads += 1
        if self.reads == 2:
            self.happens()  # type: ignore[operator]  # a function of the test
        return b"x" * 1000 if self.reads < 4 else b""


def test_a_folder_removed_in_the_middle_is_told(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    host = LocalApi(str(root))
    host.write("kept/file", b"kept")
    with pytest.raises((Unavailable, NotFound)):
        host.write("gone/deep/file", Source(lambda: shutil.rmtree(root / "gone")))  # type: ignore[arg-type]  # it reads
    assert {found.path for found in host.list()} == {"kept/file"}
    host.write("gone/deep/file", b"again")
    with pytest.raises(OaioError):
        host.write("kept/file", Source(lambda: shutil.rmtree(root)))  # type: ignore[arg-type]  # same
    with pytest.raises(WrongRoot):
        host.read("kept/file")
