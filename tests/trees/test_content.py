"""T1 to T8: what is stored, under which names, and where it is found again."""

import io
import os
import time
from hashlib import sha256
from pathlib import Path
from threading import Lock

import attrs
import pytest
from counts import COUNTS
from hypothesis import example, given
from hypothesis import strategies as st
from trees.places import Device, memory, noise

from oaio_storage.errors import Corrupt, NotFound, OaioError
from oaio_storage.hosts import Expect, Stat
from oaio_storage.manifest import EMPTY_CHECKSUM, FileEntry
from oaio_storage.testing import MemoryApi
from oaio_storage.trees import attempt, carrying, intake, packing
from oaio_storage.trees.carrying import FEW, carried
from oaio_storage.trees.chunking import MAX_CHUNK, WHOLE, cut
from oaio_storage.trees.collecting import needed
from oaio_storage.trees.committing import commit
from oaio_storage.trees.composing import LineStream, text_chunks
from oaio_storage.trees.frames import MAX_INFLATED, framed, unframed
from oaio_storage.trees.generation import Generation, generation_id
from oaio_storage.trees.lines import all_pieces, canonical_line, parse_stored, stored_line
from oaio_storage.trees.moving import moved_content, parse_moved, parse_plan, plan_content
from oaio_storage.trees.packing import Packer, Piece, Place
from oaio_storage.trees.paths import blob_name, blob_size, is_blob
from oaio_storage.trees.reading import RANGE, grouped
from oaio_storage.trees.store import TreeStore

ID = "0123456789abcdef" * 2
PACK = blob_name(ID, "01234567", b"content")
PLACES = st.builds(Place, st.just(PACK), *[st.integers(0, 1 << 22)] * 3)
PIECES = st.builds(
    lambda content, place: Piece(sha256(content).hexdigest(), len(content), place),
    st.binary(min_size=1, max_size=8),
    PLACES,
)


@attrs.frozen(eq=False)
class Slow(MemoryApi):
    """Takes its time for packs.

    Attributes:
        under_way: how many were stored at the same time, after each change.
    """

    under_way: list[int] = attrs.field(factory=lambda: [0])
    _lock: Lock = attrs.field(factory=Lock)

    def _store(self, path: str, content: bytes, expect: Expect) -> Stat:
        if "/packs/" not in path:
            return super()._store(path, content, expect)
        with self._lock:
            self.under_way.append(self.under_way[-1] + 1)
        time.sleep(0.001)
        try:
            return super()._store(path, content, expect)
        finally:
            with self._lock:
                self.under_way.append(self.under_way[-1] - 1)


