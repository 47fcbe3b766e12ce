"""A host that is lent to the demo has a fresh folder for it, and is as before afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from oaio_storage.cli.demo.borrowed_host import borrowed_host
from oaio_storage.config import DIRECTORY_VARIABLE, ConfiguredHost, add_host
from oaio_storage.errors import UnknownHost
from oaio_storage.hosts import host_api
from oaio_storage.hosts.addresses import below


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is configured as the host Local-disk, with a file in it."""
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(tmp_path / "config"))
    root = tmp_path / "disk"
    (root / "oaio-demo-mine").mkdir(parents=True)
    (root / "oaio-demo-mine" / "file").write_text("precious")
    add_host(ConfiguredHost("Local-disk", {"root_folder": str(root)}))
    yield root
    assert (root / "oaio-demo-mine" / "file").read_text() == "precious"


def test_all_that_was_made_is_removed_and_nothing_else(disk: Path) -> None:
    with borrowed_host("Local-disk") as lent:
        assert (lent.csh_id, lent.backend, lent.secrets) == ("Local-disk", "Local", {})
        fresh = Path(lent.options["root_folder"])
        assert fresh.parent == disk
        with host_api("Local-disk", root_folder=str(fresh)) as host:
            host.write("a/b", b"x")
            host.state.write("c", b"x")
    assert [path.name for path in disk.iterdir()] == ["oaio-demo-mine"]


def test_it_is_removed_after_an_error_too(disk: Path) -> None:
    with pytest.raises(KeyboardInterrupt), borrowed_host("Local-disk"):
        raise KeyboardInterrupt
    assert [path.name for path in disk.iterdir()] == ["oaio-demo-mine"]


@pytest.mark.usefixtures("disk")
def test_an_unknown_host_is_told() -> None:
    with pytest.raises(UnknownHost, match="there are: Local-disk"), borrowed_host("Local-nowhere"):
        pass


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sftp://nas/root/", "sftp://nas/root/x"),
        ("zip://a::file:///b.zip", "zip://a/x::file:///b.zip"),
        ("memory://kept", "memory://kept/x"),
    ],
)
def test_a_folder_below_an_address(url: str, expected: str) -> None:
    assert below("Fsspec", {"url": url, "storage_options": {}}, "x") == {
        "url": expected,
        "storage_options": {},
    }
