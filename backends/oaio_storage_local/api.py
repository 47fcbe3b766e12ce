"""A folder of this machine as a storage host."""

import errno
import hashlib
import io
import os
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, ClassVar, Self

import attrs

from oaio_storage.errors import AlreadyExists, Changed, InvalidArgument, NotFound, Unavailable, WrongRoot
from oaio_storage.hosts.api import CshApi
from oaio_storage.hosts.foreign import OS_ERRORS, ForeignErrors
from oaio_storage.hosts.guarantees import Absent, Expect, Guarantees, Stat
from oaio_storage.hosts.roots import check_alone
from oaio_storage.hosts.streams import PIECE

if sys.platform == "win32":
    raise ImportError("the backend Local needs a POSIX system: Linux, macOS or WSL")

from oaio_storage_local import files, trees
from oaio_storage_local.abilities import probe
from oaio_storage_local.disk import Disk, SystemDisk
from oaio_storage_local.drafts import Draft, draft
from oaio_storage_local.folders import Folders, is_temporary, temporary_name
from oaio_storage_local.whole_folders import WholeFolders

_WRITABLE = 0o222


def _absolute(root_folder: object) -> str:
    if not isinstance(root_folder, str | os.PathLike) or not (text := os.fspath(root_folder)):
        raise InvalidArgument(f"root_folder has to be the path of a folder, not {root_folder!r}")
    if not isinstance(text, str) or "\0" in text:
        raise InvalidArgument("root_folder has to be the path of a folder, as text without NUL")
    return str(Path(text).expanduser().absolute())


