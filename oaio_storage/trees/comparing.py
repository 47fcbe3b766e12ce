"""What differs between two generations."""

from collections.abc import Iterator

from oaio_storage.manifest import Change, diff_texts
from oaio_storage.trees.lines import canonical_text
from oaio_storage.trees.store import TreeStore


def changes(store: TreeStore, old: str, new: str = "") -> Iterator[Change]:
    """The changes from one generation to another, sorted by path, in memory that does not grow with them.

    Args:
        store: the tree.
        old: the id of one generation.
        new: of the other; empty: of the live one.

    Raises:
        NotFound: one of them is not there, or not kept any more.
        Corrupt: one of them is damaged. This may be found only at its end: act on no change before then.
    """
    before, after = (canonical_text(store.lines(store.generation(each))) for each in (old, new))
    return diff_texts(before, after)
