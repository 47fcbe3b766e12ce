"""A folder of many small files, and a few changes of it."""

import os
import time
from pathlib import Path

FOLDERS, SIZE, CHANGED = 100, 4096, 10
OLD = 1_000_000_000
"""Seconds since 1970: files that changed just now are hashed again, on purpose."""


def filled(folder: Path, files: int, size: int = SIZE) -> Path:
    """``folder`` with so many files in it, of an age at which a hash cache believes their times of change."""
    for number in range(files):
        inner = folder / f"folder {number % FOLDERS}"
        inner.mkdir(parents=True, exist_ok=True)
        file = inner / f"file {number}.bin"
        file.write_bytes(os.urandom(size))
        os.utime(file, (OLD, OLD))
    time.sleep(2.5)
    return folder


def change(folder: Path) -> None:
    """Write to CHANGED files of a folder that was filled."""
    for number in range(CHANGED):
        (folder / f"folder {number}" / f"file {number}.bin").write_bytes(os.urandom(SIZE))
