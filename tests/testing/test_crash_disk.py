"""The disk that forgets: it behaves as a real one until the power is lost, then it forgets what it may."""

import errno
import fcntl
import os
import tempfile
from contextlib import suppress
from typing import Any

import attrs
import pytest
from counts import COUNTS
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from oaio_storage.testing.crash_disk import CrashDisk, Mode
from oaio_storage.testing.misbehaving import Crash
from oaio_storage_local.disk import Disk, SystemDisk

CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL
FOLDER = os.O_RDONLY | os.O_DIRECTORY
FILE = os.O_RDONLY | os.O_NOFOLLOW

NAMES = st.sampled_from(["a", "b", "c"])
PLACES = st.sampled_from(["", "a", "b"])
STEPS = st.one_of(
    st.tuples(st.just("create"), PLACES, NAMES, st.binary(max_size=5)),
    st.tuples(st.just("mkdir"), PLACES, NAMES),
    st.tuples(st.just("rmdir"), PLACES, NAMES),
    st.tuples(st.just("unlink"), PLACES, NAMES),
    st.tuples(st.just("rename"), PLACES, NAMES, NAMES),
    st.tuples(st.just("move"), PLACES, NAMES, PLACES, NAMES),
    st.tuples(st.just("readlink"), PLACES, NAMES),
    st.tuples(st.just("chmod"), PLACES, NAMES, st.sampled_from([0o700, 0o444])),
    st.tuples(st.just("exchange"), PLACES, NAMES, PLACES, NAMES),
    st.tuples(st.just("link"), PLACES, NAMES, PLACES, NAMES),
    st.tuples(st.just("symlink"), PLACES, NAMES, NAMES),
    st.tuples(st.just("append"), PLACES, NAMES, st.binary(max_size=5)),
    st.tuples(st.just("clone"), PLACES, NAMES, NAMES),
    st.tuples(st.just("open_folder"), PLACES, NAMES),
    st.tuples(st.just("create_in_removed"), NAMES),
    st.tuples(st.just("lock"), PLACES, st.sampled_from([fcntl.LOCK_SH, fcntl.LOCK_EX])),
    st.tuples(st.just("sync"), PLACES),
)


