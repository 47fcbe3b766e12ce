"""The base of hosts around a host."""

import io
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import attrs

from oaio_storage.hosts.api import CshApi
from oaio_storage.hosts.folders import HostFolders
from oaio_storage.hosts.foreign import ForeignErrors
from oaio_storage.hosts.guarantees import Expect, Guarantees, Stat


@attrs.frozen(eq=False)
class Wrapper(CshApi):
    """A host around ``inner`` that hands everything through, guarantees, name, errors and state included.

    A subclass overrides the hooks of its one concern. What it keeps for all calls, such as a count, stands in
    fields that ``attrs.evolve`` copies, since :attr:`state` is made so.

    Attributes:
        inner: the host that does the work.
    """

    inner: CshApi

    @property
    def guarantees(self) -> Guarantees:
        """Those of ``inner``."""
        return self.inner.guarantees

    @property
    def name(self) -> str:
        """That of ``inner``."""
        return self.inner.name

    @property
    def foreign_errors(self) -> ForeignErrors:  # type: ignore[override]  # inner's, known only at run time
        """Those of ``inner``."""
        return self.inner.foreign_errors

    @property
    def state(self) -> CshApi:
        """The state folder of ``inner``, wrapped likewise."""
        return attrs.evolve(self, inner=self.inner.state)

    @property
    def folders(self) -> HostFolders:
        """Those of ``inner``; a wrapper that refuses or only records changes refuses them."""
        return self.inner.folders

    def close(self) -> None:
        """Close ``inner``."""
        self.inner.close()

    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        return self.inner.read(path, start, end, version)

    def _stat(self, path: str) -> Stat:
        return self.inner.stat(path)

    def _list(self, folder: str) -> Iterator[Stat]:
        return self.inner.list(folder)

    def _write(
        self, path: str, source: BinaryIO, size: int | None, expect: Expect, headers: Mapping[str, str]
    ) -> Stat:
        return self.inner.write(path, source, size=size, expect=expect, headers=headers)

    def _delete(self, path: str, expect: str | None) -> None:
        self.inner.delete(path, expect=expect)

    def _open(self, path: str) -> io.RawIOBase | None:
        with self.inner._only_ours("open", path):  # noqa: SLF001 - to know whether inner has a stream of its own
            return self.inner._open(path)  # noqa: SLF001 - same

    def _copy(self, source: str, target: str) -> Stat:
        return self.inner.copy(source, target)

    def _swap_folders(self, a: str, b: str) -> None:
        self.inner.swap_folders(a, b)

    def _sign_url(self, path: str, seconds: int) -> str:
        return self.inner.sign_url(path, seconds)

    def _clean_up(self, older_than: float) -> int:
        return self.inner.clean_up(older_than)

    def _create_root(self) -> str:
        return self.inner.create_root()
