"""Clean-up of what was cut off, and of everything at once."""

import io
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import attrs
import pytest
from publish.trees import Site, manifest_of

from oaio_storage.errors import Changed, NotFound, QuotaExceeded
from oaio_storage.hosts import Expect, Guarantees, Stat
from oaio_storage.publish.cleaning import clean_up
from oaio_storage.publish.results import Cleaned
from oaio_storage.publish.verifying import verify
from oaio_storage_local import LocalApi
from oaio_storage_local.disk import SystemDisk
from oaio_storage_local.folders import temporary_name

ONE, TWO, THREE = {"a": b"one"}, {"a": b"two"}, {"a": b"three"}


class Cut(BaseException):
    """The process ended here."""


class WithoutExchange(LocalApi):
    @property
    def guarantees(self) -> Guarantees:
        return attrs.evolve(super().guarantees, swap=False)


def test_a_link_that_did_not_take_its_place_lies_apart_from_what_readers_see_and_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(WithoutExchange(str(tmp_path)))
    site.host.create_root()
    site.publish(ONE)
    before = sorted(tmp_path.iterdir())
    symlink = SystemDisk.symlink

    def cut(self: SystemDisk, pointed_at: str, name: str, *, folder: int) -> None:
        symlink(self, pointed_at, name, folder=folder)
        monkeypatch.setattr(SystemDisk, "unlink", lambda *_given, **_named: None)
        raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(SystemDisk, "symlink", cut)
        with pytest.raises(Cut):
            site.publish(TWO)
    monkeypatch.undo()
    assert sorted(tmp_path.iterdir()) == before
    told = clean_up(site.tree, dry_run=True).litter
    assert len(told) == 1
    assert clean_up(site.tree).litter == told
    assert clean_up(site.tree) == Cleaned()
    site.publish(TWO)
    assert site.on_disk() == TWO


def test_files_without_a_record_go(site: Site) -> None:
    old, first, _ = (site.publish(files).generation for files in (ONE, TWO, THREE))
    places = site.tree.places
    stray = "0" * 32
    shutil.copytree(site.root / places.kept(first), site.root / places.kept(stray))
    site.host.state.delete(places.record(old))
    assert clean_up(site.tree, dry_run=True).generations == (stray,)
    assert clean_up(site.tree).generations == (stray,)
    assert not (site.root / places.kept(stray)).exists()
    assert (site.root / places.kept(old)).exists(), "it was live this day"
    assert old in clean_up(site.tree, at_once=True).generations
    assert list((site.root / places.put_away).iterdir()) == []
    assert verify(site.tree).faults == ()


def test_what_a_publication_under_way_made_stays(site: Site) -> None:
    """Its files are complete, recorded, and where a link would lead to; it is not live yet."""
    site.publish(ONE)
    staging = site.begin(TWO)
    site.send(staging, TWO)
    generation = staging.plan.generation
    record = attrs.evolve(
        site.tree.record(site.tree.live().generation),  # type: ignore[union-attr]  # it is live
        generation=generation,
        transaction=staging.plan.transaction,
    )
    site.host.state.write(site.tree.places.record(generation), record.text().encode())
    site.tree.folders.move(staging.files, site.tree.places.kept(generation))
    assert clean_up(site.tree, last=1) == Cleaned()
    site.publish(TWO)
    assert site.on_disk() == TWO


def test_at_once_all_goes_but_what_is_live_or_in_use(site: Site) -> None:
    first, second, third = (site.publish(files) for files in (ONE, TWO, THREE))
    idle, busy = site.begin({"b": b"idle"}), site.begin({"b": b"busy"})
    with site.tree.open(second.generation) as opened, site.tree.transactions.begun(busy.plan, yes=True):
        would = clean_up(site.tree, at_once=True, dry_run=True)
        assert would.generations == (first.generation,)
        assert would.stagings == (idle.plan.transaction,)
        assert set(would.in_use) == {second.generation, busy.plan.transaction}
        assert clean_up(site.tree, at_once=True) == would
        with opened.folder.read("a") as stream:
            assert stream.read() == b"two"
    assert set(site.tree.recorded()) == {second.generation, third.generation}
    with pytest.raises(NotFound):
        site.tree.rollback(first.generation)
    assert set(clean_up(site.tree, at_once=True).generations) == {second.generation}
    assert site.litter() == []
    site.publish(ONE)
    assert site.on_disk() == ONE
    assert verify(site.tree).faults == ()


