"""An object with one file takes that file alone: what lies beside it is never read, sent or overwritten."""

from pathlib import Path

import pytest
from client.conftest import MakeClient

from oaio_storage.client import OaioClient, map_files
from oaio_storage.errors import RootOverlap
from oaio_storage.model import OaiObject


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    """A folder of several files."""
    folder = tmp_path / "papers"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / name).write_text(name)
    return folder


def _registered(client: OaioClient, file: Path) -> OaiObject:
    made = client.register_file(file.name, root_path=str(file.parent))
    assert made is not None, client.error_message
    return made


def test_files_of_one_folder_are_objects_of_their_own(make_client: MakeClient, papers: Path) -> None:
    one, two = make_client("one"), make_client("two")
    a, b = _registered(one, papers / "a"), _registered(one, papers / "b")
    (papers / "a").write_text("edited")
    one.sync()
    two.sync()
    known = set(one.client_objectz)
    assert [path.read_text() for made in (a, b) for path in two.files(made.oaio_id)] == ["edited", "b"]
    for taken in (papers / "a", papers):
        with pytest.raises(RootOverlap):
            one.register_folder(str(taken)) if taken.is_dir() else _registered(one, taken)
    assert set(one.client_objectz) == known


def test_a_file_may_lie_beside_client_root_and_a_folder_beside_a_file(
    make_client: MakeClient, papers: Path
) -> None:
    one = make_client("one")
    beside = one.device.client_root.parent / "beside"
    beside.write_text("beside")
    _registered(one, beside)
    (papers / "sub").mkdir()
    (papers / "sub" / "d").write_text("d")
    _registered(one, papers / "a")
    assert one.register_folder(str(papers / "sub")) is not None
    with pytest.raises(RootOverlap):
        _registered(one, papers / "sub" / "d")


def test_another_device_cannot_make_a_folder_of_a_file(make_client: MakeClient, papers: Path) -> None:
    one, other = make_client("one"), make_client("other", "bob")
    made = _registered(one, papers / "a")
    assert one.upsert_subscription(made.oaio_id, "bob", "U"), one.error_message
    other.sync()
    other.update_folder(made.oaio_id)
    one.sync()
    (papers / "a").write_text("edited")
    assert one.sync().sent == 1
    assert one.files(made.oaio_id) == [papers / "a"]
    other.sync()
    assert [path.read_text() for path in other.files(made.oaio_id)] == ["edited"]


def test_another_device_cannot_put_files_beside_a_file(make_client: MakeClient, papers: Path) -> None:
    one, other = make_client("one"), make_client("other", "bob")
    made = _registered(one, papers / "a")
    assert one.upsert_subscription(made.oaio_id, "bob", "U"), one.error_message
    other.sync()
    (other.files(made.oaio_id)[0].parent / ".profile").write_text("evil")
    other.update_folder(made.oaio_id)
    one.sync()
    assert sorted(path.name for path in papers.iterdir()) == ["a", "b", "c"]
    assert [problem.oaio_id for problem in one.problems()] == [made.oaio_id]
    assert "--at FOLDER" in one.problems()[0].way_out
    map_files(one, made.oaio_id, papers.parent / "apart")
    one.sync()
    assert [path.name for path in one.files(made.oaio_id)] == [".profile", "a"]
    assert one.problems() == []


def test_the_way_out_for_a_missing_file_never_takes_its_folder(make_client: MakeClient, papers: Path) -> None:
    one = make_client("one")
    made = _registered(one, papers / "a")
    (papers / "a").unlink()
    one.sync()
    assert f"oaio update {made.oaio_id} FILE" in one.problems()[0].way_out
