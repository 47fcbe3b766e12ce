"""Scanning real folders: present, absent and unknown; reliability, M1 and M12."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oaio_storage.errors import (
    InvalidArgument,
    InvalidName,
    NotFound,
    RootOverlap,
    RootUnavailable,
    SourceChanged,
)
from oaio_storage.manifest import FileEntry, Manifest
from oaio_storage.names import OBJECT_ROOM
from oaio_storage.progress import Progress
from oaio_storage.scan import Scan, check_apart, hash_file, root_identity, scan

LARGE = 3 << 20


def fill(root: Path, files: dict[str, bytes]) -> Path:
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return root


def _open_files() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


def entry_of(content: bytes, *, executable: bool | None = False) -> FileEntry:
    return FileEntry(len(content), sha256(content).hexdigest(), executable)


def manifest_of(files: dict[str, bytes]) -> Manifest:
    return Manifest({path: entry_of(content) for path, content in files.items()})


FILES = {
    "a.txt": b"a",
    "empty": b"",
    "sub/b.txt": b"b" * 4096,
    "sub/deep/er/c": b"c",
    ".hidden": b"h",
    ".folder/.d": b"d",
    "[1] *?{x}/ü e\u0301 \u2028.txt": b"odd",
    "large": b"L" * LARGE,
    "sub/large too": b"M" * (LARGE + 1),
}


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    """The file system's permissions count, also where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own are closed to others."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


