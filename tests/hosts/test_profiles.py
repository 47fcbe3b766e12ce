"""The smaller contracts, on hosts in memory that keep just these, and on some that do not."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import pytest

from oaio_storage.errors import Corrupt, InvalidName, NotGuaranteed
from oaio_storage.hosts import Absent, CshApi, DryRun, Expect, Guarantees, ReadOnly, Stat
from oaio_storage.hosts.probe import probe
from oaio_storage.testing import HostSource, MemoryApi, ReadOnlyContract, Store, TreeContract, replaces
from oaio_storage.testing.host_contract.contents import sha256
from oaio_storage.testing.host_contract.probing import EFFORT
from oaio_storage.testing.host_contract.profiles import CHANGES


class Closed(MemoryApi):
    @property
    def guarantees(self) -> Guarantees:
        return Guarantees(read_only=True, case_sensitive=True, unicode_exact=True)


class Packs(MemoryApi):
    def _write(
        self, path: str, source: BinaryIO, size: int | None, expect: Expect, headers: Mapping[str, str]
    ) -> Stat:
        if expect is not Absent:
            raise NotGuaranteed("nothing is replaced here")
        return super()._write(path, source, size, expect, headers)

    def _store(self, path: str, content: bytes, expect: Expect) -> Stat:
        if len(path) != 64:
            raise InvalidName(f"no name of a pack: {path!r}")
        if sha256(content) != path:
            raise Corrupt("the content is another one")
        return super()._store(path, content, expect)

    def _list(self, folder: str) -> Iterator[Stat]:  # noqa: ARG002 - the hook's signature
        raise NotGuaranteed("nothing is listed here")

    def _copy(self, source: str, target: str) -> Stat:  # noqa: ARG002 - the hook's signature
        raise NotGuaranteed("nothing is copied here")

    def _delete(self, path: str, expect: str | None) -> None:  # noqa: ARG002 - the hook's signature
        raise NotGuaranteed("nothing is removed here")


def memory_source(made: Callable[[Store], CshApi]) -> HostSource:
    store = Store()
    return HostSource(
        make=lambda: made(store),
        raw_read=lambda path: store.files[path][0],
        raw_write=store.put,
        raw_list=lambda: list(store.files),
        raw_link=store.links.__setitem__,
    )


class TestReadOnly(ReadOnlyContract):
    def host_source(self, folder: Path) -> HostSource:  # noqa: ARG002 - it needs none
        return memory_source(Closed)


class TestReadOnlyWrapper(ReadOnlyContract):
    def host_source(self, folder: Path) -> HostSource:  # noqa: ARG002 - it needs none
        return memory_source(lambda store: ReadOnly(MemoryApi(store)))


class TestDryRun(ReadOnlyContract):
    """It reads as any host on which nothing can be stored, and plans what such a host refuses."""

    def host_source(self, folder: Path) -> HostSource:  # noqa: ARG002 - it needs none
        return memory_source(lambda store: DryRun(MemoryApi(store)))

    @replaces
    def test_it_is_declared(self, source: HostSource) -> None:
        """It declares what the host declares for which it plans."""
        with source.make() as host:
            assert host.guarantees == MemoryApi().guarantees

    @replaces
    @pytest.mark.parametrize("change", CHANGES)
    def test_changes_are_refused(self, source: HostSource, tmp_path: Path, change: str) -> None:
        """They are planned, unless the host could not do them."""
        (tmp_path / "local").write_bytes(b"new")
        with self.given(source, "a", "f/x", "g/x") as host:
            assert isinstance(host, DryRun)
            with contextlib.suppress(NotGuaranteed):
                CHANGES[change](host, tmp_path)
                assert host.plan or change == "delete the absent"

    @replaces
    def test_the_probe_agrees(self, source: HostSource) -> None:
        """What is not done can't be tried out; the probe says so, and changes nothing."""
        with self.given(source, "a") as host:
            assert probe(source.make, effort=EFFORT).broken
            assert source.raw_list is not None
            assert list(source.raw_list()) == ["a"]
            assert host.read("a") == b"a"


class TestTree(TreeContract):
    def host_source(self, folder: Path) -> HostSource:  # noqa: ARG002 - it needs none
        return memory_source(Packs)


class Open(Closed):
    """Declares that it is closed, and writes."""

    def _check_change(self, expect: Expect = None) -> None:
        pass


class Believing(Packs):
    """Believes that a content is what its name says."""

    def _store(self, path: str, content: bytes, expect: Expect) -> Stat:
        return MemoryApi._store(self, path, content, expect)


def test_a_host_that_only_says_that_it_is_closed_is_found(tmp_path: Path) -> None:
    kit, source = TestReadOnly(), memory_source(Open)
    (tmp_path / "local").write_bytes(b"")
    with pytest.raises(AssertionError):
        kit.test_nothing_changes(source, tmp_path)
    with pytest.raises(pytest.fail.Exception):
        kit.test_changes_are_refused(source, tmp_path, "delete")


def test_a_host_that_believes_names_is_found() -> None:
    with pytest.raises(pytest.fail.Exception):
        TestTree().test_a_name_that_is_not_of_the_content_is_refused(memory_source(Believing).make())
