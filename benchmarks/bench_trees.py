"""The tree store: whole processes from start to exit, beside peers where they are installed.

Against a folder of this machine for now; ``TARGET`` is what another host, and a proxy with a delay, replace.
restic and rclone are Debian's packages; where one is missing, its rows are left out.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.bench_publish import OLD
from benchmarks.harness import Row, at_most, beside, interleaved, process
from oaio_storage.hosts.probe import condition_test
from oaio_storage_local import LocalApi

SMALL_FILES, MANY_FILES, SIZE, CHANGED = 4_000, 20_000, 4096, 10
LARGE, INSERTED = 1 << 30, 1 << 20

COMMIT = """
import json, re, sys
from pathlib import Path
from oaio_storage.hash_cache import HashCache
from oaio_storage.trees.committing import commit
from oaio_storage.trees.store import TreeStore
from oaio_storage_local import LocalApi

root, folder, cache = map(Path, sys.argv[1:4])
cache.mkdir(exist_ok=True)
def peak():  # of this program alone; ru_maxrss is inherited from whoever started it
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])

idle = peak()
host = LocalApi(str(root))
host.create_root()
with HashCache(cache / "hashes.sqlite") as hashes:
    done = commit(TreeStore.on(host, "site", cache), folder, cache=hashes)
memory = (peak() - idle) * 1024
print(json.dumps({"sent": done.sent, "carried": done.carried, "memory": memory}))
"""

CHECK_OUT = """
import sys
from pathlib import Path
from oaio_storage.trees.checkout import check_out
from oaio_storage.trees.store import TreeStore
from oaio_storage_local import LocalApi

