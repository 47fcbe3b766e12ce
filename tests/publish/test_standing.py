"""What stands in the tree's place: a stranger's is left alone, a restored one is known (decision 0064)."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import attrs
import pytest
from publish.scenarios import Linking
from publish.trees import Files, Site, manifest_of
from publish.tripping import Ended, TrippingApi, Wire

from oaio_storage.errors import ForeignPublisher, OaioError
from oaio_storage.publish.cleaning import clean_up
from oaio_storage.publish.verifying import verify
from oaio_storage_local import LocalApi

ONE = {"index.html": b"one", "a/b/c": b"deep", "same": b"same"}
TWO = {"index.html": b"two!", "a/b/c": b"deep", "new": b"new"}
MINE = {"mine": b"precious", "deep/mine": b"too"}
Place = Callable[[Path], None]


def fill(folder: Path, files: Files) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def all_below(folder: Path) -> dict[str, object]:
    """Every name below a folder, with its inode and content."""
    return {
        str(found.relative_to(folder)): (
            found.lstat().st_ino,
            found.readlink() if found.is_symlink() else found.read_bytes() if found.is_file() else None,
        )
        for found in sorted(folder.rglob("*"))
    }


def away(place: Path) -> None:
    """Move what stands there away."""
    place.rename(place.with_name(f"away {len(list(place.parent.iterdir()))}"))


def strangers_folder(place: Path) -> None:
    away(place)
    fill(place, MINE)


def strangers_twin(place: Path) -> None:
    """The same names and sizes, and one other byte."""
    away(place)
    fill(place, ONE | {"same": b"samE"})


def strangers_file(place: Path) -> None:
    away(place)
    place.write_bytes(b"mine")


def strangers_link(place: Path) -> None:
    away(place)
    place.symlink_to(place.parent)


STRANGERS: list[Place] = [strangers_folder, strangers_twin, strangers_file, strangers_link]


@pytest.mark.parametrize("put", STRANGERS)
@pytest.mark.parametrize("kind", [LocalApi, Linking])
def test_a_strangers_is_left_alone_until_it_is_moved_away(
    quick_path: Path, put: Place, kind: type[LocalApi]
) -> None:
    site = Site(kind(str(quick_path / "root")), allow_gap=True)
    site.host.create_root()
    site.publish(TWO)
    site.publish(ONE)
    begun = site.begin(TWO)
    site.send(begun, TWO)
    put(site.root / "site")
    before = all_below(site.root)
    for act in (
        lambda: site.tree.plan(manifest_of(TWO)),
        lambda: site.publish(TWO),
        lambda: site.tree.rollback(yes=True),
    ):
        with pytest.raises(ForeignPublisher, match="not published by oaio") as refusal:
            act()
        assert "Move it away" in refusal.value.hint
        assert all_below(site.root) == before
    with pytest.raises(ForeignPublisher):
        site.tree.transactions.commit(begun)
    clean_up(attrs.evolve(site.tree), last=1, time=timedelta())
    away(site.root / "site")
    site.publish(TWO)
    assert site.on_disk() == site.seen() == TWO


@pytest.mark.parametrize(
    "target",
    [
        "elsewhere",
        ".oaio/trees/site/kept",
        ".oaio/trees/site/kept/../../../../mine",
        ".oaio/trees/other/kept/" + "0" * 32,
        ".oaio/trees/site/kept/" + "0" * 31,
    ],
)
def test_a_link_that_leads_elsewhere_is_a_strangers(quick_path: Path, target: str) -> None:
    site = Site(Linking(str(quick_path / "root")))
    site.host.create_root()
    site.publish(ONE)
    place = site.root / "site"
    place.unlink()
    place.symlink_to(target)
    with pytest.raises(ForeignPublisher):
        site.publish(TWO)
    assert str(place.readlink()) == target


def test_what_a_stranger_put_there_is_never_taken_for_an_old_generation(quick_path: Path) -> None:
    """Whenever during a publication it came; also if the publisher ends then."""
    prepared = quick_path / "prepared"
    Site(LocalApi(str(prepared))).host.create_root()
    Site(LocalApi(str(prepared))).publish(ONE)
    count = Wire()
    _publish_beside_a_stranger(shutil.copytree(prepared, quick_path / "count"), 0, count)
    met = set()
    for at in range(1, count.count + 1):
        for ends_at in (0, at):
            root = shutil.copytree(prepared, quick_path / f"{at} {ends_at}")
            met.add(_publish_beside_a_stranger(root, at, Wire(at=ends_at, after=True)))
            shutil.rmtree(root)
    assert met == {"done", "ForeignPublisher", "Ended"}


def _publish_beside_a_stranger(root: Path, at: int, wire: Wire) -> str:
    """Somebody puts a folder in the tree's place before operation ``at``; how the publication ended."""

    def passing() -> None:
        if wire.count == at:
            strangers_folder(root / "site")

    wire.passing, met = passing, "done"
    try:
        Site(TrippingApi(str(root), wire=wire)).publish(TWO)
    except (Ended, OaioError) as err:
        met = type(err).__name__
    if not at:
        return met
    site = Site(LocalApi(str(root)))
    assert site.on_disk() == MINE
    with pytest.raises(ForeignPublisher):
        site.publish({"final": b"final"})
    assert site.on_disk() == MINE
    away(root / "site")
    site.publish({"final": b"final"})
    assert site.on_disk() == site.seen() == {"final": b"final"}
    return met


def _copied(site: Site, copy: Callable[[str, str], object]) -> Site:
    """The whole host as a restored backup has it: other inodes, perhaps other times."""
    root = site.root.with_name("restored")
    shutil.copytree(site.root, root, symlinks=True, copy_function=copy)
    return Site(type(site.host)(str(root)))  # type: ignore[call-arg]  # a folder of this machine


@pytest.mark.parametrize("copy", [shutil.copy, shutil.copy2])
@pytest.mark.parametrize("kind", [LocalApi, Linking])
def test_a_restored_copy_of_the_host_goes_on(
    quick_path: Path, copy: Callable[[str, str], object], kind: type[LocalApi]
) -> None:
    site = Site(kind(str(quick_path / "root")))
    site.host.create_root()
    site.publish(TWO)
    site.publish(ONE)
    restored = _copied(site, copy)
    assert restored.tree.plan(manifest_of(ONE)).is_empty
    restored.publish(TWO)
    assert restored.sent == ["index.html", "new"]
    assert restored.on_disk() == restored.seen() == TWO
    restored.tree.rollback()
    assert restored.on_disk() == ONE
    assert verify(restored.tree).faults == ()


def test_a_copy_that_was_made_in_the_middle_of_a_switch_goes_on(quick_path: Path) -> None:
    met, at = set[str](), 0
    while "done" not in met:
        at += 1
        site = Site(LocalApi(str(quick_path / f"{at}" / "root")))
        site.host.create_root()
        site.publish(ONE)
        wire = Wire(at=at)
        try:
            Site(TrippingApi(str(site.root), wire=wire)).publish(TWO)
            met.add("done")
        except Ended:
            head, _ = site.tree.head.read()
            met.add(str(site.on_disk() == TWO) if head and head.intent else "no intent")
        before = site.on_disk()
        restored = _copied(site, shutil.copy2)
        restored.tree.recovered()
        assert restored.on_disk() == restored.seen() == before
        restored.publish({"final": b"final"})
        assert restored.on_disk() == {"final": b"final"}
        assert verify(restored.tree).faults == ()
    assert met == {"no intent", "False", "True", "done"}
