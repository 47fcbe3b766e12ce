"""Making what a folder holds, or an older generation, the live generation of a tree."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from oaio_storage.errors import Changed, Corrupt, NotFound, SourceChanged, Superseded
from oaio_storage.hash_cache import HashCache
from oaio_storage.manifest import Manifest
from oaio_storage.progress import Report, ignore
from oaio_storage.scan import Scan, scan
from oaio_storage.trees.attempt import Attempt, Committed, begun
from oaio_storage.trees.head import Head
from oaio_storage.trees.hints import PUBLISH, SEE_GENERATIONS
from oaio_storage.trees.lines import parse_stored
from oaio_storage.trees.local import Journal
from oaio_storage.trees.store import TreeStore, entries
from oaio_storage.trees.switches import Switch

_ATTEMPTS = 20
_READINGS = 3


@attrs.frozen
class Proposal:
    """What a commit is about to make live.

    Attributes:
        found: what was seen in the folder.
        base: the id of the generation that it follows; empty before the first.
        before: the files of that.
        after: the files that are to be live.
    """

    found: Scan
    base: str
    before: Manifest
    after: Manifest


def _anything(_proposal: Proposal) -> None:
    """Agree."""


def commit(  # noqa: PLR0913 - each is a choice of its own
    store: TreeStore,
    folder: Path,
    *,
    base: str | None = None,
    transaction: str = "",
    agree: Callable[[Proposal], None] = _anything,
    anew: bool = False,
    cache: HashCache | None = None,
    report: Report = ignore,
) -> Committed:
    """Make what ``folder`` holds the live generation, in the time of what changed. A repeat goes on.

    Nothing is visible before everything is stored; nothing that is live, or kept, is ever touched. If nothing
    differs from the live generation but times, nothing is stored. What can't be told of the folder stays as
    it is (:class:`~oaio_storage.scan.Scan`).

    Args:
        store: the tree.
        folder: the files; nobody should write to them meanwhile.
        base: the generation that has to be live, empty: none; None: whichever is when the commit begins.
        transaction: an id of 32 hexadecimal digits by which a repetition is known to be one; drawn, if empty.
        agree: told what is about to become live, perhaps several times; raises what keeps it from that.
        anew: if the live generation can't be read, store all anew, as if it had no files.
        cache: checksums of earlier looks at the folder.
        report: told the files that were looked at, and the bytes that were stored.

    Raises:
        Superseded: something else became live since the commit began, or is not ``base``. Nothing is visible.
        Changed: the head was changed by others again and again. Nothing is visible.
        SourceChanged: files changed again and again while they were read. Nothing is visible.
        RootUnavailable: the folder can't be read.
        NotGuaranteed: the host can't decide conditions of a write in one step.
        Corrupt: the live generation can't be read.
        TryAgain: the host does not answer; whether the commit took effect is found out by a repetition.
    """
    with _journal(store, transaction) as journal:
        for number in range(_ATTEMPTS):
            head, version = store.heads.read()
            done = _done(head, store, journal, is_sure=bool(transaction or number))
            if done is not None:
                break
            live = head.generation if head else ""
            base = live if base is None else base
            if live != base:
                raise _superseded(store.name, head.live if head else None)
            try:
                attempt = begun(store, journal, head, version, anew=anew)
                done = _attempted(folder, attempt, agree, cache, report)
                break
            except Changed:
                continue
        if done is None:
            raise Changed(f"the head of {store.name!r} was changed by others, again and again", "Try again.")
        journal.end()
        return done


def rollback(
    store: TreeStore, generation: str = "", *, base: str | None = None, transaction: str = ""
) -> Switch:
    """Bring the content of an older generation back, as a new one; nothing of it is sent again.

    Args:
        store: the tree.
        generation: its id; empty: what was live before the live one.
        base: as for :func:`commit`.
        transaction: as for :func:`commit`.

    Raises:
        NotFound: there is none, it is not kept any more, or about to be removed.
        Superseded: something else became live meanwhile.
        Changed, TryAgain: as for :func:`commit`.
    """
    journal, live = Journal(None, transaction or store.ids()), base
    for _ in range(_ATTEMPTS):
        head, version = store.heads.read()
        if head is None or head.live is None:
            raise NotFound(f"nothing was published as {store.name!r}", PUBLISH)
        if done := _found(store, head, journal.transaction, everywhere=bool(transaction)):
            return done
        live = head.generation if live is None else live
        if live != head.generation:
            raise _superseded(store.name, head.live)
        target = generation or head.live.parent
        if not target:
            raise NotFound(f"nothing was live in {store.name!r} before", SEE_GENERATIONS)
        try:
            store.check_usable(head, target)
            older = store.generation(target)
            made = attrs.evolve(
                older,
                parent=live,
                sequence=head.sequence + 1,
                transaction=journal.transaction,
                nonce=store.ids(),
                moved=_moved_of(store, live, older.moved),
            )
            return begun(store, journal, head, version, with_base=False).switch(made, "rollback", target)
        except Changed:
            continue
    raise Changed(f"the head of {store.name!r} was changed by others, again and again", "Try again.")


def _attempted(
    folder: Path,
    attempt: Attempt,
    agree: Callable[[Proposal], None],
    cache: HashCache | None,
    report: Report,
) -> Committed:
    attempt.sender.report = report
    with attempt.sender:
        found = scan(folder, cache=cache, report=report, digest=attempt.intake.take)
        files = found.manifest
        if found.unknown or found.ignored:
            files = found.changes(_base_of(attempt)).apply(_base_of(attempt))
        if agree is not _anything:
            before = files if attempt.changes_nothing(files) else _base_of(attempt)
            agree(Proposal(found, attempt.head.generation if attempt.head else "", before, files))
        for _ in range(_READINGS):
            if not (missing := attempt.missing(files)):
                break
            again = scan(folder, only=missing, digest=attempt.intake.take)
            if again.unknown:
                raise SourceChanged(f"{next(iter(again.unknown))!r} can't be read any more")
            files = Manifest(
                {path: entry for path, entry in files.items() if path not in missing} | dict(again.manifest)
            )
        return attempt.finish(files, found.unknown)


def _base_of(attempt: Attempt) -> Manifest:
    return Manifest(entries(map(parse_stored, attempt.base.lines)))


def _moved_of(store: TreeStore, live: str, otherwise: tuple[str, ...]) -> tuple[str, ...]:
    """The blobs with new places that are known to the live generation, unless its record is lost."""
    try:
        return store.generation(live).moved
    except (NotFound, Corrupt):
        return otherwise


def _done(head: Head | None, store: TreeStore, journal: Journal, *, is_sure: bool) -> Committed | None:
    """What an earlier attempt did whose outcome was not known (T12).

    An earlier process may have committed something else, unless it is sure that the transaction is this one.
    """
    everywhere = bool(is_sure or journal.record[0])  # else nothing can have been swapped in
    found = _found(store, head, journal.transaction, everywhere=everywhere) if head else None
    if found is None:
        return None
    if is_sure:
        return Committed(found, is_new=True)
    journal.renew(store.ids())
    return None


def _found(store: TreeStore, head: Head, transaction: str, *, everywhere: bool) -> Switch | None:
    made = head.find(transaction)
    if made or not everywhere:
        return made
    return next((switch for switch in store.heads.history(head) if switch.transaction == transaction), None)


@contextmanager
def _journal(store: TreeStore, transaction: str) -> Iterator[Journal]:
    """The journal of a commit: that of one which was interrupted, or a new one."""
    if store.local is None:
        yield Journal(None, transaction or store.ids())
        return
    with store.local.journal() as path:
        left = Journal.read(path) if path else None
        if left is not None and transaction in ("", left.transaction):
            yield left
        else:
            yield Journal(path, transaction or store.ids())


def _superseded(name: str, live: Switch | None) -> Superseded:
    if live is None:
        return Superseded(f"{name!r} was never published, or not by this name")
    who = f"by {live.by or 'somebody'} at {live.at} (generation {live.generation})"
    return Superseded(f"{name!r} was published {who} since this commit began")
