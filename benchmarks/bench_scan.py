"""Scan and hash 20,000 files of 4 KiB, beside ``rclone hashsum sha256``: whole processes, warm cache."""

import os
import sys
import tempfile
from pathlib import Path

from benchmarks.harness import Row, beside, interleaved, process

FILES, FOLDERS, SIZE = 20_000, 100, 4096

OURS = """
import sys
from pathlib import Path
from oaio_storage.scan import scan

found = scan(Path(sys.argv[1]))
assert not found.unknown
sys.stdout.write(found.manifest.text())
"""


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(FILES):
            inner = folder / f"folder {number % FOLDERS}"
            inner.mkdir(exist_ok=True)
            (inner / f"file {number}.bin").write_bytes(os.urandom(SIZE))
        rclone = Path(sys.executable).with_name("rclone")
        taken = interleaved(
            {
                "ours": process(sys.executable, "-c", OURS, folder),
                "rclone": process(rclone, "hashsum", "sha256", folder, "--config", os.devnull),
            }
        )
    return [beside(f"scan and hash {FILES:,} files of 4 KiB (rclone)", taken["ours"], taken["rclone"], 1.0)]
