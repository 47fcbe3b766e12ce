"""Bringing back what was lost of a tree, from another host that has it or from a folder (clause T20)."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import attrs

from oaio_storage.errors import Changed, Corrupt, NotFound
from oaio_storage.scan import scan
from oaio_storage.trees.base import Base
from oaio_storage.trees.generation import MAX_GENERATION_BYTES, Generation
from oaio_storage.trees.hints import PUBLISH
from oaio_storage.trees.intake import Intake
from oaio_storage.trees.moving import moved_content
from oaio_storage.trees.packing import Piece
from oaio_storage.trees.paths import blob_name
from oaio_storage.trees.sending import Sender
from oaio_storage.trees.store import TreeStore
from oaio_storage.trees.verifying import Verified, verify

_ROUNDS = 4
_ATTEMPTS = 20


@attrs.frozen
class Repaired:
    """What a repair did.

    Attributes:
        chunks: how many were brought back.
        records: the generations whose records were.
        sent: bytes that were stored.
        left: what is wrong still.
    """

    chunks: int
    records: tuple[str, ...]
    sent: int
    left: Verified


def repair(store: TreeStore, source: "TreeStore | Path | None" = None) -> Repaired:
    """Store what is missing or damaged anew, with new places; nothing that is whole is touched.

    A repeat is safe, and so is an interruption: what was brought back until then counts. Manifests and
    records of generations come only from another host that has the very same generations; contents from any.

    Args:
        store: the tree, whose head can be read.
        source: another host that has it, or a folder with files of any of its generations; None: what is
            whole still of damaged packs has to do.

    Raises:
        NotFound: nothing was committed under this name.
        Corrupt: the head is damaged.
        Changed: the head was changed by others again and again.
        RootUnavailable: the folder can't be read.
    """
    chunks, records, sent = 0, set[str](), 0
    found = verify(store)
    if any(fault.path == store.paths.format for fault in found.faults):
        store.host.state.delete(store.paths.format)
        store.write_format()
        found = verify(store)
    for _ in range(_ROUNDS):  # a manifest that is back tells of further chunks
        mended = set(_mend_records(store, source, found)) if isinstance(source, TreeStore) else set()
        count, size = _mend_chunks(store, source, found.lost)
        chunks, records, sent = chunks + count, records | mended, sent + size
        if not (mended or count):
            break
        store.chunks.reload()
        found = verify(store)
    return Repaired(chunks, tuple(sorted(records)), sent, found)


def _mend_records(store: TreeStore, source: TreeStore, found: Verified) -> Iterator[str]:
    for fault in found.faults:
        folder, _, generation = fault.path.rpartition("/")
        if folder == store.paths.generations and fault.what != "foreign":
            with suppress(NotFound, Corrupt):
                path = source.paths.generation(generation)
                content = source.host.state.read(path, 0, MAX_GENERATION_BYTES)
                Generation.parse(generation, content)
                store.host.state.write(fault.path, content)
                yield generation


def _mend_chunks(
    store: TreeStore, source: "TreeStore | Path | None", lost: Mapping[str, Piece]
) -> tuple[int, int]:
    """Store chunks that are lost, and where they lie now; how many, and how many bytes were stored."""
    if not lost:
        return 0, 0
    for _ in range(_ATTEMPTS):
        head, version = store.heads.read()
        if head is None:
            raise NotFound(f"nothing was published as {store.name!r}", PUBLISH)
        with _Mender(store.host.state, store.paths, store.ids(), store.ids, wanted=lost) as sender:
            for piece in lost.values():
                with suppress(Corrupt):  # most of a damaged pack is whole still
                    sender.add(piece.digest, store.chunks.read(piece))
            _take(sender, source)
            sender.wait()
            places = {digest: sender.places[digest] for digest in lost if digest in sender.places}
            if not places:
                return 0, 0
            content = moved_content(places)
            name = blob_name(sender.transaction, store.ids()[:8], content)
            sender.write(f"{store.paths.moved}/{name}", content)
        with suppress(Changed):  # a collection that began before may not have seen all of it
            store.heads.swap(attrs.evolve(head, nonce=store.ids()), version)
            return len(places), sender.sent
    raise Changed(f"the head of {store.name!r} was changed by others, again and again", "Try again.")


@attrs.define
class _Mender(Sender):
    """Stores chunks that are wanted, and no others."""

    wanted: Mapping[str, Piece] = attrs.field(factory=dict, kw_only=True)

    def add(self, digest: str, content: bytes) -> None:
        """Store a chunk, if it is wanted and was not added already."""
        if digest in self.wanted:
            super().add(digest, content)


def _take(sender: _Mender, source: "TreeStore | Path | None") -> None:
    if source is None:
        return
    if isinstance(source, Path):
        scan(source, digest=Intake(Base(), sender).take)
        return
    for piece in _pieces(source):
        if piece.digest in sender.wanted and not sender.has(piece.digest):
            with suppress(Corrupt):
                sender.add(piece.digest, source.chunks.read(piece))


def _pieces(source: TreeStore) -> Iterator[Piece]:
    """The chunks of all generations that the other host keeps, as far as they can be read."""
    for switch in reversed(source.kept()):
        with suppress(NotFound, Corrupt):
            yield from source.all_pieces(source.generation(switch.generation))
