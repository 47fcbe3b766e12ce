"""Publishing a folder of this machine: looked at, compared, sent as far as it is new, made live."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from oaio_storage.errors import (
    Corrupt,
    SourceChanged,
    Superseded,
    WrongRoot,
)
from oaio_storage.hash_cache import HashCache
from oaio_storage.manifest import Manifest, diff
from oaio_storage.progress import Progress, Report, ignore
from oaio_storage.publish.plan import Plan, transaction_id
from oaio_storage.publish.results import Published, still_live
from oaio_storage.publish.source import check_known, check_place
from oaio_storage.publish.staging import Staging
from oaio_storage.publish.switcher import LAYOUT
from oaio_storage.publish.tree import PlainTree
from oaio_storage.publish.verifying import repairs
from oaio_storage.scan import Scan, scan
from oaio_storage.trees.hints import MAKE_ANEW


def look(
    tree: PlainTree,
    folder: Path,
    *,
    yes: bool = False,
    cache: HashCache | None = None,
    report: Report = ignore,
) -> Manifest:
    """What publishing ``folder`` would make live. Nothing is changed.

    Files that are live and hidden by a pattern of ``.oaioignore`` now stay as they are; with ``yes`` they go
    if the record of what is live is lost.

    Raises:
        Corrupt: it is lost, and ``yes`` is needed.
        RootUnavailable: the folder is missing, no folder or unreadable; or something in it can't be told.
        InvalidArgument: the folder is a link.
        RootOverlap: the folder holds the host's root, or lies in it.
        SourceChanged: a file is being written to.
    """
    found = _scanned(tree, folder, cache, report)
    if not found.ignored:
        return found.manifest
    base = tree.live_manifest(yes=yes)
    return found.changes(base).apply(base)


def unmarked_plan(
    tree: PlainTree,
    folder: Path,
    *,
    yes: bool = False,
    cache: HashCache | None = None,
    report: Report = ignore,
) -> Plan:
    """What publishing ``folder`` would do on a host whose root has no marker; only to be looked at.

    Mostly nothing was published there yet; but the marker may be lost, and the head is what counts.

    Raises:
        As :func:`look`; AlreadyExists: something else stands in the tree's place.
    """
    found, base, held = _scanned(tree, folder, cache, report), "", Manifest()
    with suppress(WrongRoot):  # there is no folder yet
        tree.check_place()
        live, held = tree.live(), tree.live_manifest(yes=yes)
        base = live.generation if live else ""
    manifest = found.changes(held).apply(held) if found.ignored else found.manifest
    return Plan(
        tree=tree.name,
        root="",
        layout=LAYOUT,
        base=base,
        transaction=transaction_id("", tree.name, base, manifest.digest(), tree.by, ""),
        manifest=manifest,
        changes=diff(held, manifest),
    )


def publish_folder(  # noqa: PLR0913 - each is said once for a publication
    tree: PlainTree,
    folder: Path,
    plan: Plan | None = None,
    *,
    yes: bool = False,
    check: bool = False,
    cache: HashCache | None = None,
    report: Report = ignore,
) -> Published:
    """Make what ``folder`` holds live, as a whole or not at all, and durably. A repeat resumes.

    Where that is live already nothing is done, unless files of it were changed in place: then they are sent
    again. A change that left size and time as they were, such as a decay of the disk, is seen only with
    ``check``. Before a first publication the host's conditional writes are tried out, once for each root.

    Args:
        tree: where it goes.
        folder: only read.
        plan: made earlier and looked at; the folder has to be as it was then.
        yes: also if the tree would be empty, or more than half of its files would go, or if the record of
            what is live is lost, so that this can't be told.
        check: read every byte of what is live, so that nothing damaged is taken over.
        cache: checksums of earlier looks.
        report: told the files that were looked at and sent.

    Raises:
        As :func:`look`, ``Transactions.begin`` and ``Transactions.commit``; SourceChanged also where the
        folder is not what the plan says, and NotGuaranteed where the host ignores conditions.
    """
    manifest = look(tree, folder, yes=yes, cache=cache, report=report)
    if plan is None:
        plan = tree.plan(manifest, yes=yes)
    elif plan.manifest != manifest:
        raise SourceChanged(f"{str(folder)!r} has changed since the plan was made", MAKE_ANEW)
    wrong = repairs(tree, content=check, report=report) if check or plan.is_empty else None
    if plan.is_empty and not wrong:
        return Published(plan, repairs=wrong)
    if done := tree.transactions.done(plan.transaction):
        return Published(plan, still_live(tree.live(), done))
    if not plan.base:
        from oaio_storage.hosts.probe import condition_test  # noqa: PLC0415 - for the first publication alone

        condition_test(tree.host)
    sent, size = 0, 0
    damaged = {fault.path for fault in wrong or () if fault.what == "altered"}
    with tree.transactions.begun(plan, yes=yes, damaged=damaged) as staging:
        with suppress(Superseded):  # by a twin: what commit says then is what holds
            sent, size = _send(staging, folder, report)
        switch = tree.transactions.commit(staging)
        if not staging.takes_files:  # since it became live before, by a twin
            switch = still_live(tree.live(), switch)
        return Published(plan, switch, sent, size, wrong)


def _scanned(tree: PlainTree, folder: Path, cache: HashCache | None, report: Report) -> Scan:
    check_place(folder, tree.host)
    found = scan(folder, cache=cache, report=report)
    check_known(folder, found)
    return found


def _send(staging: Staging, folder: Path, report: Report) -> tuple[int, int]:
    wanted = staging.wanted()
    for number, path in enumerate(wanted, 1):
        try:
            with _opened(folder, path) as content:
                staging.receive(path, content)
        except Corrupt as err:
            raise SourceChanged(f"{path!r} changed while it was published") from err
        report(Progress("send", number, len(wanted), "files", path))
    return len(wanted), sum(entry.size for entry in wanted.values())


def _opened(folder: Path, path: str) -> BinaryIO:
    try:
        file = os.open(folder / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as err:
        raise SourceChanged(f"can't read {path!r} any more: {err.strerror}") from err
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise SourceChanged(f"{path!r} is no file any more")
    return os.fdopen(file, "rb")
