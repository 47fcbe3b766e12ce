"""What is kept of one generation: its manifest, and by which marks its files are known again; pure.

The text::

    oaio-generation 1
    tree site
    generation 0123...
    transaction 4567...
    <inode>:<mtime in ns>        one line for each file, in the manifest's order
    ...
    <empty line>
    <the manifest's canonical text>
    digest <SHA-256 of all lines above>
"""

from collections.abc import Collection, Mapping
from typing import Self

import attrs

from oaio_storage.errors import Corrupt, InvalidManifest
from oaio_storage.manifest import Manifest
from oaio_storage.trees.sealed import sealed, unsealed

_HEADER = "oaio-generation 1"
_BACKUP = "Restore it from a backup, or publish the folder again."


@attrs.frozen
class Record:
    """One generation of a tree.

    Attributes:
        tree: the name of the tree.
        generation: its id.
        transaction: the publication that made it.
        manifest: its files.
        marks: path -> mark (see :class:`~oaio_storage.hosts.folders.Placed`), for each file.
    """

    tree: str
    generation: str
    transaction: str
    manifest: Manifest
    marks: Mapping[str, str]

    def without(self, paths: Collection[str]) -> Self:
        """This record with nothing said of ``paths``."""
        if not paths:
            return self
        left = {path: entry for path, entry in self.manifest.items() if path not in paths}
        return attrs.evolve(self, manifest=Manifest(left))

    def text(self) -> str:
        """The canonical text."""
        names = f"tree {self.tree}", f"generation {self.generation}", f"transaction {self.transaction}"
        lines = "\n".join((_HEADER, *names, *map(self.marks.__getitem__, self.manifest)))
        return sealed(f"{lines}\n\n{self.manifest.text()}")

    @classmethod
    def parse(cls, text: bytes, tree: str, generation: str, *, like: Manifest | None = None) -> Self:
        """The record with this text; ``like`` as for ``Manifest.parse``.

        Raises:
            Corrupt: it is damaged or cut, of a newer format, or of another tree or generation.
        """
        try:
            body = unsealed(text.decode())
        except UnicodeDecodeError:
            body = None
        if body is None:
            raise Corrupt(f"the record of generation {generation} of {tree!r} is damaged", _BACKUP)
        head, _, listing = body.partition("\n\n")
        first, *lines = head.split("\n")
        if first != _HEADER:
            raise Corrupt(f"a record of another version: {first[:80]!r}", "Upgrade oaio-storage.")
        if lines[:2] != [f"tree {tree}", f"generation {generation}"]:
            raise Corrupt(
                f"a record of something else lies in the place of {generation} of {tree!r}", _BACKUP
            )
        try:
            manifest = Manifest.parse(listing, like=like)
            marks = dict(zip(manifest, lines[3:], strict=True))
            return cls(tree, generation, lines[2].removeprefix("transaction "), manifest, marks)
        except (InvalidManifest, ValueError, IndexError) as err:
            raise Corrupt(f"the record of generation {generation} of {tree!r} is damaged", _BACKUP) from err
