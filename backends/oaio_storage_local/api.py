"""A folder of this machine as a storage host."""

import errno
import hashlib
import io
import os
import stat
import sys
import time
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import attrs

from oaio_storage.errors import AlreadyExists, Changed, InvalidArgument, NotFound, Unavailable, WrongRoot
from oaio_storage.hosts.api import CshApi
from oaio_storage.hosts.bulk import make_folder
from oaio_storage.hosts.foreign import OS_ERRORS, ForeignErrors
from oaio_storage.hosts.guarantees import Absent, Expect, Guarantees, Stat
from oaio_storage.hosts.streams import PIECE

if sys.platform == "win32":
    raise ImportError("the backend Local needs a POSIX system: Linux, macOS or WSL")

from oaio_storage_local import drafts, folders
from oaio_storage_local.drafts import Draft
from oaio_storage_local.exchange import exchange

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
    _probed: list[Guarantees] = attrs.field(factory=list, init=False, repr=False)

    foreign_errors: ClassVar[ForeignErrors] = {**OS_ERRORS, errno.ELOOP: AlreadyExists}

    @property
    def guarantees(self) -> Guarantees:
        """What the disk was found to be able to do, looked at once per instance."""
        if not self._probed:
            with self._only_ours("probe", ""), folders.opened(self.root_folder) as root:
                self._probed.append(_probe(root))
        return self._probed[0]

    # ---- reading

    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        with self._opened(path) as file:
            if version is not None and _digest(file, path)[0] != version:
                raise Changed(f"{path!r} has another version")
            before = os.fstat(file)
            end = before.st_size if end is None else min(end, before.st_size)
            content = _piece(file, start, end)
            _check_unchanged(file, before, path)
            return content

    def _stat(self, path: str) -> Stat:
        with self._opened(path) as file:
            version, seen = _digest(file, path)
        return Stat(path, seen.st_size, version, version, seen.st_mtime_ns)

    def _open(self, path: str) -> io.RawIOBase:
        with self._opened(path) as file:
            return _OneVersion(os.dup(file), path)

    def _list(self, folder: str) -> Iterator[Stat]:
        pending = [tuple(folder.split("/")) if folder else ()]
        while pending:
            parts = pending.pop()
            entries = self._entries(parts)
            pending.extend((*parts, name) for name, seen in entries.items() if stat.S_ISDIR(seen.st_mode))
            for name, seen in entries.items():
                if stat.S_ISREG(seen.st_mode) and not folders.is_temporary(name):
                    yield Stat("/".join((*parts, name)), seen.st_size, mtime=seen.st_mtime_ns)

    def _entries(self, parts: tuple[str, ...]) -> dict[str, os.stat_result]:
        """All names in a folder; none if it is gone, or no folder."""
        found = {}
        with (
            folders.opened(self.root_folder) as root,
            suppress(FileNotFoundError, NotADirectoryError),
            folders.folder(root, parts) as parent,
            os.scandir(parent) as entries,
        ):
            for entry in entries:
                with suppress(FileNotFoundError):
                    found[entry.name] = entry.stat(follow_symlinks=False)
        return found

    # ---- writing

    def _write(
        self,
        path: str,
        source: BinaryIO,
        size: int | None,  # noqa: ARG002 - whoever calls the hook checks it
        expect: Expect,
        headers: Mapping[str, str],  # noqa: ARG002 - no web server
    ) -> Stat:
        with folders.opened(self.root_folder) as root, drafts.draft(root, _parents(path)) as draft:
            if expect is Absent and folders.exists(draft.parent, _name(path)):
                raise AlreadyExists(f"{path!r} exists already")
            digest = hashlib.sha256()
            while piece := source.read(PIECE):
                digest.update(piece)
                draft.write(piece)
            seen = draft.sync()
            self._place(root, draft, path, expect)
        return Stat(path, seen.st_size, digest.hexdigest(), digest.hexdigest(), seen.st_mtime_ns)

    def _copy(self, source: str, target: str) -> Stat:
        with (
            self._opened(source) as file,
            folders.opened(self.root_folder) as root,
            drafts.draft(root, _parents(target)) as draft,
        ):
            seen = os.fstat(file)
            if not self._link(root, source, seen, draft):
                draft.clone(file)
                draft.sync()
                _check_unchanged(file, seen, source)
            self._place(root, draft, target, None)
        return Stat(target, seen.st_size, mtime=seen.st_mtime_ns)

    def _link(self, root: int, source: str, seen: os.stat_result, draft: Draft) -> bool:
        """Make the draft a second name of the file, if nobody may edit that in place; whether so."""
        if seen.st_mode & _WRITABLE or seen.st_uid != os.geteuid():
            return False
        with folders.folder(root, _parents(source)) as origin:
            return draft.link(origin, _name(source), seen)

    def _delete(self, path: str, expect: str | None) -> None:
        parents, name = _parents(path), _name(path)
        with (
            folders.opened(self.root_folder) as root,
            suppress(FileNotFoundError, NotADirectoryError),
            folders.locked(root),
        ):
            with folders.folder(root, parents) as parent:
                with self._closing(folders.open_file(parent, name)) as file:
                    if expect is not None and _digest(file, path)[0] != expect:
                        raise Changed(f"{path!r} has another version")
                os.unlink(name, dir_fd=parent)
            folders.prune(root, parents)

    def _swap_folders(self, a: str, b: str) -> None:
        with (
            folders.opened(self.root_folder) as root,
            folders.folder(root, _parents(a)) as parent_a,
            folders.folder(root, _parents(b)) as parent_b,
            folders.locked(root),
        ):
            for parent, path in ((parent_a, a), (parent_b, b)):
                if not folders.is_folder(parent, _name(path)):
                    raise NotFound(f"{path!r} is no folder")
            exchange(parent_a, _name(a), parent_b, _name(b))
            folders.sync(parent_a)
            folders.sync(parent_b)

    def _clean_up(self, older_than: float) -> int:
        removed, oldest = 0, time.time() - older_than
        pending: list[tuple[str, ...]] = [()]
        while pending:
            parts = pending.pop()
            for name, seen in self._entries(parts).items():
                if not folders.is_temporary(name):
                    pending.extend([(*parts, name)] if stat.S_ISDIR(seen.st_mode) else [])
                elif seen.st_ctime <= oldest:  # not mtime: a second name of an old file is new
                    removed += self._remove_temporary(parts, name)
        return removed

    def _remove_temporary(self, parts: tuple[str, ...], name: str) -> bool:
        with folders.opened(self.root_folder) as root, suppress(FileNotFoundError, NotADirectoryError):
            with folders.folder(root, parts) as parent:
                if folders.is_folder(parent, name):
                    os.rmdir(name, dir_fd=parent)
                else:
                    os.unlink(name, dir_fd=parent)
            with folders.locked(root):
                folders.prune(root, parts)
            return True
        return False

    def _create_root(self) -> str:
        try:
            make_folder(Path(self.root_folder))
        except (FileExistsError, NotADirectoryError) as err:
            raise WrongRoot(
                f"the root {self.root_folder} is not a folder", "Name a folder as root_folder."
            ) from err
        return super()._create_root()

    # ---- inside

    @contextmanager
    def _opened(self, path: str) -> Iterator[int]:
        """The open file; a link, a folder, or what stands behind a link is not there."""
        with folders.opened(self.root_folder) as root:
            try:
                with folders.folder(root, _parents(path)) as parent:
                    file = folders.open_file(parent, _name(path))
            except (FileNotFoundError, NotADirectoryError) as err:
                raise NotFound(f"there is no file {path!r}") from err
        with self._closing(file):
            yield file

    @staticmethod
    @contextmanager
    def _closing(file: int) -> Iterator[int]:
        try:
            yield file
        finally:
            os.close(file)

    def _place(self, root: int, draft: Draft, path: str, expect: Expect) -> None:
        """Give the draft its final name, if everything is as it has to be, and make that durable."""
        parents, name = _parents(path), _name(path)
        with folders.locked(root):
            if not folders.is_same(root, parents, draft.parent):
                raise Unavailable(f"the folder of {path!r} was moved while the file was written")
            if not (self.guarantees.case_sensitive and self.guarantees.unicode_exact):
                folders.refuse_twins(root, (*parents, name))
            if folders.is_folder(draft.parent, name):
                raise AlreadyExists(f"{path!r} is a folder")
            self._check_expected(draft.parent, path, expect)
            draft.rename(name)
        folders.sync(draft.parent)

    def _check_expected(self, parent: int, path: str, expect: Expect) -> None:
        if expect is None:
            return
        if expect is Absent:
            if folders.exists(parent, _name(path)):
                raise AlreadyExists(f"{path!r} exists already")
            return
        try:
            with self._closing(folders.open_file(parent, _name(path))) as file:
                found = _digest(file, path)[0]
        except FileNotFoundError:
            found = ""
        if found != expect:
            raise Changed(f"{path!r} has another version" if found else f"{path!r} is not there any more")


