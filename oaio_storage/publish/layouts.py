"""Which layout a tree has, and which it gets."""

from contextlib import suppress

from oaio_storage.errors import Corrupt, InvalidArgument, NotFound, WrongRoot
from oaio_storage.hosts import CshApi
from oaio_storage.hosts.roots import local_folder
from oaio_storage.publish.published import PublishedTree
from oaio_storage.publish.switcher import LAYOUT as SWAPPED
from oaio_storage.trees.paths import Paths
from oaio_storage.trees.switches import MAX_HEAD_BYTES, fields_of

LAYOUTS = (SWAPPED,)


def layout_of(host: CshApi, name: str) -> str:
    """The layout of a tree that was published; empty if none was, or if nothing tells."""
    with suppress(NotFound, WrongRoot, Corrupt):
        return str(fields_of(host.state.read(Paths(name).head, 0, MAX_HEAD_BYTES)).get("layout", ""))
    return ""


def published_tree(
    host: CshApi, name: str, *, layout: str = "", by: str = "", allow_gap: bool = False
) -> PublishedTree:
    """The tree ``name`` on ``host``.

    Args:
        host: where it lies; remains the caller's to be closed.
        name: one part of a path.
        layout: how it is kept; empty: as it was published, and before that as suits the host.
        by: who publishes, for the log; not judged.
        allow_gap: for ``swapped``: readers may find nothing for a moment, if the disk can't do better.

    Raises:
        InvalidName: that can't be the name of a tree.
        InvalidArgument: there is no such layout.
    """
    from oaio_storage.publish.swapped import SwappedLayout  # noqa: PLC0415 - one of them is needed
    from oaio_storage.publish.tree import PlainTree  # noqa: PLC0415 - same

    if layout and layout not in LAYOUTS:
        raise InvalidArgument(f"there is no layout {layout[:80]!r}", f"--layout {SWAPPED}")
    local_folder(host)
    return SwappedLayout(PlainTree(host=host, name=name, by=by, allow_gap=allow_gap))
