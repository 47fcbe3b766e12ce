"""A published tree on a real disk: P1 to P19 one at a time, without crashes."""

import os
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from publish.trees import Site, manifest_of

from oaio_storage.errors import (
    AlreadyExists,
    Corrupt,
    ForeignPublisher,
    InvalidArgument,
    InvalidName,
    MassDeletion,
    NotFound,
    NotGuaranteed,
    Superseded,
)
from oaio_storage.hosts import CshApi, Guarantees, Retry
from oaio_storage.hosts.fsspec_api import FsspecApi
from oaio_storage.publish.cleaning import clean_up
from oaio_storage.publish.head import LOG_KEPT, Head, Intent
from oaio_storage.publish.results import Cleaned, Fault
from oaio_storage.publish.tree import PlainTree
from oaio_storage.publish.verifying import verify
from oaio_storage_local import LocalApi

ONE = {"index.html": b"one", "a/b/c": b"deep", "same": b"same", "empty": b""}
TWO = {"index.html": b"two!", "a/b/c": b"deep", "same": b"same", "new": b"new"}


class WithoutExchange(LocalApi):
    @property
    def guarantees(self) -> Guarantees:
        return attrs.evolve(super().guarantees, swap=False)


def test_what_is_published_is_there_as_plain_files(site: Site) -> None:
    switch = site.publish(ONE)
    assert (switch.sequence, switch.files, switch.size, switch.by) == (1, 4, 11, "tester")
    assert site.on_disk() == site.seen() == ONE
    assert site.litter() == []
    assert site.tree.live() == switch


def test_only_what_changed_is_sent(site: Site) -> None:
    site.publish(ONE)
    kept = (site.root / "site" / "same").stat().st_ino
    site.publish(TWO)
    assert site.sent == ["index.html", "new"]
    assert site.on_disk() == TWO
    assert (site.root / "site" / "same").stat().st_ino == kept


def test_a_renamed_folder_sends_nothing(site: Site) -> None:
    site.publish({f"old/{number}": b"%d" % number for number in range(5)})
    renamed = {f"new/{number}": b"%d" % number for number in range(5)}
    site.publish(renamed)
    assert site.sent == []
    assert site.on_disk() == renamed


def test_nothing_to_do_is_said_before(site: Site) -> None:
    site.publish(ONE)
    assert site.tree.plan(manifest_of(ONE)).is_empty


def test_files_are_read_only_and_folders_keep_their_modes(site: Site) -> None:
    site.publish(ONE)
    place = site.root / "site"
    assert stat.S_IMODE((place / "same").stat().st_mode) == 0o444
    place.chmod(0o750)
    (place / "a").chmod(0o2755)
    site.publish(TWO)
    assert stat.S_IMODE(place.stat().st_mode) == 0o750
    assert stat.S_IMODE((place / "a").stat().st_mode) == 0o2755


def test_an_executable_file_is_one_and_a_change_of_the_bit_a_change(site: Site) -> None:
    tree = site.tree
    for executable in (frozenset({"run"}), frozenset[str](), frozenset({"run"})):
        staging = tree.transactions.begin(tree.plan(manifest_of({"run": b"#!"}, executable)), yes=True)
        site.send(staging, {"run": b"#!"})
        tree.transactions.commit(staging)
        assert bool((site.root / "site" / "run").stat().st_mode & 0o111) == bool(executable)
    assert site.sent == []
    assert tree.history()[-1].sequence == 3


def test_a_repeat_makes_nothing_twice(site: Site) -> None:
    """P6."""
    staging = site.begin(ONE)
    site.send(staging, ONE)
    first = site.tree.transactions.commit(staging)
    assert site.tree.transactions.commit(staging) == first
    again = site.tree.transactions.begin(staging.plan)
    assert site.tree.transactions.commit(again) == first
    assert len(site.tree.history()) == 1


