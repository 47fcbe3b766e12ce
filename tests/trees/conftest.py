"""A device with a tree on a host in memory."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from trees.places import Device, memory


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path, memory())


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk that need not write anything, where there is one: for what is about order alone."""
    memory = Path("/dev/shm")
    if not memory.is_dir():
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(dir=memory))
    yield folder
    shutil.rmtree(folder)
