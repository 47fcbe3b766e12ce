"""T20 and T21: every damage is found and named, and mended from elsewhere; formats are told apart."""

from collections import Counter
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from counts import COUNTS
from trees.places import Device, another, fill, memory, noise, on_disk

from oaio_storage.errors import Corrupt, ForeignPublisher, InvalidName, NotFound, OaioError
from oaio_storage.testing import Crash, Fault, Faults, MemoryApi
from oaio_storage.trees import attempt, checkout_target, generation, packing
from oaio_storage.trees.collecting import collect
from oaio_storage.trees.head import Head
from oaio_storage.trees.repairing import repair
from oaio_storage.trees.sealed import sealed
from oaio_storage.trees.store import TreeStore
from oaio_storage.trees.verifying import Fault as Found
from oaio_storage.trees.verifying import verify
from oaio_storage_local import LocalApi

FILES = {f"{number % 5}/{number}": noise(3_000 + number, number) for number in range(200)}
LARGE = {"large": noise(3 << 20)}


@pytest.fixture(scope="module")
def damaged_often(tmp_path_factory: pytest.TempPathFactory) -> Device:
    """A tree of several generations, packs and chunks of manifests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "PACK", 1 << 18)
        patch.setattr(packing, "FRAME", 1 << 15)
        patch.setattr(attempt, "INLINE", 1 << 10)
        patch.setattr(attempt, "DIRECT", 1 << 8)
        device = Device(tmp_path_factory.mktemp("device"), memory())
        device.commit(FILES)
        device.commit(FILES | LARGE)
        for number in range(20):
            device.commit(FILES | LARGE | {f"edit {one}": b"%d" % one for one in range(number + 1)})
        device.store.pin("label", device.store.history()[0].generation)
        collect(device.store, last=3, young=timedelta(-1))
    assert device.stored("moved")
    assert verify(device.store).faults == ()
    return device


class TestT20:
    """Each missing, short, long, altered, swapped and foreign blob is named; repair brings contents back."""

    @pytest.mark.parametrize("kind", ["packs", "generations", "moved", "head", "format"])
    def test_planted_damages_are_found_and_named(self, damaged_often: Device, kind: str) -> None:
        """F9, P19: all of them, and nothing else."""
        host = damaged_often.inner
        assert isinstance(host, MemoryApi)
        dice, met = Random(kind), Counter[str]()
        paths = sorted(path for path in host.store.files if path.startswith(f".oaio/trees/site/{kind}"))
        for _ in range(max(COUNTS.damages // 5, 6)):
            copy = another(host)
            what, expected = _damage(copy, dice, paths)
            met[what] += 1
            try:
                found = verify(TreeStore(copy, "site")).faults
            except Corrupt:
                assert kind == "format"  # a newer one, as it seems
                continue
            assert {fault.path for fault in found} == {path.removeprefix(".oaio/") for path in expected}, what
            if kind == "packs":
                assert {fault.what for fault in found} <= {what, "swapped"} or what == "swapped"
        assert len(met) > 2

    def test_foreign_files_are_named(self, damaged_often: Device) -> None:
        copy = another(damaged_often.inner)  # type: ignore[arg-type]  # in memory
        for path in ("packs/notes.txt", "something", "generations/x", "head/x"):
            with suppress(OaioError):
                copy.state.write(f"trees/site/{path}", b"mine")
        named = {"trees/site/packs/notes.txt", "trees/site/something", "trees/site/generations/x"}
        found = set(verify(TreeStore(copy, "site"), "structure").faults)
        assert found == {Found(path, "foreign") for path in named}

    def test_structure_reads_no_contents(self, device: Device) -> None:
        device.commit(FILES)
        device.asked()
        found = verify(device.store, "structure")
        assert found.bytes == 0
        (path, *_) = device.stored()
        size = device.inner.state.stat(path).size
        device.inner.state.write(path, bytes(size - 1))
        assert Found(path, "short") in verify(device.store, "structure").faults

    def test_a_sample_finds_what_it_reads(self, device: Device) -> None:
        device.commit(FILES)
        for path in device.stored():
            size = device.inner.state.stat(path).size
            device.inner.state.write(path, bytes(size))
        assert verify(device.store, "sample", dice=Random(0)).faults

    def test_garbage_is_no_fault(self, device: Device) -> None:
        device.commit(FILES)
        device.faults = Faults({7: Fault.CRASH_BEFORE})
        with suppress(Crash):
            device.commit(FILES | LARGE)
        device.faults = Faults()
        assert verify(device.store).faults == ()

    @pytest.mark.parametrize("source", ["host", "folder"])
    @pytest.mark.parametrize("how", ["missing", "altered"])
    def test_contents_come_back(self, device: Device, tmp_path: Path, how: str, source: str) -> None:
        """F10."""
        device.commit(FILES | LARGE)
        text = {piece.place.pack for piece in device.store.generation().text}
        copy = another(device.inner)  # type: ignore[arg-type]  # in memory
        damaged = [
            path for path in device.stored() if source == "host" or path.rpartition("/")[2] not in text
        ]
        assert damaged
        for path in damaged:
            if how == "missing":
                device.inner.state.delete(path)
            else:
                device.inner.state.write(path, b"r" + bytes(device.inner.state.stat(path).size - 1))
        with pytest.raises(Corrupt):
            device.seen()
        fill(tmp_path / "files", FILES | LARGE)
        theirs = TreeStore(copy, "site") if source == "host" else tmp_path / "files"
        done = repair(device.store, theirs)
        assert done.chunks
        assert done.left.faults == ()
        assert device.seen() == FILES | LARGE
        assert repair(device.store, theirs).chunks == 0
        device.commit(FILES | LARGE | {"new": b"new"})
        collect(device.store, young=timedelta(-1))
        assert verify(device.store).faults == ()
        assert device.seen() == FILES | LARGE | {"new": b"new"}

    def test_records_come_back_from_a_host_that_has_them(self, device: Device) -> None:
        first = device.commit(FILES).switch.generation
        device.commit(FILES | LARGE)
        copy = another(device.inner)  # type: ignore[arg-type]  # in memory
        for path in device.stored("generations"):
            device.inner.state.delete(path)
        device.inner.state.delete("trees/site/format")
        done = repair(device.store, TreeStore(copy, "site"))
        assert first in done.records
        assert done.left.faults == ()
        assert device.seen(first) == FILES

    def test_what_nobody_has_stays_lost_and_is_told(self, device: Device, tmp_path: Path) -> None:
        device.commit({"a": noise(5_000), "b": noise(5_000, 1)})
        (path,) = device.stored()
        device.inner.state.delete(path)
        fill(tmp_path / "files", {"somewhere": noise(5_000)})
        done = repair(device.store, tmp_path / "files")
        assert done.chunks == 1
        assert done.left.faults == (Found(path, "missing"),)
        store = TreeStore(device.inner, "site")
        files = {file.path: file for file in store.files()}
        assert b"".join(store.content(files["a"])) == noise(5_000)

    def test_a_repair_that_stops_anywhere_does_no_harm(self, tmp_path: Path) -> None:
        for k in range(1, 200):
            device = Device(tmp_path / f"{k}", memory())
            device.commit({"a": noise(5_000), "b": b"b"})
            (path,) = device.stored()
            device.inner.state.write(path, b"")
            device.faults = Faults({k: Fault.CRASH_BEFORE})
            try:
                repair(device.store, device.folder)
            except Crash:
                device.faults = Faults()
                assert repair(device.store, device.folder).left.faults == ()
                assert device.seen() == {"a": noise(5_000), "b": b"b"}
            else:
                assert k > 10
                break


class TestT21:
    """A newer format is refused with its version named; an older one stays readable."""

    @pytest.mark.parametrize("what", ["format", "generation", "head"])
    def test_a_newer_one_is_refused(self, device: Device, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
        if what == "format":
            device.commit({"a": b"a"})
            device.inner.state.write("trees/site/format", b"2\n")
            with pytest.raises(Corrupt, match="format 2"):
                device.store.check_format()
        elif what == "generation":
            with monkeypatch.context() as patch:
                patch.setattr(generation, "FORMAT", 2)
                device.commit({"a": b"a"})
            with pytest.raises(Corrupt, match="format 2"):
                device.seen()
        else:
            device.commit({"a": b"a"})
            text = device.inner.state.read("trees/site/head").decode().replace('"format":1', '"format":2')
            body = text.rpartition("digest ")[0]
            device.inner.state.write("trees/site/head", sealed(body).encode())
            with pytest.raises(Corrupt, match="format 2"):
                device.seen()
        with pytest.raises(Corrupt, match="format 2"):
            verify(device.store)

    def test_the_file_holds_the_version_alone(self, device: Device) -> None:
        device.commit({"a": b"a"})
        assert device.inner.state.read("trees/site/format") == b"1\n"

    def test_the_first_release_stays_readable(self) -> None:
        """What was stored once, byte for byte; never to be changed."""
        content = b"r" + GOLDEN
        made = generation.generation_id(content)
        read = generation.Generation.parse(made, content)
        assert (read.sequence, read.files, read.size) == (1, 1, 7)
        assert read.inline.endswith(":0:8:0\n")

    def test_the_verdict_on_a_root_is_stored_once(self, tmp_path: Path) -> None:
        host = LocalApi(str(tmp_path / "root"))
        host.create_root()
        device = Device(tmp_path, host)
        device.commit({"a": b"a"})
        assert (tmp_path / "root/.oaio/probe.json").exists()
        device.asked()
        device.commit({"a": b"b"})
        assert not [path for _, path in device.asked() if "probe" in path]

    def test_a_tree_in_another_layout_is_told_apart(self, device: Device) -> None:
        device.commit({"a": b"a"})
        text = device.inner.state.read("trees/site/head").decode().replace("generations", "swapped")
        device.inner.state.write("trees/site/head", sealed(text.rpartition("digest ")[0]).encode())
        with pytest.raises(ForeignPublisher, match="swapped"):
            device.commit({"a": b"b"})


class TestBadInput:
    """Clear errors, nothing half done."""

    @pytest.mark.parametrize("name", ["", "a/b", "..", ".", "a\0", "x" * 300, ".oaio/x", "a\\b"])
    def test_tree_names(self, name: str) -> None:
        with pytest.raises(InvalidName):
            TreeStore(memory(), name)

    def test_a_head_that_names_what_is_not_there(self, device: Device) -> None:
        device.commit({"a": b"a"})
        device.inner.state.delete(device.stored("generations")[0])
        with pytest.raises(Corrupt, match="missing"):
            device.seen()
        assert [fault.what for fault in verify(device.store).faults] == ["missing"]

    def test_nothing_there_at_all(self, device: Device, tmp_path: Path) -> None:
        store = device.store
        asks = (store.live, store.generation, store.filesystem, lambda: verify(store), lambda: store.pin("x"))
        for ask in asks:
            with pytest.raises(NotFound):
                ask()
        assert store.history() == store.kept() == ()
        with pytest.raises(NotFound):
            repair(store, tmp_path)

    @pytest.mark.parametrize("text", [b"", b"{}", b"\xff", b"x" * 100])
    def test_a_head_that_is_none(self, device: Device, text: bytes) -> None:
        device.commit({"a": b"a"})
        device.inner.state.write("trees/site/head", text)
        with pytest.raises(Corrupt):
            device.commit({"a": b"b"})
        assert [fault.path for fault in verify(device.store).faults] == ["trees/site/head"]

    def test_ids_in_a_head_are_ids(self) -> None:
        head = Head(nonce="n", plans=("../../x",))
        with pytest.raises(OaioError):
            Head.parse(head.text().encode())

    def test_a_full_host(self, tmp_path: Path) -> None:
        """P17: what was live stays, and a repetition goes on."""
        for k in range(3, 6):
            device = Device(tmp_path / f"{k}", memory())
            device.commit({"a": b"a"})
            device.faults = Faults(from_on=(k, Fault.QUOTA))
            with pytest.raises(OaioError):
                device.commit({"a": b"b"})
            device.faults = Faults()
            assert device.seen() == {"a": b"a"}
            device.commit()
            assert device.seen() == {"a": b"b"}

    def test_a_full_disk_for_a_checkout(self, device: Device, tmp_path: Path) -> None:
        device.commit(LARGE)
        with pytest.MonkeyPatch.context() as patch:

            def full(*_: object) -> None:
                raise OSError(28, "No space left on device")

            patch.setattr(checkout_target, "_write_all", full)
            with pytest.raises(OaioError):
                device.check_out(tmp_path / "out")
        assert not (tmp_path / "out").exists()
        device.check_out(tmp_path / "out")
        assert on_disk(tmp_path / "out") == LARGE


GOLDEN = (
    b'{"digest":"b8a1f2f56cae11f8fd1dfa4ec3dd5fbe8b7e5d55de0ea47f5b7de6a8b3bb9a23","files":1,"format":1,'
    b'"inline":"ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73 7 - a\\t0\\t'
    b'0123456789abcdef0123456789abcdef-00000000-8-bd4ad2d0f3cdc7aa8dc4c0b1a32d5d8d:0:8:0\\n","is_list":false,'
    b'"moved":[],"nonce":"00000000000000000000000000000000","parent":"","sequence":1,"size":7,"text":"",'
    b'"transaction":"0123456789abcdef0123456789abcdef"}'
)


def _damage(host: MemoryApi, dice: Random, paths: list[str]) -> tuple[str, set[str]]:
    """Damage one or two files; how, and which."""
    path = dice.choice(paths)
    content, number = host.store.files[path]
    what = dice.choice(["missing", "short", "long", "altered", "swapped"])
    others = [one for one in paths if host.store.files[one][0] != content]
    if what == "swapped" and not others:
        what = "altered"
    if what == "missing":
        del host.store.files[path]
    elif what == "short":
        host.store.files[path] = content[: dice.randrange(len(content))], number
    elif what == "long":
        host.store.files[path] = content + dice.randbytes(dice.randrange(1, 9)), number
    elif what == "altered":
        at = dice.randrange(len(content))
        changed = bytes([content[at] ^ dice.randrange(1, 256)])
        host.store.files[path] = content[:at] + changed + content[at + 1 :], number
    else:
        other = dice.choice(others)
        host.store.files[path], host.store.files[other] = host.store.files[other], host.store.files[path]
        return what, {path, other}
    return what, {path}
