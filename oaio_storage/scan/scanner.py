"""One scan of a folder."""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from oaio_storage.errors import InvalidManifest, RootUnavailable
from oaio_storage.hash_cache import HashCache, Hashed
from oaio_storage.manifest import MAX_SIZE, FileEntry, Manifest
from oaio_storage.names import MAX_PATH_BYTES, are_allowed, check_path, collisions, shown, why_refused
from oaio_storage.progress import Progress, Report, ignore
from oaio_storage.scan.ignoring import Ignored, ignored_in
from oaio_storage.scan.outcome import Scan
from oaio_storage.scan.reading import (
    KINDS,
    Digest,
    LargeFileError,
    checksum_of,
    entry_of,
    read_file,
    reason_of,
)
from oaio_storage.scan.roots import OPEN_FOLDER, identity_of, opened_root, root_identity

_LARGE = 1 << 20
"""Bytes from which on a file is hashed in another thread: for smaller ones that costs more than it saves."""

_THREADS = min(4, os.cpu_count() or 1)
_REPORT_EVERY = 256
_REMEMBERED_AT_ONCE = 1024
"""Checksums that wait to be kept: each time that they are costs as much as reading a dozen small files."""


def scan(  # noqa: PLR0913 - each is a choice of its own
    root: Path,
    *,
    only: Iterable[str] | None = None,
    cache: HashCache | None = None,
    report: Report = ignore,
    room: int = MAX_PATH_BYTES,
    with_ignored: bool = False,
    hiding: str = "",
    digest: Digest = checksum_of,
) -> Scan:
    """All regular files below ``root``, at every level, those in hidden folders too. Nothing is changed.

    What the patterns of ``.oaioignore`` in ``root`` hide (gitignore(5)) is left out, whatever it is; a path
    that is named in ``only`` is looked at in any case.

    Args:
        root: a folder; it may be reached through links.
        only: just these relative paths, in place of all.
        cache: checksums of earlier scans; without it every file is read.
        report: told the number of files, in this thread, now and then and at the end.
        room: bytes that a path may take (see ``names.check_path``).
        with_ignored: do as if there were no ``.oaioignore``.
        hiding: further lines of ``.oaioignore``, which win over those that are there.
        digest: reads the content of each file that ``cache`` does not know, so that whoever needs it too has
            it read once.

    Raises:
        InvalidConfiguration: ``.oaioignore`` is not as it has to be.
        RootUnavailable: ``root`` is missing, no folder, not readable, or exchanged during the scan; or its
            ``.oaioignore`` can't be read.
        SourceChanged: a file was written to while it was read, twice.
        InvalidName: ``only`` holds a path that no host may hold.
    """
    paths = None if only is None else frozenset(check_path(path, room=room) for path in only)
    with opened_root(root) as folder:
        ignored = Ignored() if with_ignored or paths is not None else ignored_in(folder, hiding)
        scanner = _Scanner(folder, ignored, cache=cache, report=report, room=room, digest=digest)
        if paths is None:
            scanner.walk()
        else:
            scanner.look_at(paths)
        scanner.hash_large()
        if root_identity(root) != identity_of(os.fstat(folder)):
            raise RootUnavailable(f"{str(root)!r} was exchanged while it was scanned")
    return scanner.outcome(paths)