root, folder, cache = map(Path, sys.argv[1:4])
check_out(TreeStore.on(LocalApi(str(root)), "site", cache), folder)
"""


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        return [*_first(work), *_unchanged(work), *_large(work), *_entries(work)]


class Ours:
    """Our side: one root, and one device that remembers."""

    def __init__(self, work: Path, folder: Path) -> None:
        self.root, self.cache, self.folder = work / "root", work / "cache", folder
        work.mkdir(parents=True, exist_ok=True)

    def commit(self) -> dict[str, int]:
        words = [sys.executable, "-c", COMMIT, self.root, self.folder, self.cache]
        done = subprocess.run(list(map(str, words)), capture_output=True, check=True)
        told: dict[str, int] = json.loads(done.stdout)
        return told

    def check_out(self, folder: Path) -> None:
        process(sys.executable, "-c", CHECK_OUT, self.root, folder, self.cache.with_name("another cache"))()


class Restic:
    """restic, with a repository of its own."""

    def __init__(self, work: Path, folder: Path) -> None:
        self.folder = folder
        self.env = {
            "RESTIC_REPOSITORY": str(work / "restic"),
            "RESTIC_PASSWORD": "x",
            "RESTIC_CACHE_DIR": str(work / "restic cache"),
        }
        process("restic", "-q", "init", env=self.env)()

    def commit(self) -> None:
        process("restic", "-q", "backup", self.folder, env=self.env)()

    def check_out(self, folder: Path) -> None:
        process("restic", "-q", "restore", "latest", "--target", folder, env=self.env)()


def _first(work: Path) -> list[Row]:
    """A first commit of small files on a root that was tried out already, and its checkout."""
    folder = _filled(work / "small", SMALL_FILES)
    turn = iter(range(1_000))

    def fresh() -> tuple[Path, Path]:
        place = work / f"first {next(turn)}"
        place.mkdir()
        return place, place / "out"

    def ours(act: str) -> float:
        place, out = fresh()
        side = Ours(place, folder)
        _try_out(side.root)
        seconds = _seconds(side.commit)
        return seconds if act == "commit" else _seconds(lambda: side.check_out(out))

    def theirs(act: str) -> float:
        place, out = fresh()
        side = Restic(place, folder)
        seconds = _seconds(side.commit)
        return seconds if act == "commit" else _seconds(lambda: side.check_out(out))

    def mirrored() -> float:
        _, out = fresh()
        return _seconds(process("rclone", "copy", "--transfers", "32", folder, out))

    found = []
    name = f"first commit of {SMALL_FILES:,} files of 4 KiB"
    for peer, side, limit in (("restic", lambda: theirs("commit"), 0.4), ("rclone", mirrored, 0.15)):
        if _is_there(peer):
            taken = interleaved({"ours": lambda: ours("commit"), peer: side})
            found.append(beside(f"{name} ({peer})", taken["ours"], taken[peer], limit))
    if _is_there("restic"):
        taken = interleaved({"ours": lambda: ours("check out"), "restic": lambda: theirs("check out")})
        found.append(beside("checkout of the same (restic)", taken["ours"], taken["restic"], 0.5))
    if not found:
        found.append(at_most(name, interleaved({"ours": lambda: ours("commit")})["ours"], 1.0, "s"))
    return found


def _unchanged(work: Path) -> list[Row]:
    """A commit where nothing changed, and one where little did."""
    folder = _filled(work / "many", MANY_FILES)
    side = Ours(work / "unchanged", folder)
    side.commit()
    sides: dict[str, Callable[[], object]] = {"ours": side.commit}
    if _is_there("restic"):
        peer = Restic(work / "unchanged", folder)
        peer.commit()
        sides["restic"] = peer.commit
    taken = interleaved(sides)
    name = f"unchanged commit of {MANY_FILES:,} files"
    told = side.commit()
    found = [at_most(f"{name}: sent", told["sent"], 0, "bytes")]
    if "restic" in taken:
        found.append(beside(f"{name} (restic)", taken["ours"], taken["restic"], 0.5))
    else:
        found.append(at_most(name, taken["ours"], 1.0, "s"))
    for number in range(CHANGED):
        (folder / f"folder {number}" / f"file {number}.bin").write_bytes(os.urandom(SIZE))
    told = side.commit()
    sent = (told["sent"] - told["carried"] - CHANGED * SIZE) / 1024
    found.append(at_most(f"{CHANGED} changed of {MANY_FILES:,}: sent beside them", sent, 200, "KiB"))
    return found


def _large(work: Path) -> list[Row]:
    """A first commit of a large file, and 1 MiB inserted in its middle."""
    folder = work / "large"
    folder.mkdir()
    with (folder / "file").open("wb") as file:
        for _ in range(LARGE >> 20):
            file.write(os.urandom(1 << 20))
    side = Ours(work / "of large", folder)
    told: dict[str, int] = {}
    seconds = _seconds(lambda: told.update(side.commit()))
    found = [at_most("memory above idle of a commit of 1 GiB", told["memory"] / 2**20, 64, "MiB")]
    if _is_there("restic"):
        peer = Restic(work / "of large", folder)
        found.append(beside("first commit of 1 GiB (restic)", seconds, _seconds(peer.commit), 1.0))
    with (folder / "file").open("r+b") as file:
        file.seek(LARGE // 2)
        rest = file.read()
        file.seek(LARGE // 2)
        file.write(os.urandom(INSERTED))
        file.write(rest)
    found.append(at_most("1 MiB inserted in 1 GiB: sent", side.commit()["sent"] / 2**20, 6, "MiB"))
    return found


def _entries(work: Path) -> list[Row]:
    """Memory for many entries, by the number given in OAIO_ENTRIES (a million takes minutes to lay out)."""
    count = int(os.environ.get("OAIO_ENTRIES", "100000"))
    folder = work / "entries"
    for number in range(count):
        inner = folder / f"{number % 1_000}"
        if number < 1_000:
            inner.mkdir(parents=True)
        (inner / f"file {number}").write_bytes(b"%d" % number)
    told = Ours(work / "of entries", folder).commit()
    limit = 64 + (count - 20_000) / 1024
    return [at_most(f"memory above idle for {count:,} entries", told["memory"] / 2**20, limit, "MiB")]


def _filled(folder: Path, files: int) -> Path:
    for number in range(files):
        inner = folder / f"folder {number % 100}"
        inner.mkdir(parents=True, exist_ok=True)
        file = inner / f"file {number}.bin"
        file.write_bytes(os.urandom(SIZE))
        os.utime(file, (OLD, OLD))
    time.sleep(2.5)  # until the cache believes their times of change
    return folder


def _try_out(root: Path) -> None:
    host = LocalApi(str(root))
    host.create_root()
    condition_test(host)


def _is_there(peer: str) -> bool:
    if shutil.which(peer):
        return True
    print(f"{peer} is not installed: no row beside it", file=sys.stderr)
    return False


def _seconds(run: Callable[[], object]) -> float:
    before = time.perf_counter()
    run()
    return time.perf_counter() - before
