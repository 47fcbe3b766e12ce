"""P5, P8, P11: a publisher, or a clean-up, that sleeps at any operation for any time, and then goes on."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import attrs
import pytest
from counts import FULL
from publish.scenarios import BASE, cleaning
from publish.scheduler import Actor, TurnWire
from publish.trees import Files, Site
from publish.tripping import TrippingApi

from oaio_storage.errors import Changed, NotFound, OaioError, Superseded
from oaio_storage.publish.cleaning import clean_up
from oaio_storage.publish.verifying import verify
from oaio_storage_local import LocalApi

OURS, THEIRS = BASE | {"ours": b"ours"}, BASE | {"theirs": b"theirs"}


@attrs.define
class Told:
    """What the sleeper was told in the end."""

    sequence: int = 0


def publishing(site: Site, told: Told) -> None:
    with suppress(Superseded):
        told.sequence = site.publish(OURS).sequence


def going_back(site: Site, told: Told) -> None:
    with suppress(Superseded, NotFound, Changed):
        told.sequence = site.tree.rollback(yes=True).sequence


def cleaning_up(site: Site, _told: Told) -> None:
    tree = attrs.evolve(site.tree, clock=lambda: datetime.now(UTC) + timedelta(days=9))
    with suppress(Changed):
        clean_up(tree, last=1)


def publish_meanwhile(site: Site) -> None:
    site.publish(THEIRS)


def publish_and_clean_meanwhile(site: Site) -> None:
    site.publish(THEIRS)
    with suppress(Changed):
        cleaning(site)


def go_back_meanwhile(site: Site) -> None:
    with suppress(NotFound):  # to one that the sleeper removes
        site.tree.rollback(yes=True)


def recover_meanwhile(site: Site) -> None:
    """Take back what the sleeper intends; nothing else changes."""
    site.tree.recovered()


def sleep_at(
    at: int, root: Path, act: Callable[[Site, Told], None], meanwhile: Callable[[Site], None]
) -> bool:
    """Let ``act`` sleep before its operation ``at``, while ``meanwhile`` happens; False if it has none."""
    site = Site(LocalApi(str(root)), by="other")
    site.host.create_root()
    trees: list[Files] = [{"first": b"1"}, BASE]
    for files in trees:
        site.publish(files)
    told = Told()

    def work(actor: Actor) -> None:
        act(Site(TrippingApi(str(root), wire=TurnWire(actor=actor)), by="sleeper"), told)

    sleeper = Actor("sleeper", work)
    for _ in range(at):
        sleeper.step()
        if sleeper.done:
            return False
    meanwhile(site)
    seen = site.on_disk()
    while not sleeper.done:
        sleeper.step()
        if isinstance(sleeper.error, OaioError):
            break
    if sleeper.error is not None:
        raise sleeper.error
    history = site.tree.history()
    assert [switch.sequence for switch in history] == list(range(1, len(history) + 1))
    assert "other" in {switch.by for switch in history[2:]} or meanwhile not in PUBLISHING
    if told.sequence:
        assert history[told.sequence - 1].by == "sleeper"
    if history[-1].by == "other":
        assert site.on_disk() == seen, "what is live was changed by somebody who was superseded"
    assert site.seen() == site.on_disk()
    assert verify(site.tree).faults == ()
    site.publish({"final": b"final"})
    cleaning(site)
    assert site.on_disk() == {"final": b"final"}
    assert site.litter() == []
    assert site.tree.recorded() == [site.tree.history()[-1].generation]
    return True


PUBLISHING = {publish_meanwhile, publish_and_clean_meanwhile}
CASES = {
    "publishing, others recover": (publishing, recover_meanwhile),
    "publishing, others publish": (publishing, publish_meanwhile),
    "publishing, others publish and clean up": (publishing, publish_and_clean_meanwhile),
    "going back, others publish": (going_back, publish_meanwhile),
    "going back, others publish and clean up": (going_back, publish_and_clean_meanwhile),
    "cleaning up, others publish": (cleaning_up, publish_meanwhile),
    "cleaning up, others go back": (cleaning_up, go_back_meanwhile),
}


@pytest.mark.parametrize("case", CASES)
def test_who_slept_changes_nothing_that_others_did(case: str, quick_path: Path) -> None:
    dice, at = Random(case), 0
    while True:
        at += 1 if FULL else dice.randint(1, 6)
        try:
            if not sleep_at(at, quick_path / str(at), *CASES[case]):
                break
        except BaseException as err:
            err.add_note(f"slept before operation {at}")
            raise
    assert at > 10
