"""S3 beside s5cmd, rclone and plain s3fs, on a SeaweedFS of this machine: small files, a large one, memory.

Whole processes, all files on the disk before and after; a folder is moved as one, the large file by its name.
The server works on the same two cores, so the figures tell what a client costs beside it. What we fetch is
durable when the process ends, since that is what ``get_files`` promises; the others are taken as they are,
and what they left to the system is flushed when their time is over. s3fs, the slowest, is measured once.
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

import attrs

from benchmarks.harness import Row, at_most, beside, process

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from seaweed import KEY, REGION, SECRET, Weed, seaweed

RUNS = int(os.environ.get("OAIO_S3_RUNS", "5"))
FILES, FOLDERS, SIZE = 4_000, 40, 4096
LARGE = 1 << 30
MIDDLE, MIDDLE_SIZE = 128, 4 << 20
LIMIT = 1.1
BIN = Path(sys.executable).parent

OURS = """
import sys
from pathlib import Path
from oaio_storage.hosts.addresses import host_at

what, local, url = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
host = host_at(url)
if what == "up one":
    host.write("file", local / "file")
elif what == "down one":
    host.get_files([("file", local / "file", None, None)])
elif what == "up":
    files = sorted(path for path in local.rglob("*") if path.is_file())
    host.put_files((path.relative_to(local).as_posix(), path) for path in files)
elif what == "down":
    host.get_files((seen.path, local / seen.path, seen.size, None) for seen in host.list())
else:  # what is needed to move something, and no more
    host.write("other/idle", b"x")
    if what != "idle down one":
        list(host.list("nothing"))
"""

S3FS = """
import sys
import s3fs

what, local, url = sys.argv[1:]
fs = s3fs.S3FileSystem()
if what.startswith("up"):
    fs.put(local + "/", url + "/", recursive=True)
else:
    fs.get(url + "/", local + "/", recursive=True)
"""

_PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@attrs.frozen
class Rig:
    """The server, the variables that all clients get, and a folder to work in."""

    server: Weed
    env: Mapping[str, str]
    work: Path


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
        rig = Rig(server, env, work)
        small, middle, large = work / "small", work / "middle", work / "large"
        for number in range(FILES):
            inner = small / f"folder {number % FOLDERS}"
            inner.mkdir(parents=True, exist_ok=True)
            (inner / f"file {number}.bin").write_bytes(os.urandom(SIZE))
        _fill(large, ["file"], LARGE)
        _fill(middle, [f"file {number}" for number in range(MIDDLE)], MIDDLE_SIZE)
        found = _moved(rig, small, f"{FILES:,} files of 4 KiB", ("up", "down"))
        found += _moved(rig, large, "a file of 1 GiB", ("up one", "down one"))
        found += _memory(rig, large, "1 GiB", ("up one", "down one"))
        return found + _memory(rig, middle, f"{MIDDLE} files of 4 MiB", ("up", "down"))


def _fill(folder: Path, names: list[str], size: int) -> None:
    folder.mkdir()
    for name in names:
        with (folder / name).open("wb") as file:
            for _ in range(size >> 20):
                file.write(os.urandom(1 << 20))


def _sides(rig: Rig) -> dict[str, Callable[[str, Path, str], Callable[[], None]]]:
    """What moves a folder up to an address, or down from it, by its name."""
    remote = [
        "--s3-provider=Other",
        f"--s3-endpoint={rig.server.endpoint}",
        f"--s3-region={REGION}",
        "--s3-env-auth",
    ]

    def ours(what: str, local: Path, url: str) -> Callable[[], None]:
        return process(sys.executable, "-c", OURS, what, local, url, env=rig.env)

    def s3fs(what: str, local: Path, url: str) -> Callable[[], None]:
        return process(sys.executable, "-c", S3FS, what, local, url.removeprefix("s3://"), env=rig.env)

    def s5cmd(what: str, local: Path, url: str) -> Callable[[], None]:
        ends = {
            "up": (f"{local}/", f"{url}/"),
            "down": (f"{url}/*", f"{local}/"),
            "up one": (f"{local}/file", f"{url}/file"),
            "down one": (f"{url}/file", f"{local}/file"),
        }
        return process(BIN / "s5cmd", "cp", *ends[what], env=rig.env)

    def rclone(what: str, local: Path, url: str) -> Callable[[], None]:
        place = f":s3:{url.removeprefix('s3://')}"
        ends = {
            "up": ("copy", str(local), place),
            "down": ("copy", place, str(local)),
            "up one": ("copyto", f"{local}/file", f"{place}/file"),
            "down one": ("copyto", f"{place}/file", f"{local}/file"),
        }
        words = ("--config=", *remote, "--transfers=16", "--no-check-dest")
        return process(BIN / "rclone", *ends[what], *words, env=rig.env)

    return {"ours": ours, "s5cmd": s5cmd, "rclone": rclone, "s3fs": s3fs}


def _moved(rig: Rig, folder: Path, label: str, ways: tuple[str, str]) -> list[Row]:
    """A row for each way: ours beside the fastest of the others."""
    sides = _sides(rig)
    taken: dict[tuple[str, str], list[float]] = {(what, name): [] for what in ways for name in sides}
    for turn in range(RUNS + 1):
        for name, side in sides.items():
            if name == "s3fs" and turn != 1:
                continue
            url = f"s3://{rig.server.bucket}/{folder.name}-{name}-{turn}"
            fetched = rig.work / "fetched"
            fetched.mkdir()
            for what, local in zip(ways, (folder, fetched), strict=True):
                os.sync()  # what others left to the system is not ours to wait for
                begun = time.perf_counter()
                side(what, local, url)()
                if turn:
                    taken[what, name].append(time.perf_counter() - begun)
            assert _count(fetched) == _count(folder)
            shutil.rmtree(fetched)
            _forget(rig.server, url)
    return [_row(f"{label} {what}", {name: taken[what, name] for name in sides}) for what in ways]


def _count(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


def _row(label: str, taken: Mapping[str, list[float]]) -> Row:
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    peer = min((name for name in medians if name != "ours"), key=medians.__getitem__)
    told = ", ".join(f"{name} {seconds:.2f}" for name, seconds in medians.items())
    print(f"{label}: {told}", file=sys.stderr)
    return beside(f"S3: {label} ({peer})", medians["ours"], medians[peer], LIMIT)


def _forget(server: Weed, url: str) -> None:
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    keys = server.keys(bucket, f"{prefix}/")
    for start in range(0, len(keys), 1000):
        some = [{"Key": key} for key in keys[start : start + 1000]]
        server.raw.delete_objects(Bucket=bucket, Delete={"Objects": some, "Quiet": True})


def _memory(rig: Rig, folder: Path, label: str, ways: tuple[str, str]) -> list[Row]:
    url = f"s3://{rig.server.bucket}/memory-{folder.name}"
    found, fetched = [], rig.work / f"fetched {folder.name}"
    fetched.mkdir()
    for what, local in zip(ways, (folder, fetched), strict=True):
        idle = _peak(rig.env, f"idle {what}", local, url)
        peak = _peak(rig.env, what, local, url)
        found.append(at_most(f"S3: memory above idle, {label} {what}", (peak - idle) / 1024, 64, "MiB"))
    return found


def _peak(env: Mapping[str, str], what: str, local: Path, url: str) -> int:
    """Peak resident memory of one of our processes, in KiB."""
    command = [sys.executable, "-c", _PEAK, sys.executable, "-c", OURS, what, str(local), url]
    done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, check=True)
    return int(done.stdout)
