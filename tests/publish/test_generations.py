"""The layout ``generations``, by its interface: what each call does, and refuses."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest
from publish.stored import StoredSite, Undecided, memory
from trees.places import Device, another, fill, noise

from oaio_storage.errors import (
    BadAnswer,
    Corrupt,
    ForeignPublisher,
    InvalidArgument,
    MassDeletion,
    NotFound,
    NotGuaranteed,
    RootOverlap,
    RootUnavailable,
    SourceChanged,
    StorageError,
    Superseded,
)
from oaio_storage.hosts import host_api
from oaio_storage.hosts.wrappers.read_only import ReadOnly
from oaio_storage.publish.arbiter import Arbiter, Noted
from oaio_storage.publish.generations import GenerationsLayout
from oaio_storage.publish.layouts import layout_of, published_tree
from oaio_storage.publish.results import Published
from oaio_storage.publish.saved import read_plan, save_plan
from oaio_storage.publish.serve import LiveTree, answer
from oaio_storage.testing import LIARS, FaultHost, Faults, MemoryApi, Store
from oaio_storage_local import LocalApi

ONE = {"a": b"a", "b/c": noise(9_000), "same": b"same"}
TWO = {"a": b"changed", "b/c": noise(9_000), "same": b"same", "new": b"new"}


@pytest.fixture(params=["decided", "arbited"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> StoredSite:
    """A tree on a host that decides conditions, and on one where a machine does."""
    if request.param == "decided":
        return StoredSite(memory(), tmp_path)
    return StoredSite(Undecided(Store()), tmp_path, exclusive=True)


def test_what_changed_little_costs_few_requests(site: StoredSite) -> None:
    """The marker, the head, contents, the record, the head again, at which an arbiter looks once more."""
    faults = Faults()
    counted = attrs.evolve(site, host=FaultHost(site.host, faults))
    many = {f"{number:05}": b"%d" % number for number in range(3_000)}
    for files, limit in ((many, 20), (many, 3), ({**many, "00007": b"changed"}, 6)):
        faults.operations.clear()
        counted.publish(files)
        assert len(faults.operations) <= limit + site.exclusive, faults.operations
    assert site.seen()["00007"] == b"changed"


def test_what_was_published_is_seen_and_told(site: StoredSite) -> None:
    first = site.publish(ONE)
    assert first.switch
    assert (first.sent, first.generation, len(first.plan.changes.new)) == (3, first.switch.generation, 3)
    second = site.publish(TWO)
    assert second.switch
    assert second.plan.base == second.switch.parent == first.generation
    assert (second.sent, len(second.plan.changes.keep)) == (2, 2)
    assert site.seen() == TWO
    assert site.seen(first.generation) == ONE
    assert site.tree.history() == (first.switch, second.switch)
    assert site.tree.kept() == [first.generation, second.generation]
    assert site.tree.live_manifest() == site.tree.manifest(second.generation) == second.plan.manifest
    assert site.tree.verify().faults == ()
    assert layout_of(site.host, "site") == "generations"
    assert layout_of(site.host, "other") == ""


def test_what_is_live_already_is_not_published_again(site: StoredSite) -> None:
    made = site.publish(ONE)
    again = site.publish(ONE)
    assert again.is_idle
    assert (again.switch, again.bytes_sent, again.generation) == (None, 0, made.generation)
    assert len(site.tree.history()) == 1


def test_a_plan_is_applied_once_and_only_to_its_base(site: StoredSite, tmp_path: Path) -> None:
    site.publish(ONE)
    site.tree.planned(fill(site.folder, TWO))
    assert len(site.tree.history()) == 1
    tree = site.tree
    save_plan(tree.planned(site.folder).plan, tmp_path / "plan")
    plan = read_plan(tmp_path / "plan", tree)
    (site.folder / "later").touch()
    with pytest.raises(SourceChanged):
        tree.publish(site.folder, plan)
    (site.folder / "later").unlink()
    made = tree.publish(site.folder, plan)
    assert made.switch
    assert made.switch.transaction == plan.transaction
    assert tree.publish(site.folder, read_plan(tmp_path / "plan", tree)).switch == made.switch
    assert len(tree.history()) == 2
    site.publish(ONE)
    with pytest.raises(Superseded):
        tree.publish(fill(site.folder, TWO), plan)
    assert len(tree.history()) == 3
    assert site.seen() == ONE


def once(act: Callable[[], Published], made: list[Published]) -> Callable[[object], None]:
    """Told of progress, it acts, the first time."""

    def report(_progress: object) -> None:
        if not made:
            made.append(act())

    return report


def test_two_that_publish_the_same_both_succeed(site: StoredSite) -> None:
    site.publish(ONE)
    twin = attrs.evolve(site, host=site.host)
    folder = fill(site.place / "twin", TWO)
    cache = site.place / "cache ours"
    shutil.copytree(cache, site.place / "kept")
    before = site.tree
    made: list[Published] = []
    done = before.publish(folder, report=once(lambda: twin.publish(TWO), made))
    assert done.switch is None
    assert done.is_idle
    assert done.generation == made[0].generation
    assert len(site.tree.history()) == 2


def test_another_publisher_from_the_same_base_is_told_of_the_winner(site: StoredSite) -> None:
    site.publish(ONE)
    late, report = fill(site.place / "late", {"late": b"late", **ONE}), once(lambda: site.publish(TWO), [])
    with pytest.raises(Superseded, match="by ours"):
        site.tree.publish(late, report=report)
    assert site.seen() == TWO


def test_little_must_be_left_unless_that_is_meant(site: StoredSite) -> None:
    site.publish(ONE)
    for files in ({}, {"a": b"a"}):
        with pytest.raises(MassDeletion):
            site.publish(files, yes=False)
        assert site.tree.planned(site.folder).plan.needs_yes
    site.publish({"a": b"a"})
    with pytest.raises(MassDeletion):
        site.publish({}, yes=False)
    site.publish(ONE)
    assert site.tree.rollback(site.tree.history()[0].generation).kind == "rollback"
    with pytest.raises(MassDeletion):
        site.tree.rollback(site.tree.history()[1].generation)
    site.tree.rollback(site.tree.history()[1].generation, yes=True)
    assert site.seen() == {"a": b"a"}


def test_what_is_ignored_stays_and_what_can_not_be_told_is_refused(site: StoredSite) -> None:
    site.publish({"kept.log": b"1", "a": b"a"})
    site.publish({".oaioignore": b"*.log\n", "kept.log": b"2", "more.log": b"3", "a": b"b"})
    assert site.seen() == {".oaioignore": b"*.log\n", "kept.log": b"1", "a": b"b"}
    (site.folder / "out").symlink_to("/etc/passwd")
    with pytest.raises(RootUnavailable, match="out"):
        site.tree.publish(site.folder)
    with pytest.raises(RootUnavailable, match="out"):
        site.tree.planned(site.folder)
    link = site.place / "link"
    link.symlink_to(site.folder)
    with pytest.raises(InvalidArgument, match="symbolic link"):
        site.tree.publish(link)


def test_only_what_was_not_sent_is_sent_after_an_interruption(site: StoredSite) -> None:
    """P7: the pack that was stored counts."""
    site.publish(ONE)
    files = ONE | {f"{number}": noise(3_000_000, number) for number in range(9)}
    faults = Faults()
    broken = attrs.evolve(site, host=FaultHost(site.host, faults))

    def packs() -> list[str]:
        return [path for name, path in faults.operations if name == "write" and "/packs/" in path]

    def report(_progress: object) -> None:
        if len(packs()) >= 2:
            raise KeyboardInterrupt

    fill(site.folder, files)
    with pytest.raises(KeyboardInterrupt):
        broken.tree.publish(site.folder, report=report)
    before = len(packs())
    assert before >= 2
    assert site.seen() == ONE
    assert broken.tree.publish(site.folder).switch
    sizes = [len(site.host.state.read(seen.path)) for seen in site.host.state.list("trees/site/packs")]
    assert sum(sizes) < sum(map(len, files.values())) * 1.02
    assert site.seen() == files


def test_an_open_generation_stays_while_it_is_said_to(site: StoredSite) -> None:
    first = site.publish(ONE).generation
    site.publish(TWO)
    site.publish({**TWO, "third": b"3"})
    with site.tree.open(first, stays=True) as opened:
        assert first not in site.tree.clean_up(at_once=True).generations
        with opened.read("b/c") as stream:
            assert stream.read() == ONE["b/c"]
        later = attrs.evolve(site.tree, clock=lambda: datetime.now(UTC) + timedelta(days=9000))
        assert later.clean_up(at_once=True).in_use == (first,)
        assert first in site.tree.clean_up(at_once=True, forget_readers=True).generations
    with pytest.raises(NotFound):
        site.seen(first)
    with pytest.raises(NotFound), site.tree.open("0" * 32):
        pass
    assert site.tree.verify().faults == ()


def test_clean_up_keeps_what_is_young_and_tells_before_it_acts(site: StoredSite) -> None:
    made = [site.publish({**ONE, "n": b"%d" % number}).generation for number in range(5)]
    assert site.tree.clean_up().generations == ()
    old = attrs.evolve(site.tree, clock=lambda: datetime.now(UTC) + timedelta(days=9))
    would = old.clean_up(dry_run=True)
    assert set(would.generations) == set(made[:2])
    assert site.tree.kept() == made
    assert old.clean_up() == would
    assert site.tree.kept() == made[2:]
    with pytest.raises(NotFound):
        site.tree.rollback(made[0])


def test_requests_are_answered_from_one_generation_each(site: StoredSite) -> None:
    site.publish({"index.html": b"one", "other.txt": b"1"})
    live = LiveTree(site.tree)
    with live.opened() as before:
        site.publish({"index.html": b"two", "other.txt": b"2"})
        with live.opened() as after:
            for opened, page, other in ((before, b"one", b"1"), (after, b"two", b"2")):
                with answer("GET", "", {}, opened).body as body:
                    assert b"".join(body) == page
                with answer("GET", "other.txt", {"Range": "bytes=0-0"}, opened).body as body:
                    assert b"".join(body) == other
    live.close()
    with pytest.raises(NotFound), LiveTree(attrs.evolve(site.tree, name="none")).opened():
        pass


def test_a_damage_is_named_and_mended_from_a_folder_or_another_host(site: StoredSite) -> None:
    site.publish(ONE)
    copy = StoredSite(another(site.host), site.place, "copy", site.exclusive)  # type: ignore[arg-type]  # in memory
    paths = [seen.path for seen in site.host.state.list("trees/site/packs")]
    for source in (fill(site.place / "files", ONE), copy.tree):
        for path in paths:
            site.host.state.write(path, b"damaged")
        found = site.tree.verify()
        assert {fault.path for fault in found.faults} == {*paths}
        assert found.damaged == (found.live,)
        assert not site.tree.repair().chunks
        mended = site.tree.repair(source)
        assert mended.left.faults == ()
        assert site.seen() == ONE
        assert mended.chunks == 3
        paths = [seen.path for seen in site.host.state.list("trees/site/packs")]
    for path in paths:
        site.host.state.write(path, b"damaged")
    done = site.tree.publish(site.folder, check=True)
    assert done.repairs
    assert site.seen() == ONE


def test_a_lost_record_needs_a_word_and_is_then_replaced(site: StoredSite) -> None:
    made = site.publish(ONE).generation
    site.host.state.delete(f"trees/site/generations/{made}")
    shutil.rmtree(site.place / "cache ours")
    with pytest.raises(Corrupt):
        site.publish(TWO, yes=False)
    site.publish(TWO)
    assert site.seen() == TWO
    assert [switch.sequence for switch in site.tree.history()] == [1, 2]


def test_a_checkout_is_not_taken_back_by_a_restored_host(site: StoredSite) -> None:
    first = site.publish(ONE).generation
    backup = another(site.host)  # type: ignore[arg-type]  # in memory
    site.publish(TWO)
    out = site.place / "out"
    site.tree.check_out(out)
    restored = attrs.evolve(site, host=backup)
    with pytest.raises(BadAnswer):
        restored.tree.check_out(out)
    assert (out / "new").read_bytes() == b"new"
    restored.tree.check_out(out, first)
    assert not (out / "new").exists()


# ---- hosts and layouts


@pytest.mark.parametrize("liar", [liar for liar in LIARS if "test_one_creator_wins" in liar.rejected_by])
def test_a_host_that_ignores_conditions_is_refused_by_the_self_test(
    liar: Callable[[], MemoryApi], tmp_path: Path
) -> None:
    site = StoredSite(liar(), tmp_path)
    with pytest.raises(NotGuaranteed) as told:
        site.publish(ONE)
    assert "--exclusive" in told.value.hint
    assert not list(site.host.state.list("trees"))
    alone = attrs.evolve(site, exclusive=True)
    alone.publish(ONE)
    assert site.publish(TWO).switch, "the word holds"
    assert site.seen() == TWO
    with pytest.raises(NotGuaranteed):
        attrs.evolve(site, machine="theirs").publish(ONE)


def test_a_local_root_holds_both_layouts_and_each_tree_keeps_its_own(tmp_path: Path) -> None:
    root = tmp_path / "root"
    host = LocalApi(str(root))
    folder = fill(tmp_path / "folder", ONE)
    stored = published_tree(host, "stored", layout="generations")
    stored.publish(folder)
    plain = published_tree(host, "plain")
    plain.prepare()
    plain.publish(folder)
    for name, layout in (("stored", "generations"), ("plain", "swapped")):
        assert published_tree(host, name).layout == layout
        other = {"generations": "swapped", "swapped": "generations"}[layout]
        with pytest.raises(ForeignPublisher, match=layout):
            published_tree(host, name, layout=other)
    with pytest.raises(RootOverlap):
        stored.publish(root)
    with pytest.raises(RootOverlap):
        stored.check_out(root / "out")
    with pytest.raises(InvalidArgument):
        published_tree(host, "x", exclusive=True)
    with pytest.raises(NotGuaranteed):
        published_tree(memory(), "x", layout="swapped")
    head = root / ".oaio/trees/stored/head"
    head.chmod(0o644)
    head.write_bytes(b"damaged")
    assert published_tree(host, "stored").layout == "generations"
    with pytest.raises(Corrupt):
        published_tree(host, "stored").publish(folder)
    assert published_tree(host_api("Local", root_folder=str(root)), "plain").live()


# ---- the arbiter


def test_a_foreign_publisher_stops_everything_until_it_is_accepted(tmp_path: Path) -> None:
    host = Undecided(Store())
    ours, theirs = (StoredSite(host, tmp_path, name, exclusive=True) for name in ("ours", "theirs"))
    ours.publish(ONE)
    theirs.publish(TWO)
    for act in (
        lambda: ours.publish({**ONE, "x": b"x"}),
        lambda: ours.tree.planned(ours.folder),
        lambda: ours.tree.rollback(yes=True),
        lambda: ours.tree.clean_up(at_once=True),
        lambda: ours.tree.repair(ours.folder),
    ):
        with pytest.raises(ForeignPublisher, match="was changed by another"):
            act()
    assert ours.seen() == TWO
    assert ours.tree.history() == theirs.tree.history()
    attrs.evolve(ours.tree, takes_over=True).prepare()
    ours.publish(ONE)
    assert ours.seen() == ONE
    with pytest.raises(ForeignPublisher):
        theirs.publish(TWO)
    host.state.delete("trees/site/head")
    with pytest.raises(ForeignPublisher, match="was removed by another"):
        ours.publish(TWO)


def test_a_switch_that_was_cut_off_is_done_by_whoever_comes_next(tmp_path: Path) -> None:
    host = Undecided(Store())
    site = StoredSite(host, tmp_path, exclusive=True)
    site.publish(ONE)
    one = host.state.read("trees/site/head")
    site.publish(TWO)
    two = host.state.read("trees/site/head")
    arbiter = Arbiter(tmp_path / "state ours", host.root_id(), "site")
    for on_host in (one, two, two[:100], b""):
        host.state.write("trees/site/head", on_host)
        arbiter.note(Noted(one, two))
        third = site.publish({**TWO, "third": b"3"})
        assert third.switch
        assert third.switch.sequence == 3
        assert len(site.tree.history()) == 3
        assert site.seen()["new"] == b"new"
    assert arbiter.noted() == Noted(host.state.read("trees/site/head"))


def test_what_a_machine_decides_is_known_to_all_its_processes_and_kept(tmp_path: Path) -> None:
    site = StoredSite(Undecided(Store()), tmp_path, exclusive=True)
    site.publish(ONE)
    plain = attrs.evolve(site, exclusive=False)
    assert plain.publish(TWO).switch
    shutil.rmtree(tmp_path / "state ours")
    with pytest.raises(NotGuaranteed, match="two publishers") as told:
        plain.publish(ONE)
    assert "--exclusive" in told.value.hint
    with pytest.raises(NotGuaranteed):
        plain.tree.planned(plain.folder)
    assert site.publish(ONE).switch


def test_memory_that_can_not_be_kept_is_told(tmp_path: Path) -> None:
    site = StoredSite(Undecided(Store()), tmp_path, exclusive=True)
    (tmp_path / "state ours").write_text("in the way")
    with pytest.raises(StorageError) as told:
        site.publish(ONE)
    assert "OAIO_STATE_DIR" in told.value.hint
    assert not list(site.host.state.list("trees"))


def test_a_device_of_the_tree_store_reads_what_was_published(site: StoredSite) -> None:
    site.publish(ONE)
    assert Device(site.place, site.host).seen() == ONE


def test_a_host_that_only_reads_is_not_published_to(site: StoredSite) -> None:
    site.publish(ONE)
    reading = attrs.evolve(site, host=ReadOnly(site.host))
    assert reading.seen() == ONE
    for act in (
        lambda: reading.publish(TWO),
        reading.tree.rollback,
    ):
        with pytest.raises((NotGuaranteed, NotFound)) as told:
            act()
        assert "--exclusive" not in told.value.hint
    with pytest.raises(NotGuaranteed):
        GenerationsLayout(host=ReadOnly(memory()), name="site").prepare()
    with reading.tree.open(stays=True) as opened:
        assert opened.switch.sequence == 1
