"""Readers beside exchanges of their folder: always a file, and one folder's files belong together."""

import subprocess
import sys
from pathlib import Path

from counts import COUNTS

from oaio_storage_local import LocalApi

READER = """
import collections, os, sys
from oaio_storage_local import LocalApi
root, reads, seen = sys.argv[1], int(sys.argv[2]), collections.Counter()
host = LocalApi(root)
print("ready", flush=True)
for number in range(reads):
    seen[host.read("live/a").decode()] += 1
    if number % 20 == 0:
        folder = os.open(root + "/live", os.O_RDONLY)
        files = [os.open(name, os.O_RDONLY, dir_fd=folder) for name in ("a", "b")]
        assert len({os.pread(file, 9, 0) for file in files}) == 1, "a mix"
        for handle in (folder, *files):
            os.close(handle)
print(*sorted(seen), sum(seen.values()), flush=True)
"""


def test_readers_meet_no_gap(tmp_path: Path) -> None:
    host = LocalApi(str(tmp_path))
    for folder, content in (("live", b"one"), (".oaio/next", b"two")):
        for name in ("a", "b"):
            path = f"{folder}/{name}"
            (host.state if folder.startswith(".") else host).write(path.removeprefix(".oaio/"), content)
    swapped = 0
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(tmp_path), str(COUNTS.swap_reads)],
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout
        assert reader.stdout.readline() == "ready\n"
        while reader.poll() is None:
            host._swap_folders("live", ".oaio/next")
            swapped += 1
        told = reader.stdout.read()
    while swapped < COUNTS.swaps:  # a slow disk: readers were done first
        host._swap_folders("live", ".oaio/next")
        swapped += 1
    assert told.split() == ["one", "two", str(COUNTS.swap_reads)]
    assert host.read("live/a") == (b"two" if swapped % 2 else b"one")
