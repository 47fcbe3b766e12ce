"""The disk itself: the system calls that a storage host makes."""

import copy
import errno
import fcntl
import os
from collections.abc import Iterator
from random import Random
from typing import Any, Self

import attrs

from oaio_storage.testing.crash_disk.effects import Effect, Written, overwrite
from oaio_storage.testing.crash_disk.machine import NUMBERS, Machine, Opened, error
from oaio_storage.testing.crash_disk.nodes import File, Folder, Link, Node, describe
from oaio_storage.testing.crash_disk.outcomes import Mode, after_power_loss, selections

_UMASK = 0o022


@attrs.define(eq=False)
class CrashDisk(Machine):
    """A disk in memory that keeps apart what is cached and what is durable; safe for use by many threads.

    ``sync`` of a file makes its content durable, ``sync`` of a folder the names in it, nothing else does
    anything. :meth:`outcomes` gives the disks that a crash may leave. Its methods are system calls, as the
    port of a storage host has them (``oaio_storage_local.disk.Disk``); there they are described.
    """

    # ---- crashes

    def outcomes(self, mode: Mode, samples: int = 200, dice: Random | None = None) -> Iterator[Self]:
        """The disks that may be found after a crash now, with nothing open; this one stays as it is.

        With few unsynced effects all outcomes come, else ``samples`` of them, chosen by ``dice``.
        """
        if mode is Mode.KILL:
            yield self._revived(*copy.deepcopy((self.root, self.unsynced)))
            return
        for kept in selections(self.unsynced, mode, samples, dice or Random(0)):  # noqa: S311 - no secret
            yield self._revived(after_power_loss(self.root, kept), [])

    def _revived(self, root: Folder, unsynced: list[Effect]) -> Self:
        new = type(self)(lacks=self.lacks)
        new.root, new.unsynced = root, unsynced
        return new

    workers = 1  # what is done in one order can be done again

    def sync_everything(self) -> None:
        """Make all that is cached durable."""
        for effect in self.unsynced:
            effect.settle()
        self.unsynced.clear()

    # ---- opening

    def open(self, name: str, flags: int, mode: int = 0o777, *, folder: int | None = None) -> int:
        """See ``Disk``, as for all methods here."""
        with self._guard:
            self._alive()
            parent, last = self._walk(name) if folder is None else (self._folder(folder), name)
            node: Node | None = parent if last in ("", ".") else self._child(parent, last)
            if node is None:
                if not flags & os.O_CREAT:
                    raise error(errno.ENOENT, name)
                with self._changing("open"):
                    node = self._add(parent, last, File(next(NUMBERS), mode & ~_UMASK))
            elif flags & os.O_CREAT and flags & os.O_EXCL:
                raise error(errno.EEXIST, name)
            if isinstance(node, Link):
                raise error(errno.ENOTDIR if flags & os.O_DIRECTORY else errno.ELOOP, name)
            if flags & os.O_DIRECTORY and not isinstance(node, Folder):
                raise error(errno.ENOTDIR, name)
            if isinstance(node, Folder) and flags & os.O_ACCMODE != os.O_RDONLY:
                raise error(errno.EISDIR, name)
            return self._handle(Opened(node, flags))

    def dup(self, handle: int) -> int:
        """See ``Disk``."""
        with self._guard:
            opened = self._at(handle)
            opened.handles += 1
            return self._handle(opened)

    def close(self, handle: int) -> None:
        """See ``Disk``."""
        with self._guard:
            opened = self._at(handle)
            del self._opened[handle]
            opened.handles -= 1
            if not opened.handles:
                self._locks = [held for held in self._locks if held[1] is not opened]

    # ---- contents

    def read(self, file: int, size: int, position: int) -> bytes:
        """See ``Disk``."""
        with self._guard:
            self._alive()
            return bytes(self._file(file).cached[position : position + size])

    def read_into(self, file: int, buffer: Any, position: int) -> int:  # noqa: ANN401 - a writable buffer
        """See ``Disk``."""
        content = self.read(file, len(buffer), position)
        buffer[: len(content)] = content
        return len(content)

    def write(self, file: int, content: bytes | memoryview) -> int:
        """See ``Disk``."""
        with self._guard, self._changing("write"):
            opened, node = self._at(file), self._file(file)
            if opened.flags & os.O_ACCMODE == os.O_RDONLY:
                raise error(errno.EBADF)
            written = bytes(content)
            overwrite(node.cached, opened.position, written)
            if written:
                self.unsynced.append(Written(next(NUMBERS), node, opened.position, written))
            opened.position += len(written)
            node.mtime = node.ctime = self._now()
            return len(written)

    def copy_range(self, source: int, target: int, size: int, position: int) -> int:
        """See ``Disk``."""
        self._demand("copy_range")
        return self.write(target, self.read(source, size, position))

    def fstat(self, handle: int) -> os.stat_result:
        """See ``Disk``."""
        with self._guard:
            self._alive()
            return describe(self._at(handle).node)

    def birth(self, handle: int) -> int:
        """See ``Disk``; only folders have one, where the disk does not lack it."""
        with self._guard:
            self._alive()
            node = self._at(handle).node
            return node.birth if isinstance(node, Folder) and "birth" not in self.lacks else 0

    def mount(self, handle: int) -> int:  # noqa: ARG002 - nothing is mounted on it
        """See ``Disk``."""
        return 0

    # ---- names

    def lstat(self, name: str, *, folder: int) -> os.stat_result:
        """See ``Disk``."""
        with self._guard:
            self._alive()
            return describe(self._existing(self._folder(folder), name))

    def names(self, folder: int) -> list[str]:
        """See ``Disk``."""
        with self._guard:
            self._alive()
            return list(self._folder(folder).cached)

    def entries(self, folder: int) -> dict[str, os.stat_result]:
        """See ``Disk``."""
        with self._guard:
            self._alive()
            return {name: describe(node) for name, node in self._folder(folder).cached.items()}

    def inodes(self, folder: int) -> dict[str, tuple[int, bool]]:
        """See ``Disk``."""
        with self._guard:
            self._alive()
            listed = self._folder(folder).cached.items()
            return {name: (describe(node).st_ino, isinstance(node, Folder)) for name, node in listed}

    def mkdir(self, name: str, *, folder: int) -> None:
        """See ``Disk``."""
        with self._guard, self._changing("mkdir"):
            parent = self._folder(folder)
            if self._child(parent, name) is not None:
                raise error(errno.EEXIST, name)
            self._add(parent, name, Folder(next(NUMBERS), 0o777 & ~_UMASK, birth=self._now()))

    def rmdir(self, name: str, *, folder: int) -> None:
        """See ``Disk``."""
        with self._guard, self._changing("rmdir"):
            parent = self._folder(folder)
            node = self._existing(parent, name)
            if not isinstance(node, Folder):
                raise error(errno.ENOTDIR, name)
            if node.cached:
                raise error(errno.ENOTEMPTY, name)
            node.removed = True
            self._change((parent, name, None))

    def unlink(self, name: str, *, folder: int) -> None:
        """See ``Disk``."""
        with self._guard, self._changing("unlink"):
            parent = self._folder(folder)
            if isinstance(self._existing(parent, name), Folder):
                raise error(errno.EISDIR, name)
            self._change((parent, name, None))

    def link(self, source: str, target: str, *, source_folder: int, target_folder: int) -> None:
        """See ``Disk``."""
        self._demand("link")
        with self._guard, self._changing("link"):
            node = self._existing(self._folder(source_folder), source)
            parent = self._folder(target_folder)
            if self._child(parent, target) is not None:
                raise error(errno.EEXIST, target)
            if isinstance(node, Folder):
                raise error(errno.EPERM, source)
            self._add(parent, target, node)

    def symlink(self, pointed_at: str, name: str, *, folder: int) -> None:
        """See ``Disk``."""
        with self._guard, self._changing("symlink"):
            parent = self._folder(folder)
            if self._child(parent, name) is not None:
                raise error(errno.EEXIST, name)
            self._add(parent, name, Link(next(NUMBERS), pointed_at))

    def rename(self, source: str, target: str, *, folder: int, target_folder: int | None = None) -> None:
        """See ``Disk``."""
        with self._guard, self._changing("rename"):
            parent = self._folder(folder)
            other = parent if target_folder is None else self._folder(target_folder)
            node, replaced = self._existing(parent, source), self._child(other, target)
            if node is replaced:
                return
            if other.removed:
                raise error(errno.ENOENT, target)
            if isinstance(replaced, Folder):
                if not isinstance(node, Folder):
                    raise error(errno.EISDIR, target)
                if replaced.cached:
                    raise error(errno.ENOTEMPTY, target)
                replaced.removed = True
            elif replaced is not None and isinstance(node, Folder):
                raise error(errno.ENOTDIR, target)
            self._change((parent, source, None), (other, target, node))

    def exchange(self, folder_a: int, a: str, folder_b: int, b: str) -> None:
        """See ``Disk``."""
        self._demand("exchange")
        with self._guard, self._changing("exchange"):
            parent_a, parent_b = self._folder(folder_a), self._folder(folder_b)
            node_a, node_b = self._existing(parent_a, a), self._existing(parent_b, b)
            if node_a is not node_b:
                self._change((parent_a, a, node_b), (parent_b, b, node_a))

    def readlink(self, name: str, *, folder: int) -> str:
        """See ``Disk``."""
        with self._guard:
            self._alive()
            node = self._existing(self._folder(folder), name)
            if not isinstance(node, Link):
                raise error(errno.EINVAL, name)
            return node.target

    def chmod(self, handle: int, mode: int) -> None:
        """See ``Disk``; durable at once."""
        with self._guard, self._changing("chmod"):
            node = self._at(handle).node
            if not isinstance(node, Link):
                node.mode, node.ctime = mode, self._now()

    # ---- locks and syncs

    def lock(self, handle: int, operation: int) -> None:
        """See ``Disk``; who has to wait is refused."""
        self._demand("lock")
        with self._guard:
            self._alive()
            opened = self._at(handle)
            others = [held for held in self._locks if held[1] is not opened]
            if not operation & fcntl.LOCK_UN:
                for node, _, kind in others:
                    if node is opened.node and (kind | operation) & fcntl.LOCK_EX:
                        raise error(errno.EWOULDBLOCK)
                others.append((opened.node, opened, operation))
            self._locks = others

    def sync(self, handle: int) -> None:
        """See ``Disk``."""
        with self._guard:
            node = self._at(handle).node
            self._settle("sync", [effect for effect in self.unsynced if effect.touches(node)])

    def sync_all(self, folder: int) -> None:
        """See ``Disk``."""
        self._demand("sync_all", errno.ENOSYS)
        with self._guard:
            self._folder(folder)
            self._settle("sync_all", list(self.unsynced))

    def _settle(self, name: str, effects: list[Effect]) -> None:
        try:
            with self._changing(name):
                for effect in effects:
                    effect.settle()
        except OSError:
            self._forget(effects)
            raise
        self._forget(effects)

    def _forget(self, effects: list[Effect]) -> None:
        self.unsynced = [effect for effect in self.unsynced if effect not in effects]
