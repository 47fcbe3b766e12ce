"""Removing what no generation needs that is kept, behind a fence at the head (clauses T13 to T16).

First the head says what is going to be removed, in one swap from the very head that was looked at; only then
it is removed. Whoever committed meanwhile makes the swap fail; whoever commits afterwards sees the list. No
clock and no lease is trusted for that, and no name is ever given twice.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta

import attrs

from oaio_storage.errors import Changed, Corrupt, InvalidArgument, NotFound
from oaio_storage.hosts import Stat
from oaio_storage.trees.head import Head
from oaio_storage.trees.moving import parse_moved, parse_plan, plan_content
from oaio_storage.trees.packing import Piece, Place
from oaio_storage.trees.paths import Paths, is_blob
from oaio_storage.trees.reading import moved_blobs
from oaio_storage.trees.retention import KEPT_GENERATIONS, KEPT_TIME, superfluous
from oaio_storage.trees.store import TreeStore

YOUNG = timedelta(days=1)
"""What is younger is not looked at, which saves the commit under way that it may belong to a repetition."""

_ATTEMPTS = 20


@attrs.frozen
class Collected:
    """What a collection removed, or would remove.

    Attributes:
        generations: ids of those that can't be gone back to any more.
        packs: names of packs.
        others: paths of what else no kept generation needs.
        bytes: of all of it.
        finished: ids of collections that others began and did not finish.
    """

    generations: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    bytes: int = 0
    finished: tuple[str, ...] = ()


@attrs.frozen
class Garbage:
    """What can go, as one head has it.

    Attributes:
        stats: what is removed.
        kept: the generations of the log that stay.
    """

    stats: tuple[Stat, ...]
    kept: tuple[str, ...]


def collect(  # noqa: PLR0913 - each is a choice of its own
    store: TreeStore,
    *,
    last: int = KEPT_GENERATIONS,
    time: timedelta = KEPT_TIME,
    young: timedelta = YOUNG,
    roots: Collection[str] | None = None,
    dry_run: bool = False,
) -> Collected:
    """Remove what is not needed. A repeat is safe; a collection that was cut off is completed by the next.

    Args:
        store: the tree.
        last: so many generations stay, at least one.
        time: all that were live during it stay, too; and those that have a pin, and the live one.
        young: what is younger by the clocks of host and device stays; it saves work, safety rests not on it.
        roots: the generations that stay, where somebody else decides, as the server does for its objects.
        dry_run: only tell what would go.

    Raises:
        InvalidArgument: the tree belongs to an object, and ``roots`` are not told.
        Changed: the head was changed by others again and again.
        Corrupt: a generation that stays can't be read, so that what it needs is unknown. Nothing was removed.
        NotGuaranteed: the host can't decide conditions of a write in one step.
    """
    finished: tuple[str, ...] = ()
    for _ in range(_ATTEMPTS):
        head, version = store.heads.read()
        if head is None:
            return Collected()
        if head.roots == "server" and roots is None:
            raise InvalidArgument(f"{store.name!r} belongs to an object", "Its server collects it.")
        if head.plans and not dry_run:
            finished += head.plans
            finish(store, head.plans)
            continue
        stay = roots_of(store, head, last=last, time=time) if roots is None else {*roots, head.generation}
        try:
            garbage = _garbage(store, head, stay, store.clock() - young)
        except (NotFound, Corrupt):
            if store.heads.read()[1] == version:
                raise
            continue  # another collection removed what this one looked at
        told = attrs.evolve(_told(store.paths, garbage.stats), finished=finished)
        if dry_run or not garbage.stats:
            return told
        with suppress(Changed):
            _remove(store, head, version, garbage)
            return told
    raise Changed(f"the head of {store.name!r} was changed by others, again and again", "Try again.")


def finish(store: TreeStore, plans: Iterable[str]) -> None:
    """Remove what collections list that others began; a repeat, also by those who began them, is safe."""
    for plan in plans:
        try:
            paths = parse_plan(store.host.state.read(store.paths.plan(plan)))
        except NotFound:  # somebody else was faster
            paths = []
        _complete(store, plan, paths)


def roots_of(store: TreeStore, head: Head, *, last: int, time: timedelta) -> set[str]:
    """The generations that stay by retention: the last, those live lately, and those with a pin (T15)."""
    history = store.heads.history(head)
    there = {switch.generation for switch in history if head.has(switch)}
    going = superfluous(history, there, store.clock(), last=max(last, 1), time=time)
    return (there - {*going}) | {head.generation} | {*head.pins.values()}


def needed(pieces: Iterable[Piece], packs: Collection[str], moved: dict[str, dict[str, Place]]) -> set[str]:
    """The packs and blobs of new places that chunks need; pure.

    Of a chunk that was moved to a pack which is there, the older places are not needed; of one of which that
    is not known, all are.

    Args:
        pieces: the chunks of all generations that stay.
        packs: the names of packs that are known to be there.
        moved: name of a blob -> the new places in it; of those that are as good, the later ones are needed.
    """
    places: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, found in moved.items():
        for digest, place in found.items():
            places[digest].append((name, place.pack))
    names = set()
    for piece in pieces:
        candidates = places.get(piece.digest, [])
        sure = [(name, pack) for name, pack in candidates if pack in packs]
        names |= {*sure[-1]} if sure else {piece.place.pack}.union(*candidates)
    return names


def _garbage(store: TreeStore, head: Head, stay: set[str], since: datetime) -> Garbage:
    paths = store.paths
    listed = {seen.path: seen for seen in store.host.state.list(paths.folder) if paths.known(seen.path)}
    moved = {
        name: parse_moved(content)
        for name, content in moved_blobs(store.host.state, paths)
        if is_blob(name, content)
    }
    newest = store.generation(head.generation).moved  # took over what still matters of the others
    moved = dict(sorted(moved.items(), key=lambda item: (item[0] in newest, item[0])))
    targets = {place.pack for places in moved.values() for place in places.values()}
    packs = {pack for pack in targets if _is_there(store, paths.pack(pack))}
    names = needed(_pieces(store, stay), packs, moved)
    needs = {paths.head, paths.format, *head.logs, *(paths.generation(one) for one in stay)}
    needs |= {*map(paths.plan, head.plans)}
    needs |= {f"{folder}/{name}" for folder in (paths.packs, paths.moved) for name in names}
    history = store.heads.history(head)
    going = {paths.generation(switch.generation) for switch in history if switch.generation not in stay}
    limit = since.timestamp() * 1e9
    stats = tuple(
        seen
        for seen in listed.values()
        if seen.path not in needs and (seen.path in going or seen.mtime <= limit)
    )
    kept = tuple(switch.generation for switch in history if switch.generation in stay and head.has(switch))
    return Garbage(stats, kept)


def _pieces(store: TreeStore, generations: Iterable[str]) -> Iterator[Piece]:
    for generation in sorted(generations):
        yield from store.all_pieces(store.generation(generation))


def _remove(store: TreeStore, head: Head, version: str, garbage: Garbage) -> None:
    """Fence off what is going to be removed, then remove it.

    Raises:
        Changed: the head is another one; nothing was removed.
    """
    plan, paths = store.ids(), sorted(seen.path for seen in garbage.stats)
    store.host.state.write(store.paths.plan(plan), plan_content(paths))
    fenced = attrs.evolve(
        head,
        nonce=store.ids(),
        epoch=head.epoch + 1,
        plans=(*head.plans, plan),
        collected=head.sequence,
        kept=garbage.kept,
    )
    store.heads.swap(fenced, version)
    _complete(store, plan, paths)


def _complete(store: TreeStore, plan: str, paths: Iterable[str]) -> None:
    """Remove exactly these files, then take the plan out of the head."""
    store.host.state.delete_files(path for path in paths if store.paths.known(path))

    def done(head: Head) -> Head:
        return attrs.evolve(head, plans=tuple(one for one in head.plans if one != plan))

    store.change_head(done)
    store.host.state.delete(store.paths.plan(plan))


def _told(paths: Paths, stats: Iterable[Stat]) -> Collected:
    by_kind: dict[str, list[str]] = {paths.generations: [], paths.packs: [], "": []}
    size = 0
    for seen in stats:
        folder, _, name = seen.path.rpartition("/")
        by_kind[folder if folder in by_kind else ""].append(name if folder in by_kind else seen.path)
        size += seen.size
    generations, packs, others = (tuple(sorted(found)) for found in by_kind.values())
    return Collected(generations, packs, others, size)


def _is_there(store: TreeStore, path: str) -> bool:
    """Whether a file is there; asked for itself, since listings may be of another moment."""
    try:
        store.host.state.stat(path)
    except NotFound:
        return False
    return True