@attrs.define
class Hand:
    """Does steps on a disk, each by opening folders and files anew; answers what was seen, errors too."""

    disk: Disk
    root: str
    held: list[int] = attrs.field(factory=list)

    def do(self, step: str, *given: object) -> object:
        self.held = []
        try:
            return getattr(self, step)(*given)
        except OSError as err:
            return errno.errorcode[err.errno or 0]
        finally:
            for handle in self.held:
                self.disk.close(handle)

    def _open(self, name: str, flags: int, folder: int | None = None, mode: int = 0o644) -> int:
        self.held.append(self.disk.open(name, flags, mode, folder=folder))
        return self.held[-1]

    def _place(self, place: str) -> int:
        root = self._open(self.root, FOLDER)
        return self._open(place, FOLDER | os.O_NOFOLLOW, root) if place else root

    def create(self, place: str, name: str, content: bytes) -> object:
        file = self._open(name, CREATE, self._place(place), 0o444)
        return self.disk.write(file, content), self.disk.fstat(file).st_size

    def mkdir(self, place: str, name: str) -> None:
        self.disk.mkdir(name, folder=self._place(place))

    def rmdir(self, place: str, name: str) -> None:
        self.disk.rmdir(name, folder=self._place(place))

    def unlink(self, place: str, name: str) -> None:
        self.disk.unlink(name, folder=self._place(place))

    def rename(self, place: str, source: str, target: str) -> None:
        self.disk.rename(source, target, folder=self._place(place))

    def move(self, place: str, source: str, target_place: str, target: str) -> None:
        into_itself = target_place == source and not place
        onto_its_parent = place == target and not target_place
        if not (into_itself or onto_its_parent):  # the model does not look for those above
            self.disk.rename(
                source, target, folder=self._place(place), target_folder=self._place(target_place)
            )

    def readlink(self, place: str, name: str) -> str:
        return self.disk.readlink(name, folder=self._place(place))

    def chmod(self, place: str, name: str, mode: int) -> None:
        self.disk.chmod(self._open(name, FILE, self._place(place)), mode)

    def exchange(self, place_a: str, a: str, place_b: str, b: str) -> None:
        if not (place_a or place_b) or place_a == place_b:  # else one might lie in the other
            self.disk.exchange(self._place(place_a), a, self._place(place_b), b)

    def link(self, place: str, source: str, target_place: str, target: str) -> None:
        self.disk.link(
            source, target, source_folder=self._place(place), target_folder=self._place(target_place)
        )

    def symlink(self, place: str, target: str, name: str) -> None:
        self.disk.symlink(target, name, folder=self._place(place))

    def append(self, place: str, name: str, content: bytes) -> object:
        file = self._open(name, os.O_RDWR | os.O_NOFOLLOW, self._place(place))
        return self.disk.write(file, content)

    def clone(self, place: str, source: str, target: str) -> object:
        parent = self._place(place)
        original = self._open(source, FILE, parent)
        copied = self._open(target, CREATE, parent)
        return self.disk.copy_range(original, copied, 3, 1)

    def open_folder(self, place: str, name: str) -> object:
        return sorted(self.disk.names(self._open(name, FOLDER | os.O_NOFOLLOW, self._place(place))))

    def create_in_removed(self, name: str) -> None:
        parent = self._place("")
        self.disk.mkdir("removed", folder=parent)
        removed = self._open("removed", FOLDER, parent)
        self.disk.rmdir("removed", folder=parent)
        self._open(name, CREATE, removed)

    def lock(self, place: str, kind: int) -> object:
        first, second = self._place(place), self._place(place)
        self.disk.lock(first, kind | fcntl.LOCK_NB)
        self.disk.lock(self.disk.dup(first), kind | fcntl.LOCK_NB)
        with pytest.raises(BlockingIOError):
            self.disk.lock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.disk.lock(first, fcntl.LOCK_UN)
        self.disk.lock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return None

    def sync(self, place: str) -> None:
        self.disk.sync(self._place(place))

    def seen(self, place: str = "") -> object:
        """Everything: kinds, sizes, contents, numbers of names, and which names are one file."""
        return self.do("_seen", place)

    def _seen(self, place: str) -> object:
        found: dict[str, object] = {}
        inodes: dict[int, str] = {}
        parent = self._place(place)
        for name, what in sorted(self.disk.entries(parent).items()):
            same = inodes.setdefault(what.st_ino, name)
            assert os.path.samestat(what, self.disk.lstat(name, folder=parent))
            content: object = None
            with suppress(OSError):
                content = self.disk.read(self._open(name, FILE, parent), 100, 0)
            found[name] = same, what.st_mode, what.st_nlink, content
        return found


def on_system(root: str) -> Hand:
    return Hand(SystemDisk(), root)


def on_crash_disk(disk: CrashDisk) -> Hand:
    return Hand(disk, "/")


BEGINNING: list[tuple[Any, ...]] = [
    ("mkdir", "", "a"),
    ("mkdir", "a", "b"),
    ("create", "", "b", b"content"),
    ("link", "", "b", "", "c"),
    ("create", "a", "a", b"other"),
    ("symlink", "a", "a", "c"),
    ("mkdir", "", "d"),
    ("rename", "", "d", "a"),  # which is not empty
]


