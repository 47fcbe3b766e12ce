"""P17: a disk that is full, over quota, read-only or denied, from any operation on, or at one alone."""

import errno
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from counts import FULL
from publish.scenarios import SCENARIOS
from publish.test_power import check, prepared, see, site_on
from publish.trees import Site

from oaio_storage.errors import OaioError
from oaio_storage.testing.crash_disk import Mode

REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO)


@pytest.mark.parametrize("name", ["first", "change", "rollback", "over litter", "clean-up"])
def test_what_is_live_stays_and_the_next_run_goes_on(name: str) -> None:
    scenario, dice, at, met = SCENARIOS[name], Random(name), 0, 0
    before = prepared(scenario)
    while True:
        at += 1 if FULL else dice.randint(1, 8)
        (disk,) = before.outcomes(Mode.KILL)
        number, lasts = dice.choice(REFUSALS), dice.random() < 0.5

        def fails(_name: str, count: int, at: int = at, number: int = number, *, lasts: bool = lasts) -> None:
            if count == at or (lasts and count > at):
                raise OSError(number, os.strerror(number))

        disk.fails = fails
        is_done = False
        with suppress(OaioError):
            scenario.act(site_on(disk))
            is_done = True
        disk.fails = lambda _name, _number: None
        reached = disk.operations >= at
        try:
            see(disk)
            check(scenario, disk, is_done=is_done, again=None)
        except BaseException as err:
            err.add_note(f"{errno.errorcode[number]} at {at}, lasting: {lasts}")
            raise
        met += not is_done
        if not reached:
            break
    assert met > 2


PUBLISHER = """
import resource, sys
from publish.trees import Site
from oaio_storage.errors import OaioError
from oaio_storage_local import LocalApi
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    Site(LocalApi(sys.argv[1])).publish({"large": bytes(1 << 20), "small": b"s"})
except OaioError as err:
    print(type(err).__name__)
"""


def test_a_file_that_the_system_cuts(site: Site) -> None:
    """The kernel itself refuses to write more."""
    site.publish({"small": b"before"})
    run = subprocess.run(
        [sys.executable, "-c", PUBLISHER, str(site.root), str(1 << 16)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip(), run
    assert site.on_disk() == site.seen() == {"small": b"before"}
    site.publish({"large": bytes(1 << 20), "small": b"s"})
    assert site.on_disk()["small"] == b"s"
    assert site.litter() == []
