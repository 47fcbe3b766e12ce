"""T13 to T16: nothing that is needed is ever removed, whoever sleeps or dies; what is not needed goes."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest
from counts import FULL
from trees.fence_model import Rules, lost, world
from trees.places import Device, memory, noise

from oaio_storage.errors import Changed, InvalidArgument, NotFound, OaioError
from oaio_storage.hosts import Guarantees
from oaio_storage.testing import Crash, Fault, Faults, MemoryApi, Store
from oaio_storage.trees import collecting
from oaio_storage.trees.attempt import Committed
from oaio_storage.trees.carrying import FEW
from oaio_storage.trees.collecting import Collected, collect
from oaio_storage.trees.committing import commit, rollback
from oaio_storage.trees.head import Head
from oaio_storage.trees.store import TreeStore
from oaio_storage.trees.switches import Switch
from oaio_storage.trees.verifying import verify

WRITER, ANOTHER, ROLLBACK = ("writer", "w"), ("writer", "v"), ("rollback", "r")
ONE, OTHER = ("collector", "c"), ("collector", "d")
WORLDS = [(WRITER, ONE), (ROLLBACK, ONE), (WRITER, ROLLBACK), (WRITER, ROLLBACK, ONE), (ROLLBACK, ONE, OTHER)]
WORLDS += [(WRITER, ANOTHER, ROLLBACK), (WRITER, ANOTHER, ONE)]


def everything(device: Device, **named: object) -> Collected:
    """Collect at once, and all that is not live."""
    options = {"last": 1, "time": timedelta(0), "young": timedelta(days=-1)} | named
    return collect(device.store, **options)  # type: ignore[arg-type]  # as they came


class TestT13:
    """The head tells what is going to be removed before it is."""

    @pytest.mark.parametrize("actors", WORLDS)
    def test_in_every_interleaving_nothing_is_lost(self, actors: tuple[tuple[str, str], ...]) -> None:
        """Exhaustive: each of them may stop, or die, before any step."""
        states, found = lost(world(*actors), Rules(collector_tries=int(FULL or len(actors) < 3)))
        assert found is None
        assert states > 50

    def test_a_writer_that_sleeps_beside_two_collectors_loses_nothing(self) -> None:
        states, found = lost(world(WRITER, ONE, OTHER), Rules(collector_tries=int(FULL)))
        assert found is None
        assert states > 10_000

    @pytest.mark.skipif(not FULL, reason="looks at 130,000 states, for many seconds")
    def test_all_of_them_at_once_lose_nothing(self) -> None:
        states, found = lost(world(WRITER, ROLLBACK, ONE, OTHER), Rules(tries=0))
        assert found is None
        assert states > 100_000

    @pytest.mark.parametrize("without", ["fence", "fresh", "checked"])
    def test_without_any_of_the_rules_something_is(self, without: str) -> None:
        """Collection by age alone; names by content alone; plans that nobody heeds."""
        _, found = lost(world(WRITER, ONE), attrs.evolve(Rules(), **{without: False}))
        assert found is not None

    def test_by_age_alone_a_rollback_is_lost_too(self) -> None:
        assert lost(world(ROLLBACK, ONE), Rules(fence=False))[1] is not None

    def test_what_is_not_needed_goes_and_all_else_stays(self, device: Device) -> None:
        """P13: afterwards, exactly what the live generation needs is there."""
        for number in range(5):
            device.commit({"same": noise(5_000), f"{number}": noise(5_000, number)})
        gone = everything(device)
        assert len(gone.generations) == 4
        assert len(gone.packs) == 3
        assert gone.bytes > 15_000
        store = TreeStore(device.inner, "site")
        needed = {piece.place.pack for piece in store.all_pieces(store.generation())}
        assert {path.rpartition("/")[2] for path in device.stored()} == needed
        assert device.stored("gc") == []
        assert device.seen() == {"same": noise(5_000), "4": noise(5_000, 4)}
        assert verify(store).faults == ()
        assert everything(device) == Collected()

    def test_of_what_was_carried_along_twice_the_last_is_kept(self, device: Device) -> None:
        files: dict[str, bytes] = {}
        for number in range(3 * FEW):
            files[f"{number}"] = noise(50, number)
            device.commit(files)
        assert len(device.stored("moved")) > 1
        everything(device)
        assert [f"trees/site/moved/{name}" for name in device.store.generation().moved] == device.stored(
            "moved"
        )
        assert device.seen() == files
        assert verify(device.store).faults == ()

    def test_dry_run_only_tells(self, device: Device) -> None:
        device.commit({"a": noise(5_000)})
        device.commit({"a": noise(5_000, 1)})
        held = dict(device.inner.store.files)  # type: ignore[attr-defined]  # a host in memory
        told = everything(device, dry_run=True)
        assert held == device.inner.store.files  # type: ignore[attr-defined]  # same
        assert everything(device) == told

    def test_a_dead_collection_is_completed_by_the_next(self, tmp_path: Path) -> None:
        """P14: at every operation, and what was live stays."""
        counted = _three(tmp_path / "0")
        counted.asked()
        everything(counted)
        died = Counter[bool]()
        for k in range(1, len(counted.asked()) + 1):
            for fault in (Fault.CRASH_BEFORE, Fault.CRASH_AFTER):
                device = _three(tmp_path / f"{k} {fault.name}")
                device.faults = Faults({k: fault})
                with suppress(Crash):
                    everything(device)
                device.faults = Faults()
                assert device.seen() == {"a": noise(5_000, 2)}
                pending, _ = device.store.heads.read()
                assert pending is not None
                died[bool(pending.plans)] += 1
                everything(device)
                assert len(device.stored()) == len(device.stored("generations")) == 1
                assert device.stored("gc") == []
                assert verify(device.store).faults == ()
        assert died[True] > 5

    def test_a_collection_that_was_overtaken_begins_again(
        self, device: Device, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        device.commit({"a": noise(5_000)})
        remove, overtaken = collecting._remove, list[Committed]()

        def late(*args: object) -> None:
            if not overtaken:
                overtaken.append(device.commit({"a": noise(5_000, 1)}))
            remove(*args)  # type: ignore[arg-type]  # as they came

        device.commit({"a": noise(5_000, 2)})
        monkeypatch.setattr(collecting, "_remove", late)
        everything(device)
        assert overtaken
        assert device.seen() == {"a": noise(5_000, 1)}
        assert verify(device.store).faults == ()

    def test_files_of_strangers_are_left_alone(self, device: Device) -> None:
        device.commit({"a": b"a"})
        device.inner.state.write("trees/site/packs/notes.txt", b"mine")
        device.inner.state.write("trees/site/other", b"mine")
        everything(device)
        assert device.inner.state.read("trees/site/packs/notes.txt") == b"mine"
        assert device.inner.state.read("trees/site/other") == b"mine"

    def test_a_generation_that_can_not_be_read_stops_it(self, device: Device) -> None:
        """Nobody knows what it needs, so nothing is removed."""
        device.commit({"a": noise(5_000)})
        device.commit({"a": noise(5_000, 1)})
        live = device.store.live().generation
        device.inner.state.write(f"trees/site/generations/{live}", b"damaged")
        before = device.stored()
        with pytest.raises(OaioError):
            everything(device)
        assert device.stored() == before


class TestT14:
    """No commit and no rollback uses a name that a plan lists; age only saves work."""

    def test_what_is_young_is_not_looked_at(self, device: Device) -> None:
        device.commit({"a": noise(5_000)})
        device.commit({"a": noise(5_000, 1)})
        store = attrs.evolve(device.store, clock=lambda: datetime(1970, 1, 1, 12, tzinfo=UTC))
        assert collect(store, last=1, time=timedelta(0)).packs == ()

    def test_no_rollback_to_what_is_being_removed(self, device: Device) -> None:
        first = device.commit({"a": b"1"})
        device.commit({"a": b"2"})
        _fence_only(device)
        with pytest.raises(NotFound):
            rollback(device.store, first.switch.generation)
        with pytest.raises(NotFound):
            device.store.pin("label", first.switch.generation)

    @pytest.mark.parametrize("who", ["writer", "rollback", "pin"])
    def test_whoever_sleeps_while_collections_run(self, who: str, tmp_path: Path) -> None:
        """P8, P11, P12: at each of its operations, for any time; it wakes up, and nothing is lost."""
        slept, outcomes = 0, Counter[str]()
        for k in range(1, 60):
            device = _three(tmp_path / f"{who} {k}")
            old = device.store.history()[0].generation
            outcome, was_reached = _sleeping(device, who, old, k)
            outcomes[outcome] += 1
            slept += was_reached
            assert verify(device.store).faults == ()
            live = device.store.live()
            assert device.seen(live.generation)
            everything(device)
            assert verify(device.store).faults == ()
            if not was_reached:
                break
        assert slept > 2
        assert outcomes["done"]


class TestT15:
    """What stays: the live generation, the last ones, those live lately, and what has a pin."""

    def test_retention_by_number_and_by_time(self, device: Device) -> None:
        for number in range(6):
            device.commit({"a": b"%d" % number})
        assert len(everything(device, last=3).generations) == 3
        assert [switch.sequence for switch in device.store.kept()] == [4, 5, 6]
        assert everything(device, time=timedelta(days=1)).generations == ()
        assert [device.seen(switch.generation) for switch in device.store.kept()] == [
            {"a": b"3"},
            {"a": b"4"},
            {"a": b"5"},
        ]

    def test_a_pin_keeps_a_generation(self, device: Device) -> None:
        first = device.commit({"a": b"1"}).switch.generation
        device.commit({"a": b"2"})
        assert device.store.pin("release 1", first) == first
        device.commit({"a": b"3"})
        everything(device)
        assert device.seen(first) == {"a": b"1"}
        assert [switch.sequence for switch in device.store.kept()] == [1, 3]
        device.store.unpin("release 1")
        everything(device)
        with pytest.raises(NotFound):
            device.seen(first)
        with pytest.raises(InvalidArgument):
            device.store.pin("")

    def test_the_tree_of_an_object_is_collected_by_its_server_alone(self, device: Device) -> None:
        first = device.commit({"a": b"1"}).switch.generation
        device.commit({"a": b"2"})
        device.commit({"a": b"3"})
        device.store.change_head(lambda head: attrs.evolve(head, roots="server"))
        with pytest.raises(InvalidArgument):
            everything(device)
        everything(device, roots=[first])
        assert device.seen(first) == {"a": b"1"}
        assert [switch.sequence for switch in device.store.kept()] == [1, 3]

    def test_an_older_part_of_the_log_stays(self, device: Device) -> None:
        first = device.commit({"a": b"1"})
        head, version = device.store.heads.read()
        assert head is not None
        log = list(head.log)
        for number in range(200):
            log.append(attrs.evolve(log[-1], sequence=number + 2, parent=first.switch.generation))
        device.store.heads.swap(attrs.evolve(head, nonce="x", log=tuple(log)), version)
        everything(device)
        assert len(device.store.history()) == 201


class TestT16:
    """A host without compare-and-swap is collected by its one arbiter."""

    def test_without_one_it_is_refused(self, tmp_path: Path) -> None:
        host = _NoConditions(Store())
        arbiter = Arbiter()
        store = TreeStore(host, "site", heads=arbiter)
        (tmp_path / "a").write_bytes(b"a")
        commit(store, tmp_path)
        (tmp_path / "a").write_bytes(b"b")
        commit(store, tmp_path)
        assert collect(TreeStore(host, "site"), last=1) == Collected()  # it knows of no head at all
        gone = collect(store, last=1, time=timedelta(0), young=timedelta(-1))
        assert len(gone.packs) == 1
        assert arbiter.head is not None
        with pytest.raises(OaioError):
            TreeStore(host, "site").heads.swap(arbiter.head, "")


@attrs.define
class Arbiter:
    """A head that one process alone decides on."""

    head: Head | None = None
    version: int = 0

    def check(self) -> None:
        """It decides in one step."""

    def read(self) -> tuple[Head | None, str]:
        return self.head, str(self.version) if self.head else ""

    def swap(self, head: Head, version: str) -> str:
        if version != self.read()[1]:
            raise Changed("another head is there")
        self.head, self.version = head, self.version + 1
        return str(self.version)

    def history(self, head: Head) -> tuple[Switch, ...]:
        return head.log


class _NoConditions(MemoryApi):
    @property
    def guarantees(self) -> Guarantees:
        return attrs.evolve(super().guarantees, conditional_write=False)


def _three(place: Path) -> Device:
    device = Device(place, memory())
    for number in range(3):
        device.commit({"a": noise(5_000, number)})
    device.asked()
    return device


def _fence_only(device: Device) -> None:
    """A collection that died as soon as the head told of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collecting, "_complete", _die)
        with pytest.raises(Crash):
            everything(device)


def _die(*_: object) -> None:
    raise Crash("dead")


@attrs.define
class _Watched(Faults):
    """No faults, but something happens before each operation."""

    meanwhile: Callable[[], None] = attrs.field(kw_only=True)

    def next(self, operation: str, path: str) -> Fault | None:
        self.meanwhile()
        return super().next(operation, path)


def _sleeping(device: Device, who: str, old: str, k: int) -> tuple[str, bool]:
    """Let somebody sleep before an operation while collections run; how it ended, and whether it slept."""
    slept = False

    def meanwhile() -> None:
        nonlocal slept
        if device.faults.count + 1 == k and not slept:
            slept = True
            everything(Device(device.place, device.inner, "other"))

    device.faults = _Watched(meanwhile=meanwhile)
    try:
        if who == "writer":
            device.commit({"a": noise(5_000, 2), "b": noise(7_000, 3)})
        elif who == "rollback":
            rollback(device.store, old)
        else:
            device.store.pin("label", old)
    except OaioError as err:
        return type(err).__name__, slept
    return "done", slept
