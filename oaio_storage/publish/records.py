"""The records of a tree's generations where they lie."""

import attrs

from oaio_storage.errors import Corrupt, NotFound
from oaio_storage.hosts import CshApi
from oaio_storage.manifest import Manifest
from oaio_storage.publish.places import Places
from oaio_storage.publish.record import Record
from oaio_storage.trees.hints import SEE_GENERATIONS


@attrs.frozen
class Records:
    """What is kept of each generation of one tree; the record asked for last is remembered.

    Attributes:
        state: the state folder of the host.
        places: of the tree.
    """

    state: CshApi
    places: Places
    _known: dict[str, Record] = attrs.field(factory=dict, init=False, repr=False, eq=False)

    def read(self, generation: str, *, like: Manifest | None = None) -> Record:
        """The record of a generation; ``like`` saves time, as for ``Manifest.parse``.

        Raises:
            NotFound: there is no such generation, or it was collected.
            Corrupt: its record is damaged.
        """
        if known := self._known.get(generation):
            return known
        tree = self.places.tree
        try:
            text = self.state.read(self.places.record(generation))
        except NotFound as err:
            raise NotFound(
                f"there is no generation {generation} of {tree!r} any more, or never was",
                SEE_GENERATIONS,
            ) from err
        record = Record.parse(text, tree, generation, like=like)
        self._known.clear()
        self._known[generation] = record
        return record

    def of_live(self, generation: str, *, yes: bool = False, like: Manifest | None = None) -> Record | None:
        """The record of what is live, for a plan; None if it is lost and nobody minds.

        Raises:
            Corrupt: it is lost, and ``yes`` is needed: what a publication removes can't be told.
        """
        try:
            return self.read(generation, like=like)
        except (Corrupt, NotFound) as err:
            if yes:
                return None
            raise Corrupt(
                f"the record of what is live in {self.places.tree!r} (generation {generation}) is damaged or "
                "missing, so what would be removed can't be told",
                "Repeat it with --yes: the tree is then replaced as a whole, whatever it holds.",
            ) from err
