"""The contract kit on a folder of this machine."""

from pathlib import Path

from counts import COUNTS, FULL, HUGE

from oaio_storage.testing import HostContract, HostSource, KitCounts, around
from oaio_storage_local import LocalApi

MIB = 1 << 20

KIT_COUNTS = KitCounts(
    listed=(0, 1, 999, 1000, 1001, *([2500] if FULL else [])),
    rounds=COUNTS.races,
    overwrites=1_000 if FULL else 20,
    large=8 * MIB,
    sizes=KitCounts().sizes if FULL else around(1 << 16, MIB),
    huge=HUGE,
    kills=COUNTS.host_kills // 2,
    histories=COUNTS.machine_histories,
    steps=COUNTS.machine_steps,
)


def local_source(folder: Path) -> HostSource:
    root = folder / "root"
    root.mkdir()

    def raw_write(path: str, content: bytes) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)

    return HostSource(
        make=lambda: LocalApi(str(root)),
        raw_read=lambda path: (root / path).read_bytes(),
        raw_write=raw_write,
        raw_list=lambda: [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()],
        raw_link=lambda path, target: (root / path).symlink_to(target),
        process=("oaio_storage_local:LocalApi", {"root_folder": str(root)}),
    )


class TestLocalApi(HostContract):
    counts = KIT_COUNTS

    def host_source(self, folder: Path) -> HostSource:
        return local_source(folder)
