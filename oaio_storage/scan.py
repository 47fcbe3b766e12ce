"""What a folder of this device holds now: a manifest, and what could not be told.

Of each path a scan says that it is *present* (in the manifest), *absent*, or *unknown*; only what is absent
was removed. Links below the root are never followed, also if one appears during the scan, and nothing but
regular files is read.
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import attrs

from oaio_storage.errors import InvalidArgument, NotFound, RootOverlap, RootUnavailable, SourceChanged
from oaio_storage.hash_cache import HashCache, Hashed
from oaio_storage.manifest import MAX_SIZE, Diff, FileEntry, Manifest, diff
from oaio_storage.names import MAX_PATH_BYTES, check_path, collisions, why_refused
from oaio_storage.progress import Progress, Report, ignore

_OPEN_FOLDER = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY
_OPEN_FILE = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_BLOCK = 1 << 18
_LARGE = 1 << 20
"""Bytes from which on a file is hashed in another thread: for smaller ones that costs more than it saves."""

_THREADS = min(4, os.cpu_count() or 1)
_REPORT_EVERY = 256
_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFLNK: "a symbolic link", stat.S_IFIFO: "a pipe"}
_KINDS |= {stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
_REASONS = {
    errno.ELOOP: "a symbolic link",
    errno.ENXIO: "a socket",
    errno.ENOTDIR: "a link or a file where a folder was looked for",
    errno.EACCES: "not readable",
    errno.EPERM: "not readable",
}


@attrs.frozen
class Scan:
    """What was found.

    Attributes:
        manifest: the files that are there.
        unknown: path -> why nothing can be said about it, nor about what is below it. Names that are not
            UTF-8 hold lone surrogates.
        only: the paths that were looked at; None: all.
    """

    manifest: Manifest
    unknown: Mapping[str, str]
    only: frozenset[str] | None = None

    def is_unknown(self, path: str) -> bool:
        """Whether nothing can be said: ``path`` or a folder above it is unknown, or was not looked at."""
        if self.only is not None and path not in self.only:
            return True
        return path in self.unknown or any(folder in self.unknown for folder in _folders_above(path))

    def changes(self, base: Manifest) -> Diff:
        """What turns ``base`` into what is there now. Unknown paths stay as they are in ``base``.

        What this system can't tell (an executable bit, fields of later versions) is taken from ``base``; a
        new name that would clash with an unknown path of ``base`` is left out.
        """
        found = {path: _completed(entry, base.get(path)) for path, entry in self.manifest.items()}
        kept = {path: base[path] for path in base.keys() - found.keys() if self.is_unknown(path)}
        now = found | kept
        if kept:
            for path in (path for group in collisions(now) for path in group):
                if path not in base:
                    del now[path]
        return diff(base, Manifest(now))


def scan(
    root: Path,
    *,
    only: Iterable[str] | None = None,
    cache: HashCache | None = None,
    report: Report = ignore,
    room: int = MAX_PATH_BYTES,
) -> Scan:
    """All regular files below ``root``, at every level, those in hidden folders too. Nothing is changed.

    Args:
        root: a folder; it may be reached through links.
        only: just these relative paths, in place of all.
        cache: checksums of earlier scans; without it every file is read.
        report: told the number of files, in this thread, now and then and at the end.
        room: bytes that a path may take (see ``names.check_path``).

    Raises:
        RootUnavailable: ``root`` is missing, no folder, not readable, or exchanged during the scan.
        SourceChanged: a file was written to while it was read, twice.
        InvalidName: ``only`` holds a path that no host may hold.
    """
    paths = None if only is None else frozenset(check_path(path, room=room) for path in only)
    with _opened_root(root) as folder:
        scanner = _Scanner(folder, cache=cache, report=report, room=room)
        if paths is None:
            scanner.walk()
        else:
            scanner.look_at(paths)
        scanner.hash_large()
        if root_identity(root) != _identity(os.fstat(folder)):
            raise RootUnavailable(f"{str(root)!r} was exchanged while it was scanned")
    return scanner.outcome(paths)


def hash_file(path: Path) -> FileEntry:
    """What is known of the regular file at ``path`` after reading it.

    Raises:
        NotFound: nothing is there.
        InvalidArgument: it is a folder, a link, a pipe, a device or a socket.
        RootUnavailable: it can't be read.
        SourceChanged: it was written to while it was read, twice.
    """
    try:
        return _entry(*_read(None, path, MAX_SIZE + 1))
    except FileNotFoundError as err:
        raise NotFound(f"there is no file {str(path)!r}") from err
    except (OSError, ValueError) as err:
        message = f"can't read {str(path)!r} ({_reason(err)})"
        if isinstance(err, ValueError) or err.errno in (errno.EINVAL, errno.ELOOP, errno.ENXIO):
            raise InvalidArgument(message) from err
        raise RootUnavailable(message) from err


def root_identity(root: Path) -> str:
    """Device and inode of ``root``: another text when another disk, or none, is mounted there.

    Raises:
        RootUnavailable: it is missing or can't be reached.
    """
    try:
        return _identity(root.stat())
    except (OSError, ValueError) as err:
        raise RootUnavailable(f"can't reach {str(root)!r} ({_reason(err)})") from err


def check_apart(root: Path, *others: Path) -> None:
    """Do nothing if ``root`` and each of ``others`` lie apart; one that does not exist is judged by its name.

    Raises:
        RootOverlap: ``root`` equals one of them, contains it, or lies inside it, links and mounts resolved.
    """
    ours = _lineage(root)
    for other in others:
        theirs = _lineage(other)
        if ours[0] & set().union(*theirs) or theirs[0] & set().union(*ours):
            raise RootOverlap(
                f"{str(root)!r} and {str(other)!r} are the same folder, or one contains the other"
            )


def _completed(entry: FileEntry, base: FileEntry | None) -> FileEntry:
    """``entry`` with what this system can't tell of it, as ``base`` has it."""
    if base is None:
        return entry
    executable = base.executable if entry.executable is None else entry.executable
    extra = base.extra if base.checksum == entry.checksum else entry.extra
    return FileEntry(entry.size, entry.checksum, executable, entry.mtime, extra)


