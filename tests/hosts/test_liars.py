"""The contract kit finds hosts that do not keep what they declare, by the right test."""

import inspect
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest

from oaio_storage.errors import BadAnswer, OaioError
from oaio_storage.hosts import Expect, Guarantees, Stat
from oaio_storage.hosts.foreign import ForeignErrors
from oaio_storage.testing import Contract, HostContract, HostSource, KitCounts, around, replaces
from oaio_storage.testing.host_contract.base import check_holds
from oaio_storage.testing.misbehaving import LIARS, MemoryApi, Store
from oaio_storage.testing.misbehaving.liars import Liar
from oaio_storage_local import LocalApi


class Kit(HostContract):
    counts = attrs.evolve(KitCounts.quick(), racers=4, histories=5)
    made: type[MemoryApi] = MemoryApi

    def host_source(self, folder: Path) -> HostSource:  # noqa: ARG002 - it needs none
        store = Store()
        return HostSource(
            make=lambda: self.made(store),
            raw_read=lambda path: store.files[path][0],
            raw_write=store.put,
            raw_list=lambda: list(store.files),
            raw_link=store.links.__setitem__,
        )


class TestMemoryApi(Kit):
    """The honest one."""


def why_rejected(made: type[MemoryApi], tests: Iterable[str], folder: Path) -> dict[str, BaseException]:
    """Those of the contract ``tests`` that ``made`` does not pass, and how they failed."""
    kit = Kit()
    failed: dict[str, BaseException] = {}
    kit.made = made
    for name in tests:
        place = folder / name
        place.mkdir()
        source = kit.host_source(place)
        test = getattr(kit, name)
        wanted = inspect.signature(test).parameters
        given: dict[str, Any] = {"source": source, "tmp_path": place}
        if "host" in wanted:
            given["host"] = source.make()
        try:
            test(**{argument: given[argument] for argument in wanted})
        except pytest.skip.Exception:
            continue
        except (Exception, pytest.fail.Exception) as err:  # noqa: BLE001 - however a test fails
            failed[name] = err
    return failed


@pytest.mark.parametrize("liar", LIARS)
def test_a_liar_is_found_by_the_right_tests(liar: type[Liar], tmp_path: Path) -> None:
    failed = why_rejected(liar, liar.rejected_by, tmp_path)
    assert set(failed) == set(liar.rejected_by)
    for why in failed.values():  # the host is to blame, not the test
        assert isinstance(why, AssertionError | OaioError | pytest.fail.Exception), why


class TakesFoldersForFiles(MemoryApi):
    def _stat(self, path: str) -> Stat:
        if any(held.startswith(f"{path}/") for held in self.store.files):
            return Stat(path, 0, "folder")
        return super()._stat(path)


class ReadsOneTooMany(MemoryApi):
    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        return super()._read(path, start, None if end is None else end + 1, version)


class KnowsNoVersionOfStrangers(MemoryApi):
    def _stat(self, path: str) -> Stat:
        return attrs.evolve(super()._stat(path), version="")


class DeclaresAnotherChecksum(MemoryApi):
    @property
    def guarantees(self) -> Guarantees:
        return attrs.evolve(super().guarantees, checksum="sha256")

    def _stat(self, path: str) -> Stat:
        return attrs.evolve(super()._stat(path), checksum="0" * 64)


class CleansTooMuch(MemoryApi):
    def _clean_up(self, older_than: float) -> int:  # noqa: ARG002 - the hook's signature
        self.store.files.clear()
        return 0


class CountsPages(MemoryApi):
    def _list(self, folder: str) -> Iterator[Stat]:
        first = 0
        while page := sorted(super()._list(folder), key=lambda seen: seen.path)[first : first + 5]:
            yield from page
            first += 5


class LosesAByteAtAPowerOfTwo(MemoryApi):
    def _store(self, path: str, content: bytes, expect: Expect) -> Stat:
        return super()._store(path, content[:-1] if len(content) == 1 << 16 else content, expect)


class PassesForeignErrors(MemoryApi):
    foreign_errors: ClassVar[ForeignErrors] = {}


