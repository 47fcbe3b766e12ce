"""A fault at every operation of what hosts are used for: retry, many files, and the making of roots."""

from collections import Counter
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from oaio_storage.errors import NotFound, OaioError
from oaio_storage.hosts import Absent, CshApi, Retry
from oaio_storage.testing import Disturbed, Fault, FaultHost, Faults, MemoryApi, Store, sweep
from oaio_storage.testing.host_contract.contents import sha256

PASSING = (Fault.FAIL_BEFORE, Fault.FAIL_AFTER, Fault.HANG, Fault.THROTTLE, Fault.SLOW)
ON_ITS_WAY = (Fault.LATE, Fault.DUPLICATE)
CRASHES = (Fault.CRASH_BEFORE, Fault.CRASH_AFTER)
TOLD = (*PASSING, Fault.QUOTA, Fault.DENIED, *CRASHES)


def everything(host: CshApi) -> dict[str, bytes]:
    return {found.path: host.read(found.path) for found in host.list()}


def patient(host: CshApi) -> Retry:
    return Retry(host, attempts=4, wait_initial=0.0, wait_max=0.0, wait_jitter=0.0)


# ---- the sweep itself


def test_a_sweep_is_complete() -> None:
    met: list[tuple[int, Fault | None]] = []

    def act(host: CshApi) -> None:
        host.write("a", b"1")
        host.write("b", b"2")
        host.read("a")

    swept = sweep(
        MemoryApi,
        act,
        lambda _, ended: met.append((ended.number, ended.fault)),
        [Fault.HANG, Fault.FAIL_AFTER],
    )
    assert met == [
        *[(number, Fault.HANG) for number in (1, 2, 3)],
        (4, None),
        *[(number, Fault.FAIL_AFTER) for number in (1, 2)],  # it makes no difference to the read
        (4, None),
    ]
    assert swept.operations == 3
    assert swept.struck == Counter({Fault.HANG: 3, Fault.FAIL_AFTER: 2})
    assert swept.outcomes == Counter({"TimedOut": 5})


def test_a_sweep_finds_what_is_written_in_the_wrong_order() -> None:
    def publish(host: CshApi) -> None:
        host.write("head", b"data")
        host.write("data", b"x")

    def check(host: CshApi, ended: Disturbed) -> None:
        with suppress(NotFound):
            assert host.read(host.read("head").decode()) == b"x", ended

    with pytest.raises(NotFound):
        sweep(MemoryApi, publish, lambda host, _: host.read(host.read("head").decode()), [Fault.QUOTA])
    with pytest.raises(AssertionError, match="undisturbed"):
        sweep(MemoryApi, lambda host: host.read("absent"), lambda *_: None)


def test_a_sweep_lets_defects_pass() -> None:
    def act(host: CshApi) -> None:
        try:
            host.write("a", b"")
        except OaioError as err:
            raise KeyError("a defect") from err

    with pytest.raises(KeyError):
        sweep(MemoryApi, act, lambda *_: None, [Fault.DENIED])


# ---- retry


def changed(host: CshApi) -> None:
    """Every kind of change, each under a condition where there is one."""
    created = host.write("created", b"1", expect=Absent)
    replaced = host.write("created", b"2", expect=created.version)
    host.copy("created", "copied")
    assert host.stat("created").version == replaced.version
    assert everything(host) == {"created": b"2", "copied": b"2"}


def changed_and_removed(host: CshApi) -> None:
    changed(host)
    host.write("removed", b"x", expect=Absent)
    host.delete("removed", expect=host.stat("removed").version)


@pytest.mark.parametrize("lasting", [False, True])
def test_retry_hides_what_passes_and_lies_about_nothing(*, lasting: bool) -> None:
    def check(host: CshApi, ended: Disturbed) -> None:
        if ended.is_done:
            assert everything(host) == {"created": b"2", "copied": b"2"}
        else:
            assert lasting or ended.fault in (Fault.QUOTA, Fault.DENIED, *CRASHES)

    swept = sweep(MemoryApi, lambda host: changed_and_removed(patient(host)), check, TOLD, lasting=lasting)
    assert set(swept.struck) == set(TOLD)
    assert swept.outcomes["done"] >= 10


def test_what_is_late_or_sent_twice_replaces_nothing_newer() -> None:
    """Conditions see to it. Only a file that was removed meanwhile can come back by a late creation."""

    def check(host: CshApi, ended: Disturbed) -> None:
        assert ended.is_done
        assert everything(host) == {"created": b"2", "copied": b"2"}

    swept = sweep(MemoryApi, lambda host: changed(patient(host)), check, ON_ITS_WAY)
    assert swept.struck == Counter(dict.fromkeys(ON_ITS_WAY, 3))