class TestT1:
    """A file above about 1 MiB is cut where its content says so; a smaller one is one chunk."""

    def test_chunks_are_the_content_and_bounded(self) -> None:
        content = noise(9 << 20)
        chunks = [bytes(chunk) for chunk in cut(io.BytesIO(content))]
        assert b"".join(chunks) == content
        assert len(chunks) > 5
        assert max(map(len, chunks)) <= MAX_CHUNK

    def test_the_cuts_are_part_of_the_format(self) -> None:
        """Other cuts would find nothing again of what is stored."""
        chunks = list(map(len, map(bytes, cut(io.BytesIO(noise(4 << 20, 3))))))
        assert chunks == [639031, 297318, 393540, 630843, 587518, 363507, 536818, 745729]

    def test_the_checksum_of_one_chunk_is_its_name(self, device: Device) -> None:
        device.commit({"a": b"content", "b": noise(WHOLE)})
        for file in device.store.files():
            assert [piece.digest for piece in file.pieces] == [file.entry.checksum]

    def test_an_insertion_sends_little(self, device: Device) -> None:
        content = noise(12 << 20)
        device.commit({"large": content})
        done = device.commit({"large": content[: 6 << 20] + noise(1 << 20, 9) + content[6 << 20 :]})
        assert done.sent < 5 << 20
        assert device.seen()["large"][6 << 20 : 7 << 20] == noise(1 << 20, 9)

    def test_a_file_is_read_once(self, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
        """Cut and hashed in one pass."""
        read = 0
        readv = os.readv

        def counting(*args: object) -> int:
            nonlocal read
            count = readv(*args)  # type: ignore[arg-type]  # as they came
            read += count
            return count

        monkeypatch.setattr(os, "readv", counting)
        device.commit({"large": noise(5 << 20)})
        assert read == 5 << 20


class TestT2:
    """Chunks lie in frames in packs; a ranged read costs one frame."""

    def test_every_chunk_is_where_its_place_says(self) -> None:
        packer = Packer()
        chunks = {
            sha256(content).hexdigest(): content
            for content in map(noise, [1, 9_000, 300_000, 70_000, 2_000_000])
        }
        for digest, content in chunks.items():
            packer.add(digest, content)
        packed = packer.packed(ID, "00000000")
        assert is_blob(packed.name, packed.content)
        for digest, content in chunks.items():
            place = packed.places[digest]
            frame = unframed(packed.content[place.offset : place.offset + place.length])
            assert frame[place.inside : place.inside + len(content)] == content

    def test_small_neighbours_share_a_frame_and_large_ones_do_not(self) -> None:
        packer = Packer()
        for number in range(100):
            packer.add(f"{number:064x}", noise(4_000, number))
        packer.add("f" * 64, noise(300_000))
        places = packer.packed(ID, "00000000").places
        assert len({place.offset for place in places.values()}) == 3
        assert places["f" * 64].inside == 0

    @given(st.binary(max_size=2_000), st.integers(1, 40))
    def test_a_frame_gives_back_its_content(self, content: bytes, times: int) -> None:
        assert unframed(framed(content * times)) == content * times

    def test_what_compresses_is_compressed_and_the_rest_is_not(self) -> None:
        assert len(framed(b"text " * 50_000)) < 1_000
        assert len(framed(noise(50_000))) == 50_001

    def test_a_declared_size_is_bounded_before_inflating(self) -> None:
        bomb = framed(bytes(MAX_INFLATED + 1))
        assert len(bomb) < 1_000
        with pytest.raises(Corrupt):
            unframed(bomb)

    @given(st.binary(max_size=200))
    @example(b"")
    @example(b"z")
    def test_what_is_no_frame_is_refused(self, content: bytes) -> None:
        try:
            unframed(content)
        except Corrupt:
            pass
        else:
            assert content[:1] in b"rz"

    @given(st.lists(PIECES, max_size=30))
    def test_ranges_cover_their_chunks_and_are_bounded(self, pieces: list[Piece]) -> None:
        groups = list(grouped(pieces))
        assert [piece for group in groups for piece in group.pieces] == pieces
        for group in groups:
            assert all(group.start <= p.place.offset for p in group.pieces)
            assert all(p.place.offset + p.place.length <= group.end for p in group.pieces)
            assert len(group.pieces) == 1 or group.end - group.start <= RANGE

    def test_at_most_three_packs_are_in_flight(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """So memory does not grow with files, nor with the speed of the disk beside that of the net."""
        monkeypatch.setattr(packing, "PACK", 1 << 16)
        slow = Slow(memory().store)
        Device(tmp_path, slow).commit({f"{number}": noise(40_000, number) for number in range(60)})
        assert 1 < max(slow.under_way) <= 3


class TestT3:
    """The manifest is stored as sorted lines, cut and packed like a file; a generation names its chunks."""

    @given(st.integers(0, 1 << 62), PIECES)
    def test_a_line_gives_back_what_it_was_made_of(self, mtime: int, piece: Piece) -> None:
        entry = FileEntry(piece.size, piece.digest, executable=True, mtime=mtime)
        line = stored_line(canonical_line("a b/ü", entry), mtime, piece.place.text())
        found = parse_stored(line)
        assert (found.path, found.entry, found.entry.mtime, found.pieces) == ("a b/ü", entry, mtime, (piece,))
        assert all_pieces(line) == [piece]

    @given(st.text(max_size=200))
    @example("\t\t\n")
    @example(f"{EMPTY_CHECKSUM} 0 - a\t0\tx\n")
    @example(f"{'1' * 64} 5 - a\t0\t{PACK}:0:0\n")
    @example(f"{'1' * 64} 5 - a\tNaN\t{PACK}:0:1:0\n")
    @example(f"{'1' * 64} 5 - ../a\t0\t{PACK}:0:99999999999:0\n")
    def test_what_is_no_line_is_refused(self, line: str) -> None:
        with pytest.raises(Corrupt):
            parse_stored(line)

    @given(st.lists(st.text(st.characters(codec="utf-8"), max_size=50), max_size=50))
    def test_lines_are_streamed_unchanged(self, lines: list[str]) -> None:
        lines = [f"{line}\n" for line in lines]
        encoded = "".join(lines).encode()
        assert io.BufferedReader(LineStream(lines)).read() == encoded
        assert b"".join(content for _, content in text_chunks(lines)) == encoded

    def test_few_changed_lines_change_few_chunks(self) -> None:
        lines = [f"{sha256(b'%d' % number).hexdigest()} {number}\n" for number in range(20_000)]
        before = dict(text_chunks(lines))
        lines[10_000] = "changed\n"
        after = dict(text_chunks(lines))
        assert 0 < len(after.keys() - before.keys()) <= 3

    def test_a_small_manifest_stands_in_the_record(self, device: Device) -> None:
        device.commit({"a": b"a"})
        assert len(device.stored()) == 1
        assert device.store.generation().inline

    def test_a_long_list_of_chunks_is_cut_once_more(
        self, device: Device, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(attempt, "DIRECT", 1 << 8)
        files = {f"{number % 9}/file with a longer name {number}": b"%d" % number for number in range(1_500)}
        device.commit(files)
        record = device.store.generation()
        assert record.is_list
        assert device.seen() == files
        files["3/file with a longer name 3"] = b"changed"
        assert device.commit(files).sent < 30_000
        assert device.seen() == files

    def test_the_list_of_a_large_file_is_a_chunk(
        self, device: Device, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(intake, "LISTED", 4)
        content = noise(9 << 20)
        device.commit({"large": content})
        (file,) = device.store.files()
        assert len(file.listed) == 1
        assert len(list(device.store.pieces(file))) > 4
        changed = content[:100] + b"x" + content[101:]
        assert device.commit({"large": changed}).sent < 5 << 20
        assert device.seen() == {"large": changed}

    def test_a_record_gives_back_the_generation(self, device: Device) -> None:
        device.commit({"a": b"a"})
        record = device.store.generation()
        assert Generation.parse(record.id, record.content()) == record
        with pytest.raises(Corrupt):
            Generation.parse("0" * 32, record.content())

    def test_new_places_are_never_written_into_lines(self, device: Device) -> None:
        for number in range(2 * FEW + 4):
            device.commit({f"{one}": b"%d" % one for one in range(number + 1)})
        assert device.stored("moved")
        lines = list(device.store.fetched_lines(device.store.generation()))
        assert len({piece.place.pack for line in lines for piece in all_pieces(line)}) == 2 * FEW + 4


class TestT4:
    """Identity is path, size, checksum and executable bit; times stand outside of it."""

    def test_times_alone_make_no_generation(self, device: Device) -> None:
        device.commit({"a": b"a"})
        os.utime(device.folder / "a", (1, 1))
        assert not device.commit().is_new

    def test_the_digest_is_that_of_the_manifest(self, device: Device) -> None:
        done = device.commit({"a": b"a", "b/c": noise(3 << 20), "e": b""})
        assert done.switch.digest == device.store.manifest().digest()

    @pytest.mark.parametrize("change", ["content", "name", "bit"])
    def test_everything_else_makes_one(self, device: Device, change: str) -> None:
        device.commit({"a": b"a"})
        if change == "bit":
            (device.folder / "a").chmod(0o755)
            assert device.commit().is_new
        else:
            assert device.commit({"a": b"b"} if change == "content" else {"b": b"a"}).is_new

    def test_times_are_kept_as_attributes(self, device: Device, tmp_path: Path) -> None:
        (device.folder).mkdir()
        (device.folder / "a").write_bytes(b"a")
        os.utime(device.folder / "a", ns=(1, 1_234_567_890_123_456_789))
        device.commit()
        device.check_out(tmp_path / "out")
        assert (tmp_path / "out" / "a").stat().st_mtime_ns == 1_234_567_890_123_456_789


class TestT5:
    """No chunk is shared between trees, so that existence never leaks."""

    def test_equal_content_is_stored_for_each_tree(self, device: Device) -> None:
        device.commit({"a": noise(10_000)})
        other = TreeStore(device.inner, "other")
        assert commit(other, device.folder).sent > 10_000
        for tree in ("site", "other"):
            assert len(list(device.inner.state.list(f"trees/{tree}/packs"))) == 1


class TestT6:
    """A name that was deleted is never written again."""

    def test_equal_commits_have_different_names(self, tmp_path: Path) -> None:
        names = set[str]()
        for number in range(3):
            device = Device(tmp_path / f"{number}", memory())
            done = device.commit({"a": b"a"})
            names |= {*device.stored(), done.switch.generation}
        assert len(names) == 6

    def test_going_back_to_old_content_is_a_new_generation(self, device: Device) -> None:
        first = device.commit({"a": b"1"})
        device.commit({"a": b"2"})
        again = device.commit({"a": b"1"})
        assert again.switch.digest == first.switch.digest
        assert again.switch.generation != first.switch.generation

    def test_names_tell_transaction_size_and_digest(self) -> None:
        name = blob_name(ID, "00000000", b"content")
        assert name.startswith(ID)
        assert blob_size(name) == 7
        assert is_blob(name, b"content")
        assert not is_blob(name, b"kontent")
        assert generation_id(b"content") in name


class TestT7:
    """A place is a hint, the digest is the truth."""

    @pytest.mark.parametrize("how", ["missing", "damaged", "another"])
    def test_what_was_moved_is_found(self, device: Device, how: str) -> None:
        device.commit({"a": b"content"})
        store = device.store
        (file,) = store.files()
        piece = file.pieces[0]
        packer = Packer()
        packer.add(piece.digest, b"content")
        packed = packer.packed(ID, "00000000")
        device.inner.state.write(store.paths.pack(packed.name), packed.content)
        moved = moved_content(packed.places)
        device.inner.state.write(f"{store.paths.moved}/{blob_name(ID, '00000001', moved)}", moved)
        path = store.paths.pack(piece.place.pack)
        if how == "missing":
            device.inner.state.delete(path)
        else:
            device.inner.state.write(path, b"rsomething else" if how == "another" else b"")
        assert device.seen() == {"a": b"content"}

    def test_what_was_not_is_told(self, device: Device) -> None:
        device.commit({"a": b"content"})
        device.inner.state.delete(device.stored()[0])
        with pytest.raises(Corrupt, match="missing or damaged"):
            device.seen()

    def test_a_reader_asks_again_where_things_were_moved(self, device: Device) -> None:
        """One that asked before, and finds that a pack went away since."""
        device.commit({"a": b"content"})
        store = device.store
        (file,) = store.files()
        assert store.chunks.moved() == {}
        self.test_what_was_moved_is_found(device, "missing")
        assert b"".join(store.content(file)) == b"content"

    @given(st.dictionaries(st.integers(0, 99).map("{:064x}".format), PLACES))
    def test_new_places_are_read_as_they_were_written(self, places: dict[str, Place]) -> None:
        assert parse_moved(moved_content(places)) == places

    @given(st.lists(st.sampled_from(["trees/site/packs/x", "trees/site/gc/y"]), unique=True))
    def test_plans_are_read_as_they_were_written(self, paths: list[str]) -> None:
        assert parse_plan(plan_content(paths)) == sorted(paths)
        with pytest.raises(Corrupt):
            parse_moved(plan_content(paths))


class TestT8:
    """A commit carries along live chunks of small and half-dead packs, so that they stay few."""

    def test_many_small_edits_leave_few_packs_to_read(self, device: Device, tmp_path: Path) -> None:
        files: dict[str, bytes] = {}
        carried_bytes = 0
        for number in range(3 * FEW):
            files[f"file {number}"] = noise(100, number)
            carried_bytes += device.commit(files).carried
        assert carried_bytes
        fresh = Device(tmp_path, device.inner, "fresh")
        fresh.check_out()
        assert fresh.seen() == files
        moved = fresh.store.chunks.moved()
        now = {moved[p.digest][-1].pack if p.digest in moved else p.place.pack for p in _pieces(device)}
        assert len(now) <= FEW + 2

    def test_nothing_is_carried_as_long_as_few_are_poor(self, device: Device) -> None:
        for number in range(FEW):
            assert not device.commit({f"{one}": b"%d" % one for one in range(number + 1)}).carried

    def test_nothing_is_carried_when_nothing_changed(self, device: Device) -> None:
        for number in range(FEW + 1):
            device.commit({f"{one}": b"%d" % one for one in range(number + 1)})
        assert device.commit().sent == 0

    def test_what_was_carried_once_is_not_carried_again(self) -> None:
        names = [blob_name(f"{number:032x}", "00000000", b"x") for number in range(FEW + 2)]
        pieces = [Piece(f"{number:064x}", 1, Place(name, 0, 1, 0)) for number, name in enumerate(names)]
        once = carried(lambda: pieces, {}, frozenset())
        assert len(once) == FEW + 2
        new = blob_name("f" * 32, "00000000", b"x")
        moved = {piece.digest: Place(new, 0, 1, 0) for piece in once}
        assert carried(lambda: pieces, moved, frozenset()) == []

    def test_packs_of_as_many_tiny_chunks_as_fit_are_left_alone(
        self, device: Device, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They are small in bytes, and would be so again, with each commit."""
        for module in (packing, carrying):
            monkeypatch.setattr(module, "MOST_CHUNKS", 8)
        files = {f"{number:03}": b"%d" % number for number in range(8 * (FEW + 2))}
        device.commit(files)
        assert len(device.stored()) > FEW
        done = device.commit(files | {"new": b"new"})
        assert not done.carried
        assert done.sent < 50_000

    def test_a_pack_is_kept_until_its_chunks_are_known_to_lie_elsewhere(self) -> None:
        piece = Piece("0" * 64, 1, Place("old", 0, 1, 0))
        moved = {"blob": {piece.digest: Place("new", 0, 1, 0)}}
        assert needed([piece], {"new"}, moved) == {"blob", "new"}
        assert needed([piece], set(), moved) == {"old", "blob", "new"}
        assert needed([piece], set(), {}) == {"old"}
        twice = {"older": {piece.digest: Place("other", 0, 1, 0)}, **moved}
        assert needed([piece], {"new", "other"}, twice) == {"blob", "new"}


def _pieces(device: Device) -> list[Piece]:
    store = TreeStore(device.inner, "site")
    return list(store.all_pieces(store.generation()))


@pytest.mark.parametrize("kind", ["packs", "generations", "moved", "head", "format"])
def test_any_changed_byte_is_found_or_does_no_harm(device: Device, kind: str) -> None:
    """M15, F1: a reader gets what was committed, or an error of ours; never other bytes."""
    for number in range(FEW + 3):
        device.commit({f"{one}": noise(60, one) for one in range(number + 1)})
    files = device.seen()
    held = dict(device.inner.store.files)  # type: ignore[attr-defined]  # a host in memory
    paths = [path for path in held if path.startswith(f".oaio/trees/site/{kind}")]
    assert paths
    found = 0
    for number in range(COUNTS.byte_changes // 100):
        path = paths[number % len(paths)]
        content = bytearray(held[path][0])
        content[number * 7919 % len(content)] ^= 1 << number % 8
        device.inner.store.files[path] = bytes(content), held[path][1] + number  # type: ignore[attr-defined]
        try:
            assert device.seen() == files
        except (OaioError, NotFound):
            found += 1
        device.inner.store.files[path] = held[path]  # type: ignore[attr-defined]
    assert found or kind in ("format", "moved", "packs")
