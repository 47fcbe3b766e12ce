"""Second names for many files, folder by folder."""

import errno
from collections.abc import Callable, Iterable, Iterator, Sequence

import attrs

from oaio_storage.hosts.folders import Link
from oaio_storage_local import trees
from oaio_storage_local.folders import Folders

_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
_NOT_HERE = {
    errno.EPERM,
    errno.EXDEV,
    errno.EMLINK,
    errno.ENOSYS,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.EINVAL,
}
_NO_LINK = frozenset(_GONE | _NOT_HERE | {errno.EEXIST})
"""A source that is gone, a disk without links, or with too many of this file, a name that is taken."""

_Names = tuple[str, str, Link]
"""The names of a link in its folders, and the link."""

_Group = tuple[tuple[str, str], list[_Names]]
"""The folders that links have in common, and the links."""


def link(folders: Folders, root: int, source: str, target: str, links: Sequence[Link]) -> list[Link]:
    """Give files in the folder ``source`` names in ``target``, both below an open root.

    Links that have their folders in common cost least one after the other. Nothing goes on in the background,
    however it ends.

    Returns:
        Those whose file has no second name now: it is not as expected, or can't have one.
    """
    try:
        with (
            trees.closing(folders.disk, trees.make(folders, root, trees.parts_of(target))) as above,
            folders.folder(root, trees.parts_of(source)) as origin,
        ):
            linker = Linker(folders, origin, above)
            _each(lambda group: linker.link(*group[0], group[1]), _by_folder(links), folders.disk.workers)
            return linker.failed
    except OSError as err:
        if err.errno not in _GONE:
            raise
        return list(links)


@attrs.define
class Linker:
    """Links from one open folder to another, and which of them failed."""

    folders: Folders
    source: int
    target: int
    failed: list[Link] = attrs.field(factory=list, init=False)

    def link(self, origin: str, place: str, names: Sequence[_Names]) -> None:
        """Link files of the folder ``origin`` to ``place``."""
        disk = self.folders.disk
        try:
            with (
                trees.closing(disk, trees.make(self.folders, self.target, trees.parts_of(place))) as target,
                self.folders.folder(self.source, trees.parts_of(origin)) as source,
            ):
                self._link(names, source, target)
        except OSError as err:
            if err.errno not in _NO_LINK:
                raise
            self.failed += [link for _, _, link in names]

    def _link(self, names: Sequence[_Names], source: int, target: int) -> None:
        """First all are linked, then all looked at: little between system calls lets other threads work."""
        disk, linked = self.folders.disk, []
        for named in names:
            try:
                disk.link(named[0], named[1], source_folder=source, target_folder=target)
            except OSError as err:
                if err.errno not in _NO_LINK:
                    raise
                self.failed.append(named[2])
            else:
                linked.append(named)
        for _, new, link in linked:
            if not trees.is_placed(disk.lstat(new, folder=target), link.placed):
                disk.unlink(new, folder=target)
                self.failed.append(link)


def _each(work: Callable[[_Group], None], groups: Iterable[_Group], workers: int) -> None:
    """Do ``work`` for all groups, in several threads where there are several; none goes on at the end."""
    every = list(groups)
    if min(workers, len(every)) < 2:  # noqa: PLR2004 - one alone needs no thread
        for group in every:
            work(group)
        return
    from concurrent.futures import ThreadPoolExecutor, wait  # noqa: PLC0415 - only where there is much to do

    pool = ThreadPoolExecutor(workers)
    try:
        under_way = [pool.submit(work, group) for group in every]
        wait(under_way)
    finally:
        pool.shutdown(cancel_futures=True)
    for done in under_way:
        done.result()


def _by_folder(links: Iterable[Link]) -> Iterator[_Group]:
    """Links that follow each other and have their folders in common, together."""
    last, together = ("", ""), list[_Names]()
    for link in links:
        origin, _, old = link.source.rpartition("/")
        place, _, new = (origin, "", old) if link.target == link.source else link.target.rpartition("/")
        if (origin, place) != last and together:
            yield last, together
            together = []
        last = origin, place
        together.append((old, new, link))
    if together:
        yield last, together
