"""Local on a disk that crashes: what is done, and what may be found afterwards."""

from collections.abc import Callable, Iterator
from random import Random

import attrs

from oaio_storage.errors import AlreadyExists, OaioError
from oaio_storage.hosts import Absent
from oaio_storage.testing.crash_disk import CrashDisk, Mode
from oaio_storage.testing.crash_disk.nodes import Folder
from oaio_storage.testing.misbehaving import Crash
from oaio_storage_local import LocalApi
from oaio_storage_local.folders import is_temporary

ROOT = "/srv/root"
LARGE = bytes(range(256)) * 40
Files = dict[str, bytes]


@attrs.frozen
class Scenario:
    """Attributes:
    before: what is stored, durably.
    act: what is done then, and acknowledged when it returns.
    after: what is stored then.
    lacks: abilities that the disk does not have.
    """

    name: str
    before: Files
    act: Callable[[LocalApi], object]
    after: Files
    lacks: frozenset[str] = frozenset()


def _replace(host: LocalApi, path: str, content: bytes) -> None:
    host.write(path, content, expect=host.stat(path).version)


def _create(host: LocalApi, path: str, content: bytes) -> None:
    try:
        host.write(path, content, expect=Absent)
    except AlreadyExists:
        assert host.read(path) == content


def _swap(host: LocalApi) -> None:
    if host.read("a/x") != b"old":  # perhaps not for good, by a try that was cut off
        host.swap_folders("a", "deep/b")
    host.swap_folders("a", "deep/b")


KEPT = {"kept": b"kept", "a/kept": b"kept too"}
SCENARIOS = [
    Scenario("create", KEPT, lambda host: _create(host, "a/new", b"new"), {**KEPT, "a/new": b"new"}),
    Scenario("create deep", KEPT, lambda host: host.write("d/e/f", LARGE), {**KEPT, "d/e/f": LARGE}),
    Scenario("overwrite", KEPT, lambda host: host.write("a/kept", LARGE), {**KEPT, "a/kept": LARGE}),
    Scenario("replace", KEPT, lambda host: _replace(host, "kept", b"new"), {**KEPT, "kept": b"new"}),
    Scenario("delete", KEPT, lambda host: host.delete("a/kept"), {"kept": b"kept"}),
    Scenario("delete deep", {"a/b/c": b"x"}, lambda host: host.delete("a/b/c"), {}),
    Scenario(
        "file in place of a folder",
        {"a/b/c": b"x"},
        lambda host: (host.delete("a/b/c"), host.clean_up(0), host.write("a", b"y")),
        {"a": b"y"},
    ),
    Scenario("copy by link", KEPT, lambda host: host.copy("kept", "c/d"), {**KEPT, "c/d": b"kept"}),
    Scenario("copy over", KEPT, lambda host: host.copy("kept", "a/kept"), {**KEPT, "a/kept": b"kept"}),
    Scenario(
        "copy without links",
        KEPT,
        lambda host: host.copy("kept", "c/d"),
        {**KEPT, "c/d": b"kept"},
        frozenset({"link"}),
    ),
    Scenario(
        "copy by reading",
        KEPT,
        lambda host: host.copy("kept", "c/d"),
        {**KEPT, "c/d": b"kept"},
        frozenset({"link", "copy_range"}),
    ),
    Scenario(
        "swap",
        {"a/x": b"old", "deep/b/x": b"new"},
        _swap,
        {"a/x": b"new", "deep/b/x": b"old"},
    ),
    Scenario("clean up", KEPT, lambda host: host.clean_up(0), KEPT),
]


def host_on(disk: CrashDisk) -> LocalApi:
    return LocalApi.on(disk, ROOT)


def prepared(scenario: Scenario, kind: type[CrashDisk] = CrashDisk) -> CrashDisk:
    """A disk that durably holds what is stored before the scenario."""
    disk = kind(lacks=scenario.lacks)
    host = host_on(disk)
    host.create_root()
    for path, content in scenario.before.items():
        host.write(path, content)
    disk.sync_everything()
    disk.operations = 0
    return disk


