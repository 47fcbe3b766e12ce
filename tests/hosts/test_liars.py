"""The contract kit finds hosts that do not keep what they declare, and none in an honest one."""

import inspect
import io
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import attrs
import pytest

from oaio_storage.errors import AlreadyExists, Changed, NotFound
from oaio_storage.hosts import Absent, CshApi, Expect, Guarantees, Stat
from oaio_storage.names import fold
from oaio_storage.testing import Contract, HostContract, HostSource, KitCounts, replaces


@attrs.define
class Store:
    """What all instances of one host share."""

    files: dict[str, tuple[bytes, int]] = attrs.field(factory=dict)
    lock: threading.RLock = attrs.field(factory=threading.RLock)
    writes: int = 0


@attrs.frozen(eq=False)
class DictApi(CshApi):
    """An honest host in memory."""

    store: Store

    @property
    def guarantees(self) -> Guarantees:
        return Guarantees(
            atomic_write=True,
            conditional_write=True,
            strong_version=True,
            case_sensitive=True,
            unicode_exact=True,
            visibility_delay=0.0,
        )

    def _held(self, path: str) -> tuple[bytes, str]:
        if path not in self.store.files:
            raise NotFound(f"there is no file {path!r}")
        content, number = self.store.files[path]
        return content, self._version(content, number)

    def _version(self, content: bytes, number: int) -> str:  # noqa: ARG002 - for those who lie
        return str(number)

    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        content, held = self._held(path)
        if version not in (None, held):
            raise Changed(f"{path!r} has another version")
        return content[start:end]

    def _stat(self, path: str) -> Stat:
        content, version = self._held(path)
        return Stat(path, len(content), version)

    def _list(self, folder: str) -> Iterator[Stat]:
        inside = f"{folder}/" if folder else ""
        for path, (content, _) in list(self.store.files.items()):
            if path.startswith(inside):
                yield Stat(path, len(content))

    def _write(
        self,
        path: str,
        source: BinaryIO,
        size: int | None,  # noqa: ARG002 - the hook's signature
        expect: Expect,
        headers: Mapping[str, str],  # noqa: ARG002 - same
    ) -> Stat:
        content = (
            source.read()
            if isinstance(source, io.BytesIO)
            else b"".join(iter(lambda: source.read(1 << 20), b""))
        )
        with self.store.lock:
            self._check(path, expect)
            self._check_way(path)
            self.store.writes += 1
            self.store.files[path] = content, self.store.writes
        return Stat(path, len(content), self._version(content, self.store.writes))

    def _check(self, path: str, expect: Expect) -> None:
        held = self.store.files.get(path)
        if expect is Absent and held is not None:
            raise AlreadyExists(f"{path!r} exists already")
        if isinstance(expect, str) and (held is None or self._version(*held) != expect):
            raise Changed(f"{path!r} has another version")

    def _check_way(self, path: str) -> None:
        for other in self.store.files:
            if other.startswith(f"{path}/") or path.startswith(f"{other}/"):
                raise AlreadyExists(f"{other!r} is in the way of {path!r}")

    def _delete(self, path: str, expect: str | None) -> None:
        with self.store.lock:
            if path in self.store.files:
                self._check(path, expect)
                del self.store.files[path]


class IgnoresConditions(DictApi):
    def _check(self, path: str, expect: Expect) -> None:
        pass


class ChecksThenWrites(DictApi):
    def _write(
        self, path: str, source: BinaryIO, size: int | None, expect: Expect, headers: Mapping[str, str]
    ) -> Stat:
        self._check(path, expect)
        time.sleep(0.01)
        return super()._write(path, source, size, None, headers)


class CreatesForAnyVersion(DictApi):
    def _check(self, path: str, expect: Expect) -> None:
        if path in self.store.files:
            super()._check(path, expect)


class ListsOnce(DictApi):
    """Remembers its first listing."""

    seen: dict[int, list[Stat]] = {}  # noqa: RUF012 - one memory for all is the point

    def _list(self, folder: str) -> Iterator[Stat]:
        if folder:
            return super()._list(folder)
        return iter(self.seen.setdefault(id(self), list(super()._list(folder))))


class DropsAPage(DictApi):
    def _list(self, folder: str) -> Iterator[Stat]:
        found = list(super()._list(folder))
        return iter(found[:25] + found[26:])


