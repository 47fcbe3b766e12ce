"""Comparing what is kept of a tree with what should be: every byte, or as far as it can be seen."""

from collections.abc import Iterator

import attrs

from oaio_storage.errors import Corrupt, NotFound
from oaio_storage.progress import Progress, Report, ignore
from oaio_storage.publish.comparing import differences, touched
from oaio_storage.publish.head import Switch
from oaio_storage.publish.results import Fault, Verified, What
from oaio_storage.publish.tree import PlainTree
from oaio_storage.trees.hints import PUBLISH


def verify(tree: PlainTree, *, content: bool = True, report: Report = ignore) -> Verified:
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
            files, size = files + bool(path), size + length
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


def repairs(tree: PlainTree, *, content: bool = False, report: Report = ignore) -> tuple[Fault, ...]:
    """What is not as it was put live, sorted: a publication would put it right.

    Args:
        tree: which.
        content: read every byte of what is live; else no file is read, and what was *altered* and looks the
            same is not found.
        report: told the files that were read.
    """
    tree = attrs.evolve(tree)  # which remembers nothing
    live = tree.live()
    while live is not None:
        faults = tuple(_repairs(tree, live, content=content, report=report))
        before, live = live, tree.live()
        if live == before:  # else it was replaced meanwhile
            return faults
    return ()


def _repairs(tree: PlainTree, live: Switch, *, content: bool, report: Report) -> Iterator[Fault]:
    try:
        record = tree.record(live.generation)
    except (Corrupt, NotFound):
        yield Fault(live.generation, "", "no record")
        return
    if tree.is_gone():
        yield Fault(live.generation, "", "no files")
        return
    try:
        with tree.open(live.generation) as opened:
            wrong = touched(record, opened.folder)
            read = differences(record, opened.folder, content=True) if content else ()
            for files, (path, _, what) in enumerate(read, 1):
                wrong |= {path: what} if what else {}
                report(Progress("verify", files, None, "files", path))
    except NotFound:
        yield Fault(live.generation, "", "no files")
    else:
        for path in sorted(wrong):
            yield Fault(live.generation, path, wrong[path])


def _is_collected(tree: PlainTree, generation: str) -> bool:
    """Whether a clean-up removes it, or did."""
    head, _ = tree.head.read()
    if head is None or head.generation == generation:
        return False
    is_left = tree.folders.kind(tree.places.kept(generation)) or generation in tree.recorded()
    return generation in head.collecting or not is_left


def _look(tree: PlainTree, switch: Switch, *, content: bool) -> Iterator[tuple[str, int, What | None]]:
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
            yield from differences(record, opened.folder, content=content)
    except NotFound:
        yield "", 0, "no files"