@attrs.frozen(eq=False)
class LocalApi(CshApi):
    """The folder ``root_folder`` as a host: plain files with literal names, which others may read and add to.

    A file is written under a temporary name beside its place, made durable, and renamed; what is acknowledged
    survives a loss of power. It is read-only from then on, so that two names can share it (``copy``) and
    nobody edits it in place by accident. Its version is the SHA-256 of the content, for files of strangers
    too. All that changes names takes the root's lock (flock on the root folder), which decides conditions in
    one step; strangers who write there themselves do not take it. No link is followed below the root: what
    stands behind one is not there. Folders go when they are empty.

    Attributes:
        root_folder: an existing folder; made only by ``create_root``.
    """

    root_folder: str = attrs.field(converter=_absolute)
    _folders: Folders = attrs.field(factory=lambda: Folders(SystemDisk()), init=False, repr=False)
    _probed: list[Guarantees] = attrs.field(factory=list, init=False, repr=False)

    foreign_errors: ClassVar[ForeignErrors] = {**OS_ERRORS, errno.ELOOP: AlreadyExists}

    @staticmethod
    def arguments_below(csh_args: Mapping[str, str], folder: str) -> dict[str, str]:
        """The arguments for a folder in the root."""
        return {**csh_args, "root_folder": str(Path(_absolute(csh_args["root_folder"])) / folder)}

    @classmethod
    def on(cls, disk: Disk, root_folder: str) -> Self:
        """The host on another disk than those of this machine, as tests have them."""
        made = cls(root_folder)
        object.__setattr__(made, "_folders", Folders(disk))
        return made

    @property
    def _disk(self) -> Disk:
        return self._folders.disk

    @property
    def guarantees(self) -> Guarantees:
        """What the disk was found to be able to do, looked at once per instance."""
        if not self._probed:
            with self._only_ours("probe", ""), self._folders.opened(self.root_folder) as root:
                self._probed.append(probe(self._folders, root))
        return self._probed[0]

    @property
    def folders(self) -> WholeFolders:
        """The folders below the root."""
        return WholeFolders(self.root_folder, self._folders, self._only_ours)

    # ---- reading

    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        with self._opened(path) as file:
            if version is not None and files.digest(self._disk, file, path)[0] != version:
                raise Changed(f"{path!r} has another version")
            before = self._disk.fstat(file)
            end = before.st_size if end is None else min(end, before.st_size)
            content = files.piece(self._disk, file, start, end)
            files.check_unchanged(self._disk, file, before, path)
            return content

    def _stat(self, path: str) -> Stat:
        with self._opened(path) as file:
            version, seen = files.digest(self._disk, file, path)
        return Stat(path, seen.st_size, version, version, seen.st_mtime_ns)

    def _open(self, path: str) -> io.RawIOBase:
        with self._opened(path) as file:
            return files.OneVersion(self._disk, self._disk.dup(file), path)

    def _list(self, folder: str) -> Iterator[Stat]:
        pending = [tuple(folder.split("/")) if folder else ()]
        while pending:
            parts = pending.pop()
            entries = self._entries(parts)
            pending.extend((*parts, name) for name, seen in entries.items() if stat.S_ISDIR(seen.st_mode))
            for name, seen in entries.items():
                if stat.S_ISREG(seen.st_mode) and not is_temporary(name):
                    yield Stat("/".join((*parts, name)), seen.st_size, mtime=seen.st_mtime_ns)

    def _entries(self, parts: tuple[str, ...]) -> dict[str, os.stat_result]:
        """All names in a folder; none if it is gone, or no folder."""
        with (
            self._folders.opened(self.root_folder) as root,
            suppress(FileNotFoundError, NotADirectoryError),
            self._folders.folder(root, parts) as parent,
        ):
            return self._disk.entries(parent)
        return {}

    # ---- writing

    def _write(
        self,
        path: str,
        source: BinaryIO,
        size: int | None,  # noqa: ARG002 - whoever calls the hook checks it
        expect: Expect,
        headers: Mapping[str, str],  # noqa: ARG002 - no web server
    ) -> Stat:
        with (
            self._folders.opened(self.root_folder) as root,
            draft(self._folders, root, _parents(path)) as begun,
        ):
            if expect is Absent:
                self._refuse_existing(begun.parent, path)
            digest = hashlib.sha256()
            while piece := source.read(PIECE):
                digest.update(piece)
                begun.write(piece)
            seen = begun.sync()
            self._place(root, begun, path, expect)
        return Stat(path, seen.st_size, digest.hexdigest(), digest.hexdigest(), seen.st_mtime_ns)

    def _copy(self, source: str, target: str) -> Stat:
        with (
            self._opened(source) as file,
            self._folders.opened(self.root_folder) as root,
            draft(self._folders, root, _parents(target)) as begun,
        ):
            seen = self._disk.fstat(file)
            if not self._link(root, source, file, begun):
                begun.clone(file)
            begun.sync()  # also of a second name: a stranger may have left the file unsynced
            files.check_unchanged(self._disk, file, seen, source)
            self._place(root, begun, target, None)
        return Stat(target, seen.st_size, mtime=seen.st_mtime_ns)

    def _link(self, root: int, source: str, file: int, begun: Draft) -> bool:
        """Make the draft a second name of the open file, if nobody may edit that in place; whether so."""
        seen = self._disk.fstat(file)
        if seen.st_mode & _WRITABLE or seen.st_uid != os.geteuid():
            return False
        with self._folders.folder(root, _parents(source)) as origin:
            return begun.link(origin, _name(source), file)

    def _delete(self, path: str, expect: str | None) -> None:
        parents = _parents(path)
        with self._folders.opened(self.root_folder) as root, self._folders.locked(root):
            try:
                with self._folders.folder(root, parents) as parent:
                    self._remove(parent, path, expect)
            except (FileNotFoundError, NotADirectoryError):  # perhaps since a deletion that was cut off
                self._folders.sync_deepest(root, parents)
            self._folders.prune(root, parents)

    def _remove(self, parent: int, path: str, expect: str | None) -> None:
        """Remove a file durably; if that fails, it has its name again."""
        name, removed = _name(path), temporary_name()
        with self._closing(self._folders.open_file(parent, name)) as file:
            if expect is not None and files.digest(self._disk, file, path)[0] != expect:
                raise Changed(f"{path!r} has another version")
        self._disk.rename(name, removed, folder=parent)
        try:
            self._disk.sync(parent)
        except OSError:
            self._disk.rename(removed, name, folder=parent)
            raise
        self._disk.unlink(removed, folder=parent)

    def _swap_folders(self, a: str, b: str) -> None:
        with (
            self._folders.opened(self.root_folder) as root,
            self._folders.folder(root, _parents(a)) as parent_a,
            self._folders.folder(root, _parents(b)) as parent_b,
            self._folders.locked(root),
        ):
            for parent, path in ((parent_a, a), (parent_b, b)):
                if not self._folders.is_folder(parent, _name(path)):
                    raise NotFound(f"{path!r} is no folder")
            self._disk.exchange(parent_a, _name(a), parent_b, _name(b))
            try:
                self._disk.sync(parent_a)
                self._disk.sync(parent_b)
            except OSError:
                self._disk.exchange(parent_a, _name(a), parent_b, _name(b))
                raise

    def _clean_up(self, older_than: float) -> int:
        removed, oldest = 0, time.time() - older_than
        pending: list[tuple[str, ...]] = [()]
        while pending:
            parts = pending.pop()
            entries: dict[str, os.stat_result] = {}
            with suppress(PermissionError):  # somebody else's folder, so nothing of ours lies in it
                entries = self._entries(parts)
            for name, seen in entries.items():
                if not is_temporary(name):
                    pending.extend([(*parts, name)] if stat.S_ISDIR(seen.st_mode) else [])
                elif seen.st_ctime <= oldest:  # not mtime: a second name of an old file is new
                    removed += self._remove_temporary(parts, name)
        return removed

    def _remove_temporary(self, parts: tuple[str, ...], name: str) -> bool:
        gone_or_anothers = FileNotFoundError, NotADirectoryError, PermissionError
        with self._folders.opened(self.root_folder) as root, suppress(*gone_or_anothers):
            with ExitStack() as above, self._folders.folder(root, parts) as parent:
                if self._is_worked_on(root, parts, above):
                    return False
                if self._folders.is_folder(parent, name):
                    with self._folders.folder(parent, [name]) as folder:
                        trees.discard(self._folders, parent, name, folder)
                else:
                    self._disk.unlink(name, folder=parent)
            with self._folders.locked(root):
                self._folders.prune(root, parts)
            return True
        return False

    def _is_worked_on(self, root: int, parts: tuple[str, ...], stack: ExitStack) -> bool:
        """Whether somebody holds a folder on the way alone, however old what is in it looks.

        If not, nobody does so before ``stack`` ends.
        """
        for depth in range(1, len(parts) + 1):
            folder = stack.enter_context(self._folders.folder(root, parts[:depth]))
            if self._folders.is_held(folder):
                return True
        return False

    def _create_root(self) -> str:
        check_alone(self.root_folder, is_root=True)
        try:
            self._folders.make_root(self.root_folder)
        except (FileExistsError, NotADirectoryError) as err:
            raise WrongRoot(f"the root {self.root_folder} is not a folder", "Name a folder instead.") from err
        return super()._create_root()

    # ---- inside

    @contextmanager
    def _opened(self, path: str) -> Iterator[int]:
        """The open file; a link, a folder, or what stands behind a link is not there."""
        with self._folders.opened(self.root_folder) as root:
            try:
                with self._folders.folder(root, _parents(path)) as parent:
                    file = self._folders.open_file(parent, _name(path))
            except (FileNotFoundError, NotADirectoryError) as err:
                raise NotFound(f"there is no file {path!r}") from err
        with self._closing(file):
            yield file

    @contextmanager
    def _closing(self, file: int) -> Iterator[int]:
        try:
            yield file
        finally:
            self._disk.close(file)

    def _place(self, root: int, begun: Draft, path: str, expect: Expect) -> None:
        """Give the draft its final name, if everything is as it has to be, and make that durable."""
        parents, name = _parents(path), _name(path)
        with self._folders.locked(root):
            if not self._folders.is_same(root, parents, begun.parent):
                raise Unavailable(f"the folder of {path!r} was moved while the file was written")
            if not (self.guarantees.case_sensitive and self.guarantees.unicode_exact):
                self._folders.refuse_twins(root, (*parents, name))
            is_folder = self._folders.is_folder(begun.parent, name)
            if is_folder and not self._folders.remove_hollow(root, (*parents, name)):
                raise AlreadyExists(f"{path!r} is a folder")
            self._check_expected(begun.parent, path, expect)
            is_taken = self._folders.exists(begun.parent, name)
            begun.place(name, is_taken=is_taken, can_exchange=self.guarantees.swap)
        try:
            self._disk.sync(begun.parent)
        except OSError:
            with self._folders.locked(root):
                begun.take_back(name)
            raise

    def _refuse_existing(self, parent: int, path: str) -> None:
        if self._folders.exists(parent, _name(path)):
            self._disk.sync(
                parent
            )  # who is told that it exists relies on it; its writer may have been cut off
            raise AlreadyExists(f"{path!r} exists already")

    def _check_expected(self, parent: int, path: str, expect: Expect) -> None:
        if expect is None:
            return
        if expect is Absent:
            self._refuse_existing(parent, path)
            return
        try:
            with self._closing(self._folders.open_file(parent, _name(path))) as file:
                found = files.digest(self._disk, file, path)[0]
        except FileNotFoundError:
            found = ""
        if found != expect:
            raise Changed(f"{path!r} has another version" if found else f"{path!r} is not there any more")


def _parents(path: str) -> tuple[str, ...]:
    return tuple(path.split("/")[:-1])


def _name(path: str) -> str:
    return path.rpartition("/")[2]