def test_retry_hides_two_faults() -> None:
    """The second one at every operation, too, also of what the first one made necessary."""

    def check(host: CshApi, ended: Disturbed) -> None:
        assert ended.is_done, ended
        assert everything(host) == {"created": b"2", "copied": b"2"}

    for first in count(1):
        for fault in (Fault.FAIL_AFTER, Fault.HANG):
            script = Faults({first: fault})
            changed_and_removed(patient(FaultHost(MemoryApi(), script)))

            def act(host: CshApi, first: int = first, fault: Fault = fault) -> None:
                changed_and_removed(patient(FaultHost(host, Faults({first: fault}))))

            sweep(MemoryApi, act, check, (Fault.FAIL_BEFORE, Fault.FAIL_AFTER))
        if not script.struck:
            break
    assert first > 8


# ---- the making of a root


def test_a_root_is_made_by_whoever_tries_again() -> None:
    def check(host: CshApi, ended: Disturbed) -> None:
        made = host.create_root()
        assert host.root_id() == made == host.create_root()
        if ended.is_done and ids:
            assert ids[-1] == made

    ids: list[str] = []

    def act(host: CshApi) -> None:
        ids.clear()
        ids.append(host.create_root())

    swept = sweep(MemoryApi, act, check, (*TOLD, *ON_ITS_WAY))
    assert swept.operations == 2
    assert swept.outcomes["done"] > 0


# ---- many files


@pytest.fixture
def local(tmp_path: Path) -> dict[str, Path]:
    folder = tmp_path / "out"
    folder.mkdir()
    files = {f"f/{number}": folder / f"{number}" for number in range(5)}
    for path, place in files.items():
        place.write_bytes(path.encode() * 100)
    return files


def test_putting_is_resumed(local: dict[str, Path]) -> None:
    contents = {path: place.read_bytes() for path, place in local.items()}

    def check(host: CshApi, ended: Disturbed) -> None:
        there = everything(host)
        assert there.items() <= contents.items()
        assert not ended.is_done or there == contents
        moved = host.put_files(local.items(), expect=Absent)
        assert set(moved.kept) == set(there)
        assert everything(host) == contents

    swept = sweep(
        MemoryApi, lambda host: host.put_files(local.items(), expect=Absent), check, (*TOLD, *ON_ITS_WAY)
    )
    assert swept.operations == len(local)


def test_fetched_files_are_whole_or_not_there(local: dict[str, Path], tmp_path: Path) -> None:
    store = Store()
    contents = {path: place.read_bytes() for path, place in local.items()}
    for path, content in contents.items():
        store.put(path, content)
    runs = count()
    target = [tmp_path]

    def world() -> MemoryApi:
        target[0] = tmp_path / f"in-{next(runs)}"
        return MemoryApi(store)

    def get(host: CshApi) -> None:
        host.get_files(
            [(path, target[0] / path, len(content), sha256(content)) for path, content in contents.items()]
        )

    def check(host: CshApi, ended: Disturbed) -> None:
        found = {
            place.relative_to(target[0]).as_posix(): place.read_bytes()
            for place in target[0].rglob("*")
            if place.is_file()
        }
        assert found.items() <= contents.items()
        assert not ended.is_done or found == contents
        get(host)

    swept = sweep(world, get, check, (*TOLD, Fault.SHORT, Fault.FLIP))
    assert swept.operations == 2 * len(contents)
    assert swept.outcomes["Corrupt"] == swept.struck[Fault.FLIP] + swept.struck[Fault.SHORT] > 0


def test_copying_is_repeated() -> None:
    contents = {f"old/{number}": b"%d" % number for number in range(8)}
    wanted = [(path, path.replace("old", "new"), 1) for path in contents]

    def world() -> MemoryApi:
        store = Store()
        for path, content in contents.items():
            store.put(path, content)
        store.put("old/other", b"of another size")
        return MemoryApi(store)

    def copy(host: CshApi) -> None:
        moved = host.copy_files([*wanted, ("absent", "new/absent", 1), ("old/other", "new/other", 1)])
        assert moved.absent == ("absent", "old/other")

    def check(host: CshApi, ended: Disturbed) -> None:
        copies = {path: content for path, content in everything(host).items() if path.startswith("new/")}
        assert copies.keys() <= {target for _, target, _ in wanted} | {"new/other"}
        assert not ended.is_done or len(copies) == len(wanted)
        copy(host)
        assert len(everything(host)) == 2 * len(contents) + 1

    sweep(world, copy, check, TOLD)


def test_deleting_is_repeated() -> None:
    doomed = [f"f/{number}" for number in range(8)]

    def world() -> MemoryApi:
        store = Store()
        for path in (*doomed, "kept", "f/kept"):
            store.put(path, b"x")
        return MemoryApi(store)

    def check(host: CshApi, ended: Disturbed) -> None:
        there = set(everything(host))
        assert {"kept", "f/kept"} <= there
        assert not ended.is_done or there == {"kept", "f/kept"}
        host.delete_files(doomed)
        assert set(everything(host)) == {"kept", "f/kept"}

    swept = sweep(world, lambda host: host.delete_files(doomed), check, (*TOLD, *ON_ITS_WAY))
    assert swept.operations == len(doomed)
