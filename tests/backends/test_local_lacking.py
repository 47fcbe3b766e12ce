"""The contract kit on disks that lack something: declared missing, and refused."""

import os
from pathlib import Path

import pytest
from backends.crash_scenarios import ROOT

from oaio_storage.testing import HostContract, HostSource, KitCounts
from oaio_storage.testing.crash_disk import CrashDisk
from oaio_storage_local import LocalApi

FEW = KitCounts(rounds=2, racers=4, overwrites=3, listed=(0, 3), sizes=(0, 70_000), histories=5, steps=15)


def source_on(disk: CrashDisk) -> HostSource:
    host = LocalApi.on(disk, ROOT)
    host._folders.make_root(ROOT)

    def raw_read(path: str) -> bytes:
        with host._opened(path) as file:
            return disk.read(file, 1 << 30, 0)

    def raw_write(path: str, content: bytes) -> None:
        *parents, name = path.split("/")
        with host._folders.opened(ROOT) as root:
            host._folders.make_folder(root, parents)
            with host._folders.folder(root, parents) as parent:
                if host._folders.exists(parent, name):
                    disk.unlink(name, folder=parent)
                file = disk.open(name, os.O_RDWR | os.O_CREAT, 0o644, folder=parent)
                disk.write(file, content)
                disk.close(file)

    def raw_link(path: str, target: Path) -> None:
        *parents, name = path.split("/")
        with host._folders.opened(ROOT) as root, host._folders.folder(root, parents) as parent:
            disk.symlink(str(target), name, folder=parent)

    return HostSource(
        make=lambda: LocalApi.on(disk, ROOT), raw_read=raw_read, raw_write=raw_write, raw_link=raw_link
    )


class TestOnADiskWithAll(HostContract):
    counts = FEW

    def host_source(self, folder: Path) -> HostSource:  # noqa: ARG002 - it is in memory
        return source_on(CrashDisk())


class TestOnADiskWithoutLocks(HostContract):
    counts = FEW

    def host_source(self, folder: Path) -> HostSource:  # noqa: ARG002 - same
        return source_on(CrashDisk(lacks=frozenset({"lock"})))


class TestOnADiskWithoutExchangeAndLinks(HostContract):
    counts = FEW

    def host_source(self, folder: Path) -> HostSource:  # noqa: ARG002 - same
        return source_on(CrashDisk(lacks=frozenset({"exchange", "link", "copy_range"})))


@pytest.mark.parametrize(
    ("lacks", "conditional_write", "swap"),
    [((), True, True), (("lock",), False, True), (("exchange",), True, False), (("link",), True, True)],
)
def test_what_is_lacking_is_declared(
    lacks: tuple[str, ...],
    conditional_write: bool,  # noqa: FBT001 - a column of the table
    swap: bool,  # noqa: FBT001 - same
) -> None:
    declared = source_on(CrashDisk(lacks=frozenset(lacks))).make().guarantees
    assert (declared.conditional_write, declared.swap) == (conditional_write, swap)
    assert declared.atomic_write
    assert declared.case_sensitive
