"""What lies below the system calls: open files and folders, locks, the way along a path, the crash."""

import errno
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

from oaio_storage.testing.crash_disk.effects import Effect, Named, rename
from oaio_storage.testing.crash_disk.nodes import File, Folder, Link, Node
from oaio_storage.testing.misbehaving.faults import Crash

_LONGEST_NAME = 255
_MOST_LINKS = 40
NUMBERS = itertools.count(1_000)
"""Of inodes, handles and effects: also on the disks that a crash leaves, none comes twice."""


@attrs.define(eq=False)
class Opened:
    """An open file description: what several handles can share."""

    node: Node
    flags: int
    position: int = 0
    handles: int = 1


@attrs.define(eq=False)
class Machine:
    """The machine that a disk is in, until it crashes.

    Attributes:
        lacks: names of methods that answer ENOTSUP, as on a disk without that ability.
        fails: called before each operation that changes or syncs something, with its name and number; what it
            raises is what the operation raises. An OSError of ``sync`` loses what was to be synced, though
            it stays cached: a further sync finds nothing to do.
        crash_at: the number of the operation that is not done any more; everything raises Crash from then on.
        operations: how many operations changed or synced something, or were about to.
    """

    lacks: frozenset[str] = frozenset()
    fails: Callable[[str, int], object] = attrs.field(default=lambda _name, _number: None)
    crash_at: int = 0
    operations: int = attrs.field(default=0, init=False)
    root: Folder = attrs.field(factory=lambda: Folder(2, 0o755), init=False)
    unsynced: list[Effect] = attrs.field(factory=list, init=False)
    _opened: dict[int, Opened] = attrs.field(factory=dict, init=False)
    _locks: list[tuple[Node, Opened, int]] = attrs.field(factory=list, init=False)
    _time: int = attrs.field(default=0, init=False)
    _guard: threading.RLock = attrs.field(factory=threading.RLock, init=False)

    @contextmanager
    def _changing(self, name: str) -> Iterator[None]:
        self._alive()
        self.operations += 1
        self._alive()
        self.fails(name, self.operations)
        yield

    def _alive(self) -> None:
        if 0 < self.crash_at <= self.operations:
            raise Crash

    def _demand(self, ability: str, number: int = errno.ENOTSUP) -> None:
        if ability in self.lacks:
            raise error(number)

    def _now(self) -> int:
        self._time = max(self._time + 1, time.time_ns())
        return self._time

    def _handle(self, opened: Opened) -> int:
        handle = next(NUMBERS)
        self._opened[handle] = opened
        return handle

    def _at(self, handle: int) -> Opened:
        if handle not in self._opened:
            raise error(errno.EBADF)
        return self._opened[handle]

    def _folder(self, handle: int) -> Folder:
        node = self._at(handle).node
        if not isinstance(node, Folder):
            raise error(errno.ENOTDIR)
        return node

    def _file(self, handle: int) -> File:
        node = self._at(handle).node
        if not isinstance(node, File):
            raise error(errno.EISDIR)
        return node

    @staticmethod
    def _child(parent: Folder, name: str) -> Node | None:
        if len(os.fsencode(name)) > _LONGEST_NAME:
            raise error(errno.ENAMETOOLONG, name)
        return parent.cached.get(name)

    def _existing(self, parent: Folder, name: str) -> Node:
        node = self._child(parent, name)
        if node is None:
            raise error(errno.ENOENT, name)
        return node

    def _add(self, parent: Folder, name: str, node: Node) -> Node:
        if parent.removed:
            raise error(errno.ENOENT, name)
        node.mtime = node.mtime or self._now()
        self._change((parent, name, node))
        return node

    def _change(self, *changes: tuple[Folder, str, Node | None]) -> None:
        for folder, name, node in changes:
            replaced = folder.cached.get(name)
            for one, by in ((replaced, -1), (node, 1)):
                if one is not None:
                    one.ctime = self._now()
                    if not isinstance(one, Folder):
                        one.links += by
            rename(folder.cached, name, node)
            folder.mtime = folder.ctime = self._now()
        self.unsynced.append(Named(next(NUMBERS), changes))

    def _walk(self, path: str) -> tuple[Folder, str]:
        """The folder that an absolute ``path`` leads to, and the last name in it; links are followed."""
        parts, folder, followed = [part for part in path.split("/") if part], self.root, 0
        while parts:
            name = parts.pop(0)
            node = self._child(folder, name)
            if isinstance(node, Link):
                followed += 1
                if followed > _MOST_LINKS:
                    raise error(errno.ELOOP, path)
                parts = [part for part in node.target.split("/") if part] + parts
                folder = self.root if node.target.startswith("/") else folder
            elif not parts:
                return folder, name
            elif node is None:
                raise error(errno.ENOENT, path)
            elif isinstance(node, Folder):
                folder = node
            else:
                raise error(errno.ENOTDIR, path)
        return folder, ""


def error(number: int, name: str = "") -> OSError:
    """The error of a system call."""
    return OSError(number, os.strerror(number), name)
