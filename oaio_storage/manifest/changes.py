"""What turns one manifest into another."""

from collections import defaultdict
from collections.abc import Mapping

import attrs

from oaio_storage.errors import InvalidArgument
from oaio_storage.manifest.entry import FileEntry
from oaio_storage.manifest.tree import Manifest


@attrs.frozen
class Diff:
    """What turns one manifest into another: four disjoint parts that hold every path of both.

    Attributes:
        new: paths that only the second has, with its entries.
        update: paths of both whose entries differ, with the second's.
        keep: paths of both with equal entries, with the second's.
        remove: paths that only the first has, with its entries.
    """

    new: Mapping[str, FileEntry]
    update: Mapping[str, FileEntry]
    keep: Mapping[str, FileEntry]
    remove: Mapping[str, FileEntry]

    @property
    def is_empty(self) -> bool:
        """Whether both manifests are equal."""
        return not (self.new or self.update or self.remove)

    def apply(self, base: Manifest) -> Manifest:
        """The second manifest, given the first.

        Raises:
            InvalidArgument: ``base`` has other paths than the first, or other entries of what is kept or
                removed.
        """
        known = {**self.keep, **self.remove}
        fits = all(base.get(path) == entry for path, entry in known.items())
        if not fits or base.keys() - known.keys() != self.update.keys():
            raise InvalidArgument("the difference was made of another manifest than the one it is applied to")
        return Manifest({**self.keep, **self.update, **self.new})


def diff(old: Manifest, new: Manifest) -> Diff:
    """What turns ``old`` into ``new``. Pure; the parts are sorted by path.

    ``diff(a, b).apply(a) == b``, and ``diff(a, a).is_empty``. A difference in ``mtime`` alone is none.
    """
    before = dict(old.items())
    come: dict[str, FileEntry] = {}
    differ: dict[str, FileEntry] = {}
    same: dict[str, FileEntry] = {}
    for path, entry in new.items():
        known = before.pop(path, None)
        if known is None:
            come[path] = entry
        elif known is entry or known == entry:
            same[path] = entry
        else:
            differ[path] = entry
    return Diff(new=come, update=differ, keep=same, remove=before)


def renames(difference: Diff) -> Mapping[str, str]:
    """New paths whose content a removed path had -> that path; each removed path is used at most once.

    Of several equal contents the one of the same file name is preferred, then the first. Empty files are left
    out.
    """
    found: dict[str, str] = {}
    for key in (_content_and_name, _content):
        sources = defaultdict(list)
        taken = set(found.values())
        for path, entry in sorted(difference.remove.items(), reverse=True):
            if entry.size and path not in taken:
                sources[key(path, entry)].append(path)
        for path, entry in sorted(difference.new.items()):
            if path not in found and (candidates := sources[key(path, entry)]):
                found[path] = candidates.pop()
    return dict(sorted(found.items()))


def _content(_path: str, entry: FileEntry) -> str:
    return entry.checksum


def _content_and_name(path: str, entry: FileEntry) -> str:
    return f"{entry.checksum} {path.rpartition('/')[2]}"