DEFECTS: dict[type[MemoryApi], str] = {
    TakesFoldersForFiles: "test_the_absent_is_not_found",
    ReadsOneTooMany: "test_ranges_are_slices",
    KnowsNoVersionOfStrangers: "test_what_strangers_put_there_is_read",
    DeclaresAnotherChecksum: "test_checksums_are_those_of_the_content",
    CleansTooMuch: "test_clean_up_removes_no_file",
    CountsPages: "test_a_listing_goes_on_while_files_come_and_go",
    LosesAByteAtAPowerOfTwo: "test_sizes_arrive_equal",
    PassesForeignErrors: "test_foreign_errors_have_ours",
}
"""Mistakes of those who write backends, for tests that no liar fails."""


@pytest.mark.parametrize("made", DEFECTS)
def test_a_defect_is_found_by_the_right_test(made: type[MemoryApi], tmp_path: Path) -> None:
    (why,) = why_rejected(made, [DEFECTS[made]], tmp_path).values()
    assert isinstance(why, AssertionError | OaioError | pytest.fail.Exception), why


class ReadsItsFirst(LocalApi):
    """Reads each path as it did at first, so that its content is not the last winner's."""

    first: ClassVar[dict[str, bytes]] = {}

    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:  # noqa: ARG002
        content = super()._read(path, 0, None, None)
        return self.first.setdefault(f"{self.root_folder}/{path}", content)[start:end]


def test_the_content_after_a_race_between_processes_is_the_winners(tmp_path: Path) -> None:
    kit, root = Kit(), str(tmp_path)
    made = HostSource(
        make=lambda: ReadsItsFirst(root),
        raw_read=lambda path: (tmp_path / path).read_bytes(),
        raw_write=lambda path, content: (tmp_path / path).write_bytes(content),
        process=("oaio_storage_local:LocalApi", {"root_folder": root}),
    )
    with made.make() as host, pytest.raises(AssertionError, match="replacer"):
        kit.test_one_process_wins(made, host)


def test_a_name_that_differs_is_told() -> None:
    store = Store()
    for path, content in (("a", b"a"), ("b", b"other"), ("c", b"c")):
        store.put(path, content)
    host = MemoryApi(store)
    check_holds(host, {"a": b"a", "b": b"other", "c": b"c"})
    for model, told in (
        ({"a": b"a", "b": b"b", "c": b"c"}, "'b' holds b'other' instead of b'b'"),
        ({"a": b"a", "b": b"other"}, "'c' is listed 1 times"),
        ({"a": b"a", "b": b"other", "c": b"c", "d": b""}, "'d' is listed 0 times"),
    ):
        with pytest.raises(AssertionError, match=told):
            check_holds(host, model)


def test_by_default_the_kit_tries_what_the_clauses_name() -> None:
    mib = 1 << 20
    assert set(KitCounts().listed) >= {0, 1, 999, 1000, 1001, 2500}
    assert set(KitCounts().sizes) >= {0, 1, *around(5 * mib), *around(50 * mib), *around(1 << 16)}
    assert max(KitCounts.quick().sizes) <= 2 * mib


def test_there_is_a_liar_of_each_kind() -> None:
    assert len(LIARS) >= 12
    assert all(liar.rejected_by for liar in LIARS)


def test_no_contract_test_is_replaced_by_accident() -> None:
    def test_x(self: object) -> None:
        """Something."""

    class Given(Contract):
        test_kept = test_x

    with pytest.raises(TypeError, match="test_kept"):
        type("Hiding", (Given,), {"test_kept": test_x})
    with pytest.raises(TypeError, match="test_new"):
        type("New", (Given,), {"test_new": replaces(lambda _: None)})
    assert type("Replacing", (Given,), {"test_kept": replaces(lambda _: None)})


def test_a_host_that_tells_of_another_length_is_told_at_once() -> None:
    class Miscounts(MemoryApi):
        def _write(self, *given: Any) -> Stat:  # noqa: ANN401 - the hook's own
            stored = super()._write(*given)
            return attrs.evolve(stored, size=stored.size - 1)

    host = Miscounts(Store())
    for content, size in ((b"abc", None), (io.BytesIO(b"abc"), None), (io.BytesIO(b"abc"), 3)):
        with pytest.raises(BadAnswer, match="3 bytes"):
            host.write("a", content, size=size)
