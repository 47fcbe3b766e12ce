"""P1, P5, P6, P8, P9, P11 to P14: publishers, readers, cleaners and an operator in any order, some ending."""

import random
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import attrs
from counts import COUNTS
from publish.scheduler import Actor, TurnWire, run
from publish.trees import Site, manifest_of
from publish.tripping import TrippingApi

from oaio_storage.errors import Changed, InvalidArgument, NotFound, Superseded
from oaio_storage.publish.cleaning import clean_up
from oaio_storage.publish.tree import PlainTree
from oaio_storage.publish.verifying import verify
from oaio_storage_local import LocalApi

NAMES = [f"d{number}/{number}" for number in range(3)]


def files_of(token: str) -> dict[str, bytes]:
    """A tree in which every file tells which tree it belongs to, beside one that never changes."""
    return {name: f"{token} {name}".encode() for name in NAMES} | {"same": b"same"}


@attrs.define
class World:
    """One root, the actors on it, and what they were told."""

    root: Path
    dice: random.Random
    met: Counter[str] = attrs.field(factory=Counter)
    acknowledged: dict[str, int] = attrs.field(factory=dict)
    tokens: dict[str, str] = attrs.field(factory=dict)
    last_seen: int = 0

    @property
    def plain(self) -> Site:
        """The tree as nobody disturbs it."""
        return Site(LocalApi(str(self.root)))

    def tree(self, actor: Actor, skew: timedelta = timedelta()) -> PlainTree:
        """The tree as ``actor`` reaches it, by a clock of its own."""
        host = TrippingApi(str(self.root), wire=TurnWire(actor=actor))
        return PlainTree(
            host=host,
            name="site",
            by=actor.name,
            clock=lambda: datetime.now(UTC) + skew,
            sleep=lambda _seconds: actor.pause(),
        )

    def publisher(self, number: int) -> Actor:
        def work(actor: Actor) -> None:
            tree = self.tree(actor, timedelta(days=self.dice.choice([-4000, 0, 0, 4000])))
            for attempt in range(2):
                token = f"{number}.{attempt}"
                plan = tree.plan(manifest_of(files_of(token)))
                self.tokens[plan.transaction] = token
                try:
                    with tree.transactions.begun(plan, yes=True) as staging:
                        for path in staging.wanted():
                            staging.receive(path, files_of(token)[path])
                        made = tree.transactions.commit(staging)
                except (Superseded, Changed, NotFound, InvalidArgument) as err:
                    self.met[type(err).__name__] += 1
                else:
                    self.acknowledged[made.transaction] = made.sequence
                    self.met["published"] += 1

        return Actor(f"publisher {number}", work)

    def operator(self) -> Actor:
        def work(actor: Actor) -> None:
            tree = self.tree(actor)
            for _ in range(5):
                for _ in range(20):  # until there is something to go back to
                    actor.pause()
                with suppress(NotFound, Superseded, Changed, InvalidArgument):
                    made = tree.rollback(yes=True)
                    self.acknowledged[made.transaction] = made.sequence
                    self.met["rolled back"] += 1

        return Actor("operator", work)

    def cleaner(self, number: int) -> Actor:
        def work(actor: Actor) -> None:
            tree = self.tree(actor, timedelta(days=self.dice.choice([-1, 2, 4000])))
            for _ in range(3):
                actor.pause()
                with suppress(Changed):
                    cleaned = clean_up(tree, last=self.dice.choice([1, 2, 3]), time=timedelta())
                    self.met["cleaned"] += bool(cleaned.generations)
                    self.met["given up"] += bool(cleaned.stagings)
                    self.met["left in use"] += bool(cleaned.in_use)

        return Actor(f"cleaner {number}", work)

    def reader(self, number: int) -> Actor:
        def work(actor: Actor) -> None:
            tree, seen = self.tree(actor), 0
            for _ in range(4):
                with suppress(NotFound), tree.open() as opened:
                    assert opened.switch.sequence >= seen, "an older generation was shown as the live one"
                    seen = opened.switch.sequence
                    for path, entry in opened.record.manifest.items():
                        with opened.folder.read(path) as stream:
                            content = stream.read()
                        assert sha256(content).hexdigest() == entry.checksum, f"a mix: {path}"
                        actor.pause()
                    live = self.plain.tree.live()
                    self.met["read what was replaced meanwhile"] += opened.switch != live
                    verify_opened(opened.record.manifest, opened.folder)

        return Actor(f"reader {number}", work)

    def look(self) -> None:
        """What lies in the tree's place is one whole tree, at every moment."""
        place = self.root / "site"
        if not place.exists():
            assert not self.last_seen, "the tree is gone"
            return
        self.last_seen = 1
        found = self.plain.on_disk()
        token = found[NAMES[0]].decode().split()[0]
        assert found == files_of(token), "a mix"

    def heal(self) -> None:
        """Everybody is gone; one more publication and clean-up leave exactly one generation."""
        site = self.plain
        history = site.tree.history()
        sequences = {switch.transaction: switch.sequence for switch in history}
        assert len(sequences) == len(history), "one transaction made two generations"
        assert self.acknowledged.items() <= sequences.items(), "an acknowledged publication is lost"
        assert [switch.sequence for switch in history] == list(range(1, len(history) + 1))
        if site.tree.live() is not None:
            assert verify(site.tree).faults == ()
        site.publish(files_of("heal"))
        late = attrs.evolve(site.tree, clock=lambda: datetime.now(UTC) + timedelta(days=9000))
        clean_up(late, last=1, time=timedelta())
        assert site.on_disk() == files_of("heal")
        assert len(site.tree.recorded()) == 1
        assert site.litter() == []
        assert list((self.root / ".oaio" / "trees" / "site" / "kept").glob("*")) == []
        assert verify(site.tree).faults == ()


