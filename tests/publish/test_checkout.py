"""Writing a generation to a folder: only what differs, and nothing that somebody else changed or added."""

import os
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from publish.trees import Site, manifest_of

from oaio_storage.errors import (
    AlreadyExists,
    BadAnswer,
    Busy,
    Corrupt,
    InvalidArgument,
    LocalStateDamaged,
    NotFound,
    RootOverlap,
)
from oaio_storage.publish.checkout import check_out
from oaio_storage.scan import scan
from oaio_storage.trees.checkout_plan import Placed, steps
from oaio_storage.trees.checkout_target import Target
from oaio_storage_local import LocalApi

ONE = {"index.html": b"one", "a/b/c": b"deep", "same": b"same", "empty": b""}
TWO = {"index.html": b"two!", "same": b"same", "new/file": b"new"}


def on_disk(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def beside(folder: Path) -> set[str]:
    return {path.name for path in folder.parent.iterdir() if folder.name in path.name}


def test_a_new_folder_is_the_generation(site: Site, tmp_path: Path) -> None:
    site.publish(ONE)
    folder = tmp_path / "copy"
    done = check_out(site.tree, folder)
    assert on_disk(folder) == ONE
    assert (done.written, done.removed, done.kept) == (tuple(sorted(ONE)), (), {})
    assert beside(folder) == {"copy", ".copy.oaio-checkout"}
    assert os.access(folder / "same", os.W_OK)
    assert not (folder / "same").samefile(site.root / "site" / "same")


def test_only_what_differs_is_written(site: Site, tmp_path: Path) -> None:
    site.publish(ONE)
    folder = tmp_path / "copy"
    check_out(site.tree, folder)
    kept = (folder / "same").stat().st_ino
    site.publish(TWO)
    done = check_out(site.tree, folder)
    assert on_disk(folder) == TWO
    assert (done.written, done.removed) == (("index.html", "new/file"), ("a/b/c", "empty"))
    assert (folder / "same").stat().st_ino == kept
    assert not (folder / "a").exists()
    assert check_out(site.tree, folder).written == ()


def test_an_older_generation_can_be_checked_out(site: Site, tmp_path: Path) -> None:
    first = site.publish(ONE)
    site.publish(TWO)
    check_out(site.tree, tmp_path / "copy", first.generation)
    assert on_disk(tmp_path / "copy") == ONE
    with pytest.raises(NotFound):
        check_out(site.tree, tmp_path / "copy", "f" * 32)


def test_local_changes_are_kept_and_told(site: Site, tmp_path: Path) -> None:
    site.publish(ONE)
    folder = tmp_path / "copy"
    check_out(site.tree, folder)
    (folder / "index.html").write_bytes(b"mine")
    (folder / "a/b/c").write_bytes(b"mine, too")
    (folder / "mine").write_bytes(b"added")
    (folder / "new").mkdir()
    (folder / "new/file").write_bytes(b"in the way")
    site.publish(TWO)
    done = check_out(site.tree, folder)
    assert set(done.kept) == {"index.html", "new/file", "a/b/c"}
    assert (folder / "index.html").read_bytes() == b"mine"
    assert (folder / "a/b/c").read_bytes() == b"mine, too"
    assert (folder / "mine").read_bytes() == b"added"
    assert (folder / "new/file").read_bytes() == b"in the way"
    (folder / "index.html").unlink()
    assert "index.html" in check_out(site.tree, folder).written


def test_an_equal_file_of_somebody_else_is_never_removed(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    (folder / "same").write_bytes(b"same")
    site.publish(ONE)
    assert "same" not in check_out(site.tree, folder).written
    site.publish({"other": b"other"})
    check_out(site.tree, folder)
    assert on_disk(folder) == {"same": b"same", "other": b"other"}


def test_no_link_is_followed(site: Site, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "same").write_bytes(b"precious")
    folder = tmp_path / "copy"
    folder.mkdir()
    (folder / "same").symlink_to(outside / "same")
    (folder / "a").symlink_to(outside)
    site.publish(ONE)
    done = check_out(site.tree, folder)
    assert set(done.kept) == {"same", "a/b/c"}
    assert on_disk(outside) == {"same": b"precious"}
    (tmp_path / "link").symlink_to(outside)
    with pytest.raises(InvalidArgument, match="link"):
        check_out(site.tree, tmp_path / "link")


def test_a_file_becomes_a_folder_and_back(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    for files in ({"x": b"file"}, {"x/y": b"below"}, {"x": b"file again"}):
        site.publish(files)
        assert check_out(site.tree, folder).kept == {}
        assert on_disk(folder) == files


def test_a_folder_in_the_way_of_a_file_is_kept(site: Site, tmp_path: Path) -> None:
    (tmp_path / "copy/same").mkdir(parents=True)
    (tmp_path / "copy/same/mine").write_bytes(b"mine")
    site.publish(ONE)
    assert set(check_out(site.tree, tmp_path / "copy").kept) == {"same"}
    assert (tmp_path / "copy/same/mine").read_bytes() == b"mine"


def test_a_damaged_file_gets_no_name(site: Site, tmp_path: Path) -> None:
    site.publish(ONE)
    folder = tmp_path / "copy"
    check_out(site.tree, folder)
    site.publish(TWO)
    for content in (b"twe!", b"long" * 9, b""):
        live = site.root / "site/index.html"
        live.chmod(0o644)
        live.write_bytes(content)
        with pytest.raises(Corrupt, match=r"index\.html"):
            check_out(site.tree, folder)
        assert (folder / "index.html").read_bytes() == b"one"
        with pytest.raises(Corrupt):
            check_out(site.tree, tmp_path / "other")
        assert not (tmp_path / "other").exists()


def test_an_interrupted_checkout_goes_on(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it placed before is known as its own, so nothing is taken for a local change."""
    site.publish(ONE)
    folder = tmp_path / "copy"
    check_out(site.tree, folder)
    site.publish({name: b"new " + content for name, content in ONE.items()})
    place = Target.place

    def stop(*args: object) -> None:
        if args[1] == "same":
            raise KeyboardInterrupt
        place(*args)  # type: ignore[arg-type]  # as they came

    with monkeypatch.context() as patch:
        patch.setattr(Target, "place", stop)
        with pytest.raises(KeyboardInterrupt):
            check_out(site.tree, folder)
    site.publish(TWO)
    assert check_out(site.tree, folder).kept == {}
    assert on_disk(folder) == TWO


def test_what_changes_while_it_is_checked_out_is_kept(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.publish(ONE)
    folder = tmp_path / "copy"
    check_out(site.tree, folder)
    site.publish({**ONE, "index.html": b"two", "new": b"new"})
    place = Target.place

    def late(*args: object) -> None:
        (folder / str(args[1])).write_bytes(b"mine, just now")
        place(*args)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(Target, "place", late)
    assert set(check_out(site.tree, folder).kept) == {"index.html", "new"}
    assert (folder / "index.html").read_bytes() == (folder / "new").read_bytes() == b"mine, just now"
    assert on_disk(folder).keys() == {*ONE, "new"}


def test_what_stays_unchanged_stays_known(site: Site, tmp_path: Path) -> None:
    for files in (ONE, {**ONE, "more": b"more"}, {"index.html": b"alone"}):
        site.publish(files)
        assert check_out(site.tree, tmp_path / "copy").kept == {}
    assert on_disk(tmp_path / "copy") == {"index.html": b"alone"}


def test_a_new_folder_that_was_interrupted_is_begun_anew(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.publish(ONE)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            check_out(site.tree, tmp_path / "copy")
    files = tmp_path / ".copy.oaio-new/files"
    assert on_disk(files) == ONE
    (files / "left/over").mkdir(parents=True)
    (files / "link").symlink_to(tmp_path)
    check_out(site.tree, tmp_path / "copy")
    assert on_disk(tmp_path / "copy") == ONE
    assert beside(tmp_path / "copy") == {"copy", ".copy.oaio-checkout"}


def test_a_folder_of_somebody_else_is_not_built_in(site: Site, tmp_path: Path) -> None:
    theirs = tmp_path / ".copy.oaio-new"
    theirs.mkdir()
    (theirs / "precious").write_bytes(b"mine")
    site.publish(ONE)
    with pytest.raises(AlreadyExists, match="somebody else's"):
        check_out(site.tree, tmp_path / "copy")
    assert on_disk(theirs) == {"precious": b"mine"}
    assert beside(theirs) == {theirs.name}
    theirs.rename(tmp_path / "away")
    check_out(site.tree, tmp_path / "copy")
    assert on_disk(tmp_path / "copy") == ONE


def test_two_checkouts_of_one_folder_never_run_at_once(site: Site, tmp_path: Path) -> None:
    site.publish(ONE)
    (tmp_path / "copy").mkdir()
    target = Target.of(tmp_path / "copy")
    assert target.lock()
    with pytest.raises(Busy):
        check_out(site.tree, tmp_path / "copy")
    target.close()
    check_out(site.tree, tmp_path / "copy")


@pytest.mark.parametrize("change", [b"", b"x", b"oaio-checkout 2\n"])
def test_a_damaged_record_changes_nothing(site: Site, tmp_path: Path, change: bytes) -> None:
    site.publish(ONE)
    check_out(site.tree, tmp_path / "copy")
    (tmp_path / ".copy.oaio-checkout").write_bytes(change)
    site.publish(TWO)
    with pytest.raises(LocalStateDamaged):
        check_out(site.tree, tmp_path / "copy")
    assert on_disk(tmp_path / "copy") == ONE


def test_places_that_can_not_be_are_refused(site: Site, tmp_path: Path) -> None:
    site.publish(ONE)
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "nowhere/copy"):
        with pytest.raises(InvalidArgument):
            check_out(site.tree, folder)
    other = LocalApi(str(tmp_path / "other"))
    other.create_root()
    for folder in (site.root, site.root / "site", site.root / "copy", tmp_path, tmp_path / "other/copy"):
        with pytest.raises(RootOverlap):
            check_out(site.tree, folder)
    assert site.on_disk() == ONE


FILES = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.sampled_from([b"1", b"2", b"3"]))


@given(placed=FILES, there=FILES, wanted=FILES)
def test_what_somebody_else_put_there_is_never_touched(
    placed: Mapping[str, bytes], there: Mapping[str, bytes], wanted: Mapping[str, bytes]
) -> None:
    with TemporaryDirectory() as name:
        for path, content in there.items():
            (Path(name) / path).write_bytes(content)
        found = scan(Path(name))
    todo = steps(manifest_of(wanted), Placed(manifest_of(placed)), found)
    for path in {*todo.write, *todo.remove}:
        assert path not in there or there[path] == placed.get(path)
    for path, content in wanted.items():
        right = there.get(path) == content
        assert (path in todo.write) + (path in todo.keep) + right == 1
        if right:
            assert (path in todo.ours) == (placed.get(path) == content)
    for path in placed.keys() - wanted.keys():
        assert (path in todo.remove) == (path in there and there[path] == placed[path])
    for path, entry in todo.ours.items():
        assert path in placed
        assert path in todo.keep or sha256(there[path]).hexdigest() == entry.checksum


@given(files=FILES, coming=FILES)
def test_a_record_reads_back(files: Mapping[str, bytes], coming: Mapping[str, bytes]) -> None:
    placed = Placed(manifest_of(files), manifest_of(coming))
    assert Placed.parse(placed.text()) == placed


def test_a_folder_is_not_taken_back_unless_that_is_asked_for(site: Site, tmp_path: Path) -> None:
    """P9: a host that was restored from a backup shows an older generation as live."""
    folder, backup = tmp_path / "copy", tmp_path / "backup"
    first = site.publish({"a": b"one"})
    shutil.copytree(site.root, backup, symlinks=True)
    site.publish({"a": b"two"})
    check_out(site.tree, folder)
    shutil.rmtree(site.root)
    shutil.copytree(backup, site.root, symlinks=True)
    with pytest.raises(BadAnswer, match=r"#1 is live, but .* has #2"):
        check_out(site.tree, folder)
    assert (folder / "a").read_bytes() == b"two"
    check_out(site.tree, folder, first.generation)
    assert (folder / "a").read_bytes() == b"one"
    assert check_out(site.tree, folder).unchanged == 1


def test_another_tree_has_another_history(site: Site, tmp_path: Path) -> None:
    for content in (b"one", b"two"):
        site.publish({"a": content})
    check_out(site.tree, tmp_path / "copy")
    other = attrs.evolve(site.tree, name="other")
    with other.transactions.begun(other.plan(manifest_of({"b": b"other"}))) as staging:
        staging.receive("b", b"other")
        other.transactions.commit(staging)
    assert check_out(other, tmp_path / "copy").written == ("b",)
