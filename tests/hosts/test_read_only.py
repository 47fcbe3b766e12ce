"""A host that declares that nothing can be stored on it is asked for no change."""

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from oaio_storage.errors import InvalidName, NotGuaranteed
from oaio_storage.hosts import CshApi, Guarantees, ReadOnly
from oaio_storage.testing.misbehaving import MemoryApi, Store


class Swapping(MemoryApi):
    @property
    def guarantees(self) -> Guarantees:
        return attrs.evolve(super().guarantees, swap=True)


class Closed(MemoryApi):
    @property
    def guarantees(self) -> Guarantees:
        return attrs.evolve(super().guarantees, read_only=True, swap=True)


def closed_around(store: Store) -> CshApi:
    return ReadOnly(Swapping(store))


CHANGES: dict[str, Callable[[CshApi, Path], object]] = {
    "write": lambda host, _: host.write("a", b"new"),
    "copy": lambda host, _: host.copy("a", "c"),
    "delete": lambda host, _: host.delete("a"),
    "swap_folders": lambda host, _: host.swap_folders("f", "g"),
    "clean_up": lambda host, _: host.clean_up(0),
    "create_root": lambda host, _: host.create_root(),
    "state": lambda host, _: host.state.write("x", b"new"),
    "put_files": lambda host, folder: host.put_files([("a", folder / "x")]),
    "copy_files": lambda host, _: host.copy_files([("a", "c", 1)]),
    "delete_files": lambda host, _: host.delete_files(["a"]),
}


@pytest.mark.parametrize("made", [Closed, closed_around])
@pytest.mark.parametrize("change", CHANGES)
def test_no_change_is_asked_of_it(change: str, made: Callable[[Store], CshApi], tmp_path: Path) -> None:
    store = Store()
    for path in ("a", "f/x", "g/x"):
        store.put(path, b"old")
    with pytest.raises(NotGuaranteed, match="change"):
        CHANGES[change](made(store), tmp_path)
    assert {path: content for path, (content, _) in store.files.items()} == {
        "a": b"old",
        "f/x": b"old",
        "g/x": b"old",
    }
    assert store.writes == 3


def test_all_is_read_as_before() -> None:
    store = Store()
    store.put("a", b"old")
    store.put(".oaio/x", b"state")
    host = closed_around(store)
    assert (host.read("a"), host.state.read("x")) == (b"old", b"state")
    assert [found.path for found in host.list()] == ["a"]


def test_a_wrong_name_is_told_first() -> None:
    with pytest.raises(InvalidName):
        Closed().write("../x", b"")
    with pytest.raises(InvalidName):
        Closed().delete_files(["../x"])
