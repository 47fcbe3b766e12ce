"""The contract kit on filesystems of fsspec."""

from pathlib import Path

import attrs
import fsspec
import pytest
from counts import COUNTS

from oaio_storage.hosts.fsspec_api import FsspecApi
from oaio_storage.testing import HostContract, HostSource, KitCounts, replaces

KIT_COUNTS = attrs.evolve(
    KitCounts.quick(),
    listed=(0, 1, 999, 1000, 1001),
    histories=COUNTS.machine_histories,
    steps=COUNTS.machine_steps,
)


class TestMemory(HostContract):
    counts = KIT_COUNTS

    def host_source(self, folder: Path) -> HostSource:
        root = f"/{folder.name}-{id(folder)}"
        raw = fsspec.filesystem("memory")
        return HostSource(
            make=lambda: FsspecApi(f"memory://{root}"),
            raw_read=lambda path: bytes(raw.cat_file(f"{root}/{path}")),
            raw_write=lambda path, content: raw.pipe_file(f"{root}/{path}", content),
            raw_list=lambda: [path.removeprefix(f"{root}/") for path in raw.find(root)],
        )

    @pytest.fixture(autouse=True)
    def _forgotten(self) -> None:
        fsspec.filesystem("memory").store.clear()
        fsspec.filesystem("memory").pseudo_dirs[:] = [""]


class TestFileAddress(HostContract):
    counts = KIT_COUNTS

    def host_source(self, folder: Path) -> HostSource:
        root = folder / "root"
        root.mkdir()

        def raw_write(path: str, content: bytes) -> None:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)

        return HostSource(
            make=lambda: FsspecApi(root.as_uri()),
            raw_read=lambda path: (root / path).read_bytes(),
            raw_write=raw_write,
            raw_list=lambda: [
                path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()
            ],
            raw_link=lambda path, target: (root / path).symlink_to(target),
            process=("oaio_storage.hosts.fsspec_api:FsspecApi", {"url": root.as_uri()}),
        )

    @replaces
    def test_links_lead_nowhere(self, source: HostSource, tmp_path: Path) -> None:
        """They are followed, as the class says; nothing in fsspec could forbid it."""
        secret = tmp_path / "secret"
        secret.write_bytes(b"outside")
        assert source.raw_link is not None
        source.raw_link("to-file", secret)
        with source.make() as host:
            assert host.read("to-file") == b"outside"
