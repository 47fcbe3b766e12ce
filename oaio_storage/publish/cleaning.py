"""Removing what is not needed any more: old generations, and publications that were given up."""

from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime, timedelta

import attrs

from oaio_storage.errors import AccessDenied, Changed, Corrupt, NotFound, QuotaExceeded
from oaio_storage.hosts.folders import Guards
from oaio_storage.names import STATE_FOLDER
from oaio_storage.publish.head import Head
from oaio_storage.publish.places import checked_id, is_id
from oaio_storage.publish.results import Cleaned
from oaio_storage.publish.tree import PlainTree
from oaio_storage.trees.retention import KEPT_GENERATIONS, KEPT_TIME, superfluous


@attrs.frozen
class _Removals:
    """What stays of what was to go; see :class:`Cleaned`."""

    in_use: list[str] = attrs.field(factory=list)
    refused: dict[str, str] = attrs.field(factory=dict)

    def gone(self, names: Collection[str], remove: Callable[[str], bool]) -> tuple[str, ...]:
        """Those that ``remove`` did not say to be in use, and did not refuse to remove."""
        return tuple(name for name in names if self._is_gone(name, remove))

    def _is_gone(self, name: str, remove: Callable[[str], bool]) -> bool:
        try:
            is_gone = remove(name)
        except AccessDenied as err:
            self.refused[name] = str(err)
            return False
        if not is_gone:
            self.in_use.append(name)
        return is_gone


def clean_up(
    tree: PlainTree,
    *,
    last: int = KEPT_GENERATIONS,
    time: timedelta = KEPT_TIME,
    at_once: bool = False,
    dry_run: bool = False,
) -> Cleaned:
    """Remove old generations, and publications that were idle for ``time``. A repeat is safe.

    What somebody reads or works on stays (decision 0060), whatever the clocks say. A clean-up that was
    interrupted is completed by the next. It works on a full disk, too.

    Args:
        tree: which.
        last: so many generations stay, at least one.
        time: all that were live during it stay, too.
        at_once: only what is live stays, and no publication that nobody works on, whatever their age.
        dry_run: only tell what would go.

    Raises:
        Changed: somebody published or cleaned up meanwhile; no generation was removed.
    """
    now = tree.clock()
    idle = _idle(tree, None if at_once else now - time)
    removals = _Removals()
    give_up = (lambda one: not _is_worked_on(tree, one)) if dry_run else tree.transactions.abort
    given_up = removals.gone(idle, give_up)
    head, version = tree.recovered()
    old: tuple[str, ...] = ()
    if head is not None:
        kept = _settled(tree, head)
        live = {head.generation}
        old = (
            tuple(sorted(kept - live)) if at_once else superfluous(head.log, kept, now, last=last, time=time)
        )
        if dry_run:
            old = removals.gone(old, lambda one: not tree.folders.is_held(tree.places.kept(one)))
        else:
            old = _collect(tree, head, version, old, removals)
    litter = _tidied(tree, dry_run=dry_run)
    return Cleaned(
        generations=old,
        stagings=given_up,
        in_use=tuple(removals.in_use),
        litter=tuple(name for name, why in litter.items() if not why),
        refused=removals.refused | {name: why for name, why in litter.items() if why},
    )


def _idle(tree: PlainTree, since: datetime | None) -> list[str]:
    """The transactions of publications under way that did not change after ``since``, sorted."""
    found = tree.folders.inside(f"{STATE_FOLDER}/{tree.places.stagings}")
    limit = int(since.timestamp() * 1e9) if since else None
    return sorted(name for name, changed in found if is_id(name) and (limit is None or changed <= limit))


def _settled(tree: PlainTree, head: Head) -> set[str]:
    """All generations of which files or a record are kept, but those that a publication under way made."""
    known = {switch.generation for switch in head.log}
    put_away = {name for name, _ in tree.folders.inside(tree.places.put_away) if is_id(name)}
    found = put_away | {*tree.recorded()}  # in this order: a record is written before files are put away
    return {one for one in found if one in known or not _is_under_way(tree, one)}


def _is_under_way(tree: PlainTree, generation: str) -> bool:
    try:
        transaction = tree.record(generation).transaction
    except (Corrupt, NotFound):
        return False
    return tree.folders.kind(tree.places.staging(checked_id(transaction))) == "folder"


def _is_worked_on(tree: PlainTree, transaction: str) -> bool:
    places = tree.places.staging(transaction), tree.places.committing(transaction)
    return any(map(tree.folders.is_held, places))


def _collect(
    tree: PlainTree, head: Head, version: str, old: tuple[str, ...], removals: _Removals
) -> tuple[str, ...]:
    """Remove generations, after the head says so; those of ``old`` that went.

    Raises:
        Changed: somebody published or cleaned up meanwhile; nothing was removed.
    """
    going = tuple(sorted({*old, *head.collecting}))
    if not going:
        return ()
    fenced = attrs.evolve(head, collecting=going, epoch=head.epoch + 1, nonce=tree.ids())
    _write(tree, fenced, version)
    gone = removals.gone(going, lambda one: _drop(tree, one))
    left = tuple(one for one in going if one in removals.refused)  # perhaps in part: for the next clean-up
    while True:
        now, version = tree.recovered()
        if now is None or {*now.collecting} <= {*left}:
            break
        done = attrs.evolve(now, collecting=left, nonce=tree.ids())
        with suppress(Changed):
            tree.head.swap(done, version)
            break
    return tuple(one for one in gone if one in old)


def _write(tree: PlainTree, fenced: Head, version: str) -> None:
    """Write the head; on a full disk room is made first, by generations that go while it is what it was."""
    for generation in fenced.collecting:
        try:
            tree.head.swap(fenced, version)
        except QuotaExceeded:
            _drop(tree, generation, guards={tree.places.head: version})
        else:
            return
    tree.head.swap(fenced, version)


def _drop(tree: PlainTree, generation: str, guards: Guards | None = None) -> bool:
    """Remove a generation; False if somebody reads it."""
    if not tree.folders.remove(tree.places.kept(generation), guards=guards):
        return False
    tree.host.state.delete(tree.places.record(generation))
    return True


def _tidied(tree: PlainTree, *, dry_run: bool) -> dict[str, str]:
    """Remove what removals and switches that were cut off left, and drafts that are older than any write.

    What was left by name, and why it stays.
    """
    if not dry_run:
        tree.host.clean_up(KEPT_TIME.total_seconds())
    places = tree.places.put_away, f"{STATE_FOLDER}/{tree.places.stagings}"
    return {name: why for place in places for name, why in tree.folders.tidy(place, dry_run=dry_run).items()}
