"""Trees on a folder of this machine."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from publish.scenarios import Prepared
from publish.trees import Site

from oaio_storage_local import LocalApi


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A tree named ``site`` on a root of its own."""
    root = tmp_path / "root"
    host = LocalApi(str(root))
    host.create_root()
    return Site(host)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """The states before the scenarios."""
    return Prepared(tmp_path_factory.mktemp("before"))


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
