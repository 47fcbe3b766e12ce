"""Reading chunks: neighbours in one request, several requests at a time, all of them verified (T2, T7)."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from threading import Lock

import attrs

from oaio_storage.errors import Corrupt, NotFound
from oaio_storage.hosts import CshApi
from oaio_storage.trees.frames import unframed
from oaio_storage.trees.hints import SEE_FAULTS
from oaio_storage.trees.moving import parse_moved
from oaio_storage.trees.packing import Piece, Place
from oaio_storage.trees.paths import BLOB, Paths, is_blob

RANGE = 1 << 22
"""Bytes that one request asks for at most, and bytes of contents that it brings."""

GAP = 1 << 17
"""Bytes between two frames that are rather read along than asked for apart."""

_AHEAD = 3
"""Requests under way while the answer of another is used."""


@attrs.frozen
class Group:
    """Chunks that one request brings.

    Attributes:
        pack: the pack they lie in.
        start: of the range in it.
        end: of the range, exclusive.
        pieces: the chunks, in the order they were asked for.
    """

    pack: str
    start: int
    end: int
    pieces: tuple[Piece, ...]


def grouped(pieces: Iterable[Piece]) -> Iterator[Group]:
    """The ranges to be asked for, in the order of the chunks; pure."""
    pack, start, end, size = "", 0, 0, 0
    inside: list[Piece] = []
    for piece in pieces:
        place = piece.place
        stop = place.offset + place.length
        fits = (
            place.pack == pack
            and start <= place.offset <= end + GAP
            and max(stop, end) - start <= RANGE
            and size + piece.size <= RANGE
        )
        if inside and not fits:
            yield Group(pack, start, end, tuple(inside))
            inside = []
        if not inside:
            pack, start, end, size = place.pack, place.offset, stop, 0
        end, size = max(end, stop), size + piece.size
        inside.append(piece)
    if inside:
        yield Group(pack, start, end, tuple(inside))


@attrs.define
class Chunks:
    """The chunks of one tree on its host. Safe for use by many threads.

    Attributes:
        state: the state folder of the host.
        paths: of the tree.
    """

    state: CshApi
    paths: Paths
    _missing: set[str] = attrs.field(factory=set, init=False)
    _moved: dict[str, list[Place]] | None = attrs.field(default=None, init=False)
    _lock: Lock = attrs.field(factory=Lock, init=False)

    def read(self, piece: Piece) -> bytes:
        """One chunk.

        Raises:
            Corrupt: it is damaged or missing, and was not moved anywhere.
        """
        return self._fetch(Group(piece.place.pack, *_frame(piece.place), (piece,)))[0]

    def read_all(self, pieces: Iterable[Piece]) -> Iterator[bytes]:
        """Many chunks, in the order given; a few requests ahead of who uses them, in bounded memory.

        Raises:
            Corrupt: one is damaged or missing, and was not moved anywhere; those before it were given.
        """
        under_way: deque[Future[list[bytes]]] = deque()
        groups = grouped(pieces)
        first, second = next(groups, None), next(groups, None)
        if first is None:
            return
        if second is None:  # most often; starts no threads
            yield from self._fetch(first)
            return
        pool = ThreadPoolExecutor(_AHEAD, thread_name_prefix="oaio-read")
        try:
            under_way += [pool.submit(self._fetch, group) for group in (first, second)]
            for group in groups:
                if len(under_way) >= _AHEAD:
                    yield from under_way.popleft().result()
                under_way.append(pool.submit(self._fetch, group))
            while under_way:
                yield from under_way.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def moved(self) -> dict[str, list[Place]]:
        """Digest -> all new places that are known for a chunk."""
        with self._lock:
            return self._load() if self._moved is None else self._moved

    def reload(self) -> None:
        """Find out what was moved since it was asked for last."""
        with self._lock:
            self._missing.clear()
            self._load()

    def _load(self) -> dict[str, list[Place]]:
        moved: dict[str, list[Place]] = {}
        for digest, place in self._all_moved():
            moved.setdefault(digest, []).append(place)
        self._moved = moved
        return moved

    def _all_moved(self) -> Iterator[tuple[str, Place]]:
        for name, content in moved_blobs(self.state, self.paths):
            if is_blob(name, content):  # else the packs that it names are as good as missing
                yield from parse_moved(content).items()

    def _fetch(self, group: Group) -> list[bytes]:
        content = b"" if group.pack in self._missing else self._range(group)
        frames: dict[int, bytes] = {}
        found = []
        for piece in group.pieces:
            place = piece.place
            if place.offset not in frames:
                begin = place.offset - group.start
                frames[place.offset] = _inflated(content[begin : begin + place.length])
            chunk = frames[place.offset][place.inside : place.inside + piece.size]
            found.append(chunk if is_chunk(piece, chunk) else self._elsewhere(piece))
        return found

    def _range(self, group: Group) -> bytes:
        try:
            return self.state.read(self.paths.pack(group.pack), group.start, group.end)
        except NotFound:
            self._missing.add(group.pack)
            return b""

    def _elsewhere(self, piece: Piece) -> bytes:
        was_asked = self._moved is not None
        chunk = self._from_moved(piece)
        if chunk is None and was_asked:
            self.reload()
            chunk = self._from_moved(piece)
        if chunk is None:
            raise Corrupt(
                f"a part of {self.paths.tree!r} is missing or damaged (pack {piece.place.pack})",
                SEE_FAULTS,
            )
        return chunk

    def _from_moved(self, piece: Piece) -> bytes | None:
        for place in self.moved().get(piece.digest, ()):
            try:
                frame = self.state.read(self.paths.pack(place.pack), *_frame(place))
            except NotFound:
                continue
            chunk = _inflated(frame)[place.inside : place.inside + piece.size]
            if is_chunk(piece, chunk):
                return chunk
        return None


def moved_blobs(state: CshApi, paths: Paths) -> Iterator[tuple[str, bytes]]:
    """Name and content of each blob with new places; those that vanish meanwhile are left out."""
    for seen in state.list(paths.moved):
        name = seen.path.rpartition("/")[2]
        if BLOB.fullmatch(name):
            try:
                yield name, state.read(seen.path)
            except NotFound:  # collected meanwhile
                continue


def _frame(place: Place) -> tuple[int, int]:
    return place.offset, place.offset + place.length


def _inflated(frame: bytes) -> bytes:
    """The content of a frame; empty if it is damaged."""
    try:
        return unframed(frame)
    except Corrupt:
        return b""


def is_chunk(piece: Piece, chunk: bytes) -> bool:
    """Whether these bytes are the chunk."""
    return len(chunk) == piece.size and sha256(chunk).hexdigest() == piece.digest
