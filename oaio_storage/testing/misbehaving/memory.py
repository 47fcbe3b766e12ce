"""An honest host in memory, for tests that need one without a disk, and for liars to be made of."""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import attrs

from oaio_storage.errors import AlreadyExists, Changed, NotFound
from oaio_storage.hosts import Absent, CshApi, Expect, Guarantees, Stat
from oaio_storage.hosts.streams import PIECE


@attrs.define
class Store:
    """What all instances of one host in memory share: the disk, so to speak.

    Attributes:
        files: content and number of the write, by path.
        links: what strangers placed: a path, and the local file or folder that it leads to.
        lock: whoever decides something about the files, or changes them, holds it.
        writes: how many there were.
        unfinished: what is being written, by path, where that is not a writer's own.
        open_hosts: how many instances were made and not closed.
    """

    files: dict[str, tuple[bytes, int]] = attrs.field(factory=dict)
    links: dict[str, Path] = attrs.field(factory=dict)
    lock: threading.RLock = attrs.field(factory=threading.RLock)
    unfinished: dict[str, bytearray] = attrs.field(factory=dict)
    writes: int = 0
    open_hosts: int = 0

    def put(self, path: str, content: bytes) -> int:
        """Store a file without asking anything, and answer its number; also what strangers do."""
        with self.lock:
            self.writes += 1
            self.files[path] = content, self.writes
            return self.writes


@attrs.frozen(eq=False)
class MemoryApi(CshApi):
    """A host in memory that keeps all that it declares; its files live as long as ``store``.

    Attributes:
        store: shared by all instances of one root.
    """

    store: Store = attrs.field(factory=Store, repr=False)

    def __attrs_post_init__(self) -> None:
        self.store.open_hosts += 1

    def close(self) -> None:
        """There is nothing to give back; it is counted."""
        self.store.open_hosts -= 1

    @property
    def guarantees(self) -> Guarantees:
        """All that memory can give: it survives nothing."""
        return Guarantees(
            atomic_write=True,
            conditional_write=True,
            strong_version=True,
            server_copy=True,
            case_sensitive=True,
            unicode_exact=True,
            visibility_delay=0.0,
        )

    def _held(self, path: str) -> tuple[bytes, str]:
        """Content and version."""
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
        with self.store.lock:
            held = list(self.store.files.items())
        return (Stat(path, len(content)) for path, (content, _) in held if path.startswith(inside))

    def _write(
        self,
        path: str,
        source: BinaryIO,
        size: int | None,  # noqa: ARG002 - whoever calls the hook checks it
        expect: Expect,
        headers: Mapping[str, str],  # noqa: ARG002 - no web server
    ) -> Stat:
        content = b"".join(iter(lambda: source.read(PIECE), b""))
        return self._store(path, content, expect)

    def _store(self, path: str, content: bytes, expect: Expect) -> Stat:
        """Decide and write in one step."""
        with self.store.lock:
            self._check(path, expect)
            self._check_way(path)
            number = self.store.put(path, content)
        return Stat(path, len(content), self._version(content, number))

    def _check(self, path: str, expect: Expect) -> None:
        held = self.store.files.get(path)
        if expect is Absent and held is not None:
            raise AlreadyExists(f"{path!r} exists already")
        if isinstance(expect, str) and (held is None or self._version(*held) != expect):
            raise Changed(f"{path!r} has another version")

    def _check_way(self, path: str) -> None:
        for other in (*self.store.files, *self.store.links):
            if other.startswith(f"{path}/") or path.startswith(f"{other}/"):
                raise AlreadyExists(f"{other!r} is in the way of {path!r}")

    def _copy(self, source: str, target: str) -> Stat:
        return self._store(target, self._held(source)[0], None)

    def _delete(self, path: str, expect: str | None) -> None:
        with self.store.lock:
            if path in self.store.files:
                self._check(path, expect)
                del self.store.files[path]
