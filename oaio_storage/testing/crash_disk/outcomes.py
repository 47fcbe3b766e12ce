"""What a disk may hold after a crash."""

import itertools
import math
from collections.abc import Iterator, Sequence
from enum import Enum
from random import Random

import attrs

from oaio_storage.testing.crash_disk.effects import Effect, Named, Written, overwrite, rename
from oaio_storage.testing.crash_disk.nodes import File, Folder, Link, Node


class Mode(Enum):
    """What ends: the process alone, or the power; and how kind the disk is then.

    KILL: everything stays, cached and durable. STRICT: all that was not synced is lost. ADVERSARIAL: any
    part of it stays, in any order between files; so a rename may survive without the data of its file.
    """

    KILL = "kill"
    STRICT = "strict"
    ADVERSARIAL = "adversarial"


EXHAUSTIVE = 10
"""Up to so many unsynced effects all their subsets are tried."""


def selections(unsynced: Sequence[Effect], mode: Mode, samples: int, dice: Random) -> Iterator[list[Effect]]:
    """Which of the unsynced effects a loss of power leaves, for each outcome that is to be looked at."""
    if mode is Mode.STRICT:
        yield []
        return
    choices = [list(effect.outcomes()) for effect in unsynced]
    if len(choices) <= EXHAUSTIVE and math.prod(map(len, choices)) <= samples:
        yield from ([one for one in chosen if one] for chosen in itertools.product(*choices))
        return
    yield []
    for _ in range(samples):
        yield [one for one in map(dice.choice, choices) if one]


def after_power_loss(root: Folder, kept: Sequence[Effect]) -> Folder:
    """A new root: what was durable, and the unsynced effects that were kept, in their order."""
    return _Remaking(kept).folder(root)


@attrs.define
class _Remaking:
    kept: Sequence[Effect]
    _made: dict[int, Node] = attrs.field(factory=dict, init=False)

    def folder(self, old: Folder) -> Folder:
        new = Folder(old.inode, old.mode, birth=old.birth, mtime=old.mtime, ctime=old.ctime)
        self._made[id(old)] = new
        names, changed = dict(old.durable), dict(old.changed)
        for effect in self.kept:
            if isinstance(effect, Named):
                for folder, name, node in effect.changes:
                    if folder is old and changed.get(name, -1) < effect.number:
                        changed[name] = effect.number
                        rename(names, name, node)
        for name, node in names.items():
            new.cached[name] = new.durable[name] = self._node(node)
        return new

    def _node(self, old: Node) -> Node:
        new = self._made.get(id(old))
        if new is None:
            match old:
                case Folder():
                    return self.folder(old)
                case Link():
                    new = attrs.evolve(old, links=0)
                case File():
                    new = self._file(old)
            self._made[id(old)] = new
        if not isinstance(new, Folder):
            new.links += 1
        return new

    def _file(self, old: File) -> File:
        content = bytearray(old.durable)
        for effect in self.kept:
            if isinstance(effect, Written) and effect.file is old:
                overwrite(content, effect.position, effect.content)
        return File(old.inode, old.mode, content, bytearray(content), 0, old.mtime, old.ctime)
