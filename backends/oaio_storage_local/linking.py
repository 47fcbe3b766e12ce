"""Second names for many files, folder by folder."""

import errno
from collections.abc import Iterable, Iterator, Sequence

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


def link(folders: Folders, root: int, source: str, target: str, links: Sequence[Link]) -> list[Link]:
    """Give files in the folder ``source`` names in ``target``, both below an open root.

    Links that have their folders in common cost least one after the other.

    Returns:
        Those whose file has no second name now: it is not as expected, or can't have one.
    """
    try:
        with (
            trees.closing(folders.disk, trees.make(folders, root, trees.parts_of(target))) as above,
            folders.folder(root, trees.parts_of(source)) as origin,
        ):
            linker = Linker(folders, origin, above)
            for (old_folder, new_folder), names in _by_folder(links):
                linker.link(old_folder, new_folder, names)
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
        disk = self.folders.disk
        for old, new, link in names:
            try:
                disk.link(old, new, source_folder=source, target_folder=target)
                found = disk.lstat(new, folder=target)
            except OSError as err:
                if err.errno not in _NO_LINK:
                    raise
                self.failed.append(link)
            else:
                if not trees.is_placed(found, link.placed):
                    disk.unlink(new, folder=target)
                    self.failed.append(link)


def _by_folder(links: Iterable[Link]) -> Iterator[tuple[tuple[str, str], list[_Names]]]:
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