def test_a_clock_that_jumps_takes_no_draft_of_a_publication_that_is_worked_on(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P11: a clean-up that takes it for days old leaves what is being received."""
    site.publish(ONE)
    plan = site.tree.plan(manifest_of(TWO))
    later, cleaned = time.time() + 9 * 86400, list[Cleaned]()

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            with monkeypatch.context() as patch:
                patch.setattr(time, "time", lambda: later)
                cleaned.append(clean_up(site.tree, at_once=True))
            return super().read(size)

    with site.tree.transactions.begun(plan, yes=True) as staging:
        staging.receive("a", Slow(TWO["a"]))
        site.tree.transactions.commit(staging)
    assert cleaned
    assert all(done.in_use == (plan.transaction,) for done in cleaned)
    assert site.on_disk() == TWO


def test_a_draft_of_a_publication_that_nobody_works_on_goes(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = time.time() + 9 * 86400
    site.publish(ONE)
    transaction = site.begin(TWO).plan.transaction
    draft = site.root / site.tree.places.incoming(transaction) / temporary_name()
    draft.parent.mkdir()
    draft.touch()
    monkeypatch.setattr(time, "time", lambda: later)
    assert site.host.clean_up(86400) == 1
    assert not draft.exists()


@attrs.frozen(eq=False)
class Full(LocalApi):
    """Takes no file as long as more than so many old generations lie there."""

    room: list[int] = attrs.field(factory=lambda: [100])

    def _write(
        self, path: str, source: BinaryIO, size: int | None, expect: Expect, headers: Mapping[str, str]
    ) -> Stat:
        kept = Path(self.root_folder, ".oaio/trees/site/kept")
        if kept.is_dir() and len(list(kept.iterdir())) > self.room[0]:
            raise QuotaExceeded("no room")
        return super()._write(path, source, size, expect, headers)


def full(root: Path) -> tuple[Site, Full]:
    host = Full(str(root))
    host.create_root()
    return Site(host), host


def test_a_full_disk_is_cleaned_up_too(tmp_path: Path) -> None:
    site, host = full(tmp_path)
    for files in (ONE, TWO, THREE):
        site.publish(files)
    staging = site.begin({"b": b"b"})
    host.room[0] = 1
    with (
        pytest.raises(QuotaExceeded, match="no room is left") as caught,
        site.tree.transactions.begun(staging.plan, yes=True),
    ):
        site.tree.transactions.commit(staging)
    assert "--now" in caught.value.hint
    assert ".oaio" not in str(caught.value)
    cleaned = clean_up(site.tree, at_once=True)
    assert len(cleaned.generations) == 2
    assert cleaned.stagings == (staging.plan.transaction,)
    assert site.tree.recorded() == [site.tree.history()[-1].generation]
    assert verify(site.tree).faults == ()
    site.publish(TWO)
    assert site.on_disk() == TWO


def test_on_a_full_disk_nothing_goes_that_somebody_went_back_to_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, host = full(tmp_path)
    for files in (ONE, TWO, THREE):
        site.publish(files)
    other = Site(LocalApi(str(tmp_path)), by="other")
    recorded = type(site.tree).recorded

    def meanwhile(tree: object) -> list[str]:
        found = recorded(tree)  # type: ignore[arg-type]  # the tree
        monkeypatch.undo()
        other.publish({"a": b"meanwhile"})
        host.room[0] = 0
        return found

    monkeypatch.setattr(type(site.tree), "recorded", meanwhile)
    with pytest.raises(Changed):
        clean_up(site.tree, at_once=True)
    assert len(other.tree.recorded()) == 4
    assert verify(other.tree).faults == ()
