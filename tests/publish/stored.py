"""What the tests of publishing generations share: a published tree on any host, filled from dictionaries."""

from pathlib import Path

import attrs
from publish.trees import Files
from trees.places import fill, memory

from oaio_storage.hosts import CshApi, Guarantees
from oaio_storage.publish.generations import GenerationsLayout
from oaio_storage.publish.results import Published
from oaio_storage.testing import MemoryApi

__all__ = ["StoredSite", "Undecided", "memory"]


class Undecided(MemoryApi):
    """A host that can't decide conditions, and says so."""

    @property
    def guarantees(self) -> Guarantees:
        return attrs.evolve(super().guarantees, conditional_write=False)


@attrs.define
class StoredSite:
    """A tree named ``site``, as one machine publishes it.

    Attributes:
        host: where.
        place: for the machine's files.
        machine: its name.
        exclusive: whether it says that it alone publishes.
    """

    host: CshApi
    place: Path
    machine: str = "ours"
    exclusive: bool = False

    @property
    def folder(self) -> Path:
        return self.place / f"folder {self.machine}"

    @property
    def tree(self) -> GenerationsLayout:
        return GenerationsLayout(
            host=self.host,
            name="site",
            by=self.machine,
            cache=self.place / f"cache {self.machine}",
            memory=self.place / f"state {self.machine}",
            exclusive=self.exclusive,
        )

    def publish(self, files: Files, *, yes: bool = True) -> Published:
        return self.tree.publish(fill(self.folder, files), yes=yes)

    def seen(self, generation: str = "") -> dict[str, bytes]:
        """What a reader of one generation, who knows nothing, finds in it."""
        reader = GenerationsLayout(host=self.host, name="site")
        with reader.open(generation) as opened:
            found = {}
            for path in opened.manifest:
                with opened.read(path) as stream:
                    found[path] = stream.read()
            return found
