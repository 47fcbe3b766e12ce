"""What is particular to a folder of this machine."""

import os
import random
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, cast

import pytest
from counts import COUNTS

from oaio_storage.errors import AlreadyExists, Changed, InvalidName, NotFound, RootOverlap, WrongRoot
from oaio_storage.hosts import CshApi
from oaio_storage.names import why_refused
from oaio_storage_local import LocalApi
from oaio_storage_local.folders import is_temporary, temporary_name, twin_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def host(root: Path) -> LocalApi:
    return LocalApi(str(root))


def files(root: Path) -> dict[str, bytes]:
    return {str(found.relative_to(root)): found.read_bytes() for found in root.rglob("*") if found.is_file()}


def test_it_declares_what_this_disk_can_do(host: LocalApi) -> None:
    declared = host.guarantees
    assert declared.atomic_write
    assert declared.durable
    assert declared.conditional_write
    assert declared.strong_version
    assert declared.swap
    assert declared.checksum == "sha256"
    assert list(host.list()) == []


def test_files_are_plain_and_read_only(host: LocalApi, root: Path) -> None:
    host.write("id/stamp/a file", b"x")
    stored = root / "id" / "stamp" / "a file"
    assert stored.read_bytes() == b"x"
    assert stat.S_IMODE(stored.stat().st_mode) & 0o222 == 0


def test_a_copy_shares_the_bytes_of_ours_but_not_of_strangers(host: LocalApi, root: Path) -> None:
    host.write("ours", b"ours")
    (root / "theirs").write_bytes(b"theirs")
    for name in ("ours", "theirs"):
        host.copy(name, f"copies/{name}")
    assert (root / "ours").stat().st_ino == (root / "copies" / "ours").stat().st_ino
    assert (root / "theirs").stat().st_ino != (root / "copies" / "theirs").stat().st_ino
    (root / "theirs").write_bytes(b"edited")
    assert host.read("copies/theirs") == b"theirs"
    assert files(root).keys() == {"ours", "theirs", "copies/ours", "copies/theirs"}


def test_a_file_edited_in_place_is_noticed(host: LocalApi, root: Path) -> None:
    theirs = root / "theirs"
    theirs.write_bytes(bytes(3 << 20))
    version = host.stat("theirs").version
    with host.open("theirs") as stream:
        stream.read(1)
        theirs.write_bytes(b"\1" * (3 << 20) + b"longer")
        with pytest.raises(Changed):
            stream.read()
    with pytest.raises(Changed):
        host.read("theirs", 0, 1, version)


