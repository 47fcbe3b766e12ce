"""A place that another user named is never used, nor passed on as one's own (O15)."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from client.conftest import MakeClient

from oaio_storage.client import map_files
from oaio_storage.errors import AlreadyExists
from oaio_storage.places import Places


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder below a placeholder that every device of this system has."""
    made = Places.of_system().expand(f"{{usr}}/oaio-storage-test-{os.getpid()}")
    made.mkdir(parents=True)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_an_edit_does_not_make_anothers_place_trusted(make_client: MakeClient, home: Path) -> None:
    mallory, one, two = make_client("theirs", "bob"), make_client("one"), make_client("two")
    (home / "authorized_keys").write_bytes(b"a key of somebody else")
    made = mallory.register_folder(str(home))
    assert made is not None
    assert mallory.upsert_subscription(made.oaio_id, "alice", "U"), mallory.error_message
    shutil.rmtree(home)
    one.sync()
    one.update_object(made.oaio_id, {"seen": True})
    (one.files(made.oaio_id)[0].parent / "more").write_bytes(b"more")
    assert one.sync().sent == 2
    two.sync()
    assert not home.exists()
    assert [path.name for path in two.files(made.oaio_id)] == ["authorized_keys", "more"]
    assert two.device.client_root in two.files(made.oaio_id)[0].parents


def test_ones_own_place_is_used_on_ones_other_devices(make_client: MakeClient, home: Path) -> None:
    one, two = make_client("one"), make_client("two")
    (home / "file").write_bytes(b"mine")
    made = one.register_folder(str(home))
    assert made is not None
    one.update_object(made.oaio_id, {"edited": True})
    shutil.rmtree(home)
    two.sync()
    assert two.files(made.oaio_id) == [home / "file"]


def test_a_folder_that_cant_be_is_refused(make_client: MakeClient, tmp_path: Path) -> None:
    client = make_client("one")
    made = client.register_file("given", b"content")
    assert made is not None
    file = tmp_path / "file"
    file.write_bytes(b"mine")
    for place in (file, file / "below", file / "deep" / "below"):
        with pytest.raises(AlreadyExists) as caught:
            map_files(client, made.oaio_id, place)
        assert caught.value.hint
    assert file.read_bytes() == b"mine"
