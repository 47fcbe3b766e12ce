"""What was done on a disk and is not durable yet."""

from collections.abc import Iterator

import attrs

from oaio_storage.testing.crash_disk.nodes import File, Folder, Node

BLOCKS = (512, 4096)
"""Sizes in bytes at which a disk may tear a write."""


@attrs.frozen(eq=False)
class Written:
    """Content that was written to a file."""

    number: int
    file: File
    position: int
    content: bytes

    def touches(self, node: Node) -> bool:
        """Whether it becomes durable with ``node``."""
        return self.file is node

    def settle(self) -> None:
        """Become durable."""
        overwrite(self.file.durable, self.position, self.content)

    def outcomes(self) -> Iterator["Written | None"]:
        """What a crash may leave of it: nothing, a first part, or all."""
        yield None
        size = len(self.content)
        for block in BLOCKS:
            if kept := (size - 1) // block * block:
                yield attrs.evolve(self, content=self.content[:kept])
        yield self


@attrs.frozen(eq=False)
class Named:
    """Names that one system call changed: each now stands for this node, or for none.

    They become durable together, as on disks with a journal.
    """

    number: int
    changes: tuple[tuple[Folder, str, Node | None], ...]

    def touches(self, node: Node) -> bool:
        """Whether it becomes durable with ``node``."""
        return any(folder is node for folder, _, _ in self.changes)

    def settle(self) -> None:
        """Become durable, as far as nothing newer did."""
        for folder, name, node in self.changes:
            if folder.changed.get(name, -1) < self.number:
                folder.changed[name] = self.number
                rename(folder.durable, name, node)

    def outcomes(self) -> Iterator["Named | None"]:
        """What a crash may leave of it: nothing, or all."""
        yield None
        yield self


Effect = Written | Named


def overwrite(content: bytearray, position: int, piece: bytes) -> None:
    """Put ``piece`` into ``content`` at ``position``; a gap is filled with zeros."""
    content.extend(bytes(max(0, position - len(content))))
    content[position : position + len(piece)] = piece


def rename(names: dict[str, Node], name: str, node: Node | None) -> None:
    """Let ``name`` stand for ``node``, or for nothing."""
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node
