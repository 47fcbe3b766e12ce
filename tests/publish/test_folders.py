"""Whole folders of a local host: removed in one step whatever lies in them, held where they are."""

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from publish.trees import Site

from oaio_storage.errors import Busy, Changed, NotFound, Unavailable
from oaio_storage.hosts.folders import unproven
from oaio_storage.publish.verifying import verify
from oaio_storage_local import LocalApi, trees
from oaio_storage_local.whole_folders import WholeFolders

DEPTH = 2000


@pytest.fixture
def site(quick_path: Path) -> Site:
    host = LocalApi(str(quick_path / "root"))
    host.create_root()
    return Site(host)


@pytest.fixture
def folders(site: Site) -> WholeFolders:
    host = site.host
    assert isinstance(host, LocalApi)
    return host.folders


def deepened(folder: Path, depth: int = DEPTH) -> None:
    """Folders in folders, deeper than any path can name, with a file at the bottom."""
    handle = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=handle)
        below = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=handle))
    os.close(handle)


@contextmanager
def elsewhere(folder: Path) -> Iterator[None]:
    """What is left of ``folder`` at the end goes, however deep it is."""
    try:
        yield
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)  # shutil gives up at such a depth


def test_a_folder_goes_however_deep_it_is(site: Site, folders: WholeFolders) -> None:
    deep = site.root / ".oaio/deep"
    deep.mkdir(parents=True)
    with elsewhere(deep):
        deepened(deep)
        assert folders.remove(".oaio/deep")
        assert not deep.exists()
        assert folders.tidy(".oaio") == {}


def test_what_lies_deeper_than_any_path_is_named_and_publishing_goes_on(site: Site) -> None:
    site.publish({"a": b"a"})
    with elsewhere(site.root / "site/d"):
        deepened(site.root / "site")
        (fault,) = verify(site.tree).faults
        assert (fault.what, fault.path.count("/")) == ("extra", trees.DEEPEST)
        made = site.publish({"a": b"b"})
        assert site.on_disk() == {"a": b"b"}
        kept = site.tree.places.kept(made.parent)
        assert site.tree.folders.remove(kept)
        assert not (site.root / kept).exists()


def test_a_deep_folder_in_the_place_of_a_file_is_refused(site: Site) -> None:
    with elsewhere(site.root / "deep"):
        (site.root / "deep").mkdir()
        deepened(site.root / "deep")
        with pytest.raises(Exception, match="is a folder"):
            site.host.write("deep", b"x")


def test_a_removal_that_was_cut_off_is_completed(
    site: Site, folders: WholeFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site.root / ".oaio/old/below").mkdir(parents=True)
    (site.root / ".oaio/old/below/file").write_bytes(b"x")
    with monkeypatch.context() as patch:
        patch.setattr(trees, "empty", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            folders.remove(".oaio/old")
    assert not (site.root / ".oaio/old").exists()
    (left,) = folders.tidy(".oaio", dry_run=True)
    assert (site.root / ".oaio" / left / "below/file").exists()
    with folders.hold(f".oaio/{left}"):  # somebody is about to remove it
        assert folders.tidy(".oaio") == {}
    assert folders.tidy(".oaio") == {left: ""}
    assert folders.tidy(".oaio") == {}
    assert not (site.root / ".oaio" / left).exists()


def test_a_folder_that_is_removed_while_somebody_waits_for_it_is_not_held(
    site: Site, folders: WholeFolders
) -> None:
    (site.root / ".oaio/one").mkdir(parents=True)
    held, gone, met = threading.Event(), threading.Event(), list[str]()

    def wait() -> None:
        held.wait()
        try:
            with folders.hold(".oaio/one"):
                met.append("held")
        except NotFound:
            met.append("gone")
        gone.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    with folders.hold(".oaio/one", alone=True):
        held.set()
        gone.wait(0.05)
        (site.root / ".oaio/one").rename(site.root / ".oaio/.oaio-gone")
    waiting.join()
    assert met == ["gone"]


def test_a_folder_that_was_made_anew_is_not_removed(
    site: Site, folders: WholeFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = site.root / ".oaio/one"
    place.mkdir(parents=True)
    is_locked = WholeFolders._is_locked

    def replaced(self: WholeFolders, folder: int, how: int) -> bool:
        place.rmdir()
        place.mkdir()
        return is_locked(self, folder, how)

    with monkeypatch.context() as patch:
        patch.setattr(WholeFolders, "_is_locked", replaced)
        assert not folders.remove(".oaio/one")
    assert place.is_dir()
    assert folders.remove(".oaio/one")


def test_a_removal_looks_at_its_guards(site: Site, folders: WholeFolders) -> None:
    (site.root / ".oaio/one").mkdir(parents=True)
    version = site.host.state.write("guard", b"1").version
    with pytest.raises(Changed):
        folders.remove(".oaio/one", guards={"guard": "0" * 64})
    assert folders.remove(".oaio/one", guards={"guard": version})


def test_a_flush_that_was_cut_off_makes_the_next_one_fail(site: Site, folders: WholeFolders) -> None:
    place = site.root / ".oaio/one"
    place.mkdir(parents=True)
    folders.flush(".oaio/one")
    (site.root / unproven(".oaio/one")).mkdir()
    with pytest.raises(Unavailable, match="durable"):
        folders.flush(".oaio/one")


def test_one_publication_is_worked_on_by_one_process(site: Site) -> None:
    plan = site.begin({"a": b"a"}).plan
    with site.tree.transactions.begun(plan) as staging:
        with pytest.raises(Busy, match="under way already"), site.tree.transactions.begun(plan):
            pass
        assert not site.tree.transactions.abort(plan.transaction)
        site.send(staging, {"a": b"a"})
        site.tree.transactions.commit(staging)
    assert site.litter() == []
    with site.tree.transactions.begun(plan) as again:
        assert site.tree.transactions.commit(again).transaction == plan.transaction
    assert site.litter() == []
