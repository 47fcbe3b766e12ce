"""Diff two canonical manifests of one million lines, beside GNU diff where there is one: whole processes."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from benchmarks.harness import Row, at_most, interleaved, process

LINES = 1_000_000
LIMIT = 3.0

OURS = """
import sys
from oaio_storage.manifest import diff_texts

old, new = (open(name, encoding="utf-8", newline="\\n") for name in sys.argv[1:3])
assert sum(1 for _ in diff_texts(old, new)) == int(sys.argv[3])
"""


def _write(path: Path, entries: Iterable[tuple[str, str]]) -> None:
    digest = sha256()
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for line in ("oaio-manifest 1\n", *(f"{checksum} 4096 - {name}\n" for name, checksum in entries)):
            file.write(line)
            digest.update(line.encode())
        file.write(f"digest {digest.hexdigest()}\n")


def rows() -> list[Row]:
    tree = [(f"folder {n // 100:05}/file {n:07}.txt", sha256(b"%d" % n).hexdigest()) for n in range(LINES)]
    other = [
        (name, "0" * 64 if n % 1000 == 1 else checksum) for n, (name, checksum) in enumerate(tree) if n % 1000
    ]
    with tempfile.TemporaryDirectory() as name:
        one, two = Path(name) / "one", Path(name) / "two"
        _write(one, tree)
        _write(two, other)
        sides = {"ours": process(sys.executable, "-c", OURS, one, two, str(2 * LINES // 1000))}
        if gnu := shutil.which("diff"):
            sides["diff"] = lambda: _gnu_diff(gnu, one, two)
        taken = interleaved(sides)
    peer = taken.get("diff")
    return [at_most(f"diff two manifests of {LINES:,} lines (diff)", taken["ours"], LIMIT, "s", peer)]


def _gnu_diff(gnu: str, one: Path, two: Path) -> None:
    found = subprocess.run([gnu, one, two], stdout=subprocess.DEVNULL, check=False)
    assert found.returncode == 1, "the manifests differ"
