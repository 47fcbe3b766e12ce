"""Writing a generation to a folder: whole to a new one, only what differs to one that exists."""

import os
import shutil
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, Self

import attrs

from oaio_storage import durable
from oaio_storage.errors import AlreadyExists, BadAnswer, Busy, InvalidArgument, LocalStateDamaged, OaioError
from oaio_storage.hash_cache import HashCache
from oaio_storage.hosts import foreign
from oaio_storage.manifest import FileEntry, Manifest
from oaio_storage.progress import Progress, Report, ignore
from oaio_storage.scan import scan
from oaio_storage.trees.checkout_new import NewFolder
from oaio_storage.trees.checkout_plan import Placed, Seen, steps
from oaio_storage.trees.checkout_target import ChangedHereError, Target

_MARKER = ".oaio-checkout"
"""Lies in a folder that a checkout made to build another one in."""

_WRITERS = 8
"""Files that are written at the same time to a folder that exists."""


@attrs.frozen
class CheckedOut:
    """What a checkout did.

    Attributes:
        generation: what was checked out.
        written: the paths that were written, sorted.
        removed: the paths that were removed, sorted.
        kept: path -> why it was left as it is although it differs.
        unchanged: how many files were right already.
        bytes_written: bytes of what was written.
    """

    generation: str
    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    kept: Mapping[str, str] = attrs.field(factory=dict)
    unchanged: int = 0
    bytes_written: int = 0


class Source(Protocol):
    """A generation whose files can be read."""

    @property
    def generation(self) -> str:
        """Its id."""

    @property
    def seen(self) -> Seen:
        """Its place in the history of its tree."""

    @property
    def manifest(self) -> Manifest:
        """Its files."""

    def contents(self, paths: Collection[str]) -> Iterator[tuple[str, Iterable[bytes]]]:
        """The contents of files, in an order that suits; a tuple is in memory already.

        What is no tuple has to be used before the next one is asked for.
        """


def write_out(  # noqa: PLR0913 - each is a choice of its own
    source: Source,
    folder: Path,
    *,
    as_live: bool,
    cache: HashCache | None = None,
    trash: Path | None = None,
    report: Report = ignore,
) -> CheckedOut:
    """Write a generation to ``folder``. A repeat goes on where it stopped.

    Each file is complete and has been compared with its checksum before it gets its name. A new folder is
    filled beside its place and renamed once. In one that exists, only files that a checkout placed are
    replaced or removed: which those are is written down beside it, in ``.NAME.oaio-checkout``. What somebody
    changed meanwhile is kept, and told. No link is followed in it; two checkouts of one folder never run at
    once.

    Args:
        source: what to write.
        folder: where to; neither a link, nor a file.
        as_live: whether it is written for being live, and not for being asked for: then it may not be older
            than what was written to ``folder`` before.
        cache: checksums of earlier looks at the folder.
        trash: where replaced and removed files go, for 30 days; None: nowhere.
        report: told the files that were written.

    Raises:
        InvalidArgument: ``folder`` is a link or a file, or there is no folder around it.
        Corrupt: a file of the generation is damaged; what is in ``folder`` under that name stays.
        BadAnswer: it is live, and older than what is in ``folder``, which stays as it is (P9).
        Busy: another checkout writes there.
        StorageError: the disk refuses, or has no room; what is there by then is whole, and a repeat goes on.
        LocalStateDamaged: the record beside it can't be read.
    """
    folder = checked_folder(folder)
    record = folder.with_name(f".{folder.name}.oaio-checkout")
    with _only_ours(folder):
        if not folder.exists():
            done = _new(source, folder, record, report)
        else:
            done = _existing(source, folder, record, as_live=as_live, cache=cache, report=report, trash=trash)
    if trash is not None:
        durable.empty_trash(trash)
    return attrs.evolve(done, generation=source.generation)


@contextmanager
def _only_ours(folder: Path) -> Iterator[None]:
    """Turn errors of the system into ours."""
    try:
        yield
    except OaioError:
        raise
    except OSError as err:
        raise foreign.ours(err, foreign.OS_ERRORS, f"can't write to {str(folder)!r}") from err


def checked_folder(folder: Path) -> Path:
    """``folder`` as an absolute path, if it can be checked out to.

    Raises:
        InvalidArgument: it is a link or a file, or there is no folder around it.
    """
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - links stay as they are, .. goes
    if folder.is_symlink():
        raise InvalidArgument(f"{str(folder)!r} is a symbolic link", "Name the folder that it leads to.")
    if folder.exists() and not folder.is_dir():
        raise InvalidArgument(f"{str(folder)!r} is not a folder", "Name a folder, or a name that is free.")
    if not folder.parent.is_dir():
        raise InvalidArgument(f"there is no folder {str(folder.parent)!r}", "Make it first.")
    return folder


def _new(source: Source, folder: Path, record: Path, report: Report) -> CheckedOut:
    """All files into a folder beside ``folder``, then one rename."""
    wanted = source.manifest
    around = folder.with_name(f".{folder.name}.oaio-new")
    with _building(around) as building, _locked(building) as target:
        new = NewFolder(target.folder)
        try:
            for number, (path, content) in enumerate(source.contents(wanted), 1):
                _write_new(new, path, wanted[path], content)
                report(Progress("receive", number, len(wanted), "files", path))
        finally:
            new.close()
        target.sync()
        _remember(record, Placed(wanted, seen=source.seen))
        try:
            building.rename(folder)
        except OSError as err:
            raise AlreadyExists(f"somebody else made {str(folder)!r} meanwhile", "Try again.") from err
        durable.sync_folder(folder.parent)
    return CheckedOut("", tuple(wanted), bytes_written=wanted.size)


