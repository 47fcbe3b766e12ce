"""Whole folders of this machine: filled, switched and held, for trees of plain files."""

import errno
import fcntl
import hashlib
import os
import shlex
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import attrs

from oaio_storage.errors import AccessDenied, Busy, Changed, Corrupt, NotFound, NotGuaranteed, Unavailable
from oaio_storage.hosts.folders import Guards, How, Incoming, Kind, Link, Placed, Standing, unproven
from oaio_storage.hosts.streams import PIECE
from oaio_storage_local import linking, switches, trees
from oaio_storage_local.disk import Disk
from oaio_storage_local.folders import Folders, is_temporary, temporary_name
from oaio_storage_local.held import Held, identity_of

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_ONLY, _EXECUTABLE = 0o444, 0o555
_HOLD_ATTEMPTS, _HOLD_PAUSE = 50, 0.01
_LINKS_AT_ONCE = 5_000  # others that change names wait for so many, which is less than 0.1 s


@attrs.frozen
class WholeFolders:
    """The folders below ``root_folder``; see :class:`~oaio_storage.hosts.folders.HostFolders`."""

    root_folder: str
    _folders: Folders = attrs.field(repr=False)
    _only_ours: Callable[..., AbstractContextManager[None]] = attrs.field(repr=False)

    @property
    def _disk(self) -> Disk:
        return self._folders.disk

    @contextmanager
    def _root(self, doing: str, path: str, source: object = None) -> Iterator[int]:
        """The open root; errors of the system become ours, those of ``source`` pass."""
        with self._only_ours(doing, path, source), self._folders.opened(self.root_folder) as root:
            yield root

    # ---- looking

    def kind(self, path: str) -> Kind:
        """As in ``HostFolders``."""
        *parents, name = trees.parts_of(path)
        with self._root("look at", path) as root, suppress(FileNotFoundError, NotADirectoryError):
            with self._folders.folder(root, parents) as parent:
                mode = self._disk.lstat(name, folder=parent).st_mode
                if stat.S_ISDIR(mode):
                    with self._folders.folder(parent, (name,)) as folder:
                        return "mount" if self._disk.mount(folder) != self._disk.mount(parent) else "folder"
            return "link" if stat.S_ISLNK(mode) else "other"
        return ""

    def standing(self, name: str) -> Standing:
        """As in ``HostFolders``."""
        with self._root("look at", name) as root:
            try:
                pointed_at = self._disk.readlink(name, folder=root)
            except OSError:  # nothing, or no link
                pointed_at = ""
        return Standing(self.kind(name), self.identity(name), pointed_at)

    def identity(self, path: str) -> str:
        """As in ``HostFolders``."""
        with self._root("look at", path) as root, suppress(NotFound), self._entered(root, path) as folder:
            return identity_of(self._disk, folder)
        return ""

    def durable_identity(self, name: str) -> str:
        """As in ``HostFolders``."""
        with self._root("look at", name) as root, self._folders.locked(root):
            self._disk.sync(root)
            return self.identity(name)

    def inside(self, folder: str) -> Iterator[tuple[str, int]]:
        """As in ``HostFolders``."""
        with self._root("list", folder) as root, suppress(NotFound), self._entered(root, folder) as top:
            for name, found in self._disk.entries(top).items():
                if stat.S_ISDIR(found.st_mode):
                    yield name, found.st_mtime_ns

    def placed(self, folder: str) -> Iterator[tuple[str, Placed | None]]:
        """As in ``HostFolders``."""
        with self._root("list", folder) as root, suppress(NotFound), self._entered(root, folder) as top:
            yield from trees.placed(self._folders, top)

    def differing(self, folder: str, marks: Mapping[str, str]) -> list[str]:
        """As in ``HostFolders``."""
        with self._root("list", folder) as root, suppress(NotFound), self._entered(root, folder) as top:
            found = dict(trees.inodes(self._folders, top))
            wrong = [path for path, mark in marks.items() if not trees.is_inode(mark, found.pop(path, None))]
            return sorted([*wrong, *found])
        return sorted(marks)

    def read(self, path: str) -> BinaryIO:
        """As in ``HostFolders``."""
        with self._root("read", path) as root:
            return trees.open_file(self._folders, root, path)

    # ---- filling

    def check_writable(self) -> None:
        """As in ``HostFolders``."""
        name = temporary_name()
        with self._root("change", "") as root:
            self._disk.mkdir(name, folder=root)
            self._disk.rmdir(name, folder=root)

    def make(self, folder: str) -> None:
        """As in ``HostFolders``."""
        with self._root("make", folder) as root:
            self._disk.close(trees.make(self._folders, root, trees.parts_of(folder)))

    def receive(self, file: Incoming, source: BinaryIO, *, guards: Guards) -> Placed:
        """As in ``HostFolders``."""
        *parents, name = trees.parts_of(file.path)
        with (
            self._root("receive", file.path, source) as root,
            self._while_guarded(root, guards),
            self._drafted(root, file, source) as (drafts, draft, handle),
            self._guarded(root, guards),
        ):
            folder = trees.make(self._folders, root, tuple(parents))
            with trees.closing(self._disk, folder):
                self._disk.rename(draft, name, folder=drafts, target_folder=folder)
            return trees.placed_of(self._disk.fstat(handle))

    @contextmanager
    def _drafted(self, root: int, file: Incoming, source: BinaryIO) -> Iterator[tuple[int, str, int]]:
        """The complete file under a name of its own: the open folder, that name, and the open file."""
        digest, draft = hashlib.sha256(), temporary_name()
        folder = trees.make(self._folders, root, trees.parts_of(file.drafts))
        with (
            trees.closing(self._disk, folder),
            trees.closing(self._disk, self._disk.open(draft, _CREATE, 0o600, folder=folder)) as handle,
        ):
            try:
                while piece := source.read(PIECE):
                    digest.update(piece)
                    view = memoryview(piece)
                    while view:
                        view = view[self._disk.write(handle, view) :]
                if digest.hexdigest() != file.checksum:
                    raise Corrupt(f"{file.path!r} has another content than was announced", "Send it again.")
                self._disk.chmod(handle, _EXECUTABLE if file.executable else _READ_ONLY)
                yield folder, draft, handle
            finally:
                with suppress(OSError):  # it has its final name; or tidying up must not hide what failed
                    self._disk.unlink(draft, folder=folder)

    def discard(self, path: str, *, guards: Guards) -> None:
        """As in ``HostFolders``."""
        *parents, name = trees.parts_of(path)
        with (
            self._root("delete", path) as root,
            self._guarded(root, guards),
            suppress(FileNotFoundError, NotADirectoryError),
            self._folders.folder(root, parents) as parent,
        ):
            self._disk.unlink(name, folder=parent)

    def link(self, source: str, target: str, links: Iterable[Link], *, guards: Guards) -> list[Link]:
        """As in ``HostFolders``."""
        rest, failed = iter(links), []
        with self._root("link", target) as root:
            while some := list(islice(rest, _LINKS_AT_ONCE)):
                with self._guarded(root, guards):
                    failed += linking.link(self._folders, root, source, target, some)
        return failed

    @contextmanager
    def _guarded(self, root: int, guards: Guards) -> Iterator[None]:
        """The root's lock, with all guards as they must be."""
        with self._folders.locked(root):
            switches.check(self._folders, root, guards)
            yield

    @contextmanager
    def _while_guarded(self, root: int, guards: Guards) -> Iterator[None]:
        """What is missing in the block is told by the guards, if it went with what they guard."""
        try:
            yield
        except FileNotFoundError:
            switches.check(self._folders, root, guards)
            raise

    def take_modes(self, folder: str, model: str) -> None:
        """As in ``HostFolders``."""
        with (
            self._root("change", folder) as root,
            suppress(NotFound),
            self._entered(root, model) as template,
            self._entered(root, folder) as target,
        ):
            trees.take_modes(self._folders, target, template)

    def flush(self, folder: str) -> None:
        """As in ``HostFolders``."""
        parts, mark = trees.parts_of(folder), trees.parts_of(unproven(folder))[-1]
        with (
            self._root("flush", folder) as root,
            self._folders.folder(root, parts) as target,
            self._folders.folder(root, parts[:-1]) as parent,
        ):
            self._mark(mark, parent)
            trees.flush(self._folders, target)
            for depth in range(len(parts)):
                with self._folders.folder(root, parts[:depth]) as above:
                    self._disk.sync(above)
            self._disk.rmdir(mark, folder=parent)

    def _mark(self, name: str, parent: int) -> None:
        try:
            self._disk.mkdir(name, folder=parent)
        except FileExistsError as err:
            raise Unavailable(
                "what came of this publication may not be durable, since an earlier flush of it failed",
                "Publish again; it is sent anew.",
            ) from err

    # ---- switching

    def switch(self, staged: str, place: str, how: How, *, found: Standing, guards: Guards) -> None:
        """As in ``HostFolders``."""
        with self._root("switch", place) as root, self._guarded(root, guards):
            if self.standing(place) != found:
                raise Changed(f"something else stands at {place!r} than a moment ago")
            try:
                switches.switch(self._folders, root, staged, place, how)
            except OSError as err:
                self._refuse_read_only(root, place, err)
                if err.errno not in switches.IMPOSSIBLE:
                    raise
                raise NotGuaranteed(
                    f"{place!r} can't be switched in one step here: {err.strerror}",
                    "If it lies in a lower layer of a container's image: choose another name, or a volume.",
                ) from err

    def _refuse_read_only(self, root: int, place: str, err: OSError) -> None:
        """A folder that can't be written to can't change its place, whatever those around it allow."""
        if err.errno != errno.EACCES or not self._folders.is_folder(root, place):
            return
        if not self._disk.lstat(place, folder=root).st_mode & stat.S_IWUSR:
            path = shlex.quote(str(Path(self.root_folder, place)))
            raise AccessDenied(
                f"the live folder {place!r} is read-only, so no other can take its place",
                f"Let its owner write to it, then publish again, which goes on: chmod -R u+w {path}",
            ) from err

    def move(self, folder: str, target: str) -> None:
        """As in ``HostFolders``."""
        *parents, name = trees.parts_of(folder)
        *target_parents, target_name = trees.parts_of(target)
        with (
            self._root("move", folder) as root,
            suppress(FileNotFoundError, NotADirectoryError),
            self._folders.folder(root, parents) as parent,
            self._folders.locked(root),
        ):
            if not self._folders.is_folder(parent, name):
                self._disk.sync(parent)
                return
            self._folders.make_folder(root, target_parents)
            try:
                with self._folders.folder(root, target_parents) as target_parent:
                    self._folders.settle(root, target_parents, target_parent)
                    if not self._folders.exists(target_parent, target_name):
                        switches.rename(self._disk, parent, name, target_parent, target_name)
            except OSError:
                self._folders.prune(root, target_parents)  # if new: another flush would prove nothing
                raise

    def remove(self, folder: str, *, guards: Guards | None = None) -> bool:
        """As in ``HostFolders``."""
        *parents, name = trees.parts_of(folder)
        with (
            self._root("remove", folder) as root,
            suppress(FileNotFoundError, NotADirectoryError),
            self._folders.folder(root, parents) as parent,
        ):
            if not self._is_removed(root, parent, name, guards or {}):
                return False
            self._disk.sync(parent)
        return True

    def _is_removed(self, root: int, parent: int, name: str, guards: Guards) -> bool:
        with suppress(FileNotFoundError), self._folders.folder(parent, [name]) as target:
            if not self._is_locked(target, fcntl.LOCK_EX):
                return False
            aside = temporary_name()
            with self._guarded(root, guards):
                if not self._folders.is_same(parent, [name], target):
                    return False  # somebody removed it, and made it anew
                self._disk.rename(name, aside, folder=parent)  # from now on nobody finds it to fill it
            with suppress(PermissionError):  # somebody else's files are in it; whoever tidies is told
                trees.discard(self._folders, parent, aside, target)
        return True

    def tidy(self, folder: str, *, dry_run: bool = False) -> dict[str, str]:
        """As in ``HostFolders``."""
        told: dict[str, str] = {}
        with self._root("tidy", folder) as root, suppress(NotFound), self._entered(root, folder) as top:
            for name in sorted(filter(is_temporary, self._disk.names(top))):
                try:
                    if self._is_tidied(root, top, name, dry_run=dry_run):
                        told[name] = ""
                except PermissionError as err:
                    told[name] = str(err.strerror)
        return told

    def _is_tidied(self, root: int, top: int, name: str, *, dry_run: bool) -> bool:
        """Whether nobody works on what has a temporary name, which goes then; files are not looked at."""
        with suppress(FileNotFoundError):
            if self._folders.is_folder(top, name):
                with self._folders.folder(top, [name]) as target:
                    is_idle = self._is_locked(target, fcntl.LOCK_EX)
                    if is_idle and not dry_run:
                        trees.discard(self._folders, top, name, target)
                return is_idle
            with self._folders.locked(root):  # who makes a link and gives it its name has this lock
                is_link = stat.S_ISLNK(self._disk.lstat(name, folder=top).st_mode)
                if is_link and not dry_run:
                    self._disk.unlink(name, folder=top)
            return is_link
        return False

    @contextmanager
    def hold(self, folder: str, *, alone: bool = False) -> Iterator[Held]:
        """As in ``HostFolders``."""
        for _ in range(_HOLD_ATTEMPTS):
            target = self._opened(folder)
            with trees.closing(self._disk, target):
                if self._is_locked(target, fcntl.LOCK_EX if alone else fcntl.LOCK_SH):
                    if not self._is_at(folder, target):
                        continue  # it was removed or replaced before it was held
                    yield Held(self._folders, target, folder, self._only_ours)
                    return
            time.sleep(_HOLD_PAUSE)  # somebody may only ask whether it is held
        raise Busy(f"the folder {folder!r} is in use")

    def _opened(self, folder: str) -> int:
        with self._root("open", folder) as root:
            return trees.enter(self._folders, root, folder)

    def _is_at(self, folder: str, target: int) -> bool:
        """Whether ``folder`` leads to this open one."""
        with suppress(NotFound), trees.closing(self._disk, self._opened(folder)) as found:
            return os.path.samestat(self._disk.fstat(found), self._disk.fstat(target))
        return False

    def is_held(self, folder: str) -> bool:
        """As in ``HostFolders``."""
        with self._root("open", folder) as root, suppress(NotFound), self._entered(root, folder) as target:
            return not self._is_locked(target, fcntl.LOCK_EX)
        return False

    @contextmanager
    def _entered(self, root: int, path: str) -> Iterator[int]:
        with trees.closing(self._disk, trees.enter(self._folders, root, path)) as folder:
            yield folder

    def _is_locked(self, folder: int, how: int) -> bool:
        """Whether the lock of an open folder was to be had at once; it goes when the folder is closed."""
        try:
            self._disk.lock(folder, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
