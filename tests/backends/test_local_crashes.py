"""Local's write order, proven on a disk that forgets: crashes at each operation, in each mode."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar

import attrs
import pytest
from backends.crash_scenarios import SCENARIOS, Scenario, check, check_failing_syncs, host_on, outcomes
from counts import COUNTS

from oaio_storage.errors import OaioError, WrongRoot
from oaio_storage.testing.crash_disk import CrashDisk
from oaio_storage.testing.crash_disk.nodes import File, Folder
from oaio_storage.testing.misbehaving import Crash
from oaio_storage_local import LocalApi
from oaio_storage_local.drafts import Draft
from oaio_storage_local.folders import Folders

scenarios = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)


@scenarios
def test_old_or_new_after_each_crash_and_acknowledged_is_durable(scenario: Scenario) -> None:
    assert check(scenario, CrashDisk, COUNTS.crash_outcomes) > 5


@scenarios
def test_a_failed_sync_is_never_taken_for_a_good_one(scenario: Scenario) -> None:
    syncs = check_failing_syncs(scenario, CrashDisk, COUNTS.crash_outcomes)
    assert syncs or scenario.name == "clean up"


def test_a_root_once_made_is_durable() -> None:
    at, crashed = 0, True
    while crashed:
        at += 1
        disk = CrashDisk(crash_at=at)
        try:
            made = host_on(disk).create_root()
            crashed, disk.crash_at = False, 0
        except Crash:
            made = ""
        for _, left in outcomes(disk, COUNTS.crash_outcomes):
            if made:
                assert host_on(left).root_id() == made
                continue
            with suppress(WrongRoot):
                assert host_on(left).root_id() == host_on(left).create_root()
            again = host_on(left).create_root()
            for _, lost in outcomes(left, COUNTS.crash_outcomes):
                assert host_on(lost).root_id() == again
    assert at > 5


# ---- planted defects: disks on which a call of Local is as if it had been forgotten


@attrs.define(eq=False)
class Forgetful(CrashDisk):
    """Knows what was done last in each folder, and does not sync after some of it."""

    forgotten: ClassVar[tuple[str, ...]] = ()
    last: dict[int, str] = attrs.field(factory=dict, init=False)

    def mkdir(self, name: str, *, folder: int) -> None:
        super().mkdir(name, folder=folder)
        self.last[id(self._folder(folder))] = "mkdir"

    def rmdir(self, name: str, *, folder: int) -> None:
        super().rmdir(name, folder=folder)
        self.last[id(self._folder(folder))] = "rmdir"

    def rename(self, source: str, target: str, *, folder: int, target_folder: int | None = None) -> None:
        super().rename(source, target, folder=folder, target_folder=target_folder)
        self.last[id(self._folder(folder))] = "remove" if target.startswith(".oaio-") else "rename"

    def exchange(self, folder_a: int, a: str, folder_b: int, b: str) -> None:
        super().exchange(folder_a, a, folder_b, b)
        kind = "swap" if folder_a != folder_b else "exchange"
        self.last[id(self._folder(folder_a))] = self.last[id(self._folder(folder_b))] = kind

    def sync(self, handle: int) -> None:
        node = self._at(handle).node
        kind = self.last.pop(id(node), "unchanged") if isinstance(node, Folder) else "file"
        if kind not in self.forgotten:
            super().sync(handle)


def forgetting(*kinds: str) -> type[CrashDisk]:
    class Forgets(Forgetful):
        forgotten = kinds

    return Forgets


class SyncsAfterRename(CrashDisk):
    """The content is made durable, but only once it has its name."""

    late: tuple[int, ...] = ()

    def sync(self, handle: int) -> None:
        if isinstance(self._at(handle).node, File):
            self.late = (*self.late, handle)
            return
        super().sync(handle)
        for file in self.late:
            super().sync(file)
        self.late = ()


class IgnoresFailedSyncs(CrashDisk):
    def sync(self, handle: int) -> None:
        with suppress(OSError):
            super().sync(handle)


class RepeatsFailedSyncs(CrashDisk):
    def sync(self, handle: int) -> None:
        try:
            super().sync(handle)
        except OSError:
            super().sync(handle)


class RemovesAndWritesAnew(CrashDisk):
    """What is to be replaced is removed first."""

    def exchange(self, folder_a: int, a: str, folder_b: int, b: str) -> None:
        if folder_a != folder_b or a == b or not b.startswith(".oaio-"):
            with suppress(IsADirectoryError):
                self.unlink(b, folder=folder_b)
                self.rename(a, b, folder=folder_a)
                return
        super().exchange(folder_a, a, folder_b, b)


class WritesInPlace(CrashDisk):
    """Content goes to the final name before all of it is there."""

    def write(self, file: int, content: bytes | memoryview) -> int:
        return super().write(file, content[: max(1, len(content) // 2)])

    def open(self, name: str, flags: int, mode: int = 0o777, *, folder: int | None = None) -> int:
        if name.startswith(".oaio-") and flags & os.O_CREAT and folder is not None:
            handle = super().open(name, flags, mode, folder=folder)
            super().link(name, f"early-{name[6:10]}", source_folder=folder, target_folder=folder)
            return handle
        return super().open(name, flags, mode, folder=folder)


DISKS: dict[str, type[CrashDisk]] = {
    "no sync of files": forgetting("file"),
    "no sync of folders": forgetting("mkdir", "rmdir", "rename", "remove", "swap", "exchange", "unchanged"),
    "no sync after a new name": forgetting("rename"),
    "no sync after a replacement": forgetting("exchange"),
    "no sync of the folder above a new one": forgetting("mkdir"),
    "no sync after a deletion": forgetting("remove"),
    "no sync after a folder is gone": forgetting("rmdir"),
    "no sync after a swap": forgetting("swap"),
    "no sync of what others left": forgetting("unchanged"),
    "rename before sync": SyncsAfterRename,
    "failed syncs ignored": IgnoresFailedSyncs,
    "failed syncs repeated": RepeatsFailedSyncs,
    "removed, then written anew": RemovesAndWritesAnew,
    "partial under another final name": WritesInPlace,
}

PARTS: dict[str, tuple[type, str, Callable[..., object]]] = {
    "folders of others are not settled": (Folders, "settle", lambda *_: None),
    "absence of others is not settled": (Folders, "sync_deepest", lambda *_: None),
    "placing is not taken back": (Draft, "take_back", lambda *_: None),
    "drafts stay when a call fails": (Draft, "discard", lambda *_: None),
    "nothing is cleaned up": (LocalApi, "_clean_up", lambda *_: 0),
    "hollow folders stay": (Folders, "prune", lambda *_: None),
}


def is_found(kind: type[CrashDisk]) -> bool:
    for scenario in SCENARIOS:
        try:
            check(scenario, kind, 20)
            check_failing_syncs(scenario, kind, 20)
        except (AssertionError, OaioError):
            return True
    return False


@pytest.mark.parametrize("defect", DISKS)
def test_a_planted_defect_of_the_order_is_found(defect: str) -> None:
    assert is_found(DISKS[defect])


@pytest.mark.parametrize("defect", PARTS)
def test_a_planted_defect_of_a_part_is_found(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*PARTS[defect])
    assert is_found(CrashDisk)