def test_an_interrupted_publication_goes_on_where_it_stopped(site: Site) -> None:
    """P7: what arrived is read again, not sent again."""
    site.publish({"old": b"old"})
    staging = site.begin(ONE)
    staging.receive("index.html", b"one")
    again = site.begin(ONE)
    assert sorted(again.wanted()) == ["a/b/c", "empty", "same"]
    site.send(again, ONE)
    site.tree.transactions.commit(again)
    assert site.on_disk() == ONE


def test_what_arrived_damaged_is_asked_for_again(site: Site) -> None:
    staging = site.begin(ONE)
    site.send(staging, ONE)
    damaged = site.root / staging.files / "same"
    damaged.chmod(0o644)
    damaged.write_bytes(b"eams")
    damaged.chmod(0o444)
    assert list(site.begin(ONE).wanted()) == ["same"]
    with pytest.raises(InvalidArgument, match="same"):
        site.tree.transactions.commit(staging)
    assert site.tree.live() is None


@pytest.mark.parametrize("content", [b"", b"on", b"eno", b"one more"])
def test_other_content_than_planned_is_refused(site: Site, content: bytes) -> None:
    """P10."""
    staging = site.begin(ONE)
    with pytest.raises(Corrupt):
        staging.receive("index.html", content)
    assert "index.html" in staging.wanted()
    with pytest.raises(InvalidArgument):
        staging.receive("not/planned", b"one")


def test_an_incomplete_publication_is_refused(site: Site) -> None:
    staging = site.begin(ONE)
    staging.receive("index.html", b"one")
    with pytest.raises(InvalidArgument, match="3 files"):
        site.tree.transactions.commit(staging)
    assert not (site.root / "site").exists()


def test_what_is_not_planned_is_not_published(site: Site) -> None:
    staging = site.begin(ONE)
    site.send(staging, ONE)
    (site.root / staging.files / "stowaway").write_bytes(b"x")
    with pytest.raises(InvalidArgument, match="stowaway"):
        site.tree.transactions.commit(staging)
    again = site.begin(ONE)
    site.tree.transactions.commit(again)
    assert site.on_disk() == ONE


def test_of_two_from_one_base_one_wins(site: Site) -> None:
    """P5, P8: the other learns who was first, whenever it wakes up."""
    site.publish({"old": b"old"})
    ours, theirs = site.begin(ONE), Site(site.host, by="other").begin(TWO)
    site.send(ours, ONE)
    Site(site.host, by="other").send(theirs, TWO)
    Site(site.host, by="other").tree.transactions.commit(theirs)
    for _ in range(2):
        with pytest.raises(Superseded, match="other"):
            site.tree.transactions.commit(ours)
    assert site.on_disk() == TWO
    with pytest.raises(Superseded, match="other"):
        site.tree.transactions.begin(ours.plan)
    assert [switch.by for switch in site.tree.history()] == ["tester", "other"]


