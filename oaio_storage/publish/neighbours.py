"""The other trees of a host, as far as their names go."""

from oaio_storage.errors import AlreadyExists, NotFound
from oaio_storage.hosts import CshApi
from oaio_storage.names import STATE_FOLDER, fold, shown
from oaio_storage.publish.places import TREES, Places


def check_distinct(host: CshApi, name: str) -> None:
    """Do nothing if a tree ``name`` was published, or none whose name some system takes for the same.

    Two first publications at the same time are not kept apart.

    Raises:
        AlreadyExists: there is one; on a system that does not tell the names apart, one would be the other.
    """
    trees = {tree for tree, _ in host.folders.inside(f"{STATE_FOLDER}/{TREES}")}
    alike = sorted(tree for tree in trees - {name} if fold(tree) == fold(name) and _is_published(host, tree))
    if alike and not (name in trees and _is_published(host, name)):
        raise AlreadyExists(
            f"the tree {shown(alike[0])} is on this host, and to some systems {shown(name)} is the same name",
            f"Use its name, {alike[0]!a}, or one that differs by more than case or the form of accents.",
        )


def _is_published(host: CshApi, tree: str) -> bool:
    try:
        host.state.stat(Places(tree).head)
    except NotFound:
        return False
    return True
