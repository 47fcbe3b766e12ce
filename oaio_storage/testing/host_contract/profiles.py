"""Smaller contracts, for hosts that are not general stores of files."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from oaio_storage.errors import AlreadyExists, Changed, NotFound, NotGuaranteed, OaioError
from oaio_storage.hosts import Absent, CshApi
from oaio_storage.hosts.probe import probe
from oaio_storage.testing.host_contract.base import HostKit, HostSource, everything, instances, race
from oaio_storage.testing.host_contract.contents import content_of, generated, sha256
from oaio_storage.testing.host_contract.given import Given
from oaio_storage.testing.host_contract.names import LITERAL_NAMES, REFUSED_NAMES
from oaio_storage.testing.host_contract.probing import EFFORT

Change = Callable[[CshApi, Path], object]

CHANGES: Mapping[str, Change] = {
    "write": lambda host, _: host.write("a", b"new"),
    "write a new file": lambda host, _: host.write("f/new", b"new"),
    "write under a condition": lambda host, _: host.write("f/new", b"new", expect=Absent),
    "copy": lambda host, _: host.copy("a", "copied"),
    "delete": lambda host, _: host.delete("a"),
    "delete the absent": lambda host, _: host.delete("absent"),
    "exchange folders": lambda host, _: host.swap_folders("f", "g"),
    "clean up": lambda host, _: host.clean_up(0),
    "make a root": lambda host, _: host.create_root(),
    "write state": lambda host, _: host.state.write("x", b"new"),
    "put files": lambda host, folder: host.put_files([("put", folder / "local")]),
    "copy files": lambda host, _: host.copy_files([("a", "copied", 1)]),
    "delete files": lambda host, _: host.delete_files(["a"]),
}
"""Every call that changes something, on a host that holds ``a``, ``f/x`` and ``g/x``."""


class ReadOnlyContract(Given):
    """What a host has to keep on which nothing can be stored (``read_only``): archives, mirrors, views.

    All that is there is read as from any other host; every call that would change something is refused, and
    changes nothing. ``raw_write`` puts there what is read; instances made before need not see it.
    """

    def test_it_is_declared(self, source: HostSource) -> None:
        """B10: so that whoever has something to store can ask before."""
        with source.make() as host:
            assert host.guarantees.read_only

    @pytest.mark.parametrize("change", CHANGES)
    def test_changes_are_refused(self, source: HostSource, tmp_path: Path, change: str) -> None:
        """B10: before any I/O, as one error."""
        (tmp_path / "local").write_bytes(b"new")
        with self.given(source, "a", "f/x", "g/x") as host, pytest.raises(NotGuaranteed):
            CHANGES[change](host, tmp_path)

    def test_nothing_changes(self, source: HostSource, tmp_path: Path) -> None:
        """B10: whatever is tried, seen by this instance, a fresh one, and around the backend."""
        (tmp_path / "local").write_bytes(b"new")
        held = {path: path.encode() for path in ("a", "f/x", "g/x")}
        with self.given(source, *held) as host:
            raw_before = sorted(source.raw_list()) if source.raw_list else []
            for change in CHANGES.values():
                with suppress(OaioError):
                    change(host, tmp_path)
                assert everything(host) == held
            with source.make() as fresh:
                assert everything(fresh) == held
                assert everything(fresh.state) == {}
            assert {path: source.raw_read(path) for path in held} == held
            assert (sorted(source.raw_list()) if source.raw_list else []) == raw_before

    def test_the_probe_agrees(self, source: HostSource) -> None:
        """B27: it finds nothing broken, and stores nothing, not even its verdict."""
        with self.given(source, "a") as host:
            found = probe(source.make, effort=EFFORT)
            assert found.broken == ()
            assert found.declared == host.guarantees
            assert everything(host) == {"a": b"a"}
            assert everything(host.state) == {}

    def test_files_are_fetched(self, source: HostSource, tmp_path: Path) -> None:
        """B18, B21: exactly and verified."""
        contents = {f"sizes/{size}": content_of(size) for size in self.counts.sizes}
        with self.given(source, *contents.items()) as host:
            host.get_files(
                [(path, tmp_path / path, len(content), sha256(content)) for path, content in contents.items()]
            )
        assert {path: (tmp_path / path).read_bytes() for path in contents} == contents


class TreeContract(HostKit):
    """What a host has to keep that stores only new files named by their contents, such as packs.

    Nothing is replaced, removed or listed there; what is refused raises NotGuaranteed. Of ``HostSource``,
    ``make`` and ``raw_read`` are used.
    """

    def name_of(self, content: bytes) -> str:
        """The path under which the host takes ``content``; here its SHA-256."""
        return sha256(content)

    def create(self, host: CshApi, content: bytes) -> str:
        """Store ``content`` and answer its path."""
        path = self.name_of(content)
        stored = host.write(path, content, expect=Absent)
        assert (stored.path, stored.size) == (path, len(content))
        return path

    def test_what_was_created_is_read(self, source: HostSource, host: CshApi) -> None:
        """B1, B18, B19: by any instance, in ranges, and as a stream."""
        for size in self.counts.sizes:
            content = content_of(size)
            path = self.create(host, content)
            with source.make() as other:
                seen = other.stat(path)
                assert seen.size == size
                assert other.read(path) == other.read(path, version=seen.version) == content
                assert other.read(path, 1, size - 1 if size else 0) == content[1 : size - 1 if size else 0]
                with other.open(path) as stream:
                    assert stream.read() == content
            assert source.raw_read(path) == content

    def test_what_is_there_stays(self, host: CshApi) -> None:
        """B8, B10: it is not created again, nor replaced, removed or copied."""
        path = self.create(host, b"content")
        version = host.stat(path).version
        with pytest.raises(AlreadyExists):
            host.write(path, b"content", expect=Absent)
        for call in (
            lambda: host.write(path, b"content"),
            lambda: host.write(path, b"other", expect=version),
            lambda: host.delete(path),
            lambda: host.delete(path, expect=version),
            lambda: host.copy(path, self.name_of(b"other")),
            lambda: list(host.list()),
            lambda: host.delete_files([path]),
            lambda: host.swap_folders("a", "b"),
        ):
            with pytest.raises(NotGuaranteed):
                call()
        assert host.read(path) == b"content"

    def test_a_name_that_is_not_of_the_content_is_refused(self, host: CshApi) -> None:
        """B21: and the name stays free for what it is of."""
        path = self.name_of(b"content")
        for content in (b"other", b"", b"content and more"):
            with pytest.raises(OaioError) as caught:
                host.write(path, content, expect=Absent)
            assert not isinstance(caught.value, AlreadyExists | Changed)
            with pytest.raises(NotFound):
                host.read(path)
        assert self.create(host, b"content") == path

    def test_a_source_that_fails_stores_nothing(self, host: CshApi) -> None:
        """B7, B20: whether it raises, or ends early or late."""
        for size in self.counts.sizes[1:]:
            path = self.name_of(content_of(size))
            with pytest.raises(OSError, match="caller"):
                host.write(path, generated(size, OSError("the caller's own")), expect=Absent)
            for wrong in (size - 1, size + 1):
                with pytest.raises(OaioError):
                    host.write(path, generated(size), size=wrong, expect=Absent)
            with pytest.raises(NotFound):
                host.stat(path)

    def test_one_creator_wins(self, source: HostSource) -> None:
        """B8: the others learn that it is there."""
        with instances(source, self.counts.racers) as hosts:
            for number in range(self.counts.rounds):
                content = b"round %d" % number

                def act(host: CshApi, _: int, content: bytes = content) -> str:
                    return self.create(host, content)

                assert race(hosts, act) == {"won": 1, "AlreadyExists": len(hosts) - 1}
                assert hosts[0].read(self.name_of(content)) == content

    def test_the_absent_is_not_found(self, host: CshApi) -> None:
        """B25: as one typed error."""
        for call in (host.read, host.stat, host.open):
            with pytest.raises(NotFound):
                call(self.name_of(b"absent"))

    def test_other_names_are_refused(self, host: CshApi) -> None:
        """B13, B14: those that no host holds as InvalidName, others with an error; nothing is stored."""
        for name in (*REFUSED_NAMES, *LITERAL_NAMES):
            with pytest.raises(OaioError):
                host.write(name, b"content", expect=Absent)
        for name in LITERAL_NAMES:
            with pytest.raises(OaioError):
                host.read(name)
