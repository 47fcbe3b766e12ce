"""Taking in the contents of files, each read once: cut, hashed, and stored where the base has it not (T1)."""

import io
import os
from collections.abc import Callable, Mapping
from hashlib import sha256
from threading import Lock

import attrs

from oaio_storage.trees.base import Base
from oaio_storage.trees.chunking import WHOLE, cut
from oaio_storage.trees.lines import LISTED
from oaio_storage.trees.packing import Piece, Place, pieces_text
from oaio_storage.trees.sending import Sender, place_of

_DIGEST, _SIZE = 32, 4


class _Counted:
    """So many bytes of an open file, as a stream that also hashes them."""

    def __init__(self, file: int, size: int) -> None:
        self.left, self.digest = size, sha256()
        self._file = file

    def readinto(self, buffer: memoryview) -> int:
        count = os.readv(self._file, [buffer[: self.left]]) if self.left else 0
        self.digest.update(buffer[:count])
        self.left -= count
        return count


@attrs.define
class Intake:
    """The contents of a commit. Safe for use by many threads.

    Attributes:
        base: what need not be stored.
        sender: stores the rest.
    """

    base: Base
    sender: Sender
    _recipes: dict[str, bytes] = attrs.field(factory=dict, init=False)
    _lock: Lock = attrs.field(factory=Lock, init=False)

    def take(self, file: int, size: int) -> str:
        """Take in the first ``size`` bytes of an open file; their SHA-256, empty if there are fewer.

        What a file held while somebody wrote to it is stored for nothing, and does no harm.
        """
        return self._take_whole(file, size) if size <= WHOLE else self._take_cut(file, size)

    @property
    def recipes(self) -> Mapping[str, bytes]:
        """What is known of contents that were cut, by checksum: for :meth:`recall`, by another process."""
        return self._recipes

    def recall(self, recipes: Mapping[str, bytes]) -> None:
        """Take note of contents that another process took in; their chunks are known to the sender."""
        self._recipes.update(recipes)

    def knows(self, checksum: str) -> bool:
        """Whether the content with this checksum was taken in, or is in the base, or is empty."""
        return (
            checksum in self._recipes or self.sender.has(checksum) or self.base.content(checksum) is not None
        )

    def content(self, checksum: str, size: int) -> str:
        """What a line says of where a content lies; its chunks have to have their places.

        A long list is stored itself, so that the sender has to be flushed before it is asked for again.

        Raises:
            InvalidArgument: it was never taken in.
        """
        known = self.base.content(checksum)
        if known is not None or not size:
            return known or ""
        if size <= WHOLE:
            return place_of(checksum, self.sender.places).text()
        pieces = self._pieces(checksum)
        if len(pieces) <= LISTED:
            return pieces_text(pieces)
        return "@" + pieces_text(self._listed(pieces_text(pieces).encode()))

    def store_lists(self) -> None:
        """Store the long lists of chunks of all contents that were taken in."""
        for checksum, recipe in self._recipes.items():
            if len(recipe) > LISTED * (_DIGEST + _SIZE) and self.base.content(checksum) is None:
                self._cut_list(pieces_text(self._pieces(checksum)).encode(), self.sender.add)

    def _take_whole(self, file: int, size: int) -> str:
        content = os.read(file, size) if size else b""
        while len(content) < size and (more := os.read(file, size - len(content))):
            content += more
        if len(content) < size:
            return ""
        digest = sha256(content).hexdigest()
        if content and not self.knows(digest):
            self.sender.add(digest, content)
        return digest

    def _take_cut(self, file: int, size: int) -> str:
        stream, recipe = _Counted(file, size), bytearray()
        for chunk in cut(stream):
            digest = sha256(chunk)
            recipe += digest.digest() + len(chunk).to_bytes(_SIZE, "big")
            name = digest.hexdigest()
            if self.base.place(name) is None and not self.sender.has(name):
                self.sender.add(name, bytes(chunk))
        if stream.left:
            return ""
        checksum = stream.digest.hexdigest()
        with self._lock:
            self._recipes[checksum] = bytes(recipe)
        return checksum

    def _pieces(self, checksum: str) -> list[Piece]:
        recipe, width = self._recipes.get(checksum, b""), _DIGEST + _SIZE
        pieces = []
        for begin in range(0, len(recipe), width):
            digest = recipe[begin : begin + _DIGEST].hex()
            size = int.from_bytes(recipe[begin + _DIGEST : begin + width], "big")
            pieces.append(Piece(digest, size, self._place(digest)))
        return pieces

    def _place(self, digest: str) -> Place:
        return place_of(digest, self.sender.places, self.base.place)

    def _listed(self, text: bytes) -> list[Piece]:
        found: list[Piece] = []
        self._cut_list(text, lambda digest, part: found.append(Piece(digest, len(part), self._place(digest))))
        return found

    @staticmethod
    def _cut_list(text: bytes, use: Callable[[str, bytes], object]) -> None:
        for part in cut(io.BytesIO(text)) if len(text) > WHOLE else (text,):
            use(sha256(part).hexdigest(), bytes(part))