class _Scanner:
    """One scan under way. Each folder is opened from the root down, part by part, never through a link."""

    def __init__(self, root: int, *, cache: HashCache | None, report: Report, room: int) -> None:
        self._root, self._cache, self._report, self._room = root, cache, report, room
        self._found: dict[str, FileEntry] = {}
        self._unknown: dict[str, str] = {}
        self._large: list[str] = []

    def walk(self) -> None:
        """Look at everything below the root, except for large files."""
        waiting = [""]
        while waiting:
            prefix = waiting.pop()
            try:
                with self._entered(prefix) as folder:
                    files, folders = self._listed(folder, prefix)
                    waiting += folders
                    self._look(folder, prefix, files)
            except OSError as err:
                self._note(prefix[:-1], err)

    def look_at(self, paths: Iterable[str]) -> None:
        """Look at ``paths`` only, except for large files."""
        for prefix, name in sorted(map(_split, paths)):
            try:
                with self._entered(prefix) as folder:
                    self._look(folder, prefix, [name])
            except OSError as err:
                self._note(prefix + name, err)

    def hash_large(self) -> None:
        """Read the files that were put off, several at a time."""
        if not self._large:
            return
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - costs small scans too much time

        def read(path: str) -> Hashed | OSError:
            prefix, name = _split(path)
            try:
                with self._entered(prefix) as folder:
                    return self._hashed(folder, name)
            except OSError as err:
                return err

        fresh = []
        with ThreadPoolExecutor(_THREADS) as pool:
            for path, outcome in zip(self._large, pool.map(read, self._large), strict=True):
                if isinstance(outcome, OSError):
                    self._note(path, outcome)
                else:
                    self._keep(path, outcome)
                    fresh.append(outcome)
        self._remember(fresh)

    def outcome(self, only: frozenset[str] | None) -> Scan:
        """The finished scan; names that clash are unknown."""
        for group in collisions(self._found):
            for path in group:
                other = next(name for name in group if name != path)
                self._unknown[path] = f"{other!r} has the same name on some systems"
                del self._found[path]
        self._report(Progress("scan", len(self._found), len(self._found), "files"))
        return Scan(Manifest(self._found), dict(sorted(self._unknown.items())), only)

    def _note(self, path: str, err: OSError) -> None:
        """Note that looking at ``path`` failed: it is unknown, or went away meanwhile."""
        if not path:
            raise RootUnavailable(f"the folder to scan can't be read ({_reason(err)})") from err
        if not isinstance(err, FileNotFoundError):
            self._unknown[path] = _reason(err)

    @contextmanager
    def _entered(self, prefix: str) -> Iterator[int]:
        """The folder ``prefix`` (empty, or with a slash at its end), open."""
        folder = os.dup(self._root)
        try:
            for part in prefix.split("/")[:-1]:
                outer, folder = folder, os.open(part, _OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=folder)
                os.close(outer)
            yield folder
        finally:
            os.close(folder)

    def _listed(self, folder: int, prefix: str) -> tuple[list[str], list[str]]:
        """The names of the files in ``folder``, and the prefixes of the folders in it."""
        files, folders = [], []
        with os.scandir(folder) as entries:
            for entry in entries:
                path = prefix + entry.name
                if reason := why_refused(path, room=self._room):
                    self._unknown[path] = reason
                elif entry.is_file(follow_symlinks=False):
                    files.append(entry.name)
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(f"{path}/")
                else:
                    self._unknown[path] = _KINDS[stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode)]
        return files, folders

    def _look(self, folder: int, prefix: str, names: list[str]) -> None:
        """Find out what is known of the files ``names`` in ``folder``; large ones are put off."""
        known = self._recalled(folder, names)
        fresh = []
        for name in names:
            path = prefix + name
            try:
                hashed = known.get(name) or self._hashed(folder, name, below=_LARGE)
            except _LargeFile:
                self._large.append(path)
            except OSError as err:
                self._note(path, err)
            else:
                self._keep(path, hashed)
                if name not in known:
                    fresh.append(hashed)
        self._remember(fresh)

    def _recalled(self, folder: int, names: list[str]) -> dict[str, Hashed]:
        if not self._cache:
            return {}
        states = {}
        for name in names:
            with suppress(OSError):
                states[name] = os.stat(name, dir_fd=folder, follow_symlinks=False)
        checksums = self._cache.recall(list(states.values()))
        known = zip(states.items(), checksums, strict=True)
        return {name: Hashed(state, checksum, 0) for (name, state), checksum in known if checksum}

    def _hashed(self, folder: int, name: str, below: int = MAX_SIZE + 1) -> Hashed:
        moment = self._cache.now() if self._cache else 0
        return Hashed(*_read(folder, name, below), moment)

    def _remember(self, fresh: list[Hashed]) -> None:
        if self._cache:
            self._cache.remember(fresh)

    def _keep(self, path: str, hashed: Hashed) -> None:
        self._found[path] = _entry(hashed.stat, hashed.checksum)
        if len(self._found) % _REPORT_EVERY == 0:
            self._report(Progress("scan", len(self._found), None, "files", path))


