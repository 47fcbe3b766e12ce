"""Trees on hosts that count what they are asked, with devices that remember."""

import os
from collections.abc import Mapping
from pathlib import Path

import attrs

from oaio_storage.hosts import CshApi
from oaio_storage.testing import FaultHost, Faults, MemoryApi, Store
from oaio_storage.trees.attempt import Committed
from oaio_storage.trees.checkout import check_out
from oaio_storage.trees.committing import commit
from oaio_storage.trees.store import TreeStore
from oaio_storage.trees.writing import CheckedOut

Files = Mapping[str, bytes]


def fill(folder: Path, files: Files) -> Path:
    """Make ``folder`` hold exactly ``files``; equal ones are left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        if str(path.relative_to(folder)) not in files:
            path.unlink()
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
    return folder


def on_disk(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that can't be compressed, the same for the same arguments."""
    from random import Random  # noqa: PLC0415

    return Random(seed).randbytes(size)


@attrs.define
class Device:
    """One device: a folder, what it remembers, and a host that records each operation.

    Attributes:
        place: for all of its files.
        inner: the host as it is.
        name: of the device.
    """

    place: Path
    inner: CshApi
    name: str = "a"
    faults: Faults = attrs.field(factory=Faults)

    @property
    def folder(self) -> Path:
        return self.place / self.name

    @property
    def host(self) -> FaultHost:
        return FaultHost(self.inner, self.faults)

    @property
    def store(self) -> TreeStore:
        return TreeStore.on(self.host, "site", self.place / f"cache {self.name}", by=self.name)

    def commit(self, files: Files | None = None, **named: str) -> Committed:
        if files is not None:
            fill(self.folder, files)
        self.folder.mkdir(parents=True, exist_ok=True)
        return commit(self.store, self.folder, **named)  # type: ignore[arg-type]  # as they came

    def check_out(self, folder: Path | None = None, generation: str = "") -> CheckedOut:
        return check_out(self.store, folder or self.folder, generation)

    def seen(self, generation: str = "") -> dict[str, bytes]:
        """What a reader who knows nothing gets."""
        store = TreeStore(self.inner, "site")
        record = store.generation(generation)
        return {file.path: b"".join(store.content(file)) for file in store.files(record.id)}

    def stored(self, kind: str = "packs") -> list[str]:
        return sorted(seen.path for seen in self.inner.state.list(f"trees/site/{kind}"))

    def asked(self) -> list[tuple[str, str]]:
        """The operations since this was asked last."""
        asked = list(self.faults.operations)
        self.faults.operations.clear()
        return asked


def memory() -> MemoryApi:
    """A host in memory with a root, on which conditions have been tried out."""
    host = MemoryApi(Store())
    host.create_root()
    from oaio_storage.hosts.probe import condition_test  # noqa: PLC0415

    condition_test(host)
    return host


def another(host: MemoryApi) -> MemoryApi:
    """A copy of a host and of all that is on it."""
    return MemoryApi(Store(dict(host.store.files), writes=host.store.writes))


def age(folder: Path, seconds: int = 1_000) -> None:
    """Let files look as if nobody touched them for long."""
    for path in folder.rglob("*"):
        if path.is_file():
            seen = path.stat()
            os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns - seconds * 10**9))
