"""The cache of checksums: reliability, M13 and C1; it may cost time, never the truth."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from counts import COUNTS

from oaio_storage.hash_cache import RESOLUTION, HashCache, Hashed
from oaio_storage.scan import scan

DAY = 86_400_000_000_000


def later() -> int:
    """A clock on which all files made now are old enough to be recognised."""
    return time.time_ns() + DAY


def hashed(path: Path, moment: int) -> Hashed:
    return Hashed(path.stat(), sha256(path.read_bytes()).hexdigest(), moment)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for n in range(20):
        (root / f"{n % 3}").mkdir(parents=True, exist_ok=True)
        (root / f"{n % 3}/{n}").write_bytes(b"%02d" % n * (n + 1))
    (root / "large").write_bytes(b"L" * (2 << 20))
    return root


@pytest.fixture
def lying(tree: Path, tmp_path: Path) -> HashCache:
    """A cache that says ``f...f`` of every file of the tree, so that it shows where it is believed."""
    cache = HashCache(tmp_path / "cache", now=later)
    cache.remember(Hashed(path.stat(), "f" * 64, later()) for path in tree.rglob("*") if path.is_file())
    return cache


def believed(root: Path, cache: HashCache) -> set[str]:
    return {path for path, entry in scan(root, cache=cache).manifest.items() if entry.checksum == "f" * 64}


class TestRecall:
    """What was hashed is recognised while nothing changed, and only then."""

    def test_a_second_scan_reads_nothing(self, tree: Path, lying: HashCache) -> None:
        assert believed(tree, lying) == scan(tree).manifest.keys()

    def test_scans_with_and_without_a_cache_agree(self, tree: Path, tmp_path: Path) -> None:
        cache = HashCache(tmp_path / "cache", now=later)
        plain = scan(tree).manifest
        for _ in range(3):
            assert scan(tree, cache=cache).manifest == plain
        stats = [path.stat() for path in sorted(tree.rglob("*")) if path.is_file()]
        assert None not in cache.recall(stats)

    @pytest.mark.parametrize("change", ["content", "same size", "same time", "replaced", "renamed over"])
    def test_a_changed_file_is_read_again(self, tree: Path, lying: HashCache, change: str) -> None:
        file = tree / "1/7"
        before = file.stat()
        match change:
            case "content":
                file.write_bytes(b"longer than it was")
            case "same size":
                file.write_bytes(b"x" * before.st_size)
            case "same time":
                file.write_bytes(b"x" * before.st_size)
                os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
            case "replaced":
                file.unlink()
                file.write_bytes(b"x" * before.st_size)
            case _:
                (tree / "1/10").replace(file)
        assert "1/7" not in believed(tree, lying)
        assert scan(tree, cache=lying).manifest["1/7"].checksum == sha256(file.read_bytes()).hexdigest()

    def test_the_cache_outlives_its_process(self, tree: Path, tmp_path: Path) -> None:
        path = tmp_path / "cache"
        with HashCache(path, now=later) as cache:
            scan(tree, cache=cache)
        program = (
            "import sys, pathlib; from oaio_storage.hash_cache import HashCache\n"
            "print(HashCache(pathlib.Path(sys.argv[1])).recall([pathlib.Path(sys.argv[2]).stat()])[0])"
        )
        command = [sys.executable, "-c", program, str(path), str(tree / "large")]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert told.strip() == sha256(b"L" * (2 << 20)).hexdigest()


class TestRacyFiles:
    """M13: a change within the clock's resolution of the hashing is never hidden."""

    def test_fresh_files_are_not_remembered(self, tree: Path, tmp_path: Path) -> None:
        cache = HashCache(tmp_path / "cache")
        scan(tree, cache=cache)
        assert set(cache.recall([path.stat() for path in tree.rglob("*") if path.is_file()])) == {None}

    @pytest.mark.parametrize(
        ("age", "kept"), [(0, False), (RESOLUTION - 1, False), (RESOLUTION, True), (DAY, True)]
    )
    def test_age_decides(self, tree: Path, tmp_path: Path, age: int, kept: bool) -> None:  # noqa: FBT001 - a table
        cache, file = HashCache(tmp_path / "cache"), tree / "1/7"
        newest = max(file.stat().st_mtime_ns, file.stat().st_ctime_ns)
        cache.remember([hashed(file, newest + age)])
        assert (cache.recall([file.stat()]) != [None]) == kept

    @pytest.mark.parametrize("offset", [DAY, -DAY])
    def test_neither_an_old_nor_a_future_mtime_helps_a_young_ctime(
        self, tree: Path, tmp_path: Path, offset: int
    ) -> None:
        cache, file = HashCache(tmp_path / "cache"), tree / "1/7"
        os.utime(file, ns=(0, time.time_ns() + offset))
        cache.remember([hashed(file, time.time_ns())])
        assert cache.recall([file.stat()]) == [None]

    def test_edits_at_equal_size_and_time_are_all_seen(self, tree: Path, tmp_path: Path) -> None:
        """The racy case itself: write, scan, write again within one tick, again and again."""
        cache, file = HashCache(tmp_path / "cache"), tree / "1/7"
        for turn in range(200):
            file.write_bytes(b"%08d" % turn)
            assert scan(tree, only=["1/7"], cache=cache).manifest["1/7"].checksum == hashed(file, 0).checksum
            file.write_bytes(b"%08d" % (turn + 1000))
            assert scan(tree, only=["1/7"], cache=cache).manifest["1/7"].checksum == hashed(file, 0).checksum