@contextmanager
def _building(around: Path) -> Iterator[Path]:
    """A new folder in ``around``, which no other checkout uses, and which goes at the end of the block.

    What lies there is removed only beside the marker of a checkout that was interrupted.

    Raises:
        AlreadyExists: it is somebody else's.
        Busy: another checkout uses it.
    """
    around.mkdir(exist_ok=True)
    with _locked(around):
        marker, building = around / _MARKER, around / "files"
        left = os.listdir(around)  # noqa: PTH208 - names alone
        if left and _MARKER not in left:
            raise AlreadyExists(
                f"{str(around)!r}, needed here, is somebody else's",
                "Move it away, then try again.",
            )
        marker.touch()
        for name in left:
            if name != _MARKER:
                _remove(around / name)
        building.mkdir()
        yield building
        marker.unlink()
        around.rmdir()


def _write_new(new: NewFolder, path: str, entry: FileEntry, content: Iterable[bytes]) -> None:
    try:
        new.write(path, entry, content)
    except FileExistsError as err:
        raise AlreadyExists(f"somebody else writes to {path!r}") from err


def _existing(  # noqa: PLR0913 - the choices of a checkout
    source: Source,
    folder: Path,
    record: Path,
    *,
    as_live: bool,
    cache: HashCache | None,
    report: Report,
    trash: Path | None,
) -> CheckedOut:
    wanted, seen = source.manifest, source.seen
    with _locked(folder, trash) as target:
        placed = _remembered(record)
        if as_live and seen.is_before(placed.seen):
            raise _gone_back(folder, seen, placed.seen, source.generation)
        found = scan(folder, only={*wanted, *placed.paths()}, cache=cache)
        todo = steps(wanted, placed, found)
        kept = dict(todo.keep)
        if todo.write or todo.remove or placed.coming:
            coming = Manifest({path: wanted[path] for path in todo.write})
            _remember(record, Placed(placed.files, coming, seen))
        removed = _removed(target, todo.remove, kept)
        written = _write(source, target, todo.write, kept, report)
        ours = {**todo.ours, **{path: wanted[path] for path in written}}
        if written or removed or placed.coming or placed.seen != seen:
            target.sync()
            _remember(record, Placed(Manifest(ours), seen=seen))
    return CheckedOut(
        "",
        written,
        removed,
        dict(sorted(kept.items())),
        todo.unchanged,
        sum(wanted[path].size for path in written),
    )


def _removed(target: Target, paths: Mapping[str, FileEntry], kept: dict[str, str]) -> tuple[str, ...]:
    """Remove files; those that were, sorted as they came."""
    removed = []
    for path, there in paths.items():
        try:
            target.remove(path, there)
            removed.append(path)
        except ChangedHereError as err:
            kept[path] = str(err)
    return tuple(removed)


def _gone_back(folder: Path, live: Seen, before: Seen, generation: str) -> BadAnswer:
    return BadAnswer(
        f"#{live.sequence} is live, but {str(folder)!r} has #{before.sequence} already: the host went back, "
        "perhaps to a backup",
        f"To take what is live: oaio checkout NAME FOLDER --from HOST --generation {generation}",
    )


def _write(
    source: Source,
    target: Target,
    paths: Mapping[str, FileEntry | None],
    kept: dict[str, str],
    report: Report,
) -> tuple[str, ...]:
    """Write files, several at a time where contents are at hand; those that were written, sorted."""
    wanted, written = source.manifest, []

    def place(path: str, content: Iterable[bytes]) -> str:
        try:
            target.place(path, wanted[path], content, paths[path])
        except ChangedHereError as err:
            return str(err)
        return ""

    def note(path: str, why: str) -> None:
        if why:
            kept[path] = why
        else:
            written.append(path)
        report(Progress("receive", len(written), len(paths), "files", path))

    with _Writers() as writers:
        for path, content in source.contents(paths):
            if isinstance(content, tuple):
                for done in writers.submit(path, place, content):
                    note(*done)
            else:
                note(path, place(path, content))
        for done in writers.rest():
            note(*done)
    return tuple(sorted(written))


@contextmanager
def _locked(folder: Path, trash: Path | None = None) -> Iterator[Target]:
    """The open folder, which no other checkout writes to.

    Raises:
        Busy: one does.
    """
    target = Target.of(folder, trash)
    try:
        if not target.lock() or not target.is_at(folder):
            raise Busy(f"another checkout writes to {str(folder)!r}")
        yield target
    finally:
        target.close()


class _Writers:
    """Threads that place files; few wait, so that few contents are in memory."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._under_way: deque[tuple[str, Future[str]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def submit(
        self, path: str, place: Callable[[str, Iterable[bytes]], str], content: Iterable[bytes]
    ) -> Iterator[tuple[str, str]]:
        """Have one more file placed; path and outcome of those that were meanwhile."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_WRITERS, thread_name_prefix="oaio-write")
        self._under_way.append((path, self._pool.submit(place, path, content)))
        while len(self._under_way) > 2 * _WRITERS:
            done, future = self._under_way.popleft()
            yield done, future.result()

    def rest(self) -> Iterator[tuple[str, str]]:
        """Path and outcome of all that are under way."""
        for done, future in self._under_way:
            yield done, future.result()


def _remembered(record: Path) -> Placed:
    try:
        return Placed.parse(record.read_text("utf-8"))
    except FileNotFoundError:
        return Placed()
    except (OSError, UnicodeDecodeError) as err:
        raise LocalStateDamaged(f"{str(record)!r} can't be read", "Check out into a new folder.") from err


def _remember(record: Path, placed: Placed) -> None:
    durable.write_file(record, placed.text().encode())


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
