"""Comparing what is kept of a tree with what should be: every byte, or as far as it can be seen."""

from collections.abc import Iterator
from typing import Literal

import attrs

from oaio_storage.errors import Corrupt, NotFound
from oaio_storage.hosts.folders import HeldFolder, Placed
from oaio_storage.hosts.streams import sha256_of
from oaio_storage.manifest import FileEntry
from oaio_storage.progress import Progress, Report, ignore
from oaio_storage.publish.head import Switch
from oaio_storage.publish.hints import PUBLISH
from oaio_storage.publish.record import Record
from oaio_storage.publish.tree import PublishedTree

What = Literal["missing", "extra", "short", "long", "altered", "mode", "no record", "no files"]


@attrs.frozen(order=True)
class Fault:
    """Something that is not as it should be.

    Attributes:
        generation: of which generation.
        path: the file; empty: the generation as a whole.
        what: what is wrong.
    """

    generation: str
    path: str
    what: What


@attrs.frozen
class Verified:
    """What a verification found.

    Attributes:
        generations: how many were looked at.
        files: how many files were.
        bytes: how many bytes were read.
        faults: all that is wrong, sorted. A file that several generations share is told for each of them.
        live: id of the generation that is live.
        damaged: ids of those with faults, sorted.
    """

    generations: int = 0
    files: int = 0
    bytes: int = 0
    faults: tuple[Fault, ...] = ()
    live: str = ""
    damaged: tuple[str, ...] = ()


def verify(tree: PublishedTree, *, content: bool = True, report: Report = ignore) -> Verified:
    """Look at the live generation and at all that are kept (P19). Nothing is changed.

    Those that a clean-up removes meanwhile are left out.

    Args:
        tree: which.
        content: read every byte; else look at names, sizes and marks alone.
        report: told the files that were looked at.

    Raises:
        NotFound: nothing was published under this name.
        Corrupt: the head itself is damaged.
    """
    tree = attrs.evolve(tree)  # which remembers nothing
    head, _ = tree.head.read()
    live = tree.live()
    if head is None or live is None:
        raise NotFound(f"nothing was published as {tree.name!r}", PUBLISH)
    left = {*tree.recorded(), *(name for name, _ in tree.folders.inside(tree.places.put_away))}
    looked = {live.generation: live} | {
        switch.generation: switch
        for switch in tree.head.history(head)
        if switch.generation in left - {*head.collecting}
    }
    faults: list[Fault] = []
    files = size = collected = 0
    for generation, switch in looked.items():
        for path, length, what in _look(tree, switch, content=content):
            if what and not path and _is_collected(tree, generation):
                collected += 1
                break
            files, size = files + 1, size + length
            faults += [Fault(generation, path, what)] if what else []
            report(Progress("verify", files, None, "files", path))
    return Verified(
        generations=len(looked) - collected,
        files=files,
        bytes=size,
        faults=tuple(sorted(faults)),
        live=live.generation,
        damaged=tuple(sorted({fault.generation for fault in faults})),
    )


def is_intact(tree: PublishedTree) -> bool:
    """Whether what is live looks as it was put there: the same files, by size and mark; none is read."""
    try:
        with tree.open() as opened:
            found = {path: placed and (placed.size, placed.mark) for path, placed in opened.folder.placed()}
            record = opened.record
    except NotFound:
        return False
    return found == {path: (entry.size, record.marks[path]) for path, entry in record.manifest.items()}


def _is_collected(tree: PublishedTree, generation: str) -> bool:
    """Whether a clean-up removes it, or did."""
    head, _ = tree.head.read()
    if head is None or head.generation == generation:
        return False
    is_left = tree.folders.kind(tree.places.kept(generation)) or generation in tree.recorded()
    return generation in head.collecting or not is_left


def _look(tree: PublishedTree, switch: Switch, *, content: bool) -> Iterator[tuple[str, int, What | None]]:
    """Each file of a generation: its path, how many bytes of it were read, and what is wrong with it."""
    try:
        record = tree.record(switch.generation)
    except (Corrupt, NotFound):
        yield "", 0, "no record"
        return
    if switch.digest != record.manifest.digest():
        yield "", 0, "no record"
        return
    try:
        with tree.open(switch.generation) as opened:
            yield from _compare(record, opened.folder, content=content)
    except NotFound:
        yield "", 0, "no files"


def _compare(record: Record, folder: HeldFolder, *, content: bool) -> Iterator[tuple[str, int, What | None]]:
    found = dict(folder.placed())
    for path, entry in record.manifest.items():
        what = _shape(entry, found.pop(path, None))
        if what or not content:
            yield path, 0, what
        else:
            with folder.read(path) as stream:
                is_right = sha256_of(stream) == entry.checksum
            yield path, entry.size, None if is_right else "altered"
    for path in sorted(found):
        yield path, 0, "extra"


def _shape(entry: FileEntry, placed: Placed | None) -> What | None:
    if placed is None:
        return "missing"
    if placed.size != entry.size:
        return "short" if placed.size < entry.size else "long"
    return "mode" if placed.executable != bool(entry.executable) else None
