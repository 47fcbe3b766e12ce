"""The exchange of folders, the root's marker, and many files at once."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from oaio_storage.errors import (
    AlreadyExists,
    Corrupt,
    InvalidArgument,
    NotFound,
    NotGuaranteed,
    SourceChanged,
    WrongRoot,
)
from oaio_storage.hosts import Absent, CshApi
from oaio_storage.testing.host_contract.base import (
    HostKit,
    HostSource,
    everything,
    instances,
    need,
    paths,
    race,
)
from oaio_storage.testing.host_contract.contents import sha256

if TYPE_CHECKING:
    from oaio_storage.progress import Progress


class Folders(HostKit):
    """Group: folders, roots and many files."""

    def test_folders_are_exchanged(self, host: CshApi) -> None:
        """B10: both of them, whole; nothing if one of them is no folder."""
        need(host, "swap")
        for path in ("a/x", "a/y/z", "f/b/x", "file"):
            host.write(path, path.encode())
        host.swap_folders("a", "f/b")
        assert everything(host) == {"f/b/x": b"a/x", "f/b/y/z": b"a/y/z", "a/x": b"f/b/x", "file": b"file"}
        for a, b in (("a", "absent"), ("absent", "a"), ("a", "file")):
            with pytest.raises(NotFound):
                host.swap_folders(a, b)
        for a, b in (("a", "a"), ("f", "f/b")):
            with pytest.raises(InvalidArgument):
                host.swap_folders(a, b)
        assert len(everything(host)) == 4

    def test_a_root_has_one_marker(self, source: HostSource, host: CshApi) -> None:
        """B8, B10: whoever makes it, all learn the same id; without conditions it is refused."""
        with pytest.raises(WrongRoot):
            host.root_id()
        if not host.guarantees.conditional_write:
            with pytest.raises(NotGuaranteed):
                host.create_root()
            assert everything(host.state) == {}
            return
        with instances(source, self.counts.racers) as hosts:
            assert race(hosts, lambda host, _: host.create_root()) == {"won": len(hosts)}
            assert len({host.root_id() for host in hosts}) == 1
        assert paths(host.state) == ["root.json"]
        assert paths(host) == []

    def test_a_damaged_marker_is_told(self, host: CshApi) -> None:
        """B25: and left as it is, by whoever reads it or would make one."""
        for damage in (
            b"",
            b"{}",
            b"\xff",
            b'{"format": 2, "id": "x"}',
            b'{"format": 1, "id": 7}',
            b"[" * 9999,
        ):
            host.state.write("root.json", damage)
            with pytest.raises(WrongRoot):
                host.root_id()
            with pytest.raises(WrongRoot if host.guarantees.conditional_write else NotGuaranteed):
                host.create_root()
            assert host.state.read("root.json") == damage

    def test_many_files_go_and_come_back(self, host: CshApi, tmp_path: Path) -> None:
        """B1, B12, B18: exactly, verified, with progress."""
        contents = {f"put/{number}/[x]": b"content" * number for number in range(30)}
        local = _local_files(tmp_path / "out", contents)
        events: list[Progress] = []
        moved = host.put_files(local.items(), report=events.append)
        assert moved.done == tuple(contents)
        assert (moved.kept, moved.bytes) == ((), sum(map(len, contents.values())))
        assert [event.done for event in events] == list(range(1, 31))
        assert everything(host) == contents
        back = tmp_path / "in" / "deep"
        moved = host.get_files(
            [(path, back / path, len(content), sha256(content)) for path, content in contents.items()]
        )
        assert (moved.done, moved.bytes) == (tuple(contents), sum(map(len, contents.values())))
        assert {path: (back / path).read_bytes() for path in contents} == contents
        assert sum(1 for found in back.rglob("*") if found.is_file()) == len(contents)
        assert host.delete_files([*contents, "absent"]).done == (*contents, "absent")
        assert everything(host) == {}

    def test_many_files_are_copied(self, host: CshApi) -> None:
        """B13: those that are not there as expected are told, and leave no target."""
        contents = {f"old/{number}": b"content" * number for number in range(20)}
        for path, content in contents.items():
            host.write(path, content)
        wanted = [(path, path.replace("old", "new"), len(content)) for path, content in contents.items()]
        moved = host.copy_files([*wanted, ("absent", "new/absent", 1), ("old/3", "new/other", 1)])
        assert moved.done == tuple(target for _, target, _ in wanted)
        assert moved.absent == ("absent", "old/3")
        copies = {path.replace("old", "new"): content for path, content in contents.items()}
        assert everything(host) == contents | copies
        with pytest.raises(InvalidArgument):
            host.copy_files([("old/1", "twice", 7), ("old/2", "twice", 14)])

    def test_a_wrong_file_is_not_taken(self, host: CshApi, tmp_path: Path) -> None:
        """B21: neither size nor checksum may differ; the local file stays as it was."""
        host.write("file", b"content")
        target = tmp_path / "fetched" / "file"
        target.parent.mkdir()
        target.write_bytes(b"older")
        for size, checksum in ((6, None), (8, None), (None, sha256(b"other")), (7, "0" * 64)):
            with pytest.raises(Corrupt):
                host.get_files([("file", target, size, checksum)])
        with pytest.raises(NotFound):
            host.get_files([("absent", target, None, None)])
        assert [(found.name, found.read_bytes()) for found in target.parent.iterdir()] == [("file", b"older")]

    def test_putting_resumes(self, host: CshApi, tmp_path: Path) -> None:
        """B8: with Absent, equal files are kept and others are errors; the first error stops the rest."""
        need(host, "conditional_write")
        contents = {f"{number}": b"%d" % number for number in range(5)}
        local = _local_files(tmp_path / "out", contents)
        (tmp_path / "out" / "4").unlink()
        with pytest.raises(SourceChanged):
            host.put_files(local.items(), expect=Absent)
        _local_files(tmp_path / "out", contents)
        moved = host.put_files(local.items(), expect=Absent)
        assert sorted((*moved.done, *moved.kept)) == sorted(contents)
        assert moved.bytes == sum(len(contents[path]) for path in moved.done)
        host.write("2", b"x")
        with pytest.raises(AlreadyExists):
            host.put_files(local.items(), expect=Absent)
        assert everything(host) == contents | {"2": b"x"}

    def test_clashing_paths_are_refused_together(self, host: CshApi, tmp_path: Path) -> None:
        """B15, B16: before anything is moved."""
        local = tmp_path / "local-source"
        local.write_bytes(b"x")
        for clash in (["a", "a"], ["a", "A"], ["a", "a/b"]):
            with pytest.raises(InvalidArgument):
                host.put_files([(path, local) for path in clash])
        with pytest.raises(InvalidArgument):
            host.get_files([("a", local, None, None), ("b", local, None, None)])
        assert everything(host) == {}


def _local_files(folder: Path, contents: dict[str, bytes]) -> dict[str, Path]:
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return {path: folder / path for path in contents}