def test_racing_publishers_make_a_chain(site: Site) -> None:
    site.publish({"n": b"start"})
    start, won = threading.Barrier(6), []

    def race(number: int) -> None:
        racer = Site(LocalApi(str(site.root)), by=f"racer {number}")
        files = {"n": b"%d" % number}
        staging = racer.begin(files)
        racer.send(staging, files)
        start.wait()
        with suppress(Superseded):
            won.append(racer.tree.transactions.commit(staging).by)

    threads = [threading.Thread(target=race, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert site.tree.history()[-1].by == won[0]
    assert verify(site.tree).faults == ()


def test_two_of_the_same_publication_both_succeed(site: Site) -> None:
    start, made = threading.Barrier(4), []

    def one() -> None:
        twin = Site(LocalApi(str(site.root)))
        staging = twin.begin(ONE)
        start.wait()
        with suppress(Superseded):  # a twin commits already
            twin.send(staging, ONE)
        made.append(twin.tree.transactions.commit(staging))

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    assert len(set(made)) == len(site.tree.history()) == 1
    assert site.on_disk() == ONE


@pytest.mark.parametrize("files", [{}, {"same": b"same"}])
def test_emptying_is_asked_for(site: Site, files: dict[str, bytes]) -> None:
    """P16."""
    site.publish(ONE)
    with pytest.raises(MassDeletion):
        site.publish(files, yes=False)
    assert site.on_disk() == ONE
    assert site.litter() == []
    site.publish(files, yes=True)
    assert site.on_disk() == files


def test_a_file_edited_in_place_damages_no_copy(site: Site) -> None:
    """Its link is not taken for what it was; the publisher sends it again."""
    site.publish(ONE)
    live = site.root / "site" / "same"
    live.chmod(0o644)
    live.write_bytes(b"EDIT")
    site.publish(TWO)
    assert site.sent == ["index.html", "new", "same"]
    assert site.on_disk() == TWO


def test_a_file_that_was_only_touched_is_copied(site: Site) -> None:
    site.publish(ONE)
    os.utime(site.root / "site" / "same")
    site.publish(TWO)
    assert site.sent == ["index.html", "new"]
    assert site.on_disk() == TWO


def test_going_back_is_a_new_generation(site: Site) -> None:
    """P9."""
    first, second = site.publish(ONE), site.publish(TWO)
    back = site.tree.rollback()
    assert site.on_disk() == ONE
    assert (back.sequence, back.kind, back.restored, back.parent) == (
        3,
        "rollback",
        first.generation,
        second.generation,
    )
    assert len({first.generation, second.generation, back.generation}) == 3
    assert site.tree.rollback(second.generation).sequence == 4
    assert site.on_disk() == TWO
    assert verify(site.tree).faults == ()


def test_going_back_where_there_is_nothing_is_told(site: Site) -> None:
    with pytest.raises(NotFound, match="nothing was published"):
        site.tree.rollback()
    site.publish(ONE)
    with pytest.raises(NotFound, match="before"):
        site.tree.rollback()
    with pytest.raises(NotFound, match="no generation"):
        site.tree.rollback("0" * 32)
    with pytest.raises(InvalidName):
        site.tree.rollback("../../etc")
    assert site.on_disk() == ONE


def test_a_reader_keeps_the_generation_it_opened(site: Site) -> None:
    """P1, P11: whatever becomes live, and whatever is cleaned up."""
    first = site.publish(ONE)
    with site.tree.open() as opened:
        site.publish(TWO)
        site.publish({"x": b"x"})
        late = later(site, days=30)
        cleaned = clean_up(late, last=1)
        assert first.generation in cleaned.in_use
        with opened.folder.read("index.html") as stream:
            assert stream.read() == b"one"
        assert opened.record.manifest == manifest_of(ONE)
    assert first.generation in clean_up(late, last=1).generations
    with pytest.raises(NotFound):
        site.seen(first.generation)


def later(site: Site, **passed: float) -> PlainTree:
    return attrs.evolve(site.tree, clock=lambda: datetime.now(UTC) + timedelta(**passed))


def test_clean_up_keeps_the_last_three_and_a_day(site: Site) -> None:
    """P13, P14."""
    made = [site.publish({"n": b"%d" % number}).generation for number in range(6)]
    assert clean_up(site.tree).generations == ()
    assert set(clean_up(later(site, days=2), dry_run=True).generations) == set(made[:3])
    assert site.tree.recorded() == sorted(made)
    assert set(clean_up(later(site, days=2)).generations) == set(made[:3])
    assert site.tree.recorded() == sorted(made[3:])
    assert clean_up(later(site, days=2)).generations == ()
    assert site.seen(made[3]) == {"n": b"3"}
    with pytest.raises(NotFound, match="any more"):
        site.tree.rollback(made[0])
    assert verify(site.tree).faults == ()
    assert [switch.generation for switch in site.tree.history()] == made


def test_clean_up_before_anything_was_live(site: Site) -> None:
    """A first publication that was taken back leaves a head with an empty log."""
    site.tree.head.swap(Head(layout="swapped", nonce="0" * 32), "")
    assert clean_up(site.tree) == Cleaned()


def test_clean_up_gives_up_idle_publications_but_none_that_somebody_works_on(site: Site) -> None:
    staging = site.begin(ONE)
    late = later(site, days=2)
    assert clean_up(site.tree).stagings == ()
    with site.tree.transactions.begun(staging.plan):
        assert clean_up(late).in_use == (staging.plan.transaction,)
    assert site.litter() == [staging.plan.transaction]
    assert clean_up(late).stagings == (staging.plan.transaction,)
    assert site.litter() == []
    with pytest.raises(Superseded):
        site.tree.transactions.commit(staging)
    site.publish(ONE)
    assert site.on_disk() == ONE


def test_a_publication_whose_state_is_damaged_is_given_up(site: Site) -> None:
    staging = site.begin(ONE)
    site.send(staging, ONE)
    state = site.tree.places.state(staging.plan.transaction)
    site.host.state.write(state, b"closed\n", expect=site.host.state.stat(state).version)
    with pytest.raises(Superseded, match="given up"):
        site.tree.transactions.commit(staging)
    assert site.tree.live() is None


def test_no_file_comes_once_it_is_committed(site: Site) -> None:
    """Also none that is complete already and waits for its name."""
    staging, late = site.begin(ONE), site.begin(ONE)
    site.send(staging, ONE)
    staging.gate.close()
    with pytest.raises(Superseded, match="no more files"):
        late.receive("same", b"same")


def test_an_aborted_publication_leaves_nothing(site: Site) -> None:
    site.publish(ONE)
    staging = site.begin(TWO)
    for _ in range(2):
        site.tree.transactions.abort(staging.plan.transaction)
    assert site.litter() == []
    assert site.on_disk() == ONE


def test_the_log_grows_and_is_read_whole(site: Site) -> None:
    tree = site.tree
    head, version = tree.head.read()
    made = site.publish({"n": b"0"})
    head, version = tree.head.read()
    assert head is not None
    log = [made]
    while len(log) < 2 * LOG_KEPT + 3:
        last = log[-1]
        log.append(
            attrs.evolve(
                last,
                sequence=last.sequence + 1,
                generation=f"{last.sequence:032x}",
                parent=last.generation,
            )
        )
    tree.head.swap(attrs.evolve(head, log=tuple(log), nonce=tree.ids()), version)
    after, _ = tree.head.read()
    assert after is not None
    assert len(after.log) == LOG_KEPT
    assert list(tree.history()) == log
    assert tree.live() == log[-1]


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda place: (place / "same").unlink(), ("same", "missing")),
        (lambda place: (place / "stray").write_bytes(b""), ("stray", "extra")),
        (lambda place: _rewrite(place / "same", b"sam"), ("same", "short")),
        (lambda place: _rewrite(place / "same", b"same!"), ("same", "long")),
        (lambda place: _rewrite(place / "same", b"SAME"), ("same", "altered")),
        (lambda place: (place / "same").chmod(0o555), ("same", "mode")),
        (lambda place: _to_link(place / "same"), ("same", "missing")),
    ],
)
def test_verify_names_what_is_wrong_and_nothing_else(
    site: Site, damage: Callable[[Path], Any], fault: tuple[str, str]
) -> None:
    """P19."""
    site.publish(TWO)
    switch = site.publish(ONE)
    found = verify(site.tree)
    assert (found.generations, found.files, found.bytes, found.faults) == (2, 8, 26, ())
    damage(site.root / "site")
    faults = verify(site.tree).faults
    ours = [fault for fault in faults if fault.generation == switch.generation]
    assert [(fault.path, fault.what) for fault in ours] == [fault]
    assert {fault.path for fault in faults} == {fault[0]}


