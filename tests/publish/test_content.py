"""P7, P10, P12: what came is not sent again, what is not as announced is not used, what was found stays."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import BinaryIO, cast

import attrs
import pytest
from counts import FULL
from publish.scenarios import BASE
from publish.scheduler import Actor, TurnWire
from publish.trees import Files, Site, manifest_of
from publish.tripping import Ended, TrippingApi, Wire

from oaio_storage.errors import Corrupt, InvalidArgument, NotFound, SourceChanged, Superseded
from oaio_storage.publish.cleaning import clean_up
from oaio_storage.publish.sending import publish_folder
from oaio_storage.publish.verifying import verify
from oaio_storage.trees.checkout_target import Target, blocks
from oaio_storage_local import LocalApi

OLDEST = BASE | {"oldest": b"oldest"}
NEW = BASE | {f"new/{number}": b"%d" % number for number in range(4)}
RIGHT, HOLDING = b"announced", "publisher that holds"


class Endless(io.RawIOBase):
    """Begins as it was announced, and does not end; counts what was taken of it."""

    def __init__(self, begin: bytes) -> None:
        super().__init__()
        self.begin, self.taken = begin, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed has a narrower one
        content = (self.begin + bytes(len(buffer)))[self.taken :][: len(buffer)].ljust(len(buffer), b"\0")
        buffer[:] = content
        self.taken += len(buffer)
        assert self.taken < 1 << 24, "it is read without end"
        return len(buffer)


# ---- P10


@pytest.mark.parametrize("begin", [RIGHT, b"ANNOUNCED"])
def test_of_what_is_sent_without_end_one_byte_too_many_is_taken(site: Site, begin: bytes) -> None:
    staging, endless = site.begin({"file": RIGHT}), Endless(begin)
    with pytest.raises(Corrupt):
        staging.receive("file", cast("BinaryIO", endless))
    assert endless.taken <= len(RIGHT) + 1
    assert list(staging.wanted()) == ["file"]
    assert [path for path, _ in site.tree.folders.placed(staging.files)] == []
    site.send(staging, {"file": RIGHT})
    site.tree.transactions.commit(staging)
    assert site.on_disk() == {"file": RIGHT}


def test_of_what_is_checked_out_without_end_one_byte_too_many_is_taken(tmp_path: Path) -> None:
    target, endless = Target.of(tmp_path), Endless(RIGHT)
    content = blocks(cast("BinaryIO", endless), len(RIGHT))
    with pytest.raises(Corrupt):
        target.place("file", manifest_of({"file": RIGHT})["file"], content, None)
    target.close()
    assert endless.taken == len(RIGHT) + 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [RIGHT + b"!", RIGHT[:-1], RIGHT.upper()])
def test_a_file_that_changes_while_it_is_sent_becomes_nothing(
    site: Site, tmp_path: Path, content: bytes
) -> None:
    site.publish({"file": b"before"})
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_bytes(RIGHT)
    wire = Wire()

    def edit() -> None:
        if wire.names[-1] == "receive":
            (folder / "file").write_bytes(content)

    wire.passing = edit
    with pytest.raises(SourceChanged, match="changed while it was published"):
        publish_folder(Site(TrippingApi(str(site.root), wire=wire)).tree, folder)
    assert "receive" in wire.names
    assert site.on_disk() == site.seen() == {"file": b"before"}


# ---- P7


def test_who_goes_on_sends_nothing_again_that_was_acknowledged(quick_path: Path) -> None:
    """After an end at any operation, before or after it was done."""
    met: set[int] = set()
    for after in (False, True):
        at = 0
        while True:
            at += 1
            root = quick_path / f"{at} {after}"
            plain = Site(LocalApi(str(root)))
            plain.host.create_root()
            plain.publish(BASE)
            wire, came = Wire(at, after), list[str]()
            try:
                sent_before(Site(TrippingApi(str(root), wire=wire)), came)
            except Ended:
                pass
            else:
                break
            plain.publish(NEW)
            assert not set(plain.sent) & set(came), f"ended {'after' if after else 'before'} {at}"
            assert len(plain.sent) + len(came) <= 4
            assert plain.on_disk() == NEW
            met.add(len(came))
    assert met == set(range(5))


def sent_before(site: Site, came: list[str]) -> None:
    staging = site.begin(NEW)
    for path in staging.wanted():
        staging.receive(path, NEW[path])
        came.append(path)
    site.tree.transactions.commit(staging)


# ---- P12


def clean(site: Site) -> None:
    """All that may go, by a clock that is far ahead."""
    tree = attrs.evolve(site.tree, clock=lambda: datetime.now(UTC) + timedelta(days=4000))
    clean_up(tree, last=1, time=timedelta())


def publish_new(site: Site, actor: Actor) -> None:
    tree = site.tree
    with tree.transactions.begun(tree.plan(manifest_of(NEW)), yes=True) as staging:
        actor.name = HOLDING
        actor.pause()
        site.send(staging, NEW)
        tree.transactions.commit(staging)
    assert site.sent == sorted(NEW.keys() - BASE.keys()), "what was found was asked for again"


def go_back(site: Site, _: Actor) -> None:
    oldest = site.tree.history()[0].generation
    site.tree.rollback(oldest)


ACTS: dict[str, tuple[Callable[[Site, Actor], None], Files]] = {
    "publish": (publish_new, NEW),
    "rollback": (go_back, OLDEST),
}


def cleaned_at(at: int, root: Path, act: Callable[[Site, Actor], None], new: Files) -> str:
    """Do it while a clean-up happens before operation ``at``; how it ended, or nothing if it has none."""
    plain = Site(LocalApi(str(root)))
    plain.host.create_root()
    for files in (OLDEST, {"between": b"1"}, BASE):
        plain.publish(files)
    actor = Actor(
        "publisher", lambda actor: act(Site(TrippingApi(str(root), wire=TurnWire(actor=actor))), actor)
    )
    for _ in range(at):
        actor.step()
        if actor.done:
            return ""
    is_held = actor.name == HOLDING
    clean(plain)
    while not actor.done:
        actor.step()
    if not isinstance(actor.error, Superseded | NotFound | InvalidArgument | None):
        raise actor.error
    assert plain.on_disk() == plain.seen() == (BASE if actor.error else new)
    assert verify(plain.tree).faults == ()
    assert not (is_held and actor.error), "clean-up gave up what somebody worked on"
    return type(actor.error).__name__ if actor.error else "done"


@pytest.mark.parametrize("name", ACTS)
def test_what_was_found_is_not_cleaned_up_before_it_is_live(name: str, quick_path: Path) -> None:
    """Whoever began has all that was found; who did not yet may be told that it is gone."""
    dice, at, met = Random(name), 0, set[str]()
    while True:
        at += 1 if FULL else dice.randint(1, 3)
        try:
            outcome = cleaned_at(at, quick_path / str(at), *ACTS[name])
        except BaseException as err:
            err.add_note(f"cleaned up before operation {at}")
            raise
        if not outcome:
            break
        met.add(outcome)
    assert "done" in met
    assert name == "publish" or len(met) > 1, "it was never cleaned up before it was found"
