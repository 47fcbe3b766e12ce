"""The contract kit on a filesystem that nobody here wrote: ``DictFS`` of the package morefs."""

from pathlib import Path

import fsspec
from morefs.dict import DictFS, Store

from oaio_storage.hosts.fsspec_api import FsspecApi
from oaio_storage.testing import HostContract, HostSource, KitCounts


class TestDictFS(HostContract):
    counts = KitCounts.quick()

    def host_source(self, folder: Path) -> HostSource:  # noqa: ARG002 - it lies in memory
        fsspec.register_implementation("dictfs", DictFS, clobber=True)
        store = Store()
        raw = DictFS(store)

        def raw_write(path: str, content: bytes) -> None:
            raw.makedirs(f"/root/{path}".rpartition("/")[0], exist_ok=True)
            raw.pipe_file(f"/root/{path}", content)

        return HostSource(
            make=lambda: FsspecApi("dictfs://root", {"store": store}),
            raw_read=lambda path: bytes(raw.cat_file(f"/root/{path}")),
            raw_write=raw_write,
        )


def test_without_a_shared_store_the_kit_rejects_it() -> None:
    """What one instance acknowledged no other sees, as the how-to shows."""
    fsspec.register_implementation("dictfs", DictFS, clobber=True)
    FsspecApi("dictfs://root").write("a", b"acknowledged")
    assert list(FsspecApi("dictfs://root").list()) == []