class ListsNeighbours(DictApi):
    def _list(self, folder: str) -> Iterator[Stat]:
        return (found for found in super()._list("") if found.path.startswith(folder))


class FoldsCase(DictApi):
    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        same = next((held for held in self.store.files if fold(held) == fold(path)), path)
        return super()._read(same, start, end, version)


class RenamesOnClash(DictApi):
    def _write(
        self, path: str, source: BinaryIO, size: int | None, expect: Expect, headers: Mapping[str, str]
    ) -> Stat:
        free = f"{path} (1)" if path in self.store.files and expect is None else path
        return super()._write(free, source, size, expect, headers)


class ReadsShort(DictApi):
    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        return super()._read(path, start, end, version)[: 1 << 20]


class HasWeakVersions(DictApi):
    def _version(self, content: bytes, number: int) -> str:  # noqa: ARG002 - the hook's signature
        return f"size {len(content)}"


class LosesEmptyFiles(DictApi):
    def _stat(self, path: str) -> Stat:
        found = super()._stat(path)
        if not found.size:
            raise NotFound(f"there is no file {path!r}")
        return found


class CommitsOnFailure(DictApi):
    def _write(
        self, path: str, source: BinaryIO, size: int | None, expect: Expect, headers: Mapping[str, str]
    ) -> Stat:
        content = b""
        try:
            while piece := source.read(1 << 20):
                content += piece
        finally:
            stored = super()._write(path, io.BytesIO(content), size, expect, headers)
        return stored


class ShowsPartialWrites(DictApi):
    def _write(
        self, path: str, source: BinaryIO, size: int | None, expect: Expect, headers: Mapping[str, str]
    ) -> Stat:
        if expect is None and path in self.store.files:
            super()._write(path, io.BytesIO(), size, expect, headers)
            time.sleep(0.01)
        return super()._write(path, source, size, expect, headers)


class AllowsFileAndFolder(DictApi):
    def _check_way(self, path: str) -> None:
        pass


class TakesNamesForPatterns(DictApi):
    def _delete(self, path: str, expect: str | None) -> None:
        for held in list(self.store.files):
            if held == path or (path == "*" and "/" not in held):
                super()._delete(held, expect)


class DeletesFolders(DictApi):
    def _delete(self, path: str, expect: str | None) -> None:
        for held in list(self.store.files):
            if held == path or held.startswith(f"{path}/"):
                super()._delete(held, expect)


class DeclaresWhatItCannot(DictApi):
    @property
    def guarantees(self) -> Guarantees:
        return attrs.evolve(super().guarantees, swap=True)


LIARS: list[type[DictApi]] = DictApi.__subclasses__()


class Kit(HostContract):
    counts = KitCounts(rounds=2, racers=4, overwrites=5, histories=5)
    made: Callable[[Store], CshApi]

    def host_source(self, folder: Path) -> HostSource:  # noqa: ARG002 - it needs none
        store = Store()

        def raw_write(path: str, content: bytes) -> None:
            store.writes += 1
            store.files[path] = content, store.writes

        return HostSource(
            make=lambda: self.made(store), raw_read=lambda path: store.files[path][0], raw_write=raw_write
        )


def broken_tests(made: type[DictApi], folder: Path) -> Iterator[str]:
    """The names of the contract tests that ``made`` does not pass; the costly one comes last."""
    kit = Kit()
    kit.made = made
    tests = [
        (name, test) for name, test in inspect.getmembers(kit, inspect.ismethod) if name.startswith("test_")
    ]
    for name, test in sorted(tests, key=lambda pair: pair[0] == "test_it_behaves_like_a_dictionary"):
        (folder / name).mkdir()
        source = kit.host_source(folder / name)
        given: dict[str, Any] = {"source": source, "host": source.make(), "tmp_path": folder / name}
        try:
            test(**{argument: given[argument] for argument in inspect.signature(test).parameters})
        except (Exception, pytest.fail.Exception):  # noqa: BLE001 - however a test fails
            yield name


def test_an_honest_host_passes(tmp_path: Path) -> None:
    assert list(broken_tests(DictApi, tmp_path)) == []


@pytest.mark.parametrize("liar", LIARS)
def test_a_liar_is_found(liar: type[DictApi], tmp_path: Path) -> None:
    assert next(broken_tests(liar, tmp_path), None)


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