def test_links_lead_nowhere(host: LocalApi, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (root / "to-folder").symlink_to(outside)
    (root / "to-file").symlink_to(outside / "secret")
    (root / "inner").mkdir()
    (root / "inner" / "up").symlink_to("../..")
    for path in ("to-folder/secret", "to-file", "inner/up/outside/secret"):
        for call in (host.read, host.stat, host.open):
            with pytest.raises(NotFound):
                call(path)
        host.delete(path)
    assert list(host.list()) == []
    assert list(host.list("to-folder")) == []
    for path in ("to-folder/new", "inner/up/new"):
        with pytest.raises(AlreadyExists):
            host.write(path, b"x")
    host.write("to-file", b"replaces the link itself")
    assert files(outside) == {"secret": b"secret"}
    assert sorted(found.name for found in tmp_path.iterdir()) == ["outside", "root"]


def test_other_kinds_of_entries_are_no_files(host: LocalApi, root: Path) -> None:
    os.mkfifo(root / "fifo")
    with pytest.raises(NotFound):
        host.read("fifo")
    assert list(host.list()) == []


def test_strangers_names_that_no_path_can_have_are_left_out(host: LocalApi, root: Path) -> None:
    for name in (b"ends in a dot.", b"not utf-8 \xff", b"back\\slash"):
        Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_bytes(b"x")
    host.write("fine", b"x")
    assert [found.path for found in host.list()] == ["fine"]


def test_temporary_names_are_no_paths() -> None:
    for mark in ("", "\u00e9"):
        name = temporary_name(mark)
        assert is_temporary(name)
        assert why_refused(name)
    assert not is_temporary(".oaio-x")


def test_twins_are_found() -> None:
    assert twin_of("File", ["other", "FILE"]) == "FILE"
    assert twin_of("\u00e9", ["e\u0301"]) == "e\u0301"
    assert twin_of("File", ["file", "File"]) == ""
    assert twin_of("File", []) == ""


def test_a_missing_root_is_told_and_not_made(tmp_path: Path) -> None:
    host = LocalApi(str(tmp_path / "missing"))
    for call in (
        lambda: host.read("a"),
        lambda: host.write("a", b""),
        lambda: host.delete("a"),
        lambda: list(host.list()),
        host.root_id,
        lambda: host.guarantees,
        lambda: host.clean_up(0),
    ):
        with pytest.raises(WrongRoot, match="missing"):
            call()
    assert list(tmp_path.iterdir()) == []


def test_a_root_that_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        host = LocalApi(str(folder))
        for call in (host.root_id, host.create_root):
            with pytest.raises(WrongRoot, match="not a folder"):
                call()
    assert files(tmp_path) == {"file": b"x"}


def test_an_unmounted_root_is_told(host: LocalApi, root: Path) -> None:
    made = host.create_root()
    root.rename(root.with_name("elsewhere"))
    root.mkdir()
    with pytest.raises(WrongRoot, match="no marker") as caught:
        host.root_id()
    assert "Mount" in caught.value.hint
    assert LocalApi(str(root.with_name("elsewhere"))).root_id() == made


def test_an_unreadable_root_is_told(host: LocalApi, root: Path) -> None:
    host.create_root()
    root.chmod(0)
    program = (
        "import os\nfrom oaio_storage.errors import WrongRoot\nfrom oaio_storage_local import LocalApi\n"
        f"host = LocalApi({str(root)!r}).state\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"  # the superuser may read everything
        f"try: LocalApi({str(root)!r}).root_id()\nexcept WrongRoot as err: print(err)\n"
    )
    for folder in [*root.parents][:-2]:
        folder.chmod(folder.stat().st_mode | 0o711)
    try:
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    finally:
        root.chmod(0o755)
    assert "not readable" in done.stdout


def test_a_new_root_is_made_with_all_above_it(tmp_path: Path) -> None:
    host = LocalApi(str(tmp_path / "a" / "b" / "root"))
    made = host.create_root()
    assert made == host.create_root() == LocalApi(host.root_folder).root_id()
    assert list(host.list()) == []


def test_cut_off_writes_are_cleaned_up_by_age(host: LocalApi, root: Path) -> None:
    host.write("folder/kept", b"x")
    host.write(".oaio-file", b"a user's own")
    for place in (root, root / "folder", root / "only" / "litter"):
        place.mkdir(parents=True, exist_ok=True)
        (place / temporary_name()).write_bytes(b"partial")
    (root / temporary_name()).mkdir()
    assert sorted(found.path for found in host.list()) == [".oaio-file", "folder/kept"]
    assert host.clean_up(3600) == 0
    assert host.clean_up(0) == 4
    assert files(root) == {"folder/kept": b"x", ".oaio-file": b"a user's own"}
    assert sorted(found.name for found in root.iterdir()) == [".oaio-file", "folder"]


def test_nothing_is_left_of_refused_writes(host: LocalApi, root: Path) -> None:
    with pytest.raises(Changed):
        host.write("new/folder/file", b"x", expect="0" * 64)
    with pytest.raises(InvalidName):
        host.write("new/../file", b"x")
    assert list(root.iterdir()) == []


def test_a_stream_refuses_to_go_where_nothing_is(host: LocalApi) -> None:
    host.write("a", b"content")
    with host.open("a") as stream:
        raw = cast("Any", stream).raw
        for offset, whence in ((0, 9), (-1, 0), (-8, 2)):
            with pytest.raises(ValueError, match="can't seek"):
                raw.seek(offset, whence)
        assert raw.seek(-1, 2) == 6
        assert raw.read() == b"t"


def test_open_files_are_given_back(host: LocalApi) -> None:
    before = len(os.listdir("/dev/fd"))  # noqa: PTH208 - names that vanish
    for number in range(50):
        host.write(f"f/{number}", b"x")
        host.copy(f"f/{number}", "g/copy")
        with host.open("g/copy") as stream:
            stream.read()
        with pytest.raises(NotFound):
            host.read("f/absent/deeper")
        with pytest.raises(AlreadyExists):
            host.write("f", b"")
        next(host.list())
        host.delete(f"f/{number}")
    assert len(os.listdir("/dev/fd")) == before  # noqa: PTH208 - same


WRITER = """
import random, sys
from oaio_storage_local import LocalApi
host, seed = LocalApi(sys.argv[1]), int(sys.argv[2])
dice, number = random.Random(seed), 0
while True:
    number += 1
    path = f"files/{dice.randrange(4)}/file"
    if dice.random() < 0.1:
        host.delete(path)
        print(path, -1, flush=True)
    else:
        host.write(path, b"%d:%d:" % (seed, number) * dice.choice([1, 300_000]))
        print(path, number, flush=True)
"""


def test_killed_writers_leave_old_or_new(host: CshApi, root: Path) -> None:
    """B7, B26: kill -9 at random moments; nothing acknowledged is lost, nothing partial has a final name."""
    dice, litter, acknowledged = random.Random(), 0, 0
    for seed in range(20 * COUNTS.host_kills):
        if seed >= COUNTS.host_kills and litter:
            break
        before = files_of_writer(root)
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(root), str(seed)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout
            lines = [writer.stdout.readline() for _ in range(dice.randrange(2, 40))]
            time.sleep(dice.uniform(0, 0.01))
            writer.kill()
            lines += [line for line in writer.stdout if line.endswith("\n")]
        last: dict[str, int] = {path: int(number) for path, number in (line.split() for line in lines)}
        acknowledged += len(lines)
        after = files_of_writer(root)
        in_flight = 0
        for path in before.keys() | after.keys() | last.keys():
            expected = (
                before.get(path) if path not in last else (seed, last[path]) if last[path] > 0 else None
            )
            if after.get(path) != expected:
                in_flight += 1  # done, but not yet acknowledged
                assert path not in after or (after[path][0] == seed and after[path][1] == len(lines) + 1)
        assert in_flight <= 1
        litter += host.clean_up(0)
        assert all(not is_temporary(found.name) for found in root.rglob("*"))
        assert {found.path for found in host.list()} == after.keys()
    assert acknowledged > COUNTS.host_kills
    assert litter > 0, "no kill met a write in its middle"


def files_of_writer(root: Path) -> dict[str, tuple[int, int]]:
    """Who wrote each file, and when; each is checked to be complete."""
    found = {}
    for path, content in files(root).items():
        if is_temporary(Path(path).name):
            continue
        seed, number, _ = content.split(b":", 2)
        unit = b"%s:%s:" % (seed, number)
        assert content in (unit, unit * 300_000)
        found[path] = int(seed), int(number)
    return found


def test_a_root_is_not_made_inside_another_one(host: LocalApi, root: Path) -> None:
    host.create_root()
    for place in ("site", "site/deep", ".oaio", ".oaio/trees"):
        with pytest.raises(RootOverlap, match="lies in"):
            LocalApi(str(root / place)).create_root()
    assert files(root).keys() == {".oaio/root.json"}
    apart = LocalApi(str(root.parent / "root2"))
    root_id = apart.create_root()
    (root.parent / "root2").rename(root / "inner")
    assert LocalApi(str(root / "inner")).create_root() == root_id
