"""Whether a folder holds what a record says: every byte, or as far as it can be seen without reading."""

from collections.abc import Iterator, Mapping

from oaio_storage.hosts.folders import HeldFolder, Placed
from oaio_storage.hosts.streams import sha256_of
from oaio_storage.manifest import FileEntry
from oaio_storage.publish.record import Record
from oaio_storage.publish.results import What

_SAME_CONTENT = (None, "mode", "touched")


def differences(
    record: Record, folder: HeldFolder, *, content: bool
) -> Iterator[tuple[str, int, What | None]]:
    """Each file of the record, and each that is too much: path, bytes that were read, and what is wrong.

    Args:
        record: what should be.
        folder: what is.
        content: read every byte.
    """
    for path, what in _shapes(record, dict(folder.placed())):
        if what or not content:
            yield path, 0, what
        else:
            entry = record.manifest[path]
            with folder.read(path) as stream:
                is_right = sha256_of(stream) == entry.checksum
            yield path, entry.size, None if is_right else "altered"


def touched(record: Record, folder: HeldFolder) -> dict[str, What]:
    """What does not look as it was placed, by path, without reading: also where only a mark differs."""
    found, wrong = dict(folder.placed()), dict[str, What]()
    for path, what in _shapes(record, found):
        placed = found[path] if what is None else None
        if what or placed is None or placed.mark != record.marks[path]:
            wrong[path] = what or "touched"
    return wrong


def holds(record: Record, folder: HeldFolder) -> bool:
    """Whether ``folder`` holds exactly the files of ``record``, to the byte; modes and times don't count.

    Nothing is read where names and sizes tell already.
    """
    return all(
        what in _SAME_CONTENT
        for content in (False, True)
        for _, _, what in differences(record, folder, content=content)
    )


def keeps_some(record: Record, folder: HeldFolder) -> bool:
    """Whether any file of ``record`` is in ``folder`` as it was placed. Nothing is read."""
    return any(placed and placed.mark == record.marks.get(path) for path, placed in folder.placed())


def _shapes(record: Record, found: Mapping[str, Placed | None]) -> Iterator[tuple[str, What | None]]:
    for path, entry in record.manifest.items():
        yield path, _shape(entry, found.get(path))
    for path in sorted(found.keys() - record.manifest.keys()):
        yield path, "extra"


def _shape(entry: FileEntry, placed: Placed | None) -> What | None:
    if placed is None:
        return "missing"
    if placed.size != entry.size:
        return "short" if placed.size < entry.size else "long"
    return "mode" if placed.executable != bool(entry.executable) else None
