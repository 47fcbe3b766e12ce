"""Names that no host can hold: told by name, with what to do about them."""

import os
from pathlib import Path

import pytest
from client.conftest import MakeClient

from oaio_storage.errors import InvalidName

ODD = os.fsdecode(b"b\xffd")


@pytest.mark.parametrize("names", [(ODD,), ("back\\slash",), ("Same", "same")])
def test_a_folder_with_names_that_no_host_holds_is_refused_and_they_are_named(
    make_client: MakeClient, tmp_path: Path, names: tuple[str, ...]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("fine", *names):
        (folder / name).write_text(name.encode(errors="replace").decode())
    one = make_client("one")
    with pytest.raises(InvalidName) as told:
        one.register_folder(str(folder))
    assert all(repr(name) in told.value.message for name in names)
    assert "Rename" in told.value.hint
    assert not one.client_objectz


def test_such_a_name_that_appears_later_is_a_problem_that_says_so(
    make_client: MakeClient, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "fine").write_text("fine")
    one = make_client("one")
    assert one.register_folder(str(folder)) is not None
    (folder / ODD).write_text("odd")
    (problem,) = one.sync().problems
    assert repr(ODD) in problem.what
    assert problem.way_out == "Rename them, or move them out of the folder. Then: oaio sync"
    (folder / ODD).rename(folder / "renamed")
    assert not one.sync().problems
