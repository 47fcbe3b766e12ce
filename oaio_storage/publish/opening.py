"""Opening one generation of a tree for reading, whatever becomes live meanwhile."""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import BinaryIO, cast

import attrs

from oaio_storage.errors import Busy, Corrupt, NotFound
from oaio_storage.hosts.folders import HeldFolder, displaced
from oaio_storage.manifest import Manifest
from oaio_storage.publish.head import Head, Intent, Switch
from oaio_storage.publish.places import checked_id
from oaio_storage.publish.record import Record
from oaio_storage.publish.switcher import Switcher
from oaio_storage.trees.hints import PUBLISH, PUBLISH_AS_A_WHOLE, SEE_FAULTS, SEE_GENERATIONS

_ATTEMPTS, _PAUSE = 100, 0.02


@attrs.frozen
class Opened:
    """One generation, open for reading.

    Attributes:
        switch: how it became live.
        record: its files.
        folder: where they are read from; stays the same whatever becomes live meanwhile.
    """

    switch: Switch
    record: Record
    folder: HeldFolder

    @property
    def manifest(self) -> Manifest:
        """Its files."""
        return self.record.manifest

    def read(self, path: str) -> BinaryIO:
        """A file of it; it may be read after the generation was closed."""
        return self.folder.read(path)


@attrs.frozen
class Opener:
    """The generations of one tree, to be opened.

    Attributes:
        switcher: knows where they lie, and what is live.
    """

    switcher: Switcher

    @property
    def name(self) -> str:
        """The tree's name."""
        return self.switcher.places.tree

    def wanted(self, head: Head | None, generation: str) -> Switch:
        """The switch that made ``generation`` live; the last one if it is empty."""
        if generation:
            checked_id(generation)
        live = self.switcher.seen_live(head) if head else None
        if head is None or live is None:
            raise NotFound(f"nothing was published as {self.name!r}", PUBLISH)
        history = (live, *reversed(head.log)) if not generation else (live, *self.switcher.head.history(head))
        found = next((made for made in history if made.generation == generation), None)
        if generation and found is None:
            raise NotFound(f"{self.name!r} has no generation {generation}", SEE_GENERATIONS)
        return found or live

    def open(self, generation: str, stack: ExitStack) -> Opened:
        """One generation, the live one if it is empty, held until ``stack`` ends.

        Raises:
            NotFound: nothing was published, or this generation is not kept any more.
            Corrupt: its record is damaged or lost, though its files are there.
        """
        for _ in range(_ATTEMPTS):
            head, version = self.switcher.head.read()
            switch = self.wanted(head, generation)
            for folder in self._folders_of(switch, cast("Head", head)):
                with suppress(NotFound, Busy):
                    held = stack.enter_context(self.switcher.folders.hold(folder))
                    is_live = folder == self.switcher.places.live
                    is_same = self.switcher.head.read()[1] == version
                    if is_same and (not is_live or _is_of(cast("Head", head).intent, switch, held)):
                        return Opened(switch, self._record(switch, version), held)
                stack.close()
            self.switcher.sleep(_PAUSE)
        raise NotFound(
            f"the files of generation {switch.generation} of {self.name!r} are not there",
            SEE_FAULTS,
        )

    def _record(self, switch: Switch, version: str) -> Record:
        """The record of a generation whose files were found while the head had this version."""
        try:
            return self.switcher.records.read(switch.generation)
        except (Corrupt, NotFound) as err:
            head, now = self.switcher.head.read()
            if head is None or now != version or switch.generation in head.collecting:
                raise  # perhaps a clean-up took it
            is_live = self.switcher.seen_live(head) == switch
            raise Corrupt(
                f"the record of generation {switch.generation} of {self.name!r} is damaged or lost, so its "
                "files can't be told from others",
                PUBLISH_AS_A_WHOLE if is_live else SEE_FAULTS,
            ) from err

    def _folders_of(self, switch: Switch, head: Head) -> Iterator[str]:
        """Where the files of a generation may lie, given the head."""
        live = self.switcher.seen_live(head)
        if live is not None and live.generation == switch.generation:
            yield self.switcher.places.live
            return
        yield self.switcher.places.kept(switch.generation)
        after = [head.intent.switch] if head.intent else []
        for follower in (*after, *reversed(head.log)):
            if follower.parent == switch.generation:  # and was interrupted before it put these files away
                staged = self.switcher.places.staged(follower.transaction)
                yield from (staged, displaced(staged))


def _is_of(intent: Intent | None, switch: Switch, held: HeldFolder) -> bool:
    """Whether the folder that was found in the tree's place is the one of ``switch``."""
    if intent is None:
        return True
    return held.identity == (intent.staged if switch == intent.switch else intent.live)
