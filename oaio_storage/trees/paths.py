"""Where everything of one tree lies in the state folder of its host, and what it is called; pure.

``trees/NAME/`` holds::

    format                  the version of the format, nothing else
    head                    which generation is live, the log, and what is being removed
    log/<nonce>             older parts of the log
    generations/<id>        the record of one generation
    packs/<name>            chunks of contents and of manifests
    moved/<name>            new places of chunks
    gc/<id>                 names that a collection drops
"""

import re
from hashlib import sha256

import attrs

from oaio_storage.errors import Corrupt, InvalidName
from oaio_storage.names import shown, why_refused
from oaio_storage.trees.hints import SEE_GENERATIONS

ID = re.compile(r"[0-9a-f]{32}")
"""Of a generation, transaction, nonce or plan."""

BLOB = re.compile(r"([0-9a-f]{32})-([0-9a-f]{8})-([0-9a-f]{1,8})-([0-9a-f]{32})")
"""Of a pack or of new places: transaction, nonce, bytes, and the beginning of the SHA-256."""

_OTHER_NAME = "Use one short name without /, such as site."
MAX_NAME_BYTES = 200
"""Of a tree's name, in UTF-8: below it stand files with names of their own."""


def check_tree_name(tree: object) -> None:
    """Do nothing if ``tree`` can be the name of a tree.

    Raises:
        InvalidName: it is no name of one part that every host can hold.
    """
    if not isinstance(tree, str) or "/" in tree or len(tree.encode(errors="replace")) > MAX_NAME_BYTES:
        raise InvalidName(f"not the name of a tree: {shown(str(tree))}", _OTHER_NAME)
    if reason := why_refused(tree):
        raise InvalidName(f"not the name of a tree: {shown(tree)} ({reason})", _OTHER_NAME)


@attrs.frozen
class Paths:
    """The paths of one tree, relative to the state folder.

    Raises:
        InvalidName: ``tree`` is no name of one part that every host can hold.
    """

    tree: str = attrs.field(validator=lambda _self, _field, value: check_tree_name(value))

    @property
    def folder(self) -> str:
        """All of it."""
        return f"trees/{self.tree}"

    @property
    def format(self) -> str:
        """The file with the version of the format."""
        return f"{self.folder}/format"

    @property
    def head(self) -> str:
        """The file that says which generation is live."""
        return f"{self.folder}/head"

    @property
    def moved(self) -> str:
        """The folder with new places of chunks."""
        return f"{self.folder}/moved"

    @property
    def packs(self) -> str:
        """The folder of all packs."""
        return f"{self.folder}/packs"

    @property
    def generations(self) -> str:
        """The folder of all generations."""
        return f"{self.folder}/generations"

    def log(self, nonce: str) -> str:
        """The file with an older part of the log."""
        return f"{self.folder}/log/{nonce}"

    def generation(self, generation: str) -> str:
        """The file with a generation."""
        return f"{self.generations}/{checked_id(generation)}"

    def pack(self, name: str) -> str:
        """The file of a pack."""
        return f"{self.packs}/{name}"

    def plan(self, plan: str) -> str:
        """The file with the names that a collection drops."""
        return f"{self.folder}/gc/{checked_id(plan)}"

    def known(self, path: str) -> bool:
        """Whether ``path`` is one that a tree of this format may have."""
        kind, _, name = path.removeprefix(f"{self.folder}/").partition("/")
        if kind in ("format", "head"):
            return not name
        if kind in ("packs", "moved"):
            return BLOB.fullmatch(name) is not None
        return kind in ("generations", "gc", "log") and ID.fullmatch(name) is not None


def checked_id(text: str) -> str:
    """``text``, if it is an id.

    Raises:
        InvalidName: it is not.
    """
    if not isinstance(text, str) or not ID.fullmatch(text):
        raise InvalidName(f"not an id of 32 hexadecimal digits: {str(text)[:80]!r}", SEE_GENERATIONS)
    return text


def short_digest(content: bytes) -> str:
    """The beginning of the SHA-256, as names have it: 32 hexadecimal digits."""
    return sha256(content).hexdigest()[:32]


def blob_name(transaction: str, nonce: str, content: bytes) -> str:
    """The name of a pack, or of new places: never given twice, whatever the content (T6).

    Args:
        transaction: of the commit.
        nonce: 8 hexadecimal digits that are drawn anew for each blob.
        content: all of it.
    """
    return f"{transaction}-{nonce}-{len(content):x}-{short_digest(content)}"


def blob_size(name: str) -> int:
    """The bytes that a blob of this name has.

    Raises:
        Corrupt: it is no such name.
    """
    parts = BLOB.fullmatch(name)
    if not parts:
        raise Corrupt(f"not the name of a pack: {name[:200]!r}")
    return int(parts[3], 16)


def is_blob(name: str, content: bytes) -> bool:
    """Whether ``content`` is what a blob of this name holds."""
    parts = BLOB.fullmatch(name)
    return parts is not None and int(parts[3], 16) == len(content) and parts[4] == short_digest(content)