class TestPresent:
    """Every regular file is found, at every level."""

    def test_all_files_with_size_checksum_bit_and_time(self, tmp_path: Path) -> None:
        fill(tmp_path, FILES)
        (tmp_path / "a.txt").chmod(0o755)
        os.utime(tmp_path / "a.txt", ns=(0, 1_234_567_890_123_456_789))
        (tmp_path / "no files in it").mkdir()
        found = scan(tmp_path)
        expected = manifest_of(FILES)
        assert found.manifest == Manifest({**expected, "a.txt": entry_of(b"a", executable=True)})
        assert found.manifest["a.txt"].mtime == 1_234_567_890_123_456_789
        assert found.unknown == {}

    def test_the_root_may_be_reached_through_a_link(self, tmp_path: Path) -> None:
        fill(tmp_path / "real", FILES)
        (tmp_path / "link").symlink_to("real")
        assert scan(tmp_path / "link").manifest == manifest_of(FILES)

    @pytest.mark.parametrize("name", ["[1]", "*", "a b", "?", "{usr}", "~", "-o"])
    def test_odd_names_of_the_root_are_literal(self, tmp_path: Path, name: str) -> None:
        fill(tmp_path / name, {"x": b"1"})
        fill(tmp_path / "1", {"y": b"2"})
        assert list(scan(tmp_path / name).manifest) == ["x"]

    def test_deep_folders(self, tmp_path: Path) -> None:
        deep = "/".join(["d"] * 400) + "/x"
        folder = os.open(tmp_path, os.O_RDONLY)
        for part in deep.split("/")[:-1]:
            os.mkdir(part, dir_fd=folder)
            inner = os.open(part, os.O_RDONLY, dir_fd=folder)
            os.close(folder)
            folder = inner
        os.close(os.open("x", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
        os.close(folder)
        assert list(scan(tmp_path).manifest) == [deep]

    def test_a_scan_leaves_no_file_open(self, tmp_path: Path) -> None:
        fill(tmp_path, FILES)
        scan(tmp_path)
        before = _open_files()
        scan(tmp_path)
        scan(tmp_path, only=FILES)
        assert _open_files() == before

    def test_progress_ends_with_the_total(self, tmp_path: Path) -> None:
        fill(tmp_path, {f"{n % 7}/{n}": b"" for n in range(600)})
        told: list[Progress] = []
        scan(tmp_path, report=told.append)
        assert [event.done for event in told] == [256, 512, 600]
        assert told[-1] == Progress("scan", 600, 600, "files")

    def test_two_folders_of_equal_files_have_equal_digests(self, tmp_path: Path) -> None:
        fill(tmp_path / "one", FILES)
        fill(tmp_path / "two", dict(reversed(FILES.items())))
        assert scan(tmp_path / "one").manifest.digest() == scan(tmp_path / "two").manifest.digest()


class TestUnknown:
    """What can't be told is unknown, with the reason; it never counts as removed."""

    def test_what_is_no_file(self, tmp_path: Path) -> None:
        fill(tmp_path, {"x": b"1", "d/y": b"2"})
        (tmp_path / "link").symlink_to("x")
        (tmp_path / "folder link").symlink_to("d")
        (tmp_path / "dangling").symlink_to("nowhere")
        (tmp_path / "outside").symlink_to("/etc")
        os.mkfifo(tmp_path / "d/pipe")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(tmp_path / "sock"))
            found = scan(tmp_path)
        assert list(found.manifest) == ["d/y", "x"]
        assert found.unknown == {
            "dangling": "a symbolic link",
            "d/pipe": "a pipe",
            "folder link": "a symbolic link",
            "link": "a symbolic link",
            "outside": "a symbolic link",
            "sock": "a socket",
        }

    def test_names_that_hosts_can_not_hold(self, tmp_path: Path) -> None:
        fill(
            tmp_path,
            {"x": b"1", "CON": b"2", "a\nb": b"3", "trailing./x": b"4", ".oaio/root.json": b"5", "C:x": b"6"},
        )
        (tmp_path / os.fsdecode(b"\xff\xfe")).touch()
        found = scan(tmp_path)
        assert list(found.manifest) == ["x"]
        assert set(found.unknown) == {"CON", "a\nb", "trailing.", ".oaio", "C:x", "\udcff\udcfe"}
        assert "UTF-8" in found.unknown["\udcff\udcfe"]

    def test_names_that_clash(self, tmp_path: Path) -> None:
        fill(tmp_path, {"x": b"1", "é": b"2", "e\u0301": b"3"})
        fill(tmp_path, {"A": b"4"})
        if (tmp_path / "a").exists() or len(list(tmp_path.iterdir())) != 4:
            pytest.skip("this file system takes these names for one")
        fill(tmp_path, {"a/b": b"5"})
        found = scan(tmp_path)
        assert list(found.manifest) == ["x"]
        assert set(found.unknown) == {"A", "a/b", "é", "e\u0301"}

    def test_paths_that_leave_no_room(self, tmp_path: Path) -> None:
        long = "/".join(["d" * 200] * 4)
        fill(tmp_path, {long: b"1"})
        assert list(scan(tmp_path).manifest) == [long]
        assert list(scan(tmp_path, room=OBJECT_ROOM).unknown) == [long]

    def test_unreadable_files_and_folders(self, open_folder: Path) -> None:
        fill(open_folder, {"x": b"1", "secret": b"2", "closed/y": b"3", "large": b"4" * LARGE})
        for name in ("secret", "closed", "large"):
            (open_folder / name).chmod(0)
        with as_ordinary_user():
            found = scan(open_folder)
            with pytest.raises(RootUnavailable, match="not readable"):
                hash_file(open_folder / "secret")
            with pytest.raises(RootUnavailable, match="not readable"):
                scan(open_folder / "closed")
        (open_folder / "closed").chmod(0o700)
        assert list(found.manifest) == ["x"]
        assert found.unknown == dict.fromkeys(["closed", "large", "secret"], "not readable")
        base = manifest_of({"x": b"1", "closed/y": b"3", "secret": b"2", "large": b"0", "gone": b"5"})
        assert list(found.changes(base).remove) == ["gone"]


class TestOnly:
    """Just some paths are looked at."""

    def test_present_absent_and_unknown(self, tmp_path: Path) -> None:
        fill(tmp_path, FILES)
        (tmp_path / "link").symlink_to("a.txt")
        (tmp_path / "inner").symlink_to("sub")
        paths = [
            "a.txt",
            "sub/deep/er/c",
            "gone",
            "no/folder",
            "sub",
            "link",
            "inner/b.txt",
            "a.txt/x",
            "large",
        ]
        found = scan(tmp_path, only=paths)
        assert list(found.manifest) == ["a.txt", "large", "sub/deep/er/c"]
        assert set(found.unknown) == {"sub", "link", "inner/b.txt", "a.txt/x"}
        assert not found.is_unknown("gone")
        assert not found.is_unknown("no/folder")
        assert found.is_unknown("sub/b.txt")

    def test_what_was_not_looked_at_is_kept(self, tmp_path: Path) -> None:
        fill(tmp_path, {"a": b"1"})
        changes = scan(tmp_path, only=["a", "gone"]).changes(
            manifest_of({"a": b"0", "b": b"2", "gone": b"3"})
        )
        assert (list(changes.update), list(changes.keep), list(changes.remove)) == (["a"], ["b"], ["gone"])

    @pytest.mark.parametrize("path", ["", "../x", "/etc/passwd", "a\0", "a//b", "\udcff"])
    def test_bad_paths_are_refused(self, tmp_path: Path, path: str) -> None:
        with pytest.raises(InvalidName):
            scan(tmp_path, only=[path])


class TestRoot:
    """A root that is not there is an error, never an empty folder."""

    @pytest.mark.parametrize("name", ["missing", "file", "file/x", "dangling", "nul\0"])
    def test_no_folder(self, tmp_path: Path, name: str) -> None:
        fill(tmp_path, {"file": b"1"})
        (tmp_path / "dangling").symlink_to("missing")
        with pytest.raises(RootUnavailable) as caught:
            scan(tmp_path / name)
        assert caught.value.hint

    def test_exchanged_while_it_is_scanned(self, tmp_path: Path) -> None:
        fill(tmp_path / "root", {f"{n}": b"" for n in range(300)})

        def exchange(_: Progress) -> None:
            if not (tmp_path / "old").exists():
                (tmp_path / "root").rename(tmp_path / "old")
                (tmp_path / "root").mkdir()

        with pytest.raises(RootUnavailable, match="exchanged"):
            scan(tmp_path / "root", report=exchange)
        assert scan(tmp_path / "root").manifest == Manifest()

    def test_identity_tells_folders_apart(self, tmp_path: Path) -> None:
        (tmp_path / "one").mkdir()
        (tmp_path / "two").mkdir()
        (tmp_path / "link").symlink_to("one")
        assert root_identity(tmp_path / "one") == root_identity(tmp_path / "link")
        assert root_identity(tmp_path / "one") != root_identity(tmp_path / "two")
        with pytest.raises(RootUnavailable):
            root_identity(tmp_path / "three")

    def test_apart(self, tmp_path: Path) -> None:
        for name in ("a/b/c", "ab", "d"):
            (tmp_path / name).mkdir(parents=True)
        (tmp_path / "link").symlink_to("a/b")
        check_apart(tmp_path / "a", tmp_path / "ab", tmp_path / "d", tmp_path / "new/er")
        check_apart(tmp_path / "new", tmp_path / "newer")
        for one, other in [
            ("a", "a"), ("a", "a/b"), ("a/b/c", "a"), ("a", "link"), ("link/c", "a/b"), ("a", "a/new"),
            ("new", "new/x"), ("a", "d/../a/b"), ("a/./b", "a/b"), (".", "a"), ("/", "a"),
        ]:  # fmt: skip
            with pytest.raises(RootOverlap):
                check_apart(tmp_path / one, tmp_path / "d" / "x", tmp_path / other)
            with pytest.raises(RootOverlap):
                check_apart(tmp_path / other, tmp_path / one)


class TestChangingFiles:
    """M12: what was hashed is what was there, or the scan says so."""

    def test_a_file_that_is_written_to_all_the_time(self, tmp_path: Path) -> None:
        fill(tmp_path, {"busy": b"x" * (64 << 20), "calm": b"1"})
        with self.writing(tmp_path / "busy"):
            with pytest.raises(SourceChanged, match="busy"):
                scan(tmp_path)
            with pytest.raises(SourceChanged, match="busy"):
                hash_file(tmp_path / "busy")
        assert scan(tmp_path).manifest["busy"].checksum == hash_file(tmp_path / "busy").checksum

    @contextmanager
    def writing(self, path: Path) -> Iterator[None]:
        program = (
            "import os, sys\n"
            "file = os.open(sys.argv[1], os.O_WRONLY)\n"
            "print('writing', flush=True)\n"
            "while True: os.pwrite(file, os.urandom(8), 0)"
        )
        command = [sys.executable, "-c", program, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout
            assert writer.stdout.readline()
            try:
                yield
            finally:
                writer.kill()

    def test_a_link_put_in_place_of_a_folder_is_not_followed(self, tmp_path: Path) -> None:
        """One thread exchanges a folder for a link to a secret; no scan ever reads through it."""
        fill(tmp_path / "root", {"d/x": b"mine", "e/x": b"mine"})
        fill(tmp_path / "secret", {"x": b"secret"})
        (tmp_path / "link").symlink_to(tmp_path / "secret")
        folder, link, aside = tmp_path / "root/d", tmp_path / "link", tmp_path / "aside"
        stop = threading.Event()

        def exchange() -> None:
            while not stop.is_set():
                folder.rename(aside)
                link.rename(folder)
                folder.rename(link)
                aside.rename(folder)

        attacker = threading.Thread(target=exchange)
        attacker.start()
        try:
            seen = [scan(tmp_path / "root") for _ in range(300)]
        finally:
            stop.set()
            attacker.join()
        assert {entry.checksum for found in seen for entry in found.manifest.values()} == {
            entry_of(b"mine").checksum
        }

    @pytest.mark.parametrize(
        ("name", "error"),
        [
            ("missing", NotFound),
            *((name, InvalidArgument) for name in ("d", "link", "pipe", "n\0")),
        ],
    )
    def test_hash_file_of_something_else(self, tmp_path: Path, name: str, error: type[Exception]) -> None:
        fill(tmp_path, {"d/x": b"1"})
        (tmp_path / "link").symlink_to("d/x")
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(error):
            hash_file(tmp_path / name)
        assert hash_file(tmp_path / "d/x") == entry_of(b"1")


class TestChanges:
    """What a scan means for the manifest that was known before."""

    def test_new_update_keep_remove(self, tmp_path: Path) -> None:
        fill(tmp_path, {"new": b"1", "changed": b"2", "same": b"3"})
        changes = scan(tmp_path).changes(manifest_of({"changed": b"0", "same": b"3", "gone": b"4"}))
        parts = changes.new, changes.update, changes.keep, changes.remove
        assert [list(part) for part in parts] == [["new"], ["changed"], ["same"], ["gone"]]

    def test_an_executable_bit_is_a_change_and_a_time_is_none(self, tmp_path: Path) -> None:
        fill(tmp_path, {"a": b"1", "b": b"2"})
        base = scan(tmp_path).manifest
        os.utime(tmp_path / "a", ns=(0, 0))
        assert scan(tmp_path).changes(base).is_empty
        (tmp_path / "b").chmod(0o755)
        assert list(scan(tmp_path).changes(base).update) == ["b"]

    def test_everything_below_an_unknown_folder_is_kept(self) -> None:
        base = manifest_of({"d/x": b"1", "d/e/y": b"2", "dx": b"3"})
        changes = Scan(Manifest(), {"d": "not readable"}).changes(base)
        assert (list(changes.keep), list(changes.remove)) == (["d/e/y", "d/x"], ["dx"])

    def test_what_this_system_can_not_tell_is_taken_from_the_base(self) -> None:
        content = entry_of(b"1").checksum
        base = Manifest({"a": FileEntry(1, content, executable=True, extra=",mode=755")})
        seen = Scan(Manifest({"a": FileEntry(1, content)}), {})
        assert seen.changes(base).is_empty
        edited = Scan(Manifest({"a": entry_of(b"new", executable=None)}), {})
        assert edited.changes(base).update == {"a": entry_of(b"new", executable=True)}

    def test_a_new_name_that_clashes_with_an_unknown_one_waits(self) -> None:
        base = manifest_of({"a": b"1", "b/c": b"2"})
        seen = Scan(
            manifest_of({"A": b"3", "b": b"4", "d": b"5"}), {"a": "a symbolic link", "b/c": "not readable"}
        )
        changes = seen.changes(base)
        assert (list(changes.new), list(changes.keep), list(changes.remove)) == (["d"], ["a", "b/c"], [])

    @given(st.data())
    def test_unknown_is_never_removed_and_present_is_never_lost(self, data: st.DataObject) -> None:
        names = st.sampled_from(["a", "A", "b", "b/c", "b/C", "d/e", "d/f", "é", "e\u0301"])
        contents = st.sampled_from([b"1", b"2"])
        base, found = (_clash_free(data.draw(st.dictionaries(names, contents))) for _ in range(2))
        unknown = data.draw(st.sets(names | st.just("d"))) - found.keys()
        seen = Scan(found, dict.fromkeys(unknown, "why"))
        changes = seen.changes(base)
        now = changes.apply(base)
        for path in base:
            if path not in found:
                assert (path in now) == seen.is_unknown(path)
        for path, entry in found.items():
            if path in base or not any(seen.is_unknown(other) for other in base):
                assert now[path] == entry


def _clash_free(files: dict[str, bytes]) -> Manifest:
    kept: dict[str, bytes] = {}
    for path, content in files.items():
        try:
            manifest_of(kept | {path: content})
        except InvalidArgument:
            continue
        kept[path] = content
    return manifest_of(kept)
