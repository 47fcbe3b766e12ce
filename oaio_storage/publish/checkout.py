"""Writing a generation to a folder: whole to a new one, only what differs to one that exists."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import attrs

from oaio_storage import durable
from oaio_storage.errors import AlreadyExists, Busy, InvalidArgument, LocalStateDamaged, OaioError
from oaio_storage.hash_cache import HashCache
from oaio_storage.hosts import foreign
from oaio_storage.hosts.roots import check_alone
from oaio_storage.manifest import FileEntry, Manifest
from oaio_storage.progress import Progress, Report, ignore
from oaio_storage.publish.checkout_plan import Placed, steps
from oaio_storage.publish.checkout_target import ChangedHereError, Target
from oaio_storage.publish.opening import Opened
from oaio_storage.publish.tree import PublishedTree
from oaio_storage.scan import check_apart, scan

_MARKER = ".oaio-checkout"
"""Lies in a folder that a checkout made to build another one in."""


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


def check_out(
    tree: PublishedTree,
    folder: Path,
    generation: str = "",
    *,
    cache: HashCache | None = None,
    report: Report = ignore,
) -> CheckedOut:
    """Write a generation, the live one if none is named, to ``folder``. A repeat goes on where it stopped.

    Each file is complete and has been compared with its checksum before it gets its name. A new folder is
    filled beside its place and renamed once. In one that exists, only files that a checkout placed are
    replaced or removed: which those are is written down beside it, in ``.NAME.oaio-checkout``. No link is
    followed in it; two checkouts of one folder never run at once.

    Args:
        tree: what to write.
        folder: where to; neither a link, nor in the root of any host, nor around that of this one.
        generation: which.
        cache: checksums of earlier looks at the folder.
        report: told the files that were written.

    Raises:
        NotFound: there is no such generation, or it is not kept any more.
        InvalidArgument: ``folder`` is a link or a file, or there is no folder around it.
        RootOverlap: it lies in a host's root, or around this one's.
        Corrupt: a file of the generation is damaged; what is in ``folder`` under that name stays.
        Busy: another checkout writes there.
        StorageError: the disk refuses, or has no room; what is there by then is whole, and a repeat goes on.
        LocalStateDamaged: the record beside it can't be read.
    """
    folder = _checked(folder, tree)
    record = folder.with_name(f".{folder.name}.oaio-checkout")
    with _only_ours(folder), tree.open(generation) as opened:
        if not folder.exists():
            done = _new(opened, folder, record, report)
        else:
            done = _existing(opened, folder, record, cache, report)
    return done


@contextmanager
def _only_ours(folder: Path) -> Iterator[None]:
    """Turn errors of the system into ours."""
    try:
        yield
    except OaioError:
        raise
    except OSError as err:
        raise foreign.ours(err, foreign.OS_ERRORS, f"can't write to {str(folder)!r}") from err


def _checked(folder: Path, tree: PublishedTree) -> Path:
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - links stay as they are, .. goes
    if folder.is_symlink():
        raise InvalidArgument(f"{str(folder)!r} is a symbolic link", "Name the folder that it leads to.")
    if folder.exists() and not folder.is_dir():
        raise InvalidArgument(f"{str(folder)!r} is not a folder", "Name a folder, or a name that is free.")
    if not folder.parent.is_dir():
        raise InvalidArgument(f"there is no folder {str(folder.parent)!r}", "Make it first.")
    check_apart(folder, Path(tree.folders.root_folder))
    check_alone(folder, "Check out to a folder outside of it.", is_root=False)
    return folder


def _new(opened: Opened, folder: Path, record: Path, report: Report) -> CheckedOut:
    """All files into a folder beside ``folder``, then one rename."""
    wanted = opened.record.manifest
    around = folder.with_name(f".{folder.name}.oaio-new")
    with _building(around) as building, _locked(building, flushed=False) as target:
        done = _write(opened, target, dict.fromkeys(wanted), report)
        os.sync()  # one for all files
        _remember(record, Placed(wanted))
        try:
            building.rename(folder)
        except OSError as err:
            raise AlreadyExists(f"somebody else made {str(folder)!r} meanwhile", "Try again.") from err
        durable.sync_folder(folder.parent)
    return attrs.evolve(done, generation=opened.switch.generation)


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


def _existing(
    opened: Opened, folder: Path, record: Path, cache: HashCache | None, report: Report
) -> CheckedOut:
    wanted = opened.record.manifest
    with _locked(folder) as target:
        placed = _remembered(record)
        found = scan(folder, only={*wanted, *placed.paths()}, cache=cache)
        todo = steps(wanted, placed, found)
        kept = dict(todo.keep)
        if todo.write or todo.remove or placed.coming:
            coming = Manifest({path: wanted[path] for path in todo.write})
            _remember(record, Placed(placed.files, coming))
        removed = []
        for path, there in todo.remove.items():
            try:
                target.remove(path, there)
                removed.append(path)
            except ChangedHereError as err:
                kept[path] = str(err)
        done = _write(opened, target, todo.write, report, kept)
        ours = {**todo.ours, **{path: wanted[path] for path in done.written}}
        if done.written or removed or placed.coming:
            _remember(record, Placed(Manifest(ours)))
    return attrs.evolve(
        done,
        generation=opened.switch.generation,
        removed=tuple(removed),
        kept=dict(sorted(kept.items())),
        unchanged=todo.unchanged,
    )


def _write(
    opened: Opened,
    target: Target,
    paths: Mapping[str, FileEntry | None],
    report: Report,
    kept: dict[str, str] | None = None,
) -> CheckedOut:
    written, size = [], 0
    for number, (path, there) in enumerate(paths.items(), 1):
        entry = opened.record.manifest[path]
        try:
            with opened.folder.read(path) as source:
                target.place(path, entry, source, there)
        except ChangedHereError as err:
            if kept is None:
                raise AlreadyExists(f"somebody else writes to {path!r}: {err}") from err
            kept[path] = str(err)
        else:
            written.append(path)
            size += entry.size
        report(Progress("receive", number, len(paths), "files", path))
    return CheckedOut("", tuple(written), bytes_written=size)


@contextmanager
def _locked(folder: Path, *, flushed: bool = True) -> Iterator[Target]:
    """The open folder, which no other checkout writes to.

    Raises:
        Busy: one does.
    """
    target = Target.of(folder, flushed=flushed)
    try:
        if not target.lock() or not target.is_at(folder):
            raise Busy(f"another checkout writes to {str(folder)!r}")
        yield target
    finally:
        target.close()


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
