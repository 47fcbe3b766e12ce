"""What can have no second name is copied; what fails for another reason is told."""

import errno
import os

import pytest
from publish.trees import Site

from oaio_storage.errors import OaioError
from oaio_storage_local import LocalApi
from oaio_storage_local.disk import SystemDisk

ONE, TWO = {"a": b"same", "b": b"one"}, {"a": b"same", "b": b"two"}


class Failing(SystemDisk):
    """Makes no second names."""

    number = 0

    def link(self, source: str, target: str, *, source_folder: int, target_folder: int) -> None:
        if self.number:
            raise OSError(self.number, os.strerror(self.number))
        super().link(source, target, source_folder=source_folder, target_folder=target_folder)


@pytest.fixture
def disk() -> Failing:
    return Failing()


@pytest.fixture
def live(disk: Failing, site: Site) -> Site:
    """A tree on that disk."""
    site = Site(LocalApi.on(disk, str(site.root)))
    site.publish(ONE)
    return site


@pytest.mark.parametrize("number", [errno.EPERM, errno.EMLINK, errno.EXDEV, errno.ENOTSUP])
def test_where_no_second_name_is_possible_files_are_copied(disk: Failing, live: Site, number: int) -> None:
    disk.number = number
    live.publish(TWO)
    assert live.sent == ["b"]
    assert live.on_disk() == TWO
    assert (live.root / "site" / "a").stat().st_nlink == 1


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ENOSPC])
def test_other_errors_are_told_and_the_next_attempt_goes_on(disk: Failing, live: Site, number: int) -> None:
    disk.number = number
    with pytest.raises(OaioError, match=os.strerror(number) + "|no room"):
        live.publish(TWO)
    assert live.on_disk() == live.seen() == ONE
    disk.number = 0
    live.publish(TWO)
    assert live.on_disk() == live.seen() == TWO
    assert (live.root / "site" / "a").stat().st_nlink == 2
