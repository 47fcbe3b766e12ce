"""A host on a real folder whose process ends at its k-th storage operation, before or after it was done."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import attrs

from oaio_storage.hosts import Expect, Stat
from oaio_storage_local import LocalApi


class Ended(BaseException):
    """The process ended here; no handler for errors sees it."""


@attrs.define
class Wire:
    """Counts operations.

    Attributes:
        at: the operation at which it trips; 0: never.
        after: whether that operation is done first.
        raised: makes what is raised then.
        only: trip once, and not at every later operation too, as the end of a process does.
        passing: called before each operation.
        count: operations so far.
        names: of them.
    """

    at: int = 0
    after: bool = False
    raised: Callable[[], BaseException] = Ended
    only: bool = False
    count: int = 0
    names: list[str] = attrs.field(factory=list)
    passing: Callable[[], None] = lambda: None

    @contextmanager
    def operation(self, name: str) -> Iterator[None]:
        self.count += 1
        self.names.append(name)
        self.passing()
        trips = self.count == self.at or (self.at and not self.only and self.count > self.at)
        if trips and not (self.after and self.count == self.at):
            raise self.raised()
        yield
        if trips:
            raise self.raised()


class TrippingFolders:
    """The folders of a host, each call an operation."""

    def __init__(self, inner: Any, wire: Wire) -> None:  # noqa: ANN401 - as the host's, whatever they are
        self._inner, self._wire = inner, wire

    @property
    def root_folder(self) -> str:
        return str(self._inner.root_folder)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._inner, name)

        def call(*args: Any, **named: Any) -> Any:  # noqa: ANN401 - same
            found: Any = None
            try:
                with self._wire.operation(name):
                    found = method(*args, **named)
                    if name in {"link", "placed", "inside"}:
                        found = iter(list(found))
            except BaseException:
                if name == "read" and found is not None:
                    found.close()
                raise
            return found

        return call


@attrs.frozen(eq=False)
class TrippingApi(LocalApi):
    """A folder as a host; each hook is an operation."""

    wire: Wire = attrs.field(factory=Wire)

    @property
    def folders(self) -> Any:  # noqa: ANN401 - stands in for the host's
        return TrippingFolders(LocalApi(self.root_folder).folders, self.wire)

    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        with self.wire.operation("read"):
            return super()._read(path, start, end, version)

    def _stat(self, path: str) -> Stat:
        with self.wire.operation("stat"):
            return super()._stat(path)

    def _list(self, folder: str) -> Iterator[Stat]:
        with self.wire.operation("list"):
            return iter(list(super()._list(folder)))

    def _write(
        self, path: str, source: BinaryIO, size: int | None, expect: Expect, headers: Mapping[str, str]
    ) -> Stat:
        with self.wire.operation("write"):
            return super()._write(path, source, size, expect, headers)

    def _delete(self, path: str, expect: str | None) -> None:
        with self.wire.operation("delete"):
            super()._delete(path, expect)
