"""P1, P5, P6, P8, P9, P11 to P14 for generations: the actors of the machine of plain files, in any order."""

import random
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import attrs
from counts import COUNTS
from publish.scheduler import Actor, TurnWire, run
from publish.test_machine import files_of
from publish.tripping import TrippingApi
from trees.places import fill

from oaio_storage.errors import Changed, Corrupt, NotFound, Superseded
from oaio_storage.publish.generations import GenerationsLayout
from oaio_storage.trees.collecting import collect
from oaio_storage_local import LocalApi

OURS = (Superseded, Changed, NotFound)
"""What an actor is told that was overtaken."""


@attrs.define
class World:
    """One root, the actors on it, and what they were told."""

    place: Path
    dice: random.Random
    met: Counter[str] = attrs.field(factory=Counter)
    acknowledged: dict[str, int] = attrs.field(factory=dict)

    @property
    def plain(self) -> GenerationsLayout:
        """The tree as nobody disturbs it."""
        return GenerationsLayout(host=LocalApi(str(self.place / "root")), name="site", memory=self.place)

    def tree(self, actor: Actor) -> GenerationsLayout:
        """The tree as ``actor`` reaches it, by a clock of its own."""
        skew = timedelta(days=self.dice.choice([-4000, 0, 0, 4000]))
        return GenerationsLayout(
            host=TrippingApi(str(self.place / "root"), wire=TurnWire(actor=actor)),
            name="site",
            by=actor.name,
            cache=self.place / f"cache {actor.name}",
            memory=self.place,
            clock=lambda: datetime.now(UTC) + skew,
        )

    def publisher(self, number: int) -> Actor:
        def work(actor: Actor) -> None:
            tree = self.tree(actor)
            for attempt in range(2):
                folder = fill(self.place / actor.name, files_of(f"{number}.{attempt}"))
                try:
                    made = tree.publish(folder, yes=True).switch
                except OURS as err:
                    self.met[type(err).__name__] += 1
                else:
                    if made:
                        self.acknowledged[made.transaction] = made.sequence
                    self.met["published"] += 1

        return Actor(f"publisher {number}", work)

    def operator(self) -> Actor:
        def work(actor: Actor) -> None:
            tree = self.tree(actor)
            for _ in range(4):
                for _ in range(10):  # until there is something to go back to
                    actor.pause()
                with suppress(*OURS):
                    made = tree.rollback(yes=True)
                    self.acknowledged[made.transaction] = made.sequence
                    self.met["rolled back"] += 1

        return Actor("operator", work)

    def cleaner(self, number: int) -> Actor:
        def work(actor: Actor) -> None:
            tree = self.tree(actor)
            for _ in range(3):
                actor.pause()
                young = timedelta(days=self.dice.choice([-1, -9000, 1]))
                with suppress(*OURS):
                    last = self.dice.choice([1, 1, 2])
                    gone = collect(tree.writer, last=last, time=timedelta(0), young=young)
                    self.met["cleaned"] += bool(gone.generations)
                    self.met["finished for another"] += bool(gone.finished)

        return Actor(f"cleaner {number}", work)

    def reader(self, number: int, *, stays: bool) -> Actor:
        def work(actor: Actor) -> None:
            tree, seen = self.tree(actor), 0
            for _ in range(4):
                try:
                    with tree.open(stays=stays) as opened:
                        assert opened.switch.sequence >= seen, "an older generation was shown as the live one"
                        seen = opened.switch.sequence
                        is_pinned = opened.switch.generation in self.pinned()
                        self.read(opened, may_be_collected=not is_pinned)
                        self.met["pinned"] += is_pinned
                        self.met["read what was replaced meanwhile"] += opened.switch != self.plain.live()
                except OURS as err:
                    self.met[f"reader: {type(err).__name__}"] += 1

        return Actor(f"reader {number}", work)

    def pinned(self) -> set[str]:
        head, _ = self.plain.store.heads.read()
        return {*head.pins.values()} if head else set()

    def read(self, opened: object, *, may_be_collected: bool) -> None:
        """What is read is whole and of one tree, or it is told that it went."""
        tokens = set()
        for path, entry in opened.manifest.items():  # type: ignore[attr-defined]  # an OpenGeneration
            try:
                with opened.read(path) as stream:  # type: ignore[attr-defined]  # same
                    content = stream.read()
            except (Corrupt, NotFound):
                assert may_be_collected, f"{path} went though it was pinned"
                self.met["collected while it was read"] += 1
                return
            assert sha256(content).hexdigest() == entry.checksum
            if path != "same":
                tokens.add(content.split()[0])
        assert len(tokens) <= 1, "a mix"

    def look(self) -> None:
        """Whoever comes now reads one whole tree."""
        if self.plain.live():
            with self.plain.open() as opened:
                self.read(opened, may_be_collected=False)

    def heal(self) -> None:
        """Everybody is gone; one more publication and clean-up leave exactly one generation."""
        tree = self.plain
        history = tree.history()
        sequences = {switch.transaction: switch.sequence for switch in history}
        assert len(sequences) == len(history), "one transaction made two generations"
        assert self.acknowledged.items() <= sequences.items(), "an acknowledged publication is lost"
        assert [switch.sequence for switch in history] == list(range(1, len(history) + 1))
        if tree.live():
            assert tree.verify().faults == ()
        tree.publish(fill(self.place / "heal", files_of("heal")), yes=True)
        tree.clean_up(at_once=True, forget_readers=True)
        tree.clean_up(at_once=True)
        assert len(tree.kept()) == 1
        assert tree.verify().faults == ()
        stored = [seen.path for seen in tree.host.state.list("trees/site") if "/log/" not in seen.path]
        assert len(stored) <= 5, "head, format, generation, and a pack each of contents and manifest"
        self.look()


def live(place: Path, dice: random.Random) -> Counter[str]:
    """One history."""
    world = World(place, dice)
    world.plain.prepare()
    if dice.random() < 0.8:
        world.plain.publish(fill(place / "first", files_of("first")))
    actors = [
        *(world.publisher(number) for number in range(3)),
        *(world.reader(number, stays=bool(number)) for number in range(2)),
        *(world.cleaner(number) for number in range(dice.choice([1, 2]))),
        world.operator(),
    ]

    def between() -> None:
        running = [one for one in actors if not one.done and not one.ends]
        if running and dice.random() < 0.004:
            dice.choice(running).ends = True
            world.met["ended"] += 1
        if dice.random() < 0.1:
            world.look()

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
        "Superseded": 0.2,
        "rolled back": 0.05,
        "cleaned": 0.3,
        "ended": 0.3,
        "pinned": 0.5,
        "read what was replaced meanwhile": 0.3,
    }
    missed = {name: met[name] / histories for name, floor in floors.items() if met[name] < floor * histories}
    assert not missed, f"these situations were met too seldom: {missed}; met: {met}"
