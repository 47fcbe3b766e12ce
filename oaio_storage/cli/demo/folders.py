"""Folders of the demo, hashed and compared without the library, so that they prove something."""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from oaio_storage.cli.output import count_text
from oaio_storage.errors import Corrupt, InvalidArgument, NotFound, RootUnavailable
from oaio_storage.scan import scan

BLOCK = 1 << 20


def checked_source(folder: Path | None) -> Path:
    """The folder that the demo reads: ``folder``, or the package ``email`` of the standard library.

    Raises:
        NotFound: it does not exist.
        InvalidArgument: it is a file.
        RootUnavailable: it can't be read.
    """
    if folder is None:
        import email  # noqa: PLC0415 - only its place is wanted, and only here

        return Path(email.__file__).parent
    if not folder.exists():
        raise NotFound(f"there is no folder {folder}", "Name a folder that exists; it is only read.")
    if not folder.is_dir():
        raise InvalidArgument(f"{folder} is a file", "Name a folder; it is only read.")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise RootUnavailable(f"the folder {folder} can't be read", "Name one that you may read.")
    return folder.resolve()


def fingerprint(folder: Path) -> str:
    """A digest of all below ``folder``: names, modes, times of change, and the content that can be read."""
    whole = hashlib.sha256()
    for path in _walk(folder):
        seen = path.lstat()
        whole.update(os.fsencode(f"{path.relative_to(folder)}\0{seen.st_mode}\0{seen.st_mtime_ns}\0"))
        if stat.S_ISREG(seen.st_mode) and os.access(path, os.R_OK):
            whole.update(checksum(path).encode())
    return whole.hexdigest()


def copied(source: Path, target: Path) -> list[str]:
    """Copy the files of ``source`` to the new folder ``target``; what could not be taken, with reasons.

    Raises:
        InvalidArgument: there is nothing to copy.
    """
    found = scan(source)
    names = [name for name in found.manifest if "__pycache__" not in name.split("/")]
    if not names:
        raise InvalidArgument(f"{source} holds no file that can be registered", "Name a folder with files.")
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
        (target / name).chmod((source / name).stat().st_mode & 0o777 | stat.S_IRUSR | stat.S_IWUSR)
    return [f"{name}: {reason}" for name, reason in found.unknown.items()]


def checksums(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file below ``folder``, by path; ``{}`` if there is no such folder."""
    return {str(path.relative_to(folder)): checksum(path) for path in _walk(folder) if path.is_file()}


def checksum(path: Path) -> str:
    """The SHA-256 of the file ``path``, read in blocks."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def require(held: object, what: str) -> None:
    """Raise ``Corrupt`` unless ``held``; ``what`` says what should have been."""
    if not held:
        raise Corrupt(
            f"the demo expected that {what}, and it was not so", "This is a defect; please report it."
        )


def require_same(here: Mapping[str, str], there: Mapping[str, str], where: str) -> None:
    """Raise ``Corrupt`` with the names that differ, unless both hold the same files."""
    odd = sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
    require(not odd, f"{where} holds the same files (they differ in {', '.join(odd[:5])})")


def require_apart(*folders: Path) -> None:
    """Raise ``Corrupt`` if a file of one folder is a file of another: each device has its own."""
    known: dict[tuple[int, int], Path] = {}
    for folder in folders:
        for path in _walk(folder):
            seen = path.lstat()
            if stat.S_ISREG(seen.st_mode):
                other = known.setdefault((seen.st_dev, seen.st_ino), folder)
                require(other == folder, f"{path} is a file of its own, not one of {other}")


def total_size(folder: Path) -> int:
    """Bytes of all files below ``folder``."""
    return sum(path.stat().st_size for path in _walk(folder) if path.is_file())


def unused_name(names: Iterable[str], wanted: str) -> str:
    """``wanted``, with as many ``+`` behind it as it takes to be none of ``names``, whatever their case."""
    taken = {name.casefold().split("/")[0] for name in names}
    while wanted.casefold() in taken:
        wanted += "+"
    return wanted


def edit_files(folder: Path) -> tuple[str, str, list[str]]:
    """Change the first file of ``folder``, remove the last, add two; the names of all four."""
    names = sorted(checksums(folder))
    changed, removed = names[0], names[-1]
    with (folder / changed).open("ab") as file:
        file.write(b"\nchanged on the phone\n")
    (folder / removed).unlink()
    added = [unused_name(names, "added [1] *.txt"), f"{unused_name(names, 'neu hinzugefügt')}/leer"]
    (folder / added[0]).write_text("added on the phone\n")
    (folder / added[1]).parent.mkdir()
    (folder / added[1]).touch()
    return changed, removed, added


def common_root(files: Iterable[Path], names: Iterable[str]) -> Path:
    """The folder below which ``files`` have exactly ``names``.

    Raises:
        Corrupt: there is none.
    """
    paths, wanted = set(files), sorted(names)
    first = Path(wanted[0]).parts
    roots = {path.parents[len(first) - 1] for path in paths if path.parts[-len(first) :] == first}
    found = [root for root in roots if {root / name for name in wanted} == paths]
    require(found, f"the files listed are exactly {count_text(len(wanted), 'file')} of the folder")
    return found[0]


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders.sort()
        yield from (Path(parent, name) for name in sorted(files))
