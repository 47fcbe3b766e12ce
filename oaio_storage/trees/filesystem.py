"""A generation as a read-only fsspec file system."""

import io
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from fsspec import AbstractFileSystem

from oaio_storage.errors import NotFound, NotGuaranteed
from oaio_storage.hosts.streams import Positioned
from oaio_storage.manifest import Manifest
from oaio_storage.trees.lines import StoredFile
from oaio_storage.trees.store import TreeStore

_BUFFER = 1 << 16


class GenerationFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec ships no type hints
    """One generation of a tree; every byte is verified before it is handed out.

    Reading a part of a file costs one request for each frame that the part lies in. Nothing can be written.

    Args:
        store: the tree.
        generation: the id; empty: what is live now, and stays the one that is read.

    Raises:
        NotFound: there is no such generation, or it is not kept any more.
    """

    protocol = "oaio-tree"
    cachable = False
    root_marker = ""

    def __init__(self, store: TreeStore, generation: str = "") -> None:
        super().__init__()
        self.store = store
        self.generation = store.generation(generation)
        self._files = {file.path: file for file in store.files(self.generation.id)}
        self._folders: dict[str, set[str]] = {"": set()}
        for path in self._files:
            self._add(path)

    @property
    def manifest(self) -> Manifest:
        """The files of the generation."""
        return Manifest({path: file.entry for path, file in self._files.items()})

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:  # noqa: ANN401, FBT001, FBT002 - fsspec's
        """What is in a folder, or the file itself; as dictionaries, or as names.

        Raises:
            NotFound: there is neither.
        """
        path = self._strip_protocol(path)
        inside = [self.info(path)] if path in self._files else list(self._inside(path))
        return inside if detail else [one["name"] for one in inside]

    def info(self, path: str, **_: Any) -> dict[str, Any]:  # noqa: ANN401 - fsspec's
        """Name, type, size and checksum of a file or folder.

        Raises:
            NotFound: there is neither.
        """
        path = self._strip_protocol(path)
        file = self._files.get(path)
        if file is not None:
            return {
                "name": path,
                "type": "file",
                "size": file.entry.size,
                "sha256": file.entry.checksum,
                "mtime": file.entry.mtime / 1e9,
            }
        if path in self._folders:
            return {"name": path, "type": "directory", "size": 0}
        raise NotFound(f"{self.store.name!r} has no {path!r} in generation {self.generation.id}")

    def _open(self, path: str, mode: str = "rb", **_: Any) -> BinaryIO:  # noqa: ANN401 - fsspec's
        if mode != "rb":
            raise NotGuaranteed("a generation is never changed", "Commit a new one.")
        path = self._strip_protocol(path)
        if path not in self._files:
            self.info(path)
            raise IsADirectoryError(path)
        return cast("BinaryIO", io.BufferedReader(_File(self.store, self._files[path]), _BUFFER))

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:  # noqa: ANN401 - same
        """The bytes ``start`` to ``end`` of a file, as a slice would give them."""
        with self._open(path) as file:
            size = self.info(path)["size"]
            begin, stop, _step = slice(start, end).indices(size)
            file.seek(begin)
            return file.read(max(0, stop - begin))

    def created(self, path: str) -> None:
        """Not known."""

    def _inside(self, folder: str) -> Iterator[dict[str, Any]]:
        if folder not in self._folders:
            self.info(folder)
        for name in sorted(self._folders[folder]):
            yield self.info(f"{folder}/{name}" if folder else name)

    def _add(self, path: str) -> None:
        while True:
            folder, _, name = path.rpartition("/")
            is_known = folder in self._folders
            self._folders.setdefault(folder, set()).add(name)
            if is_known:
                return
            path = folder


class _File(Positioned):
    """One file, read chunk by chunk."""

    def __init__(self, store: TreeStore, file: StoredFile) -> None:
        super().__init__(file.entry.size)
        self._store = store
        self._pieces = list(store.pieces(file))
        self._at, self._begin, self._chunk = -1, 0, b""

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a writable buffer, as in io.RawIOBase
        """Fill ``buffer`` from one chunk; 0 at the end."""
        if self._position >= self._size:
            return 0
        self._find()
        part = self._chunk[self._position - self._begin :][: len(buffer)]
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)

    def _find(self) -> None:
        """Have the chunk at the position at hand."""
        begin = 0
        for number, piece in enumerate(self._pieces):
            if begin <= self._position < begin + piece.size:
                if number != self._at:
                    self._at, self._begin, self._chunk = number, begin, self._store.chunks.read(piece)
                return
            begin += piece.size
