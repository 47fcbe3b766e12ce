"""The state folder of a root as a host of its own."""

import io
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import attrs

from oaio_storage.hosts.api import CshApi
from oaio_storage.hosts.foreign import ForeignErrors
from oaio_storage.hosts.guarantees import Expect, Guarantees, Stat
from oaio_storage.names import STATE_FOLDER


@attrs.frozen(eq=False)
class StateHost(CshApi):
    """The folder ``.oaio`` of another host's root, as a host."""

    owner: CshApi

    @property
    def guarantees(self) -> Guarantees:
        """The owner's."""
        return self.owner.guarantees

    @property
    def name(self) -> str:
        """The owner's."""
        return self.owner.name

    @property
    def foreign_errors(self) -> ForeignErrors:  # type: ignore[override]  # the owner's, known only at run time
        """The owner's."""
        return self.owner.foreign_errors

    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        return self.owner._read(_inside(path), start, end, version)  # noqa: SLF001 - the same host's hooks

    def _stat(self, path: str) -> Stat:
        return _outside(self.owner._stat(_inside(path)))  # noqa: SLF001 - same

    def _list(self, folder: str) -> Iterator[Stat]:
        inside = _inside(folder) if folder else STATE_FOLDER
        return map(_outside, self.owner._list(inside))  # noqa: SLF001 - same

    def _write(
        self, path: str, source: BinaryIO, size: int | None, expect: Expect, headers: Mapping[str, str]
    ) -> Stat:
        return _outside(self.owner._write(_inside(path), source, size, expect, headers))  # noqa: SLF001 - same

    def _delete(self, path: str, expect: str | None) -> None:
        self.owner._delete(_inside(path), expect)  # noqa: SLF001 - same

    def _open(self, path: str) -> io.RawIOBase | None:
        return self.owner._open(_inside(path))  # noqa: SLF001 - same

    def _copy(self, source: str, target: str) -> Stat:
        return _outside(self.owner._copy(_inside(source), _inside(target)))  # noqa: SLF001 - same

    def _swap_folders(self, a: str, b: str) -> None:
        self.owner._swap_folders(_inside(a), _inside(b))  # noqa: SLF001 - same

    def _sign_url(self, path: str, seconds: int) -> str:
        return self.owner._sign_url(_inside(path), seconds)  # noqa: SLF001 - same


def _inside(path: str) -> str:
    return f"{STATE_FOLDER}/{path}"


def _outside(seen: Stat) -> Stat:
    return attrs.evolve(seen, path=seen.path.removeprefix(f"{STATE_FOLDER}/"))
