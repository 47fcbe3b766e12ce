"""The contract kit on SeaweedFS, and on moto."""

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from counts import COUNTS, FULL, HUGE
from seaweed import Server, Weed

from oaio_storage.hosts import CshApi, Retry
from oaio_storage.testing import HostContract, HostSource, KitCounts, around
from oaio_storage_s3 import S3Api
from oaio_storage_s3.multipart import PART

KIT_COUNTS = attrs.evolve(
    KitCounts() if FULL else KitCounts.quick(),
    listed=(0, 1, 999, 1000, 1001, 2500) if FULL else (0, 1, 1001),
    rounds=COUNTS.races // 5,
    sizes=around(1 << 16, 1 << 20, PART, 2 * PART) if FULL else around(PART),
    huge=HUGE,
    kills=COUNTS.host_kills // 5,
    histories=COUNTS.machine_histories // 10,
    steps=COUNTS.machine_steps,
)


def s3_source(server: Server, wrapped: Callable[[CshApi], CshApi] = lambda host: host) -> HostSource:
    """Hosts below a prefix of their own."""
    bucket, prefix = server.bucket, server.new_prefix()
    options = server.options(bucket, prefix)

    def key(path: str) -> str:
        return f"{prefix}/{path}"

    return HostSource(
        make=lambda: wrapped(S3Api(**options)),
        raw_read=lambda path: server.raw.get_object(Bucket=bucket, Key=key(path))["Body"].read(),
        raw_write=lambda path, content: server.raw.put_object(Bucket=bucket, Key=key(path), Body=content),
        raw_list=lambda: [found.removeprefix(f"{prefix}/") for found in server.keys(bucket, f"{prefix}/")],
        process=("oaio_storage_s3:S3Api", options),
    )


class TestSeaweedFS(HostContract):
    counts = KIT_COUNTS

    @pytest.fixture(autouse=True)
    def _server(self, weed: Weed) -> None:
        self.server = weed

    def host_source(self, folder: Path) -> HostSource:
        del folder
        return s3_source(self.server)


class TestMoto(HostContract):
    """As users have it, tried again: moto's web server closes connections while the next request is sent."""

    counts = attrs.evolve(KIT_COUNTS, listed=(0, 1, 30), sizes=(0, 1, 100_000), huge=0, kills=1, histories=2)

    @pytest.fixture(autouse=True)
    def _server(self, moto_server: Server) -> None:
        self.server = moto_server

    def host_source(self, folder: Path) -> HostSource:
        del folder
        return s3_source(self.server, Retry)
