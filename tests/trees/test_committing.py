"""T9 to T12: committing in an order that keeps everything safe, in few requests, once."""

import os
import shutil
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from time import sleep

import attrs
import pytest
from trees.places import Device, another, fill, memory, noise

from oaio_storage.errors import Changed, NotFound, NotGuaranteed, OaioError, SourceChanged, Superseded
from oaio_storage.hash_cache import HashCache
from oaio_storage.testing import Crash, Fault, Faults, Store
from oaio_storage.testing.misbehaving.liars import ChecksThenWrites, IgnoresConditions
from oaio_storage.trees import packing
from oaio_storage.trees.attempt import Attempt
from oaio_storage.trees.carrying import FEW
from oaio_storage.trees.collecting import collect
from oaio_storage.trees.committing import commit, rollback
from oaio_storage.trees.head import Head
from oaio_storage.trees.intake import Intake
from oaio_storage.trees.store import TreeStore
from oaio_storage.trees.switches import LOG_KEPT

KINDS = ("packs", "moved", "generations", "head")


def written(asked: list[tuple[str, str]]) -> list[str]:
    """The kinds of files that were written, in order, each run of them once."""
    kinds = [path.split("/")[3] for what, path in asked if what == "write"]
    return [kind for number, kind in enumerate(kinds) if number == 0 or kinds[number - 1] != kind]


