"""Listings are exact: B3, B4."""

from oaio_storage.hosts import CshApi
from oaio_storage.testing.host_contract.base import HostKit, HostSource, paths


class Listing(HostKit):
    """Group: listing."""

    def test_a_listing_is_exact(self, source: HostSource, host: CshApi) -> None:
        """B3: each file once, at any depth, whatever the size of a page."""
        written: list[str] = []
        for wanted in sorted(self.counts.listed):
            for number in range(len(written), wanted):
                path = f"{'f/' * (number % 4)}{number}"
                host.write(path, b"%d" % number)
                written.append(path)
            with source.make() as other:
                assert paths(other) == sorted(written)
        sizes = {found.path: found.size for found in host.list()}
        assert sizes == {path: len(path.rpartition("/")[2]) for path in written}

    def test_a_listing_tells_what_stat_tells(self, host: CshApi) -> None:
        """B3, B22: sizes, and versions and checksums where a listing has them."""
        for number in range(3):
            host.write(f"{'f/' * number}{number}", b"x" * number)
        for found in host.list():
            seen = host.stat(found.path)
            assert found.size == seen.size
            assert found.version in ("", seen.version)
            assert found.checksum in ("", seen.checksum)

    def test_emptied_folders_are_gone(self, host: CshApi) -> None:
        """B4: a folder goes with its last file, and its name is free for a file."""
        host.write("a/b/c", b"")
        host.delete("a/b/c")
        assert paths(host) == []
        host.write("a", b"file")
        assert paths(host) == ["a"]

    def test_a_listing_goes_on_while_files_come_and_go(self, host: CshApi) -> None:
        """B3: files that stay are listed exactly once meanwhile."""
        stay = [f"stay/{number}/file" for number in range(20)]
        for path in stay:
            host.write(path, b"")
        for number in range(20):
            host.write(f"go/{number}", b"")
        found = []
        for number, seen in enumerate(host.list()):
            found.append(seen.path)
            if number < 10:  # first fewer, then more than before
                host.delete(f"go/{2 * number}")
                host.delete(f"go/{2 * number + 1}")
            elif number < 20:
                host.write(f"come/{number}", b"")
        assert sorted(path for path in found if path.startswith("stay/")) == sorted(stay)
        assert len(set(found)) == len(found)
