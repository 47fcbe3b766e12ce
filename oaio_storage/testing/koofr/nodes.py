"""Files and folders of a mount."""

from collections.abc import Iterator

import attrs

from oaio_storage.testing.koofr.names import Path, fold, shown
from oaio_storage.testing.koofr.refusals import Code, Refused


@attrs.frozen
class File:
    """A file: milliseconds since the epoch, bytes, MD5 in hex, and the id of its content."""

    name: str
    modified: int
    size: int
    hash: str
    body: str


@attrs.define
class Folder:
    """A folder; ``children`` are found by their folded names."""

    name: str
    modified: int
    children: "dict[str, Node]" = attrs.field(factory=dict, repr=False)

    def child(self, name: str) -> "Node | None":
        """What has this name, in any case."""
        return self.children.get(fold(name))


Node = File | Folder


def find(root: Folder, path: Path) -> Node:
    """What lies at ``path`` below ``root``.

    Raises:
        Refused: ``NotFound``.
    """
    node: Node | None = root
    for name in path:
        node = node.child(name) if isinstance(node, Folder) else None
    if node is None:
        raise Refused(Code.NOT_FOUND, f"{shown(path)} not found.")
    return node


def find_folder(root: Folder, path: Path) -> Folder:
    """The folder at ``path``.

    Raises:
        Refused: ``NotFound``, or ``NotDir``: it is a file.
    """
    node = find(root, path)
    if isinstance(node, File):
        raise Refused(Code.NOT_FOLDER, f"{shown(path)} is a file.")
    return node


def find_file(root: Folder, path: Path) -> File:
    """The file at ``path``.

    Raises:
        Refused: ``NotFound``, or ``NotFile``: it is a folder.
    """
    node = find(root, path)
    if isinstance(node, Folder):
        raise Refused(Code.NOT_FILE, f"{shown(path)} is a folder.")
    return node


def walk(node: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """``node`` and everything below it, folders before what they hold; ``path`` is the node's own."""
    yield path, node
    if isinstance(node, Folder):
        for child in node.children.values():
            yield from walk(child, (*path, child.name))


def files(node: Node) -> Iterator[File]:
    """The files at and below ``node``."""
    return (found for _, found in walk(node) if isinstance(found, File))


def clone(node: Node) -> Node:
    """The same once more; the copies of files share their contents."""
    if isinstance(node, File):
        return node
    return attrs.evolve(node, children={key: clone(child) for key, child in node.children.items()})