class TestT9:
    """Packs, then new places, then the generation, then the head; few requests."""

    def test_the_order_of_writes(self, device: Device) -> None:
        for number in range(FEW + 3):
            device.commit({f"{one}": b"%d" % one for one in range(number + 1)})
            order = written(device.asked())
            if "moved" in order:
                break
            assert order == (["format"] if number == 0 else []) + ["packs", "generations", "head"]
        assert order == ["packs", "moved", "generations", "head"]

    def test_nothing_refers_to_what_is_not_there(self, tmp_path: Path) -> None:
        """P4: whenever it stops, all that was stored names only what was stored before."""
        counted = Device(tmp_path / "0", memory())
        counted.commit({"a": b"a", "b": noise(3 << 20)})
        for k in range(1, len(counted.faults.operations) + 1):
            device = Device(tmp_path / f"{k}", memory(), faults=Faults({k: Fault.CRASH_BEFORE}))
            with suppress(Crash):
                device.commit({"a": b"a", "b": noise(3 << 20)})
            store = TreeStore(device.inner, "site")
            for seen in device.stored("generations"):
                assert list(store.files(seen.rpartition("/")[2]))
                assert all(store.chunks.read(p) for p in store.all_pieces(store.generation(seen[-32:])))

    def test_an_unchanged_commit_asks_little_and_sends_nothing(self, device: Device) -> None:
        device.commit({f"{number}": b"%d" % number for number in range(500)})
        device.asked()
        assert device.commit().sent == 0
        assert [what for what, _ in device.asked()] == ["read", "stat"]

    def test_a_small_change_asks_little(self, device: Device) -> None:
        files = {f"{number % 7}/{number}": noise(50, number) for number in range(3_000)}
        device.commit(files)
        device.asked()
        done = device.commit(files | {f"{number % 7}/{number}": b"new" for number in range(0, 3_000, 300)})
        assert len(device.asked()) <= 6
        assert done.sent < 100_000

    def test_packs_are_sent_while_the_folder_is_looked_at(
        self, device: Device, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(packing, "PACK", 1 << 16)
        monkeypatch.setattr(packing, "FRAME", 1 << 14)
        seen, take = [], Intake.take

        def counting(self: Intake, file: int, size: int) -> str:
            seen.append(len(device.faults.operations))
            return take(self, file, size)

        monkeypatch.setattr(Intake, "take", counting)
        device.commit({f"{number}": noise(40_000, number) for number in range(40)})
        assert seen[-1] > seen[0] + 5

    def test_the_first_commit_on_a_host_that_ignores_conditions_is_refused(self, tmp_path: Path) -> None:
        """B10, T21: before anything of the tree is visible."""
        for liar in (IgnoresConditions, ChecksThenWrites):
            host = liar(Store())
            host.create_root()
            device = Device(tmp_path / liar.__name__, host)
            with pytest.raises(NotGuaranteed):
                device.commit({"a": b"a"})
            assert not list(host.state.list("trees"))


class TestT10:
    """What exists is known from the base and from this device's journal, and never probed."""

    def test_resuming_sends_nothing_twice(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """P7: at most what was in flight is sent again."""
        monkeypatch.setattr(packing, "PACK", 1 << 16)
        monkeypatch.setattr(packing, "FRAME", 1 << 14)
        files = {f"{number}": noise(40_000, number) for number in range(20)}
        whole = Device(tmp_path / "whole", memory())
        total = whole.commit(files).sent
        operations = list(whole.faults.operations)
        resumed = 0
        for k in range(5, len(operations) + 1):
            device = Device(tmp_path / f"{k}", memory(), faults=Faults({k: Fault.CRASH_BEFORE}))
            with pytest.raises(Crash):
                device.commit(files)
            before = sum(seen.size for seen in device.inner.state.list("trees/site/packs"))
            device.faults = Faults()
            again = device.commit()
            assert device.seen() == files
            assert again.sent <= total - before + 4 * (1 << 16)
            asked = device.asked()
            assert not [path for what, path in asked if what in ("list", "stat") and "packs" in path]
            resumed += before > 0
            shutil.rmtree(device.place)
        assert resumed > 5

    def test_after_a_collection_packs_are_listed_once_and_what_is_gone_is_sent_again(
        self, device: Device, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        device.commit({"a": b"a"})
        files = {"a": b"a", "b": noise(10_000)}
        with monkeypatch.context() as patch:
            patch.setattr(Attempt, "switch", _stop)
            with pytest.raises(Crash):
                device.commit(files)
        left = len(device.stored())
        gone = collect(device.store, young=timedelta(-1))
        assert len(gone.packs) == left - 1
        device.asked()
        device.commit()
        assert device.seen() == files
        listed = [path for what, path in device.asked() if what == "list"]
        assert listed == [".oaio/trees/site/packs"]
        assert not set(gone.packs) & {path.rpartition("/")[2] for path in device.stored()}

    def test_another_machine_starts_over(self, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Attempt, "switch", _stop)
            with pytest.raises(Crash):
                device.commit({"b": noise(10_000)})
        other = Device(device.place, device.inner, "other")
        assert other.commit({"b": noise(10_000)}).sent > 10_000

    def test_what_one_commit_stored_is_no_others(
        self, device: Device, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A journal that names another transaction is left alone."""
        with monkeypatch.context() as patch:
            patch.setattr(Attempt, "switch", _stop)
            with pytest.raises(Crash):
                device.commit({"b": noise(10_000)})
        assert device.commit(transaction="1" * 32).sent > 10_000

    @pytest.mark.parametrize("damage", ["gone", "cut", "changed", "other"])
    @pytest.mark.parametrize("name", ["head", "known", "record", "texts", "journal"])
    def test_what_a_device_remembers_may_be_damaged(
        self, device: Device, name: str, damage: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """C1: it costs traffic, never content."""
        files = {"a": b"a", "b": noise(10_000)}
        device.commit(files)
        with monkeypatch.context() as patch:
            patch.setattr(Attempt, "switch", _stop)
            with pytest.raises(Crash):
                device.commit(files | {"c": noise(5_000, 1)})
        kept = [path for path in (device.place / "cache a").rglob(f"{name}*") if path.name != "journal.lock"]
        files_kept = [one for path in kept for one in ([path] if path.is_file() else path.iterdir())]
        assert files_kept
        for path in files_kept:
            content = path.read_bytes()
            if damage == "gone":
                path.unlink()
            elif damage == "cut":
                path.write_bytes(content[: len(content) // 2])
            elif damage == "changed":
                middle = len(content) // 2
                path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
            else:
                path.write_bytes(b"\xff" * 10)
        device.commit()
        assert device.seen() == files | {"c": noise(5_000, 1)}

    def test_two_commits_of_one_device_do_not_share_a_journal(self, device: Device) -> None:
        device.commit({"a": b"a"})
        with device.store.local.journal() as first, device.store.local.journal() as second:  # type: ignore[union-attr]
            assert first is not None
            assert second is None


class TestT11:
    """A writer uses again only what this device has sent or verified."""

    def test_what_others_stored_is_sent_again(self, device: Device) -> None:
        files = {"a": noise(10_000), "b": noise(20_000, 1)}
        device.commit(files)
        other = Device(device.place, device.inner, "other")
        done = other.commit(files | {"c": b"c"})
        assert done.sent > 30_000
        assert other.seen() == files | {"c": b"c"}

    def test_what_was_checked_out_is_not(self, device: Device) -> None:
        files = {"a": noise(10_000), "b": noise(20_000, 1), "large": noise(3 << 20)}
        device.commit(files)
        other = Device(device.place, device.inner, "other")
        other.check_out()
        assert other.commit(files | {"c": b"c"}).sent < 10_000

    def test_of_what_was_partly_checked_out_the_rest_is(self, device: Device) -> None:
        files = {"a": noise(10_000), "b": noise(20_000, 1)}
        device.commit(files)
        other = Device(device.place, device.inner, "other")
        other.folder.mkdir()
        fill(other.folder, {"a": files["a"]})
        other.check_out()
        assert 10_000 < other.commit(files | {"c": b"c"}).sent < 20_000

    def test_what_stays_known_through_the_commits_of_others(self, device: Device) -> None:
        files = {"a": noise(10_000), "b": noise(20_000, 1)}
        device.commit(files)
        other = Device(device.place, device.inner, "other")
        other.check_out()
        other.commit(files | {"c": noise(5_000, 2)})
        done = device.commit(files | {"c": noise(5_000, 2), "d": b"d"})
        assert 5_000 < done.sent < 10_000

    def test_wrong_places_of_others_are_never_spread(self, device: Device) -> None:
        """A line that claims a content where there is none is not used."""
        device.commit({"a": noise(10_000)})
        (path,) = device.stored()
        device.inner.state.write(path, b"")
        other = Device(device.place, device.inner, "other")
        other.commit({"a": noise(10_000), "b": b"b"})
        assert other.seen()["a"] == noise(10_000)


class TestT12:
    """The head is replaced by compare-and-swap alone; an unknown outcome is found out by the log."""

    def test_of_two_from_one_base_one_wins(self, device: Device) -> None:
        first = device.commit({"a": b"a"})
        other = Device(device.place, device.inner, "other")
        second = other.commit({"a": b"b"})
        with pytest.raises(Superseded, match="by other"):
            device.commit({"a": b"c"}, base=first.switch.generation)
        assert device.seen() == {"a": b"b"}
        assert [switch.parent for switch in device.store.history()] == ["", first.switch.generation]
        assert device.commit(base=second.switch.generation).is_new

    def test_who_is_overtaken_within_a_commit_is_told(
        self, device: Device, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        device.commit({"a": b"a"})
        other = Device(device.place, device.inner, "other")
        switch = Attempt.switch

        def late(self: Attempt, *args: object) -> object:
            monkeypatch.setattr(Attempt, "switch", switch)
            other.commit({"a": b"b"})
            return switch(self, *args)  # type: ignore[arg-type]  # as they came

        monkeypatch.setattr(Attempt, "switch", late)
        with pytest.raises(Superseded, match="by other"):
            device.commit({"a": b"c"})
        assert device.seen() == {"a": b"b"}

    def test_an_unknown_outcome_is_found_out(self, tmp_path: Path) -> None:
        """P6: the swap that was done, lost, or late, and a repetition after each."""
        counted = Device(tmp_path / "0", memory())
        counted.commit({"a": b"a"})
        last = len(counted.faults.operations)
        for number, fault in enumerate(
            [Fault.FAIL_AFTER, Fault.LATE, Fault.HANG, Fault.CRASH_AFTER, Fault.DUPLICATE]
        ):
            device = Device(tmp_path / f"{number + 1}", memory(), faults=Faults({last: fault}))
            with suppress(OaioError, Crash):
                device.commit({"a": b"a"})
            assert device.faults.struck
            device.faults.settle()
            device.faults = Faults()
            done = device.commit()
            assert device.seen() == {"a": b"a"}
            assert [switch.sequence for switch in device.store.history()] == [1]
            assert done.switch == device.store.live()

    def test_a_late_swap_of_older_content_is_not_taken_for_this_one(self, tmp_path: Path) -> None:
        counted = Device(tmp_path / "0", memory())
        counted.commit({"a": b"a"})
        device = Device(
            tmp_path / "1", memory(), faults=Faults({len(counted.faults.operations): Fault.CRASH_AFTER})
        )
        with suppress(Crash):
            device.commit({"a": b"a"})
        device.faults = Faults()
        done = device.commit({"a": b"other"})
        assert device.seen() == {"a": b"other"}
        assert done.switch.sequence == 2

    def test_a_transaction_is_committed_once(self, device: Device) -> None:
        first = device.commit({"a": b"a"}, transaction="1" * 32)
        device.commit({"a": b"b"})
        again = device.commit({"a": b"a"}, transaction="1" * 32)
        assert again.switch == first.switch
        assert device.seen() == {"a": b"b"}

    def test_a_transaction_is_found_in_older_parts_of_the_log(self, device: Device) -> None:
        first = device.commit({"a": b"a"}, transaction="1" * 32)
        store = device.store
        head, version = store.heads.read()
        assert head is not None
        log = list(head.log)
        for number in range(2 * LOG_KEPT):
            log.append(
                attrs.evolve(log[-1], sequence=number + 2, parent=log[-1].generation, transaction="2" * 32)
            )
        store.heads.swap(attrs.evolve(head, nonce="x", log=tuple(log)), version)
        read, _ = store.heads.read()
        assert read is not None
        assert read.find("1" * 32) is None
        assert len(store.history()) == 2 * LOG_KEPT + 1
        assert device.commit({"a": b"c"}, transaction="1" * 32).switch == first.switch

    def test_a_rollback_is_a_new_generation_and_sends_no_content(self, device: Device) -> None:
        first = device.commit({"a": noise(50_000)})
        device.commit({"a": b"b"})
        before = device.stored()
        back = rollback(device.store)
        assert (back.sequence, back.kind, back.restored) == (3, "rollback", first.switch.generation)
        assert back.generation not in {switch.generation for switch in device.store.history()[:2]}
        assert device.seen() == {"a": noise(50_000)}
        assert device.stored() == before
        assert rollback(device.store).restored == device.store.history()[1].generation
        with pytest.raises(NotFound):
            rollback(device.store, "f" * 32)

    def test_the_head_survives_its_text(self) -> None:
        head = Head(nonce="n", plans=("0" * 32,), pins={"label": "1" * 32}, collected=3, kept=("2" * 32,))
        assert Head.parse(head.text().encode()) == head


class TestChangingFiles:
    """M12: what is committed is what was read."""

    def test_a_file_that_changes_while_it_is_read(
        self, device: Device, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take = Intake.take
        calls = 0

        def late(self: Intake, file: int, size: int) -> str:
            nonlocal calls
            calls += 1
            found = take(self, file, size)
            (device.folder / "a").write_bytes(b"%d" % calls)
            return found

        monkeypatch.setattr(Intake, "take", late)
        with pytest.raises(SourceChanged):
            device.commit({"a": b"x"})
        assert device.stored("generations") == []

    def test_a_file_that_is_known_by_its_times_but_not_on_the_host(self, device: Device) -> None:
        fill(device.folder, {"a": noise(10_000), "b": noise(2 << 20, 1)})
        sleep(2.1)
        with HashCache(device.place / "hashes") as cache:
            commit(device.store, device.folder, cache=cache)
            os.utime(device.folder)
            host = memory()
            other = Device(device.place, host, "a")
            commit(other.store, device.folder, cache=cache)
        assert other.seen() == {"a": noise(10_000), "b": noise(2 << 20, 1)}

    def test_what_can_not_be_told_stays_as_it_is(self, device: Device) -> None:
        """T18: a name that this system can't hold, a folder that can't be read, a pattern that hides."""
        device.commit({"a": b"a", "b": b"b"})
        (device.folder / "a").unlink()
        (device.folder / "a").symlink_to("b")
        done = device.commit()
        assert set(done.unknown) == {"a"}
        assert not done.is_new
        fill(device.folder, {"b": b"new"})
        (device.folder / "a").symlink_to("b")
        device.folder.joinpath(".oaioignore").write_text("a\n")
        device.commit()
        assert device.seen() == {"a": b"a", "b": b"new", ".oaioignore": b"a\n"}


def test_an_empty_folder_is_a_generation(device: Device) -> None:
    done = device.commit({})
    assert done.is_new
    assert device.seen() == {}
    assert not device.commit({}).is_new
    device.commit({"a": b"a"})
    device.commit({})
    assert device.seen() == {}


def test_a_copy_of_a_host_serves_as_well(device: Device, tmp_path: Path) -> None:
    device.commit({"a": b"a"})
    copy = Device(tmp_path / "other", another(device.inner))  # type: ignore[arg-type]  # in memory
    assert copy.seen() == {"a": b"a"}
    copy.commit({"a": b"b"})
    assert device.seen() == {"a": b"a"}


def test_without_a_memory_everything_is_sent(device: Device) -> None:
    device.commit({"a": noise(10_000)})
    store = TreeStore(device.inner, "site")
    fill(device.folder, {"a": noise(10_000), "b": b"b"})
    assert commit(store, device.folder).sent > 10_000
    assert device.seen() == {"a": noise(10_000), "b": b"b"}


def test_who_is_always_too_late_is_told(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    device.commit({"a": b"a"})

    def refuse(*_: object) -> None:
        raise Changed("always")

    monkeypatch.setattr(Attempt, "switch", refuse)
    with pytest.raises(Changed):
        device.commit({"a": b"b"})
    with pytest.raises(Changed):
        rollback(device.store, device.store.live().generation)


def _stop(*_: object) -> None:
    raise Crash("stopped")
