"""The parts of the demo: its checks find what differs, and its lines are Python that runs."""

from pathlib import Path

import pytest

from oaio_storage.cli.demo import folders, script
from oaio_storage.errors import Corrupt


def test_the_lines_shown_are_a_module_that_runs() -> None:
    module: dict[str, object] = {}
    exec(compile("\n".join(script.lines()), "lines", "exec"), module)
    assert {scene.__name__ for scene in script.SCENES} <= set(module)


def test_files_that_differ_are_named() -> None:
    folders.require_same({"a": "1"}, {"a": "1"}, "the phone")
    for other in ({"a": "2"}, {}, {"a": "1", "b": "1"}):
        with pytest.raises(Corrupt, match=r"differ in [ab]"):
            folders.require_same({"a": "1"}, other, "the phone")


def test_a_shared_file_is_found(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    (here / "a").write_text("a")
    folders.require_apart(here, there)
    (there / "b").hardlink_to(here / "a")
    with pytest.raises(Corrupt, match="a file of its own"):
        folders.require_apart(here, there)


@pytest.mark.parametrize("change", ["content", "name", "mode", "link", "time"])
def test_every_change_of_a_folder_changes_its_fingerprint(change: str, tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("a")
    (tmp_path / "link").symlink_to("a")
    before = folders.fingerprint(tmp_path)
    assert folders.fingerprint(tmp_path) == before
    if change == "content":
        file.write_text("b")
    elif change == "name":
        file.rename(tmp_path / "b")
    elif change == "mode":
        file.chmod(0o400)
    elif change == "link":
        (tmp_path / "link").unlink()
    else:
        file.touch()
    assert folders.fingerprint(tmp_path) != before


def test_edits_change_one_file_remove_one_and_add_two(tmp_path: Path) -> None:
    for name in ("a", "b", "added [1] *.txt"):
        (tmp_path / name).write_text(name)
    before = folders.checksums(tmp_path)
    changed, removed, added = folders.edit_files(tmp_path)
    after = folders.checksums(tmp_path)
    assert set(before) - set(after) == {removed}
    assert set(after) - set(before) == set(added)
    assert {name for name in before if before[name] != after.get(name, before[name])} == {changed}


def test_the_folder_of_listed_files_is_found_by_their_names(tmp_path: Path) -> None:
    names = ["a", "b/a", "b/b/a"]
    assert folders.common_root([tmp_path / "b" / name for name in names], names) == tmp_path / "b"
    with pytest.raises(Corrupt):
        folders.common_root([tmp_path / "a"], names)