def files(disk: CrashDisk) -> Files:
    """All that a new process reads; what is read has to be of one version."""
    host = host_on(disk)
    found = {}
    for seen in host.list():
        found[seen.path] = host.read(seen.path)
        assert seen.size == len(found[seen.path])
    return found


def outcomes(disk: CrashDisk, samples: int) -> Iterator[tuple[Mode, CrashDisk]]:
    for mode in Mode:
        for left in disk.outcomes(mode, samples, Random(samples)):
            yield mode, left


def check(scenario: Scenario, kind: type[CrashDisk], samples: int) -> int:
    """Crash at each operation of the scenario, and after it; how many outcomes were looked at."""
    looked_at, at = 0, 0
    while True:
        at += 1
        disk = prepared(scenario, kind)
        disk.crash_at = at
        try:
            scenario.act(host_on(disk))
            disk.crash_at = 0
        except Crash:
            allowed = [scenario.before, scenario.after]
        else:
            allowed = [scenario.after]
        for mode, left in outcomes(disk, samples):
            looked_at += 1
            assert files(left) in steps_of(scenario, allowed), (scenario.name, at, mode)
            if mode is Mode.KILL:
                looked_at += _check_going_on(scenario, left, samples)
            else:
                _check_tidy(left)
        if allowed == [scenario.after]:
            return looked_at


def check_failing_syncs(scenario: Scenario, kind: type[CrashDisk], samples: int) -> int:
    """Let each sync fail once, then try again until it is acknowledged, and lose the power."""
    failing = 0
    while True:
        failing += 1
        disk, met = prepared(scenario, kind), [0]

        def fails(name: str, _number: int, met: list[int] = met, failing: int = failing) -> None:
            met[0] += name == "sync"
            if name == "sync" and met[0] == failing:
                raise OSError(5, "Input/output error")

        disk.fails = fails
        try:
            scenario.act(host_on(disk))
        except OaioError:
            assert files(disk) in steps_of(scenario, [scenario.before, scenario.after])
            scenario.act(host_on(disk))
        for mode, left in outcomes(disk, samples):  # a folder that holds nothing may be left: it gives way
            assert files(left) == scenario.after, (scenario.name, failing, mode)
            _check_tidy(left)
        if met[0] < failing:
            return failing - 1


def steps_of(scenario: Scenario, allowed: list[Files]) -> list[Files]:
    """Those between them too, where a scenario is more than one acknowledged call."""
    return [*allowed, {}] if scenario.name == "file in place of a folder" and len(allowed) > 1 else allowed


def _check_going_on(scenario: Scenario, left: CrashDisk, samples: int) -> int:
    """What a killed process left undone is done again by another one, acknowledged, and then durable."""
    (again,) = left.outcomes(Mode.KILL)
    scenario.act(host_on(again))
    return _check_durable(scenario, again, samples)


def _check_durable(scenario: Scenario, disk: CrashDisk, samples: int) -> int:
    looked_at = 0
    for mode, left in outcomes(disk, samples):
        looked_at += 1
        assert files(left) == scenario.after, (scenario.name, mode)
        _check_tidy(left)
        assert not hollow(left.root), (scenario.name, mode)
    return looked_at


def _check_tidy(disk: CrashDisk) -> None:
    """Nothing but files and the folders they need is left after a cleaning up."""
    before = files(disk)
    host = host_on(disk)
    host.clean_up(0)
    assert not [name for name in all_names(disk.root) if is_temporary(name)]
    assert files(disk) == before


def all_names(folder: Folder) -> Iterator[str]:
    for name, node in folder.cached.items():
        yield name
        if isinstance(node, Folder):
            yield from all_names(node)


def hollow(folder: Folder) -> list[str]:
    """Folders that hold nothing."""
    below = {name: node for name, node in folder.cached.items() if isinstance(node, Folder)}
    return [name for name, node in below.items() if hollow(node) or not node.cached]