def verify_opened(manifest: object, folder: object) -> None:
    """A held generation is whole, whatever happened meanwhile."""
    placed = dict(folder.placed())  # type: ignore[attr-defined]  # a HeldFolder
    assert placed.keys() == manifest.keys()  # type: ignore[attr-defined]  # a Manifest


def live(root: Path, dice: random.Random) -> Counter[str]:
    """One history."""
    world = World(root, dice)
    LocalApi(str(root)).create_root()
    if dice.random() < 0.8:
        world.plain.publish(files_of("first"))
    actors = [
        *(world.publisher(number) for number in range(3)),
        *(world.reader(number) for number in range(2)),
        *(world.cleaner(number) for number in range(dice.choice([1, 2]))),
        world.operator(),
    ]

    def between() -> None:
        running = [one for one in actors if not one.done and not one.ends]
        if running and dice.random() < 0.004:
            dice.choice(running).ends = True
            world.met["ended"] += 1
        if dice.random() < 0.2:
            world.look()
            head, _ = world.plain.tree.head.read()
            if running and head is not None and head.intent is not None and dice.random() < 0.1:
                for actor in running:
                    actor.ends |= actor.name == head.intent.switch.by
                    world.met["ended with an intent"] += actor.ends

    run(actors, dice, between)
    world.look()
    world.heal()
    return world.met


def test_every_order_keeps_what_was_acknowledged(quick_path: Path) -> None:
    histories = COUNTS.machine_histories
    met: Counter[str] = Counter()
    for seed in range(histories):
        try:
            found = live(quick_path / str(seed), random.Random(seed))
        except BaseException as err:
            err.add_note(f"seed {seed}")
            raise
        met.update({situation: 1 for situation, number in found.items() if number})
    floors = {
        "published": 0.9,
        "Superseded": 0.5,
        "rolled back": 0.05,
        "cleaned": 0.1,
        "given up": 0.2,
        "left in use": 0.1,
        "ended": 0.3,
        "ended with an intent": 0.1,
        "read what was replaced meanwhile": 0.3,
    }
    missed = {name: met[name] / histories for name, floor in floors.items() if met[name] < floor * histories}
    assert not missed, f"these situations were met too seldom: {missed}"