class TestDamage:
    """C1: damage is recognised, set aside, and costs time only."""

    def contents(self, tree: Path, path: Path) -> bytes:
        with HashCache(path, now=later) as cache:
            scan(tree, cache=cache)
        return path.read_bytes()

    def assert_harmless(self, tree: Path, path: Path) -> None:
        plain = scan(tree).manifest
        for _ in range(2):
            with HashCache(path, now=later) as cache:
                assert scan(tree, cache=cache).manifest == plain

    def test_cut_at_many_places(self, tree: Path, tmp_path: Path) -> None:
        path = tmp_path / "cache"
        content = self.contents(tree, path)
        for end in [0, 1, 15, 16, 99, 100, *range(200, len(content), 997), len(content) - 1]:
            path.write_bytes(content[:end])
            self.assert_harmless(tree, path)

    def test_changed_bytes(self, tree: Path, tmp_path: Path) -> None:
        path, random = tmp_path / "cache", Random(11)
        content = self.contents(tree, path)
        for _ in range(COUNTS.examples):
            changed = bytearray(content)
            for place in random.choices(range(len(content)), k=random.choice([1, 1, 20])):
                changed[place] ^= random.randrange(1, 256)
            path.write_bytes(changed)
            self.assert_harmless(tree, path)

    def test_a_damaged_file_is_set_aside_and_a_new_one_serves(self, tree: Path, tmp_path: Path) -> None:
        path = tmp_path / "cache"
        path.write_bytes(b"no database at all" * 100)
        self.assert_harmless(tree, path)
        assert (tmp_path / "cache.damaged").read_bytes().startswith(b"no database")
        with HashCache(path) as cache:
            assert cache.recall([(tree / "large").stat()]) == [sha256(b"L" * (2 << 20)).hexdigest()]

    def test_a_changed_entry_is_passed_over(self, tree: Path, lying: HashCache) -> None:
        lying.close()
        connection = sqlite3.connect(lying.path)
        with connection:
            connection.execute("UPDATE hashed SET checksum = ?", ("e" * 64,))
        connection.close()
        assert scan(tree, cache=lying).manifest == scan(tree).manifest

    def test_another_format_is_set_aside(self, tree: Path, lying: HashCache) -> None:
        lying.close()
        connection = sqlite3.connect(lying.path)
        connection.execute("PRAGMA user_version = 99")
        connection.close()
        assert scan(tree, cache=lying).manifest == scan(tree).manifest
        assert lying.path.with_name("cache.damaged").exists()

    def test_another_schema_is_set_aside(self, tree: Path, tmp_path: Path) -> None:
        connection = sqlite3.connect(tmp_path / "cache")
        connection.execute("CREATE TABLE hashed (other TEXT)")
        connection.close()
        self.assert_harmless(tree, tmp_path / "cache")
        with HashCache(tmp_path / "cache") as cache:
            assert cache.recall([(tree / "large").stat()]) != [None]

    @pytest.mark.parametrize("place", ["missing/cache", "folder", "nul\0"])
    def test_a_place_where_no_file_can_be(self, tree: Path, tmp_path: Path, place: str) -> None:
        (tmp_path / "folder").mkdir()
        self.assert_harmless(tree, tmp_path / place)
        assert (tmp_path / "folder").is_dir()


class TestSharing:
    """Several threads and processes use one file."""

    def test_threads(self, tree: Path, tmp_path: Path) -> None:
        cache, plain = HashCache(tmp_path / "cache", now=later), scan(tree).manifest
        seen = []
        threads = [
            threading.Thread(target=lambda: seen.append(scan(tree, cache=cache).manifest)) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == [plain] * 8

    def test_two_caches_at_once(self, tree: Path, tmp_path: Path) -> None:
        one, other = (HashCache(tmp_path / "cache", now=later) for _ in range(2))
        scan(tree, cache=one)
        assert other.recall([(tree / "large").stat()]) != [None]
        other.remember([hashed(tree / "large", later())])
        assert one.recall([(tree / "large").stat()]) == other.recall([(tree / "large").stat()])
        assert not (tmp_path / "cache.damaged").exists()

    def test_after_a_fork(self, tree: Path, lying: HashCache) -> None:
        count = len(believed(tree, lying))
        child = os.fork()
        if child == 0:
            os._exit(0 if len(believed(tree, lying)) == count else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert len(believed(tree, lying)) == count
