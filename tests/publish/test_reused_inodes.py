"""A stranger's folder with the inode that ours had is a stranger's all the same (decision 0064)."""

import os
import shutil
from datetime import timedelta
from pathlib import Path

import attrs
import pytest
from publish.test_standing import MINE, ONE, TWO, all_below, away, fill
from publish.trees import Files, Site, manifest_of

from oaio_storage.errors import AlreadyExists, ForeignPublisher
from oaio_storage.publish.cleaning import clean_up
from oaio_storage_local import LocalApi
from oaio_storage_local.disk import SystemDisk


@attrs.frozen
class Reusing(SystemDisk):
    """Tells of some folders the inode that another one had, as ext4 gives it out again.

    Attributes:
        births: whether it tells when folders were made.
        reused: inode -> the one that it tells.
    """

    births: bool
    reused: dict[int, int] = attrs.field(factory=dict)

    def fstat(self, handle: int) -> os.stat_result:
        found = os.fstat(handle)
        inode = self.reused.get(found.st_ino, found.st_ino)
        times = {"st_mtime_ns": found.st_mtime_ns, "st_ctime_ns": found.st_ctime_ns}
        return os.stat_result((found.st_mode, inode, *found[2:]), times)

    def birth(self, handle: int) -> int:
        return SystemDisk.birth(handle) if self.births else 0


def site_on(disk: SystemDisk, root: Path) -> Site:
    site = Site(LocalApi.on(disk, str(root)))
    site.host.create_root()
    return site


def replaced(site: Site, files: Files) -> tuple[int, int]:
    """Somebody removes what is live and puts a folder of his own there; the inode before and now."""
    place = site.root / "site"
    before = place.stat().st_ino
    shutil.rmtree(place)
    fill(place, files)
    return before, place.stat().st_ino


def check_left_alone(site: Site, mine: Files) -> None:
    before = all_below(site.root / "site")
    with pytest.raises(ForeignPublisher):
        site.tree.plan(manifest_of(TWO))
    with pytest.raises(ForeignPublisher):
        site.publish(TWO)
    clean_up(attrs.evolve(site.tree), last=1, time=timedelta())
    assert all_below(site.root / "site") == before
    assert site.on_disk() == mine
    away(site.root / "site")
    site.publish(TWO)
    assert site.on_disk() == site.seen() == TWO


@pytest.mark.parametrize("births", [True, False])
@pytest.mark.parametrize("mine", [MINE, ONE | {"same": b"samE"}, ONE | {"mine": b"mine"}])
def test_a_strangers_folder_with_the_inode_of_ours_is_left_alone(
    quick_path: Path, mine: Files, *, births: bool
) -> None:
    disk = Reusing(births)
    site = site_on(disk, quick_path / "root")
    site.publish(ONE)
    before, now = replaced(site, mine)
    disk.reused[now] = before
    check_left_alone(site, mine)


def test_a_folder_with_the_inode_of_ours_is_left_alone_on_the_disk_of_this_machine(tmp_path: Path) -> None:
    site = site_on(SystemDisk(), tmp_path / "root")
    for number in range(20):
        site.publish(ONE | {"number": b"%d" % number})
        before, now = replaced(site, MINE)
        if before == now:
            check_left_alone(site, MINE)
            return
        shutil.rmtree(site.root / "site")
    pytest.skip("this disk gives no inode out again at once")


def test_where_no_births_are_told_a_published_folder_is_still_known(quick_path: Path) -> None:
    site = site_on(Reusing(births=False), quick_path / "root")
    fill(site.root / "site", MINE)
    with pytest.raises(AlreadyExists):
        site.publish(ONE)
    away(site.root / "site")
    site.publish(ONE)
    site.publish(TWO)
    edited = site.root / "site" / "new"
    edited.chmod(0o644)
    edited.write_bytes(b"edited in place")
    site.publish(ONE)
    site.publish(TWO)
    assert site.on_disk() == site.seen() == TWO
    restored = Site(LocalApi.on(Reusing(births=False), str(shutil.copytree(site.root, quick_path / "copy"))))
    restored.publish(ONE)
    assert restored.on_disk() == restored.seen() == ONE
