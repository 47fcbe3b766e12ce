"""Publishing a folder of this machine."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import pytest
from publish.trees import Site

from oaio_storage.errors import NotGuaranteed, Superseded
from oaio_storage.hosts import Expect, Stat
from oaio_storage.publish.sending import look, publish_folder
from oaio_storage.publish.tree import PlainTree
from oaio_storage.publish.verifying import verify
from oaio_storage_local import LocalApi


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    (made / "a").write_bytes(b"aaa")
    (made / "b").write_bytes(b"bbb")
    return made


def test_what_is_live_already_is_not_published_again(site: Site, folder: Path) -> None:
    first = publish_folder(site.tree, folder)
    assert (first.sent, first.bytes_sent) == (2, 6)
    assert publish_folder(site.tree, folder).switch is None
    assert len(site.tree.history()) == 1


@pytest.mark.parametrize("content", [b"AAA", b"longer", None])
def test_what_was_changed_in_place_is_sent_again(site: Site, folder: Path, content: bytes | None) -> None:
    publish_folder(site.tree, folder)
    live = site.root / "site" / "a"
    live.unlink()
    if content is not None:
        live.write_bytes(content)
    mended = publish_folder(site.tree, folder)
    assert mended.sent == 1
    assert site.on_disk() == {"a": b"aaa", "b": b"bbb"}
    assert verify(site.tree).faults[0].path == "a"  # the older generation still has the damage
    assert {fault.generation for fault in verify(site.tree).faults} == {site.tree.history()[0].generation}


class Ignoring(LocalApi):
    """A folder that takes conditions and ignores them."""

    def _write(
        self,
        path: str,
        source: BinaryIO,
        size: int | None,
        expect: Expect,  # noqa: ARG002 - that it is not used is the point
        headers: Mapping[str, str],
    ) -> Stat:
        return super()._write(path, source, size, None, headers)


def test_a_host_that_ignores_conditions_is_refused_before_the_first_publication(
    site: Site, folder: Path
) -> None:
    tree = PlainTree(host=Ignoring(str(site.root)), name="site")
    with pytest.raises(NotGuaranteed, match="conditions"):
        publish_folder(tree, folder)
    assert not (site.root / "site").exists()
    assert tree.live() is None


def test_what_was_published_already_is_neither_sent_again_nor_said_to_be_live(
    site: Site, folder: Path
) -> None:
    publish_folder(site.tree, folder)
    (folder / "a").write_bytes(b"changed")
    plan = site.tree.plan(look(site.tree, folder))
    first = publish_folder(site.tree, folder, plan)
    again = publish_folder(site.tree, folder, plan)
    assert (again.switch, again.sent) == (first.switch, 0)
    staging = site.tree.transactions.begin(plan)
    assert staging.wanted() == {}
    with pytest.raises(Superseded, match="already"):
        staging.receive("a", b"changed")
    site.tree.rollback(yes=True)
    with pytest.raises(Superseded, match="#3 is live"):
        publish_folder(site.tree, folder, plan)
    assert site.on_disk()["a"] == b"aaa"
    assert site.litter() == []
    assert verify(site.tree).faults == ()


def test_a_tree_that_was_taken_away_is_published_again(site: Site, folder: Path) -> None:
    publish_folder(site.tree, folder)
    shutil.rmtree(site.root / "site")
    assert publish_folder(site.tree, folder).sent == 2
    assert site.on_disk() == {"a": b"aaa", "b": b"bbb"}


@pytest.mark.parametrize("whole", [False, True])
def test_going_back_needs_nothing_of_what_is_live(site: Site, folder: Path, *, whole: bool) -> None:
    publish_folder(site.tree, folder)
    (folder / "b").write_bytes(b"changed")
    publish_folder(site.tree, folder)
    if whole:
        shutil.rmtree(site.root / "site")
    else:
        (site.root / "site" / "a").unlink()
    site.tree.rollback()
    assert site.on_disk() == {"a": b"aaa", "b": b"bbb"}
