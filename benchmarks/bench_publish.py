"""Publishing on local disk: a few changes beside ``rsync -a --link-dest``, a look that repeats, and memory.

Whole processes, flush included, warm caches. rsync makes a new folder beside the old one with links to what
did not change, which is the part of a publication that it can do; ``sync -f`` flushes it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.changing import CHANGED, SIZE, change, filled
from benchmarks.harness import Row, at_most, beside, interleaved, process

FILES = 20_000
LOOKED_AT, LOOKED_SIZE = 4_000, 1 << 18
LARGE = 2 << 30
OAIO = Path(sys.executable).with_name("oaio")

LOOK = """
import sys
from pathlib import Path
from oaio_storage.hash_cache import HashCache
from oaio_storage.scan import scan

with HashCache(Path(sys.argv[2])) as cache:
    assert not scan(Path(sys.argv[1]), cache=cache).unknown
"""


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        return [*_publishing(work), _looking(work), _memory(work)]


def _publishing(work: Path) -> list[Row]:
    rsync = shutil.which("rsync")
    if rsync is None:
        print("rsync is not installed (make system): publishing has no peer", file=sys.stderr)
        return []
    folder = filled(work / "folder", FILES)
    env = {"XDG_CACHE_HOME": str(work / "cache")}
    publish = process(OAIO, "publish", folder, "site", "--to", work / "www", env=env)
    publish()
    subprocess.run([rsync, "-a", f"{folder}/", work / "copy 0"], check=True)
    turn = iter(range(1, 100))

    def ours() -> float:
        change(folder)
        return _seconds(publish)

    def theirs() -> float:
        number = next(turn)
        change(folder)
        new = work / f"copy {number}"
        before = time.perf_counter()
        subprocess.run(
            [rsync, "-a", f"--link-dest={work / f'copy {number - 1}'}", f"{folder}/", new], check=True
        )
        subprocess.run(["sync", "-f", new], check=True)
        return time.perf_counter() - before

    taken = interleaved({"ours": ours, "rsync": theirs})
    name = f"publish {CHANGED} changed of {FILES:,} files (rsync --link-dest)"
    return [beside(name, taken["ours"], taken["rsync"], 0.8)]


def _looking(work: Path) -> Row:
    folder = filled(work / "to be looked at", LOOKED_AT, LOOKED_SIZE)
    cache = work / "hashes.sqlite"
    look = process(sys.executable, "-c", LOOK, folder, cache)

    def first() -> float:
        for file in work.glob("hashes.sqlite*"):
            file.unlink()
        return _seconds(look)

    taken = interleaved({"first": first, "again": look})
    return beside(
        f"look at {LOOKED_AT:,} files of 256 KiB again (the first time)", taken["again"], taken["first"], 0.2
    )


def _memory(work: Path) -> Row:
    """Peak memory of publishing one large file above that of publishing a small one."""
    peaks = []
    for size in (SIZE, LARGE):
        folder = work / f"one of {size}"
        folder.mkdir()
        with (folder / "file").open("wb") as file:
            file.truncate(size)
        words = [OAIO, "publish", folder, "site", "--to", work / f"memory {size}"]
        peaks.append(_peak(list(map(str, words)), {"XDG_CACHE_HOME": str(work / "cache")}))
    return at_most("memory above idle for a file of 2 GiB", (peaks[1] - peaks[0]) / 1024, 64, "MiB")


_PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def _peak(words: list[str], env: dict[str, str]) -> int:
    """Peak resident memory of a process, in KiB."""
    command = [sys.executable, "-c", _PEAK, *words]
    done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, check=True)
    return int(done.stdout)


def _seconds(run: Callable[[], object]) -> float:
    before = time.perf_counter()
    run()
    return time.perf_counter() - before
