"""Which layout a tree has, and which it gets."""

from contextlib import suppress
from pathlib import Path

from oaio_storage.errors import Corrupt, ForeignPublisher, InvalidArgument, NotFound, WrongRoot
from oaio_storage.hosts import CshApi
from oaio_storage.hosts.roots import local_folder
from oaio_storage.publish.published import PublishedTree
from oaio_storage.trees.paths import Paths
from oaio_storage.trees.switches import MAX_HEAD_BYTES, fields_of

SWAPPED, GENERATIONS = "swapped", "generations"
LAYOUTS = {
    SWAPPED: "plain files below NAME/, by any program; on a folder of this machine",
    GENERATIONS: "no plain files: what oaio checkout, oaio preview, publish/serve or fsspec show",
}
"""Each layout, and what readers of a tree see."""


def layout_of(host: CshApi, name: str) -> str:
    """The layout of a tree that was published; empty if none was.

    Raises:
        InvalidName: that can't be the name of a tree.
    """
    paths = Paths(name)
    with suppress(NotFound, WrongRoot):
        try:
            return str(fields_of(host.state.read(paths.head, 0, MAX_HEAD_BYTES)).get("layout", ""))
        except Corrupt:
            return _by_what_is_there(host, paths)
    return ""


def published_tree(  # noqa: PLR0913 - each is a choice of its own
    host: CshApi,
    name: str,
    *,
    layout: str = "",
    by: str = "",
    cache: Path | None = None,
    exclusive: bool = False,
    takes_over: bool = False,
    allow_gap: bool = False,
) -> PublishedTree:
    """The tree ``name`` on ``host``.

    Args:
        host: where it lies; remains the caller's to be closed.
        name: one part of a path.
        layout: how it is kept; empty: as it was published, and before that as suits the host.
        by: who publishes, for the log; not judged.
        cache: for ``generations``: a folder in which this device may remember what it sent.
        exclusive: for ``generations``: this machine alone publishes the tree, and decides in place of a host
            that can't; it stays so.
        takes_over: with it: what somebody else made live there is accepted.
        allow_gap: for ``swapped``: readers may find nothing for a moment, if the disk can't do better.

    Raises:
        InvalidName: that can't be the name of a tree.
        InvalidArgument: there is no such layout.
        NotGuaranteed: the host can't keep it.
        ForeignPublisher: the tree has another one, and keeps it.
    """
    if layout and layout not in LAYOUTS:
        raise InvalidArgument(f"there is no layout {layout[:80]!r}", f"--layout {' or '.join(LAYOUTS)}")
    has_folders = local_folder(host) is not None
    found = layout_of(host, name) if has_folders or layout == SWAPPED else ""
    if layout and found and layout != found:
        raise ForeignPublisher(
            f"{name!r} is kept in the layout {found!r} there, and stays so",
            f"Leave out --layout {layout}, or choose another name.",
        )
    if (layout or found or (SWAPPED if has_folders else GENERATIONS)) == SWAPPED:
        if exclusive:
            raise InvalidArgument("plain files need nobody who publishes alone", "Leave out --exclusive.")
        return _swapped(host, name, by, allow_gap=allow_gap)
    from oaio_storage.publish.generations import GenerationsLayout  # noqa: PLC0415 - one of them is needed

    return GenerationsLayout(
        host=host, name=name, by=by, cache=cache, exclusive=exclusive, takes_over=takes_over
    )


def _swapped(host: CshApi, name: str, by: str, *, allow_gap: bool) -> PublishedTree:
    from oaio_storage.publish.swapped import SwappedLayout  # noqa: PLC0415 - one of them is needed
    from oaio_storage.publish.tree import PlainTree  # noqa: PLC0415 - same

    _ = host.folders  # raises where there are none
    return SwappedLayout(PlainTree(host=host, name=name, by=by, allow_gap=allow_gap))


def _by_what_is_there(host: CshApi, paths: Paths) -> str:
    """The layout of a tree whose head is damaged."""
    try:
        host.state.stat(paths.format)
    except NotFound:
        return SWAPPED
    return GENERATIONS
