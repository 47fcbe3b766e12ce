"""The probe tells hosts that keep what they declare from others, and leaves no trace but its verdict."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import attrs
import fsspec
import pytest

from oaio_storage.errors import AccessDenied, Changed, Corrupt, NotGuaranteed, Unavailable
from oaio_storage.hosts import CshApi, Expect, Guarantees, ReadOnly, Retry, Stat, Wrapper
from oaio_storage.hosts.fsspec_api import FsspecApi
from oaio_storage.hosts.probe import (
    Effort,
    PlaceLink,
    Probed,
    Verdict,
    advice,
    condition_test,
    probe,
    verdict,
)
from oaio_storage.hosts.probe.bench import Fault
from oaio_storage.hosts.probe.conditions import race_between_processes
from oaio_storage.hosts.probe.processes import racers
from oaio_storage.progress import Progress
from oaio_storage.testing.misbehaving import LIARS, MemoryApi, Store
from oaio_storage.testing.misbehaving.liars import (
    ChecksThenWrites,
    DropsAPage,
    IgnoresConditions,
)
from oaio_storage_local import LocalApi

QUICK = Effort(
    racers=8, processes=0, rounds=2, overwrites=5, listed=30, sizes=(1, (1 << 20) + 1), timed=2, patience=0.3
)

ROW = {
    "IgnoresConditions": "conditional_write",
    "ChecksThenWrites": "conditional_write",
    "CreatesForAnyVersion": "conditional_write",
    "ListsFromACache": "visibility_delay",
    "DropsAPage": "exact listings",
    "ListsNeighbours": "exact listings",
    "FoldsCase": "case_sensitive",
    "RenamesOnClash": "names kept",
    "ReadsShort": "whole contents",
    "TruncatesSilently": "whole contents",
    "HasWeakVersions": "strong_version",
    "LosesEmptyFiles": "empty files",
    "ForgetsOnRestart": "survives restarts",
    "CommitsOnFailure": "atomic_write",
    "ShowsPartialWrites": "atomic_write",
    "SharesTemporaryNames": "atomic_write",
    "AnswersALaterStat": "strong_version",
    "ListsOtherVersions": "exact listings",
    "AllowsFileAndFolder": "file or folder",
    "TakesNamesForPatterns": "literal names",
    "DeletesFolders": "exact deletions",
    "DeclaresWhatItCannot": "swap",
    "FollowsLinks": "links lead nowhere",
}
"""Which row has to be broken for which liar."""


def probed(make: Callable[[], CshApi], **how: Any) -> Probed:  # noqa: ANN401 - as probe takes it
    return probe(make, effort=QUICK, **how)


def in_memory(made: Callable[[Store], CshApi]) -> tuple[Store, Callable[[], CshApi]]:
    """A host with a file of a stranger."""
    store = Store()
    store.put("stranger", b"untouched")
    return store, lambda: made(store)


def values(result: Probed) -> dict[str, object]:
    return {row.property: row.measured for row in result.rows}


def links_on(store: Store) -> PlaceLink:
    def place(path: str, target: Path) -> Callable[[], object]:
        store.links[path] = target
        return lambda: store.links.pop(path)

    return place


@pytest.mark.parametrize("liar", LIARS)
def test_a_liar_is_told_by_the_right_row(liar: type[MemoryApi]) -> None:
    store, make = in_memory(liar)
    result = probed(make, place_link=links_on(store))
    broken = [row.property for row in result.broken]
    assert ROW[liar.__name__] in broken, result.rows
    assert all(row.about for row in result.broken)
    name = ROW[liar.__name__]
    if hasattr(result.measured, name):
        assert getattr(result.measured, name) != getattr(result.declared, name)
        assert f"declare {name}" in advice(result.broken) or "Do not use" in advice(result.broken)
    else:
        assert f"it does not keep {name}" in advice(result.broken) or name in advice(result.broken)
    if liar.__name__ != "ForgetsOnRestart":
        assert store.files["stranger"][0] == b"untouched"
    assert set(store.files) <= {"stranger", ".oaio/probe.json"}


def test_every_liar_has_its_row() -> None:
    assert {liar.__name__ for liar in LIARS} == set(ROW)


def test_an_honest_host_in_memory_is_accepted() -> None:
    store, make = in_memory(MemoryApi)
    events: list[Progress] = []
    result = probed(make, report=events.append, place_link=links_on(store))
    assert store.links == {}
    assert isinstance(events[0], Progress)
    assert result.broken == ()
    assert result.measured == result.declared
    assert result.is_stored
    assert set(store.files) == {"stranger", ".oaio/probe.json"}
    assert store.open_hosts == 0
    assert events[-1].done == events[-1].total
    assert [latency.operation for latency in result.latencies] == [
        "write", "read", "stat", "copy", "list", "delete",
    ]  # fmt: skip
    assert all(0 <= latency.median <= latency.worst for latency in result.latencies)


def test_local_is_accepted_and_raced_by_processes(tmp_path: Path) -> None:
    result = probe(lambda: Retry(LocalApi(str(tmp_path))), effort=attrs.evolve(QUICK, processes=2))
    assert result.broken == ()
    assert result.measured == result.declared == LocalApi(str(tmp_path)).guarantees
    rows = {row.property: row for row in result.rows}
    assert "2 processes" in rows["conditional_write"].about
    assert rows["durable"].verdict is Verdict.UNKNOWN
    assert rows["links lead nowhere"].verdict is Verdict.KEPT
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()] == [
        ".oaio/probe.json"
    ]
    assert not (tmp_path / ".oaio/probe").exists()
    line = result.as_python()
    assert eval(line, {"Guarantees": Guarantees}) == result.measured


def test_fsspec_in_memory_is_accepted() -> None:
    fsspec.filesystem("memory").store.clear()
    result = probed(lambda: FsspecApi("memory://probed"))
    assert result.broken == ()
    assert result.measured == result.declared
    assert values(result)["conditional_write"] is False
    assert list(fsspec.filesystem("memory").find("/probed")) == ["/probed/.oaio/probe.json"]


def test_more_than_declared_is_told(tmp_path: Path) -> None:
    result = probed(lambda: FsspecApi(tmp_path.as_uri()))
    better = {row.property for row in result.rows if row.verdict is Verdict.BETTER}
    assert better == {"case_sensitive", "unicode_exact"}
    assert result.as_python() == "Guarantees(case_sensitive=True, unicode_exact=True, visibility_delay=0.0)"


def test_a_host_that_is_only_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    result = probed(lambda: ReadOnly(LocalApi(str(tmp_path))))
    assert result.broken == ()
    assert not result.is_stored
    assert values(result)["read_only"] is True
    assert [path.name for path in tmp_path.rglob("*")] == ["file"]


@attrs.frozen(eq=False)
class Denying(MemoryApi):
    def _store(self, path: str, content: bytes, expect: Expect) -> Stat:
        raise AccessDenied(f"can't write {path!r} of {len(content)} bytes {expect}")


def test_a_host_that_denies_all_writes_is_read_only() -> None:
    _, make = in_memory(Denying)
    result = probed(make)
    assert [row.property for row in result.broken] == ["read_only"]
    assert result.measured.read_only
    assert "read_only=True" in advice(result.broken)


@attrs.frozen(eq=False)
class Breaking(MemoryApi):
    """A host whose calls fail from the n-th on, once."""

    left: list[int] = attrs.field(factory=lambda: [0])
    error: BaseException = attrs.field(factory=lambda: Unavailable("down"))

    def _write(
        self,
        path: str,
        source: BinaryIO,
        size: int | None,
        expect: Expect,
        headers: Any,  # noqa: ANN401 - a mapping
    ) -> Stat:
        self.left[0] -= 1
        if self.left[0] == 0:
            raise self.error
        return super()._write(path, source, size, expect, headers)


@pytest.mark.parametrize("error", [Unavailable("down"), KeyboardInterrupt()])
@pytest.mark.parametrize("after", [1, 2, 45, 110])
def test_nothing_is_left_after_a_failure_or_an_interrupt(error: BaseException, after: int) -> None:
    left = [after]
    store, make = in_memory(lambda store: Breaking(store, left, error))
    with pytest.raises(type(error)):
        probed(make)
    assert set(store.files) == {"stranger"}
    assert store.open_hosts == 0


def test_what_a_killed_probe_left_is_removed_when_it_is_old(tmp_path: Path) -> None:
    host = LocalApi(str(tmp_path))
    for name in ("old", "new"):
        host.state.write(f"probe/{name}/file", b"x")
    os.utime(tmp_path / ".oaio/probe/old/file", (0, 1))
    probed(lambda: LocalApi(str(tmp_path)))
    assert sorted(seen.path for seen in host.state.list()) == ["probe.json", "probe/new/file"]


def test_processes_are_told_the_arguments_on_stdin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commands: list[list[str]] = []
    started = subprocess.Popen

    def watched(command: list[str], **how: Any) -> Any:  # noqa: ANN401 - as Popen
        commands.append(command)
        return started(command, **how)

    monkeypatch.setattr(subprocess, "Popen", watched)
    probe(lambda: LocalApi(str(tmp_path)), effort=attrs.evolve(QUICK, processes=2))
    assert len(commands) == 2
    assert str(tmp_path) not in str(commands)


@attrs.frozen(eq=False)
class ReadsItsFirst(Wrapper):
    first: dict[str, bytes] = attrs.field(factory=dict)

    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        return self.first.setdefault(path, super()._read(path, 0, None, version))[start:end]


def test_the_content_after_a_race_between_processes_is_the_winners(tmp_path: Path) -> None:
    local = LocalApi(str(tmp_path))
    with racers(local, "probe/x", 2) as others:
        race_between_processes(local, "probe/x", "honest", others)
        with pytest.raises(Fault, match="not that of the process that won"):
            race_between_processes(ReadsItsFirst(local), "probe/x", "file", others)


def test_what_a_killed_probe_left_on_a_host_without_times_is_removed_when_it_is_old() -> None:
    store, make = in_memory(Timeless)
    recent = f"probe/{time.time_ns()}-b/file"
    for name in ("probe/1-a/file", recent, "probe/odd/file"):
        make().state.write(name, b"x")
    probed(make)
    assert set(store.files) == {"stranger", ".oaio/probe.json", f".oaio/{recent}", ".oaio/probe/odd/file"}


@attrs.frozen(eq=False)
class Timeless(MemoryApi):
    def _list(self, folder: str) -> Iterator[Stat]:
        return (attrs.evolve(seen, mtime=0) for seen in super()._list(folder))


@attrs.frozen(eq=False)
class NeverCopies(MemoryApi):
    error: Exception = attrs.field(factory=lambda: Changed("by another"))

    def _copy(self, source: str, target: str) -> Stat:  # noqa: ARG002 - as the hook has it
        raise self.error


@pytest.mark.parametrize("error", [Changed("by another"), ValueError("odd"), Corrupt("odd")])
def test_a_host_that_does_not_copy_is_told_so_and_has_no_older_verdict(error: Exception) -> None:
    store, make = in_memory(MemoryApi)
    probed(make)
    assert verdict(make()) == make().guarantees
    result = probed(lambda: NeverCopies(store, error))
    assert "copies" in [row.property for row in result.broken]
    assert "copy" not in [latency.operation for latency in result.latencies]
    assert verdict(make()) == Guarantees()


def test_a_probe_that_ends_early_leaves_no_older_verdict() -> None:
    store, make = in_memory(MemoryApi)
    probed(make)
    left = [45]
    with pytest.raises(Unavailable):
        probed(lambda: Breaking(store, left))
    assert verdict(make()) is None


# ---- the verdict


def test_a_verdict_holds_as_long_as_the_host_declares_the_same(tmp_path: Path) -> None:
    host = LocalApi(str(tmp_path))
    assert verdict(host) is None
    probed(lambda: LocalApi(str(tmp_path)))
    assert verdict(host) == host.guarantees
    assert verdict(FsspecApi(tmp_path.as_uri())) is None


def test_what_is_broken_is_not_relied_on() -> None:
    for liar, is_useful in ((IgnoresConditions, True), (DropsAPage, False)):
        _, make = in_memory(liar)
        probed(make)
        found = verdict(make())
        assert found is not None
        expected = attrs.evolve(make().guarantees, conditional_write=False) if is_useful else Guarantees()
        assert found == expected


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"format": 2}', '{"format": 1, "tried": "whole"}', "[" * 10_000]
)
def test_a_damaged_verdict_is_none(text: str) -> None:
    store, make = in_memory(MemoryApi)
    store.put(".oaio/probe.json", text.encode())
    assert verdict(make()) is None


def test_a_first_commit_tries_conditions_and_remembers(tmp_path: Path) -> None:
    store, make = in_memory(MemoryApi)
    condition_test(make())
    assert set(store.files) == {"stranger", ".oaio/probe.json"}
    assert verdict(make()) is None  # the rest is not known
    before = store.writes
    condition_test(make())
    assert store.writes == before
    condition_test(Retry(LocalApi(str(tmp_path))))


@pytest.mark.parametrize("liar", [IgnoresConditions, ChecksThenWrites])
def test_a_first_commit_is_refused_where_conditions_are_not_kept(liar: type[MemoryApi]) -> None:
    store, make = in_memory(liar)
    for _ in range(2):
        with pytest.raises(NotGuaranteed, match="conditions"):
            condition_test(make())
    assert set(store.files) == {"stranger", ".oaio/probe.json"}
    with pytest.raises(NotGuaranteed):
        condition_test(ReadOnly(make()))
