"""Which files travel together; pure."""

from collections.abc import Iterable, Mapping

import attrs

from oaio_storage.manifest import FileEntry

BYTES, FILES = 4 << 20, 1000
"""What one request holds at most: the web servers in front of those that receive bound it, and a request that
fails is sent again as a whole."""


@attrs.frozen
class Batch:
    """Files that are sent together; one that is larger than ``BYTES`` alone, in chunks."""

    paths: tuple[str, ...]
    size: int

    @property
    def is_large(self) -> bool:
        """Whether it comes in chunks."""
        return self.size > BYTES


def batches(paths: Iterable[str], files: Mapping[str, FileEntry]) -> list[Batch]:
    """``paths`` in batches: large files first, then the others in their order."""
    large, small = [], []
    together, size = list[str](), 0
    for path in paths:
        more = files[path].size
        if more > BYTES:
            large.append(Batch((path,), more))
            continue
        if together and (size + more > BYTES or len(together) == FILES):
            small.append(Batch(tuple(together), size))
            together, size = [], 0
        together.append(path)
        size += more
    if together:
        small.append(Batch(tuple(together), size))
    return [*large, *small]