def _rewrite(file: Path, content: bytes) -> None:
    """In place, so that all names of the file show it."""
    file.chmod(0o644)
    file.write_bytes(content)
    file.chmod(0o444)


def _to_link(file: Path) -> None:
    file.unlink()
    file.symlink_to("index.html")


def test_verify_names_damaged_records_and_missing_folders(site: Site) -> None:
    first, second = site.publish(ONE), site.publish(TWO)
    state = site.host.state
    record = site.tree.places.record(first.generation)
    text = state.read(record)
    state.write(record, text[:-1])
    assert verify(site.tree).faults == (Fault(first.generation, "", "no record"),)
    state.write(record, text)
    (site.root / "site").rename(site.root / "elsewhere")
    assert verify(site.tree).faults == (Fault(second.generation, "", "no files"),)
    head = site.tree.places.head
    state.write(head, state.read(head).replace(b"tester", b"Tester"))
    with pytest.raises(Corrupt):
        verify(site.tree)


def test_without_exchange_a_link_is_switched(tmp_path: Path) -> None:
    site = Site(WithoutExchange(str(tmp_path / "root")))
    site.host.create_root()
    for files in (ONE, TWO, ONE):
        site.publish(files)
        assert (site.root / "site").is_symlink()
        assert site.on_disk() == site.seen() == files
    site.tree.rollback()
    assert site.on_disk() == TWO
    assert verify(site.tree).faults == ()
    made = [switch.generation for switch in site.tree.history()]
    assert set(clean_up(later(site, days=2)).generations) == set(made[:1])
    assert site.on_disk() == TWO
    assert site.seen(made[1]) == TWO


