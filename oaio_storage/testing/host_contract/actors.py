"""Whoever takes a step of a history: a host here, or one in another process."""

from typing import Any, Protocol

import attrs

from oaio_storage import errors
from oaio_storage.hosts import Absent, CshApi, Expect
from oaio_storage.testing.elsewhere import Elsewhere


class Actor(Protocol):
    """The part of a host that histories use; errors are ours in any case."""

    def write(self, path: str, content: bytes, expect: Expect = None) -> str:
        """Store a file; its version."""

    def read(self, path: str, start: int, end: int | None) -> bytes:
        """A range of a file."""

    def copy(self, source: str, target: str) -> int:
        """Copy a file; its size."""

    def delete(self, path: str, expect: str | None = None) -> None:
        """Remove a file."""

    def sizes(self, folder: str) -> list[tuple[str, int]]:
        """Paths and sizes of the files below a folder, sorted."""


@attrs.frozen
class Here:
    """A host of this process."""

    host: CshApi

    def write(self, path: str, content: bytes, expect: Expect = None) -> str:
        """As an actor."""
        return self.host.write(path, content, expect=expect).version

    def read(self, path: str, start: int, end: int | None) -> bytes:
        """As an actor."""
        return self.host.read(path, start, end)

    def copy(self, source: str, target: str) -> int:
        """As an actor."""
        return self.host.copy(source, target).size

    def delete(self, path: str, expect: str | None = None) -> None:
        """As an actor."""
        self.host.delete(path, expect=expect)

    def sizes(self, folder: str) -> list[tuple[str, int]]:
        """As an actor."""
        return sorted((found.path, found.size) for found in self.host.list(folder))


@attrs.frozen
class There:
    """A host of another process."""

    process: Elsewhere

    def write(self, path: str, content: bytes, expect: Expect = None) -> str:
        """As an actor."""
        text = content.decode("latin-1")
        if expect is None:
            return str(self._call("write", path, text))
        if expect is Absent:
            return str(self._call("create", path, text))
        return str(self._call("replace", path, text, expect))

    def read(self, path: str, start: int, end: int | None) -> bytes:
        """As an actor."""
        return str(self._call("read", path, start, end)).encode("latin-1")

    def copy(self, source: str, target: str) -> int:
        """As an actor."""
        return int(self._call("copy", source, target))

    def delete(self, path: str, expect: str | None = None) -> None:
        """As an actor."""
        self._call("delete", path, expect)

    def sizes(self, folder: str) -> list[tuple[str, int]]:
        """As an actor."""
        return [(path, size) for path, size in self._call("sizes", folder)]

    def _call(self, method: str, *arguments: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
        answer = self.process.call(method, *arguments)
        if isinstance(answer, dict):
            raise getattr(errors, answer["error"])("told by another process")
        return answer
