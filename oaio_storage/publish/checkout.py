"""Writing a generation of a published tree to a folder."""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import attrs

from oaio_storage.errors import WrongRoot
from oaio_storage.hash_cache import HashCache
from oaio_storage.hosts.roots import check_alone
from oaio_storage.manifest import Manifest
from oaio_storage.progress import Report, ignore
from oaio_storage.publish.opening import Opened
from oaio_storage.publish.tree import PlainTree
from oaio_storage.scan import check_apart
from oaio_storage.trees.checkout_plan import Seen
from oaio_storage.trees.checkout_target import blocks
from oaio_storage.trees.writing import CheckedOut, checked_folder, write_out

__all__ = ["CheckedOut", "check_out"]


def check_out(
    tree: PlainTree,
    folder: Path,
    generation: str = "",
    *,
    cache: HashCache | None = None,
    report: Report = ignore,
) -> CheckedOut:
    """Write a generation, the live one if none is named, to ``folder``. A repeat goes on where it stopped.

    How, and what else may be raised, says :func:`~oaio_storage.trees.writing.write_out`.

    Args:
        tree: what to write.
        folder: where to; neither a link, nor in the root of any host, nor around that of this one.
        generation: which.
        cache: checksums of earlier looks at the folder.
        report: told the files that were written.

    Raises:
        NotFound: there is no such generation, or it is not kept any more.
        RootOverlap: ``folder`` lies in a host's root, or around this one's.
    """
    folder = checked_folder(folder)
    check_apart(folder, Path(tree.folders.root_folder))
    check_alone(folder, "Check out to a folder outside of it.", is_root=False)
    with tree.open(generation) as opened:
        source = _Plain(opened, Seen(_id_of(tree), opened.switch.sequence))
        return write_out(source, folder, as_live=not generation, cache=cache, report=report)


def _id_of(tree: PlainTree) -> str:
    """Tells the tree from all others; empty where the root lost what tells it from others."""
    try:
        return f"{tree.host.root_id()} {tree.name}"
    except WrongRoot:
        return ""


@attrs.frozen
class _Plain:
    """A generation as plain files."""

    opened: Opened
    seen: Seen

    @property
    def generation(self) -> str:
        return self.opened.switch.generation

    @property
    def manifest(self) -> Manifest:
        return self.opened.record.manifest

    def contents(self, paths: Collection[str]) -> Iterator[tuple[str, Iterable[bytes]]]:
        for path in paths:
            with self.opened.folder.read(path) as source:
                yield path, blocks(source, self.manifest[path].size)