def test_a_folder_is_not_replaced_with_a_gap_unless_that_is_allowed(site: Site) -> None:
    site.publish(ONE)
    lacking = Site(WithoutExchange(str(site.root)))
    with pytest.raises(NotGuaranteed, match="exchange") as caught:
        lacking.publish(TWO)
    assert "--allow-gap" in caught.value.hint
    assert site.on_disk() == ONE
    Site(WithoutExchange(str(site.root)), allow_gap=True).publish(TWO)
    assert site.on_disk() == site.seen() == TWO
    assert verify(site.tree).faults == ()


def test_what_was_not_published_is_left_alone(site: Site) -> None:
    place = site.root / "site"
    for make in (place.mkdir, lambda: place.write_bytes(b"x"), lambda: place.symlink_to("/etc")):
        make()
        with pytest.raises(AlreadyExists, match="not published by oaio"):
            site.publish(ONE)
        if place.is_dir() and not place.is_symlink():
            place.rmdir()
        else:
            place.unlink()
    site.publish(ONE)
    assert site.on_disk() == ONE


def test_a_strangers_folder_in_the_middle_of_a_switch_is_told(site: Site) -> None:
    site.publish(ONE)
    head, version = site.tree.head.read()
    assert head is not None
    assert head.live is not None
    switch = attrs.evolve(head.live, sequence=2, parent=head.generation, generation="f" * 32)
    intent = Intent(switch=switch, staged="1", live="2")
    site.tree.head.swap(attrs.evolve(head, intent=intent, nonce="0" * 32), version)
    (site.root / "site" / "mine").write_bytes(b"mine")
    with pytest.raises(ForeignPublisher, match="interrupted"):
        site.publish(TWO)
    assert site.on_disk() == ONE | {"mine": b"mine"}
    (site.root / "site").rename(site.root / "away")
    site.publish(TWO)
    assert site.on_disk() == TWO


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "../x", ".oaio", "a\0b", "nul", "x" * 201, "\ud800", "a."]
)
def test_names_that_no_tree_can_have_are_refused(site: Site, name: str) -> None:
    with pytest.raises(InvalidName):
        PlainTree(host=site.host, name=name)


def test_hosts_without_folders_say_so() -> None:
    tree = PlainTree(host=FsspecApi("memory://no-folders"), name="site")
    with pytest.raises(NotGuaranteed, match="whole folders"):
        _ = tree.folders


def test_a_host_that_tries_again_publishes_as_well(tmp_path: Path) -> None:
    host: CshApi = Retry(LocalApi(str(tmp_path)))
    host.create_root()
    site = Site(host)
    site.publish(ONE)
    site.publish(TWO)
    assert site.on_disk() == TWO