@settings(max_examples=COUNTS.machine_histories, phases=[*Phase][:-1])  # explaining takes minutes
@given(st.lists(STEPS, min_size=COUNTS.machine_steps, max_size=2 * COUNTS.machine_steps))
def test_it_behaves_as_the_disk_of_this_machine(steps: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        real, disk = on_system(folder), CrashDisk()
        for number, step in enumerate([*BEGINNING, *steps]):
            model = on_crash_disk(disk)
            assert model.do(*step) == real.do(*step), step
            for place in ("", "a", "b"):
                assert model.seen(place) == real.seen(place), step
            if number % 3 == 0:  # kill -9 at any time changes nothing
                (disk,) = disk.outcomes(Mode.KILL)


def contents(disk: CrashDisk) -> dict[str, bytes]:
    root = disk.open("/", FOLDER)
    found = {}
    for name in disk.names(root):
        with suppress(IsADirectoryError):
            found[name] = disk.read(disk.open(name, FILE, folder=root), 1 << 20, 0)
    return found


def stored(disk: CrashDisk, name: str, content: bytes) -> int:
    file = disk.open(name, CREATE, folder=disk.open("/", FOLDER))
    disk.write(file, content)
    return file


def all_contents(disk: CrashDisk, mode: Mode) -> list[dict[str, bytes]]:
    return [contents(outcome) for outcome in disk.outcomes(mode)]


def test_content_and_name_become_durable_each_by_its_own_sync() -> None:
    disk = CrashDisk()
    file = stored(disk, "a", b"x")
    assert all_contents(disk, Mode.KILL) == [{"a": b"x"}]
    assert all_contents(disk, Mode.STRICT) == [{}]
    disk.sync(file)
    assert all_contents(disk, Mode.STRICT) == [{}]
    disk.sync(disk.open("/", FOLDER))
    assert all_contents(disk, Mode.STRICT) == all_contents(disk, Mode.ADVERSARIAL) == [{"a": b"x"}]


def test_a_rename_can_survive_without_its_data() -> None:
    disk = CrashDisk()
    file = stored(disk, "old", b"old")
    disk.sync(file)
    root = disk.open("/", FOLDER)
    disk.sync(root)
    stored(disk, "new", b"new")
    disk.rename("new", "old", folder=root)
    found = all_contents(disk, Mode.ADVERSARIAL)
    for possible in ({"old": b"old"}, {"old": b""}, {"old": b"new"}, {"old": b"old", "new": b""}):
        assert possible in found
    assert all_contents(disk, Mode.STRICT) == [{"old": b"old"}]


def test_writes_are_torn_at_blocks() -> None:
    disk = CrashDisk()
    stored(disk, "a", bytes(10_000))
    disk.sync(disk.open("/", FOLDER))
    sizes = {len(found["a"]) for found in all_contents(disk, Mode.ADVERSARIAL)}
    assert sizes == {0, 8_192, 9_728, 10_000}


def test_a_failed_sync_loses_what_stays_visible() -> None:
    def fails(name: str, _number: int) -> None:
        if name == "sync":
            raise OSError(errno.EIO, "no")

    disk = CrashDisk(fails=fails)
    file = stored(disk, "a", b"x")
    disk.fails = lambda _name, _number: None
    disk.sync(disk.open("/", FOLDER))
    disk.fails = fails
    with pytest.raises(OSError, match="no"):
        disk.sync(file)
    disk.fails = lambda _name, _number: None
    disk.sync(file)
    assert contents(disk) == {"a": b"x"}
    assert all_contents(disk, Mode.STRICT) == [{"a": b""}]


def test_an_older_change_never_overwrites_a_newer_durable_one() -> None:
    disk = CrashDisk()
    root = disk.open("/", FOLDER)
    for name in ("a", "b"):
        disk.mkdir(name, folder=root)
    disk.sync_everything()
    a, b = (disk.open(name, FOLDER, folder=root) for name in ("a", "b"))
    disk.open("file", CREATE, folder=b)
    disk.mkdir("folder", folder=a)
    disk.exchange(a, "folder", b, "file")
    disk.sync(a)  # the exchange is one change, so it is durable in b too
    for outcome in disk.outcomes(Mode.ADVERSARIAL):
        top = outcome.open("/", FOLDER)
        kinds = {
            place: {
                name: what.st_mode & 0o170000
                for name, what in outcome.entries(outcome.open(place, FOLDER, folder=top)).items()
            }
            for place in ("a", "b")
        }
        assert kinds == {"a": {"folder": 0o100000}, "b": {"file": 0o040000}}


def test_nothing_is_done_from_the_crash_on() -> None:
    disk = CrashDisk(crash_at=2)
    file = disk.open("a", CREATE, folder=disk.open("/", FOLDER))
    for _ in range(2):
        with pytest.raises(Crash):
            disk.write(file, b"x")
        with pytest.raises(Crash):
            disk.open("/", FOLDER)
    disk.close(file)
    assert disk.operations == 2
    assert all_contents(disk, Mode.KILL) == [{"a": b""}]


def test_links_on_the_way_to_the_root_are_followed() -> None:
    disk = CrashDisk()
    root = disk.open("/", FOLDER)
    disk.mkdir("real", folder=root)
    disk.symlink("/real", "link", folder=root)
    disk.mkdir("inner", folder=disk.open("/real", FOLDER))
    assert disk.names(disk.open("/link/inner", FOLDER)) == []
    with pytest.raises(FileNotFoundError):
        disk.open("/link/absent/inner", FOLDER)
