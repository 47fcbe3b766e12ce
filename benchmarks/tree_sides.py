"""Who keeps a tree on a bucket: we and our peers, each as whole processes from start to exit."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

import attrs

from benchmarks.harness import process
from oaio_storage.hosts.probe import condition_test
from oaio_storage_s3 import S3Api

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from seaweed import KEY, REGION, SECRET, Weed

BIN = Path(sys.executable).parent
TRANSFERS = "--transfers=32"

_COMMON = """
import json, re, sys
from pathlib import Path
from oaio_storage.hosts.addresses import host_at
from oaio_storage.trees.store import TreeStore

url, folder, cache = sys.argv[1], *map(Path, sys.argv[2:4])
cache.mkdir(exist_ok=True)
host = host_at(url)

def peak():  # of this program alone; ru_maxrss is inherited from whoever started it
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
"""

COMMIT = f"""{_COMMON}
from oaio_storage.hash_cache import HashCache
from oaio_storage.trees.committing import commit

store = TreeStore.on(host, "site", cache)
idle = peak()
with HashCache(cache / "hashes.sqlite") as hashes:
    done = commit(store, folder, cache=hashes)
print(json.dumps({{"sent": done.sent, "carried": done.carried, "memory": peak() - idle}}))
"""

CHECK_OUT = f"""{_COMMON}
from oaio_storage.trees.checkout import check_out

store = TreeStore.on(host, "site", cache)
idle = peak()
check_out(store, folder)
print(json.dumps({{"memory": peak() - idle}}))
"""


@attrs.define
class Place:
    """A part of a bucket that nobody else uses, and a folder for what a device remembers.

    Attributes:
        bucket: its name.
        prefix: of all that is stored.
        endpoint: of the server, or of a proxy before it.
        work: the folder.
    """

    bucket: str
    prefix: str
    endpoint: str
    work: Path

    _count: ClassVar[int] = 0

    @classmethod
    def new(cls, server: Weed, work: Path, endpoint: str = "") -> Self:
        """A place that is empty."""
        Place._count += 1
        inner = work / f"place {Place._count}"
        inner.mkdir(parents=True)
        return cls(server.bucket, f"place-{Place._count}", endpoint or server.endpoint, inner)

    @property
    def env(self) -> Mapping[str, str]:
        """What all sides find the server and its keys by."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
        }


@attrs.define
class Ours:
    """Our side: a tree on a root that was tried out already, and one device that remembers.

    Attributes:
        place: where.
        memory: bytes above idle that a process took, at most.
    """

    place: Place
    memory: int = 0

    @classmethod
    def at(cls, place: Place, direct: str) -> Self:
        """A root at ``place`` that was tried out, by way of ``direct``."""
        host = S3Api(
            bucket=place.bucket,
            prefix=place.prefix,
            endpoint=direct,
            region=REGION,
            access_key_id=KEY,
            secret_access_key=SECRET,
        )
        host.create_root()
        condition_test(host)
        return cls(place)

    def commit(self, folder: Path) -> dict[str, int]:
        """What the process told."""
        return self._run(COMMIT, folder, "cache")

    def check_out(self, folder: Path) -> None:
        """By a device that remembers nothing."""
        self._run(CHECK_OUT, folder, f"cache for {folder.name}")

    def _run(self, code: str, folder: Path, cache: str) -> dict[str, int]:
        url = f"s3://{self.place.bucket}/{self.place.prefix}"
        words = [sys.executable, "-c", code, url, str(folder), str(self.place.work / cache)]
        done = subprocess.run(words, env={**os.environ, **self.place.env}, stdout=subprocess.PIPE, check=True)
        told: dict[str, int] = json.loads(done.stdout)
        self.memory = max(self.memory, told["memory"])
        return told


@attrs.define
class Restic:
    """restic, with a repository and a cache of its own."""

    place: Place

    @classmethod
    def at(cls, place: Place) -> Self:
        """A repository that is empty."""
        side = cls(place)
        side._run("init")
        return side

    def commit(self, folder: Path) -> None:
        self._run("backup", folder)

    def check_out(self, folder: Path) -> None:
        """What ours promises, and restic does not, follows: that it is on the disk."""
        self._run("restore", "latest", "--target", folder)
        subprocess.run(["sync", "-f", folder], check=True)

    def _run(self, *words: str | Path) -> None:
        env = {
            **self.place.env,
            "RESTIC_REPOSITORY": f"s3:{self.place.endpoint}/{self.place.bucket}/{self.place.prefix}",
            "RESTIC_PASSWORD": "x",
            "RESTIC_CACHE_DIR": str(self.place.work / "restic"),
        }
        process("restic", "-q", *words, env=env)()


@attrs.define
class Rclone:
    """rclone, a file a request."""

    place: Place

    def commit(self, folder: Path) -> None:
        """Of a folder of which nothing is there."""
        self._run("copy", "--no-check-dest", folder)

    def sync(self, folder: Path) -> None:
        """Of a folder of which most is there, as it does by itself: it asks for the time of each file."""
        self._run("sync", folder)

    def _run(self, *words: str | Path) -> None:
        remote = [
            "--s3-provider=Other",
            f"--s3-endpoint={self.place.endpoint}",
            f"--s3-region={REGION}",
            "--s3-env-auth",
            "--s3-no-check-bucket",
        ]
        target = f":s3:{self.place.bucket}/{self.place.prefix}"
        process(BIN / "rclone", "--config=", *remote, TRANSFERS, *words, target, env=self.place.env)()


@attrs.define
class Aws:
    """The command line of Amazon, a file a request."""

    place: Place

    def sync(self, folder: Path) -> None:
        """Of what is new or differs."""
        target = f"s3://{self.place.bucket}/{self.place.prefix}"
        process(BIN / "aws", "s3", "sync", "--only-show-errors", folder, target, env=self.place.env)()