class _OneVersion(io.FileIO):
    """An open file that refuses to go on once it was edited in place; replacing it leaves it as it is."""

    def __init__(self, file: int, path: str) -> None:
        super().__init__(file, "rb", closefd=True)
        self._path, self._seen = path, os.fstat(file)

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a writable buffer, as in io.RawIOBase
        """As its base; raises Changed."""
        count = super().readinto(buffer)
        _check_unchanged(self.fileno(), self._seen, self._path)
        return count or 0

    def readall(self) -> bytes:
        """As its base; raises Changed."""
        content = super().readall()
        _check_unchanged(self.fileno(), self._seen, self._path)
        return content


def _parents(path: str) -> tuple[str, ...]:
    return tuple(path.split("/")[:-1])


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _digest(file: int, path: str) -> tuple[str, os.stat_result]:
    """The SHA-256 of the open file, and what it was while it was read."""
    digest, position, seen = hashlib.sha256(), 0, os.fstat(file)
    while piece := os.pread(file, PIECE, position):
        digest.update(piece)
        position += len(piece)
    _check_unchanged(file, seen, path)
    return digest.hexdigest(), seen


def _piece(file: int, start: int, end: int) -> bytes:
    pieces = []
    while start < end and (piece := os.pread(file, end - start, start)):
        pieces.append(piece)
        start += len(piece)
    return b"".join(pieces)


def _check_unchanged(file: int, before: os.stat_result, path: str) -> None:
    now = os.fstat(file)
    if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise Changed(f"{path!r} was edited in place while it was read")


def _probe(root: int) -> Guarantees:
    """What the disk of the open ``root`` can do; where that can't be tried out, the weakest answer."""
    has_locks = folders.has_locks(root)
    declared = Guarantees(
        atomic_write=True,
        durable=True,
        conditional_write=has_locks,
        strong_version=True,
        server_copy=True,
        checksum="sha256",
        visibility_delay=0.0,
    )
    names = folders.temporary_name("\u00e9"), folders.temporary_name()
    try:
        for name in names:
            os.mkdir(name, dir_fd=root)
        return attrs.evolve(
            declared,
            swap=_can_exchange(root, *names),
            case_sensitive=not folders.exists(root, names[0].upper()),
            unicode_exact=not folders.exists(root, unicodedata.normalize("NFD", names[0])),
        )
    except OSError:  # a root that this user may only read
        return declared
    finally:
        for name in names:
            with suppress(OSError):
                os.rmdir(name, dir_fd=root)


def _can_exchange(root: int, a: str, b: str) -> bool:
    try:
        exchange(root, a, root, b)
    except OSError:
        return False
    return True