class _Scanner:
    """One scan under way. Each folder is opened from the root down, part by part, never through a link."""

    def __init__(  # noqa: PLR0913 - the choices of a scan
        self,
        root: int,
        ignored: Ignored,
        *,
        cache: HashCache | None,
        report: Report,
        room: int,
        digest: Digest,
    ) -> None:
        self._root, self._ignored, self._digest = root, ignored, digest
        self._cache, self._report, self._room = cache, report, room
        self._knows_any = cache is not None and not cache.is_empty()
        self._found: dict[str, FileEntry] = {}
        self._unknown: dict[str, str] = {}
        self._large: list[str] = []
        self._fresh: list[Hashed] = []
        self._told = 0

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

        with ThreadPoolExecutor(_THREADS) as pool:
            for path, outcome in zip(self._large, pool.map(read, self._large), strict=True):
                if isinstance(outcome, OSError):
                    self._note(path, outcome)
                else:
                    self._keep(path, outcome)

    def outcome(self, only: frozenset[str] | None) -> Scan:
        """The finished scan; names that clash are unknown."""
        self._remember()
        try:
            manifest = Manifest.of_allowed(self._found)
        except InvalidManifest:
            manifest = self._without_clashes()
        self._report(Progress("scan", len(self._found), len(self._found), "files"))
        return Scan(manifest, dict(sorted(self._unknown.items())), only, self._ignored)

    def _without_clashes(self) -> Manifest:
        for group in collisions(self._found):
            for path in group:
                other = next(name for name in group if name != path)
                self._unknown[path] = f"{shown(other)} has the same name on some systems"
                del self._found[path]
        return Manifest(self._found)

    def _note(self, path: str, err: OSError) -> None:
        """Note that looking at ``path`` failed: it is unknown, or went away meanwhile."""
        if not path:
            raise RootUnavailable(f"the folder to scan can't be read ({reason_of(err)})") from err
        if not isinstance(err, FileNotFoundError):
            self._unknown[path] = reason_of(err)

    @contextmanager
    def _entered(self, prefix: str) -> Iterator[int]:
        """The folder ``prefix`` (empty, or with a slash at its end), open."""
        folder = os.dup(self._root)
        try:
            for part in prefix.split("/")[:-1]:
                outer, folder = folder, os.open(part, OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=folder)
                os.close(outer)
            yield folder
        finally:
            os.close(folder)

    def _listed(self, folder: int, prefix: str) -> tuple[list[str], list[str]]:
        """The names of the files in ``folder``, and the prefixes of the folders in it."""
        files, folders = [], []
        with os.scandir(folder) as listed:
            entries = {prefix + entry.name: entry for entry in listed}
        any_hidden, all_allowed = bool(self._ignored), are_allowed(entries, room=self._room)
        for path, entry in entries.items():
            if any_hidden and self._hides(path, entry):
                continue
            if not all_allowed and (reason := why_refused(path, room=self._room)):
                self._unknown[path] = reason
            elif entry.is_file(follow_symlinks=False):
                files.append(entry.name)
            elif entry.is_dir(follow_symlinks=False):
                folders.append(f"{path}/")
            else:
                with suppress(FileNotFoundError):  # it went away meanwhile
                    self._unknown[path] = KINDS[stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode)]
        return files, folders

    def _hides(self, path: str, entry: os.DirEntry[str]) -> bool:
        is_folder = entry.is_dir(follow_symlinks=False)
        return self._ignored.hides(f"{path}/" if is_folder else path)

    def _look(self, folder: int, prefix: str, names: list[str]) -> None:
        """Find out what is known of the files ``names`` in ``folder``; large ones are put off."""
        known = self._recalled(folder, names)
        self._found.update((prefix + name, entry_of(*recalled)) for name, recalled in known.items())
        self._tell(prefix)
        for name in (name for name in names if name not in known):
            path = prefix + name
            try:
                hashed = self._hashed(folder, name, below=_LARGE)
            except LargeFileError:
                self._large.append(path)
            except OSError as err:
                self._note(path, err)
            else:
                self._keep(path, hashed)

    def _recalled(self, folder: int, names: list[str]) -> dict[str, tuple[os.stat_result, str]]:
        """Those of ``names`` whose checksum is known from earlier, as they are now."""
        if not self._cache or not self._knows_any:
            return {}
        states = {}
        for name in names:
            try:
                states[name] = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except OSError:  # reading it will say why
                continue
        checksums = self._cache.recall(list(states.values()))
        known = zip(states.items(), checksums, strict=True)
        return {name: (state, checksum) for (name, state), checksum in known if checksum}

    def _hashed(self, folder: int, name: str, below: int = MAX_SIZE + 1) -> Hashed:
        moment = self._cache.now() if self._cache else 0
        return Hashed(*read_file(folder, name, below, self._digest), moment)

    def _keep(self, path: str, hashed: Hashed) -> None:
        self._found[path] = entry_of(hashed.stat, hashed.checksum)
        self._tell(path)
        if self._cache:
            self._fresh.append(hashed)
            if len(self._fresh) >= _REMEMBERED_AT_ONCE or hashed.stat.st_size >= _LARGE:
                self._remember()

    def _remember(self) -> None:
        if self._cache and self._fresh:
            self._cache.remember(self._fresh)
            self._fresh.clear()

    def _tell(self, path: str) -> None:
        if len(self._found) >= self._told + _REPORT_EVERY:
            self._told = len(self._found)
            self._report(Progress("scan", self._told, None, "files", path))


def _split(path: str) -> tuple[str, str]:
    """The folder of ``path``, empty or with a slash at its end, and the name in it."""
    parent, slash, name = path.rpartition("/")
    return parent + slash, name
