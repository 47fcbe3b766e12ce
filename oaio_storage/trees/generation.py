"""A generation: one immutable state of a tree, as a small record that names the chunks of its manifest; pure.

Clauses T3, T4 and T6.
"""

import json
from hashlib import sha256
from typing import Self

import attrs
from attrs.validators import ge, instance_of, matches_re

from oaio_storage.errors import Corrupt
from oaio_storage.manifest.tree import HEADER
from oaio_storage.trees.frames import framed, unframed
from oaio_storage.trees.hints import SEE_FAULTS
from oaio_storage.trees.packing import Piece, parse_pieces, pieces_text
from oaio_storage.trees.paths import BLOB, short_digest

FORMAT = 1
MAX_GENERATION_BYTES = 1 << 20
"""A larger file is no generation."""

INLINE = 1 << 16
"""Bytes up to which the manifest of a tree may stand in the record itself."""

DIRECT = 1 << 15
"""Bytes, compressed, up to which the list of its chunks does; a longer list is cut once more."""

NO_FILES = sha256(HEADER.encode()).hexdigest()
"""The digest of a tree without files."""

_MAX_TEXT = 1 << 22
_ID_OR_NONE = r"(?:[0-9a-f]{32})?"


@attrs.frozen(kw_only=True)
class Generation:
    """One state of a tree.

    Attributes:
        parent: what it follows; empty for the first.
        sequence: 1 for the first; each is one more than its parent's.
        transaction: the id of the commit.
        nonce: drawn anew whenever a record has to be written again.
        digest: of the manifest: the tree's identity (T4).
        files: how many.
        size: bytes of all files together.
        moved: the blobs with new places of chunks that were known; there may be more.
        inline: the stored manifest, where it is short.
        text: the chunks of the stored manifest, or of the list of those.
        is_list: whether ``text`` is such a list.
        id: of the generation; stands outside of the record, which it is the digest of.
    """

    parent: str = attrs.field(default="", validator=matches_re(_ID_OR_NONE))
    sequence: int = attrs.field(validator=[instance_of(int), ge(1)])
    transaction: str = attrs.field(validator=matches_re("[0-9a-f]{32}"))
    nonce: str = attrs.field(validator=matches_re("[0-9a-f]{32}"))
    digest: str = attrs.field(validator=matches_re("[0-9a-f]{64}"))
    files: int = attrs.field(validator=[instance_of(int), ge(0)])
    size: int = attrs.field(validator=[instance_of(int), ge(0)])
    moved: tuple[str, ...] = ()
    inline: str = attrs.field(default="", validator=instance_of(str))
    text: tuple[Piece, ...] = ()
    is_list: bool = attrs.field(default=False, validator=instance_of(bool))
    id: str = attrs.field(default="", eq=False)

    def content(self) -> bytes:
        """The bytes of the record."""
        fields = attrs.asdict(self, recurse=False) | {
            "format": FORMAT,
            "moved": list(self.moved),
            "text": pieces_text(self.text),
        }
        del fields["id"]
        return framed(json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode())

    @classmethod
    def parse(cls, generation: str, content: bytes) -> Self:
        """The generation with this id and record.

        Raises:
            Corrupt: the record is damaged, another's, or of a newer format.
        """
        if generation_id(content) != generation:
            raise Corrupt(
                f"the record of generation {generation} is damaged",
                SEE_FAULTS,
            )
        try:
            fields = json.loads(unframed(content, _MAX_TEXT))
            version = fields.pop("format")
            if type(version) is int and version > FORMAT:
                raise Corrupt(
                    f"generation {generation} has format {version}, this version knows {FORMAT}",
                    "Upgrade oaio-storage.",
                )
            return cls(
                text=tuple(parse_pieces(fields.pop("text"))),
                moved=_names(fields.pop("moved")),
                id=generation,
                **fields,
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
            raise Corrupt(f"the record of generation {generation} can't be understood") from err


def generation_id(content: bytes) -> str:
    """The id of the generation with this record; it covers parent, transaction and all content."""
    return short_digest(content)


def _names(moved: object) -> tuple[str, ...]:
    names = tuple(moved) if isinstance(moved, list) else ()
    if not all(isinstance(name, str) and BLOB.fullmatch(name) for name in names):
        raise ValueError("no names of blobs")
    return names