class _LargeFile(Exception):
    """A file that is put off."""


@contextmanager
def _opened_root(root: Path) -> Iterator[int]:
    try:
        folder = os.open(root, _OPEN_FOLDER)
    except (OSError, ValueError) as err:
        raise RootUnavailable(f"can't scan the folder {str(root)!r} ({_reason(err)})") from err
    try:
        yield folder
    finally:
        os.close(folder)


def _read(folder: int | None, name: str | Path, below: int) -> tuple[os.stat_result, str]:
    """State and SHA-256 of a regular file.

    Raises:
        OSError: it is no regular file, or can't be read.
        _LargeFile: it has ``below`` bytes or more.
        SourceChanged: it was written to during both of two readings.
    """
    for _ in range(2):
        file = os.open(name, _OPEN_FILE, dir_fd=folder)
        try:
            before = os.fstat(file)
            if not stat.S_ISREG(before.st_mode):
                raise OSError(errno.EINVAL, _KINDS[stat.S_IFMT(before.st_mode)])
            if before.st_size >= below:
                raise _LargeFile
            checksum = _checksum(file, before.st_size)
            if checksum and _state(os.fstat(file)) == _state(before):
                return before, checksum
        finally:
            os.close(file)
    raise SourceChanged(f"the file {str(name)!r} changed while it was read")


def _checksum(file: int, size: int) -> str:
    """SHA-256 of the first ``size`` bytes; empty if there are fewer."""
    digest = sha256()
    while size > 0 and (block := os.read(file, min(size, _BLOCK))):
        digest.update(block)
        size -= len(block)
    return "" if size else digest.hexdigest()


def _state(of: os.stat_result) -> tuple[int, int, int]:
    return of.st_size, of.st_mtime_ns, of.st_ctime_ns


def _entry(state: os.stat_result, checksum: str) -> FileEntry:
    return FileEntry(state.st_size, checksum, bool(state.st_mode & stat.S_IXUSR), state.st_mtime_ns)


def _identity(of: os.stat_result) -> str:
    return f"{of.st_dev}:{of.st_ino}"


def _lineage(folder: Path) -> list[set[str]]:
    """What identifies ``folder`` (its resolved path, its device and inode), then each folder above it."""
    resolved = Path(os.path.realpath(folder))
    lineage = []
    for place in (resolved, *resolved.parents):
        marks = {str(place)}
        with suppress(OSError, ValueError):
            marks.add(_identity(place.stat()))
        lineage.append(marks)
    return lineage


def _reason(err: OSError | ValueError) -> str:
    return (isinstance(err, OSError) and (_REASONS.get(err.errno or 0) or err.strerror)) or str(err)


def _split(path: str) -> tuple[str, str]:
    """The folder of ``path``, empty or with a slash at its end, and the name in it."""
    parent, slash, name = path.rpartition("/")
    return parent + slash, name


def _folders_above(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path
