"""The one mover of many files between this machine and a host: bounded, exact, verified."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, BinaryIO, TypeVar, cast

import attrs

from oaio_storage.errors import (
    AlreadyExists,
    InvalidArgument,
    NotFound,
    NotGuaranteed,
)
from oaio_storage.hosts.arrivals import Arrivals
from oaio_storage.hosts.guarantees import Absent, Expect
from oaio_storage.hosts.streams import opened, sha256_of
from oaio_storage.names import check_path, collisions
from oaio_storage.progress import Progress, Report, ignore

if TYPE_CHECKING:
    from oaio_storage.hosts.api import CshApi

DELETERS = 8
"""Requests to delete that are under way at the same time."""

Task = TypeVar("Task")


@attrs.frozen
class Moved:
    """What a bulk call did.

    Attributes:
        done: the paths that were moved or removed, in the order given.
        kept: the paths that were there already, with equal content, in the order given.
        absent: the sources that are not on the host, of ``copy_files`` alone, in the order given.
        bytes: content that travelled between this machine and the host.
    """

    done: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    bytes: int = 0


@attrs.frozen
class _Step:
    path: str
    size: int = 0
    outcome: str = "done"


def put_files(
    host: "CshApi", files: Iterable[tuple[str, Path]], *, expect: Expect = None, report: Report = ignore
) -> Moved:
    """Store local files under the given paths.

    Several travel at a time; the first error stops the rest and is raised once nothing is under way any more.
    Files stored until then stay, so the same call with ``expect=Absent`` resumes: an existing file with equal
    content counts as kept.

    Args:
        host: where to.
        files: pairs of path on the host and local file.
        expect: None, or Absent: only files that are not there yet.
        report: called in the caller's thread, once per file.

    Raises:
        InvalidName: a path that no host can hold; nothing was moved.
        InvalidArgument: two paths that can't both be stored; nothing was moved.
        NotGuaranteed: a read-only host, or Absent on one without conditional writes; nothing was moved.
        AlreadyExists: with Absent, a file with another content is there.
        SourceChanged: a local file is gone, unreadable or changed its size.
    """
    if expect not in (None, Absent):
        raise InvalidArgument("many files have no common version to be replaced", "Write them one by one.")
    if expect is Absent and not host.guarantees.conditional_write:
        raise NotGuaranteed(f"the host {host.name} can't decide in one step whether a file is absent")
    tasks = list(files)
    _check_targets(host, [path for path, _ in tasks])

    def put(task: tuple[str, Path]) -> _Step:
        path, local = task
        try:
            return _Step(path, host.write(path, local, expect=expect).size)
        except AlreadyExists:
            if expect is Absent and _is_equal(host, path, local):
                return _Step(path, outcome="kept")
            raise

    return _move(tasks, put, "send", report, host.moved_at_once)


def get_files(
    host: "CshApi", files: Iterable[tuple[str, Path, int | None, str | None]], *, report: Report = ignore
) -> Moved:
    """Fetch files to local places, each complete, verified and durable, or not at all.

    Several travel at a time; the first error stops the rest and is raised once nothing is under way any more.
    An existing local file is replaced in one step; missing folders are made. A repeat is safe.

    Args:
        host: where from.
        files: path on the host, local file, size in bytes or None, SHA-256 or None.
        report: called in the caller's thread, once per file.

    Raises:
        InvalidName: a path that no host can hold; nothing was moved.
        InvalidArgument: a local file is named twice; nothing was moved.
        NotFound: a path that is not on the host.
        Corrupt: a file is not what was announced; its local place is as before.
    """
    tasks = list(files)
    for path, _, _, _ in tasks:
        check_path(path)
    if len({local for _, local, _, _ in tasks}) < len(tasks):
        raise InvalidArgument("a local file is named twice as the place of a fetched one")

    def get(task: tuple[str, Path, int | None, str | None]) -> _Step:
        path, local, size, checksum = task
        with host.open(path) as stream:
            return _Step(path, arrivals.take(stream, path, local, size, checksum))

    arrivals = Arrivals()
    try:
        return _move(tasks, get, "receive", report, host.moved_at_once)
    finally:
        arrivals.settle()


def copy_files(host: "CshApi", files: Iterable[tuple[str, str, int]], *, report: Report = ignore) -> Moved:
    """Copy files on the host, which moves no content if it guarantees ``server_copy``.

    Several at a time; the first error stops the rest and is raised once nothing is under way any more. A
    repeat is safe.

    Args:
        host: where.
        files: source, target and size in bytes. A source that is not there, or has another size, is told in
            ``absent`` and nothing is left under its target, unless the call fails before it could remove it;
            ``done`` tells the targets.
        report: called in the caller's thread, once per file.

    Raises:
        InvalidName: a path that no host can hold; nothing was copied.
        InvalidArgument: two targets that can't both be stored; nothing was copied.
        NotGuaranteed: the host is read-only; nothing was copied.
        AlreadyExists: a folder, or a file in place of a folder, is in the way of a target.
    """
    tasks = list(files)
    for source, _, _ in tasks:
        check_path(source)
    _check_targets(host, [target for _, target, _ in tasks])

    def copy(task: tuple[str, str, int]) -> _Step:
        source, target, size = task
        try:
            if host.copy(source, target).size == size:
                return _Step(target)
            host.delete(target)
        except NotFound:
            pass
        return _Step(source, outcome="absent")

    return _move(tasks, copy, "copy", report, host.moved_at_once)


def delete_files(host: "CshApi", paths: Iterable[str], *, report: Report = ignore) -> Moved:
    """Remove exactly these files; those that are absent already count as done.

    Several at a time; the first error stops the rest. A repeat is safe.

    Raises:
        InvalidName: a path that no host can hold; nothing was removed.
        NotGuaranteed: the host is read-only; nothing was removed.
    """
    tasks = [check_path(path) for path in paths]
    _check_writable(host)

    def delete(batch: Sequence[str]) -> Sequence[str]:
        host.delete_batch(batch) if len(batch) > 1 else host.delete(batch[0])
        return batch

    done, size = 0, host.deleted_at_once
    batches = [tasks[start : start + size] for start in range(0, len(tasks), size)]
    with ThreadPoolExecutor(DELETERS, thread_name_prefix="oaio-delete") as pool:
        for batch in pool.map(delete, batches):  # an error cancels those that wait
            for path in batch:
                done += 1
                report(Progress("delete", done, len(tasks), "files", path))
    return Moved(tuple(tasks))


def _check_writable(host: "CshApi") -> None:
    if host.guarantees.read_only:
        raise NotGuaranteed(f"the host {host.name} can't store, change or remove anything")


def _check_targets(host: "CshApi", paths: list[str]) -> None:
    for path in paths:
        check_path(path)
    _check_writable(host)
    if twice := [path for path, times in Counter(paths).items() if times > 1]:
        raise InvalidArgument(f"a path is named twice: {twice[0]!r}")
    if clashes := collisions(paths):
        raise InvalidArgument(f"paths that not every host can hold side by side: {', '.join(clashes[0])}")


def _move(
    tasks: list[Task], step: Callable[[Task], _Step], stage: str, report: Report, at_once: int
) -> Moved:
    """Take ``step`` for each task, at most ``at_once`` at a time; stop at the first error."""
    steps: dict[int, _Step] = {}
    waiting = iter(enumerate(tasks))
    given: SimpleQueue[tuple[int, Task] | None] = SimpleQueue()
    ended: SimpleQueue[tuple[int, _Step] | BaseException] = SimpleQueue()

    def work() -> None:
        try:
            while (numbered := given.get()) is not None:
                number, task = numbered
                ended.put((number, step(task)))
        except BaseException as err:  # noqa: BLE001 - raised in the caller's thread
            ended.put(err)

    with ThreadPoolExecutor(at_once, thread_name_prefix=f"oaio-{stage}") as pool:
        try:
            for _ in range(min(at_once, len(tasks))):
                pool.submit(work)
            for numbered in islice(waiting, 2 * at_once):
                given.put(numbered)
            while len(steps) < len(tasks):
                outcome = ended.get()
                if isinstance(outcome, BaseException):
                    raise outcome
                given.put(next(waiting, None))
                number, done = outcome
                steps[number] = done
                report(Progress(stage, len(steps), len(tasks), "files", done.path))
        finally:
            _take_back(given)
            for _ in range(at_once):
                given.put(None)
    ordered = [steps[number] for number in range(len(tasks))]
    by_outcome = {
        outcome: tuple(made.path for made in ordered if made.outcome == outcome)
        for outcome in ("done", "kept", "absent")
    }
    return Moved(**by_outcome, bytes=sum(made.size for made in ordered))


def _take_back(given: "SimpleQueue[tuple[int, Task] | None]") -> None:
    with suppress(Empty):
        while True:
            given.get_nowait()


def _is_equal(host: "CshApi", path: str, local: Path) -> bool:
    seen = host.stat(path)
    with opened(local, None) as ours:
        if seen.size != ours.size:
            return False
        digest = sha256_of(cast("BinaryIO", ours))
    if seen.checksum:
        return seen.checksum == digest
    with host.open(path) as theirs:
        return sha256_of(theirs) == digest
