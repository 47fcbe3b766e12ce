"""S3 beside s5cmd, rclone and plain s3fs, on a SeaweedFS of this machine: small files, a large one, memory.

Whole processes, all files on the disk before and after. The server works on the same two cores, so the
figures tell what a client costs beside it. What is fetched by us is flushed, since that is what ``get_files``
promises; a flush of all follows the peers, inside their time.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.harness import Row, at_most, beside, process

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from seaweed import KEY, REGION, SECRET, Weed, seaweed

RUNS = int(os.environ.get("OAIO_S3_RUNS", "5"))
FILES, FOLDERS, SIZE = 4_000, 40, 4096
LARGE = 1 << 30
BIN = Path(sys.executable).parent

OURS = """
import sys
from pathlib import Path
from oaio_storage.hosts.addresses import host_at

what, local, url = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
host = host_at(url)
if what == "up":
    files = sorted(path for path in local.rglob("*") if path.is_file())
    host.put_files((path.relative_to(local).as_posix(), path) for path in files)
elif what == "down":
    host.get_files((seen.path, local / seen.path, seen.size, None) for seen in host.list())
else:
    host.write("idle", b"x")
    list(host.list("nothing"))  # both libraries are loaded
"""

S3FS = """
import sys
import s3fs

what, local, url = sys.argv[1:]
fs = s3fs.S3FileSystem()
if what == "up":
    fs.put(local + "/", url + "/", recursive=True)
else:
    fs.get(url + "/", local + "/", recursive=True)
"""

_PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as name, seaweed() as server:
        work = Path(name)
        env = {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": server.endpoint,
            "S3_ENDPOINT_URL": server.endpoint,
        }
        small, large = work / "small", work / "large"
        for number in range(FILES):
            inner = small / f"folder {number % FOLDERS}"
            inner.mkdir(parents=True, exist_ok=True)
            (inner / f"file {number}.bin").write_bytes(os.urandom(SIZE))
        _fill(large, LARGE)
        found = []
        for label, folder in ((f"{FILES:,} files of 4 KiB", small), ("a file of 1 GiB", large)):
            found += _moved(server, env, work, folder, label)
        return [*found, *_memory(server, env, work, large)]


def _fill(folder: Path, size: int) -> None:
    folder.mkdir()
    with (folder / "file").open("wb") as file:
        for _ in range(size >> 20):
            file.write(os.urandom(1 << 20))


def _sides(server: Weed, env: Mapping[str, str]) -> dict[str, Callable[[str, Path, str], Callable[[], None]]]:
    """What moves a folder up to an address, or down from it, by its name."""
    remote = [
        "--s3-provider=Other",
        f"--s3-endpoint={server.endpoint}",
        f"--s3-region={REGION}",
        "--s3-env-auth",
    ]

    def ours(what: str, local: Path, url: str) -> Callable[[], None]:
        return process(sys.executable, "-c", OURS, what, local, url, env=env)

    def s3fs(what: str, local: Path, url: str) -> Callable[[], None]:
        return process(sys.executable, "-c", S3FS, what, local, url.removeprefix("s3://"), env=env)

    def s5cmd(what: str, local: Path, url: str) -> Callable[[], None]:
        ends = (f"{local}/", f"{url}/") if what == "up" else (f"{url}/*", f"{local}/")
        return process(BIN / "s5cmd", "cp", *ends, env=env)

    def rclone(what: str, local: Path, url: str) -> Callable[[], None]:
        place = f":s3:{url.removeprefix('s3://')}"
        ends = (str(local), place) if what == "up" else (place, str(local))
        return process(
            BIN / "rclone", "copy", "--config=", *remote, "--transfers=16", "--no-check-dest", *ends, env=env
        )

    return {"ours": ours, "s5cmd": s5cmd, "rclone": rclone, "s3fs": s3fs}


def _moved(server: Weed, env: Mapping[str, str], work: Path, folder: Path, label: str) -> list[Row]:
    """A row for each way: ours beside the fastest of the others."""
    sides = _sides(server, env)
    taken: dict[tuple[str, str], list[float]] = {
        (what, name): [] for what in ("up", "down") for name in sides
    }
    for turn in range(RUNS + 1):
        for name, side in sides.items():
            url = f"s3://{server.bucket}/{folder.name}-{name}-{turn}"
            fetched = work / "fetched"
            for what, local in (("up", folder), ("down", fetched)):
                local.mkdir(exist_ok=True)
                begun = time.perf_counter()
                side(what, local, url)()
                if what == "down":
                    subprocess.run(["sync", "-f", local], check=True)
                if turn:
                    taken[what, name].append(time.perf_counter() - begun)
            assert sum(path.is_file() for path in fetched.rglob("*")) == sum(
                path.is_file() for path in folder.rglob("*")
            )
            shutil.rmtree(fetched)
            _forget(server, url)
    found = []
    for what in ("up", "down"):
        medians = {name: statistics.median(taken[what, name]) for name in sides}
        peer = min((name for name in sides if name != "ours"), key=medians.__getitem__)
        told = ", ".join(f"{name} {seconds:.1f}" for name, seconds in medians.items() if name != "ours")
        print(f"{label} {what}: ours {medians['ours']:.1f}, {told}", file=sys.stderr)
        found.append(beside(f"S3: {label} {what} ({peer})", medians["ours"], medians[peer], 1.0))
    return found


def _forget(server: Weed, url: str) -> None:
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    keys = server.keys(bucket, f"{prefix}/")
    for start in range(0, len(keys), 1000):
        some = [{"Key": key} for key in keys[start : start + 1000]]
        server.raw.delete_objects(Bucket=bucket, Delete={"Objects": some, "Quiet": True})


def _memory(server: Weed, env: Mapping[str, str], work: Path, large: Path) -> list[Row]:
    url = f"s3://{server.bucket}/memory"
    idle = _peak(env, "idle", large, url)
    found = []
    for what, local in (("up", large), ("down", work / "fetched")):
        local.mkdir(exist_ok=True)
        peak = _peak(env, what, local, url)
        found.append(at_most(f"S3: memory above idle, 1 GiB {what}", (peak - idle) / 1024, 64, "MiB"))
    return found


def _peak(env: Mapping[str, str], what: str, local: Path, url: str) -> int:
    """Peak resident memory of one of our processes, in KiB."""
    command = [sys.executable, "-c", _PEAK, sys.executable, "-c", OURS, what, str(local), url]
    done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, check=True)
    return int(done.stdout)
