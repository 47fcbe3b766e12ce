"""Names are literal: B13, B16, B17, B24; and the state folder: B14."""

import pytest

from oaio_storage.errors import AlreadyExists, InvalidName
from oaio_storage.hosts import CshApi
from oaio_storage.testing.host_contract.base import HostKit, HostSource, check_holds, everything, paths
from oaio_storage.testing.host_contract.names import LITERAL_NAMES


class Naming(HostKit):
    """Group: names."""

    def test_names_are_literal(self, source: HostSource, host: CshApi) -> None:
        """B13, B17, B24: each operation touches one file alone, and names come back as they were given."""
        model = {name: name.encode() for name in LITERAL_NAMES}
        for name, content in model.items():
            host.write(name, content)
        with source.make() as other:
            check_holds(other, model)
        for name in LITERAL_NAMES:
            host.write(name, b"new")
            model[name] = b"new"
            assert host.stat(name).path == name
            assert host.copy(name, "target").path == "target"
            assert host.read("target") == b"new"
            host.delete("target")
        check_holds(host, model)
        for count, name in enumerate(LITERAL_NAMES):
            host.delete(name)
            del model[name]
            if count % 16 == 0:
                check_holds(host, model)
        check_holds(host, {})

    def test_names_that_only_differ_in_spelling(self, host: CshApi) -> None:
        """B16: case and normal form; stored as two, or the second is refused; never one over the other."""
        guaranteed = host.guarantees
        for first, second, is_apart in (
            ("case/File", "case/FILE", guaranteed.case_sensitive),
            ("folder/X/a", "folder/x/b", guaranteed.case_sensitive),
            ("form/\u00e9", "form/e\u0301", guaranteed.unicode_exact),
        ):
            host.write(first, b"first")
            try:
                host.write(second, b"second")
            except AlreadyExists:
                assert not is_apart
                assert paths(host, first.partition("/")[0]) == [first]
            else:
                assert host.read(second) == b"second"
                assert paths(host, first.partition("/")[0]) == sorted([first, second])
            assert host.read(first) == b"first"

    def test_the_state_folder_is_apart(self, source: HostSource, host: CshApi) -> None:
        """B14: reached through ``state`` alone, omitted from listings, and no path leads out of it."""
        host.write("a", b"outside")
        state = host.state
        state.write("trees/x/head", b"inside")
        state.write("a", b"inside")
        assert everything(host) == {"a": b"outside"}
        with source.make() as other:
            assert everything(other.state) == {"trees/x/head": b"inside", "a": b"inside"}
        assert state.stat("a").path == "a"
        assert state.copy("a", "b").path == "b"
        with state.open("b") as stream:
            assert stream.read() == b"inside"
        with pytest.raises(InvalidName):
            state.read("../a")
        for path in ("trees/x/head", "a", "b"):
            state.delete(path)
        assert everything(state) == {}
        assert everything(host) == {"a": b"outside"}
