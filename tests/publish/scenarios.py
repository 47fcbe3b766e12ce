"""What is done to a published tree while something ends or fails, and what readers may see then."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
from counts import COUNTS
from publish.trees import Files, Site
from publish.tripping import TrippingApi

from oaio_storage.hosts import Guarantees
from oaio_storage.publish.cleaning import clean_up

BASE = {"index.html": b"one", "a/b/c": b"deep", "same": b"same", "gone": b"gone"}
Act = Callable[[Site], object]


@attrs.frozen
class Scenario:
    """What is there before, what is done, and the trees that readers may see afterwards, the new one last."""

    before: tuple[Files, ...]
    act: Act
    new: Files


def publishing(files: Files) -> Act:
    return lambda site: site.publish(files)


def resuming(files: Files) -> Act:
    def act(site: Site) -> None:
        staging = site.begin(files)
        for path in list(staging.wanted())[:1]:
            staging.receive(path, files[path])
        site.publish(files)

    return act


def over_litter(site: Site) -> None:
    site.begin({"other": b"other"})
    site.publish(BASE | {"n": b"n"})


def cleaning(site: Site) -> None:
    tree = attrs.evolve(site.tree, clock=lambda: datetime.now(UTC) + timedelta(days=9))
    clean_up(tree, last=1, time=timedelta(0))


MANY = {f"d{number % 7}/{number}": b"%d" % number for number in range(COUNTS.examples)}


def rolling_back(site: Site) -> None:
    """To the first by its id: what was live before is another one when it is repeated."""
    site.tree.rollback(site.tree.history()[0].generation, yes=True)


SCENARIOS = {
    "first": Scenario((), publishing(BASE), BASE),
    "no change": Scenario((BASE,), publishing(BASE), BASE),
    "add": Scenario((BASE,), publishing(BASE | {"new": b"new"}), BASE | {"new": b"new"}),
    "change": Scenario((BASE,), publishing(BASE | {"same": b"other"}), BASE | {"same": b"other"}),
    "delete": Scenario((BASE,), publishing({"same": b"same"}), {"same": b"same"}),
    "rename": Scenario(
        (BASE,),
        publishing({f"x/{path}": BASE[path] for path in BASE}),
        {f"x/{path}": BASE[path] for path in BASE},
    ),
    "file to folder": Scenario((BASE,), publishing({"same/x": b"same"}), {"same/x": b"same"}),
    "folder to file": Scenario((BASE,), publishing({"a": b"deep"}), {"a": b"deep"}),
    "many": Scenario((BASE,), publishing(MANY), MANY),
    "large": Scenario((BASE,), publishing({"large": bytes(3 << 20)}), {"large": bytes(3 << 20)}),
    "rollback": Scenario((BASE, {"x": b"x"}), rolling_back, BASE),
    "resume": Scenario((BASE,), resuming({"x": b"x", "y": b"y"}), {"x": b"x", "y": b"y"}),
    "over litter": Scenario((BASE,), over_litter, BASE | {"n": b"n"}),
    "clean-up": Scenario(({"n": b"1"}, {"n": b"2"}, BASE), cleaning, BASE),
    "a link is switched": Scenario((BASE,), publishing(BASE | {"l": b"l"}), BASE | {"l": b"l"}),
}


class Linking(TrippingApi):
    """On a disk that can't exchange."""

    @property
    def guarantees(self) -> Guarantees:
        return attrs.evolve(super().guarantees, swap=False)


@attrs.define
class Prepared:
    """Copies of the state before each scenario, made once below ``folder``."""

    folder: Path

    @staticmethod
    def kind(name: str) -> type[TrippingApi]:
        """The kind of host of a scenario."""
        return Linking if name == "a link is switched" else TrippingApi

    def copy(self, name: str, root: Path) -> type[TrippingApi]:
        """Make ``root`` such a copy; what kind of host it is."""
        kind = self.kind(name)
        kept = self.folder / name
        if not kept.is_dir():
            site = Site(kind(str(kept)))
            site.host.create_root()
            for files in SCENARIOS[name].before:
                site.publish(files)
        shutil.copytree(kept, root, symlinks=True)
        return kind
