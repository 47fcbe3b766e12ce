"""The contract of hosts that can only be read, on an archive reached through a chained address."""

import zipfile
from pathlib import Path

import pytest

from oaio_storage.hosts.fsspec_api import FsspecApi
from oaio_storage.testing import HostSource, KitCounts, ReadOnlyContract


@pytest.mark.filterwarnings("ignore:Duplicate name")  # a stranger stores a file again
class TestZip(ReadOnlyContract):
    counts = KitCounts(sizes=(0, 1, (1 << 20) + 1), racers=4)

    def host_source(self, folder: Path) -> HostSource:
        archive = folder / "archive.zip"
        with zipfile.ZipFile(archive, "w"):
            pass

        def raw_read(path: str) -> bytes:
            with zipfile.ZipFile(archive) as packed:
                return packed.read(path)

        def raw_write(path: str, content: bytes) -> None:
            with zipfile.ZipFile(archive, "a") as packed:
                packed.writestr(path, content)

        def raw_list() -> list[str]:
            with zipfile.ZipFile(archive) as packed:
                return packed.namelist()

        url = f"zip://::{archive.as_uri()}"
        return HostSource(
            make=lambda: FsspecApi(url),
            raw_read=raw_read,
            raw_write=raw_write,
            raw_list=raw_list,
            process=("oaio_storage.hosts.fsspec_api:FsspecApi", {"url": url}),
        )
