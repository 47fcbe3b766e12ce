"""The base of hosts around a host."""

import io
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

import attrs

from oaio_storage.errors import InvalidArgument
from oaio_storage.hosts.api import CshApi
from oaio_storage.hosts.folders import HostFolders
from oaio_storage.hosts.foreign import ForeignErrors
from oaio_storage.hosts.guarantees import Expect, Guarantees, Stat


def _is_host(_: object, __: object, inner: Any) -> None:  # noqa: ANN401 - whatever it was given
    if not isinstance(inner, CshApi):
        raise InvalidArgument(f"a wrapper stands around a host, not around {type(inner).__name__}")


def whole_number(minimum: int) -> Callable[[object, "attrs.Attribute[int]", int | None], None]:
    """A validator of fields that hold a whole number, ``minimum`` or more, or None if that is the default."""

    def check(_: object, field: "attrs.Attribute[int]", number: int | None) -> None:
        if number is None and field.default is None:
            return
        if isinstance(number, bool) or not isinstance(number, int) or number < minimum:
            raise InvalidArgument(f"{field.name} has to be a whole number from {minimum} on, not {number!r}")

    return check


def seconds(*, least: float = 0) -> Callable[[object, "attrs.Attribute[float]", float], None]:
    """A validator of fields that hold a finite number of seconds, ``least`` or more."""

    def check(_: object, field: "attrs.Attribute[float]", number: float) -> None:
        if isinstance(number, bool) or not isinstance(number, int | float) or not least <= number < math.inf:
            raise InvalidArgument(
                f"{field.name} has to be a number of seconds from {least:g} on, not {number!r}"
            )

    return check


@attrs.frozen(eq=False)
class Wrapper(CshApi):
    """A host around ``inner`` that hands everything through, guarantees, name, errors and state included.

    A subclass overrides the hooks of its one concern. What it keeps for all calls, such as a count, stands in
    fields that ``attrs.evolve`` copies, since :attr:`state` is made so.

    Attributes:
        inner: the host that does the work.
    """

    inner: CshApi = attrs.field(validator=_is_host)

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

    @property
    def moved_at_once(self) -> int:
        """As ``inner`` does."""
        return self.inner.moved_at_once

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
