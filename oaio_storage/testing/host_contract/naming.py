"""Names are literal and safe: B13, B14, B16, B17, B24; and the state folder."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from oaio_storage.errors import AlreadyExists, InvalidName, NotFound
from oaio_storage.hosts import CshApi
from oaio_storage.testing.host_contract.base import HostKit, HostSource, everything, paths

LITERAL_NAMES = (
    *(
        "*",
        "**",
        "?",
        "x?",
        "[1]",
        "x[1]",
        "x1",
        "{a,b}",
        "a",
        "b",
        "#",
        "a#b",
        "%41",
        "A%2Fb",
        "a%",
        "::",
        "ab::c",
    ),
    *(
        "~",
        "~root",
        "a~1",
        "&",
        "+",
        "a+b",
        ";",
        "a;b",
        "=",
        "@",
        "-o",
        "--",
        "$(x)",
        "`x`",
        "'",
        '"',
        "!",
        "^",
    ),
    *(
        " x",
        "x y",
        "file:x",
        "...x",
        ".hidden",
        "-",
        "_",
        "ä",
        "日本語",
        "😀",
        "x" * 255,
        "f/*",
        "f/x[1]",
        "f/x1",
    ),
)
"""Names that patterns, addresses or shells would misread; no two differ by case or form alone (B13)."""

REFUSED_NAMES = (
    *(
        "",
        ".",
        "..",
        "../x",
        "a/../b",
        "a/./b",
        "/",
        "/a",
        "a/",
        "a//b",
        "a\\b",
        "C:a",
        "a\0b",
        "a\nb",
        "\x7f",
    ),
    *("a ", "a.", "a./b", "nul", "con.txt", "a/COM1", "\ud800", "x" * 256, "x/" * 512 + "x"),
    *(".oaio", ".oaio/root.json", ".OAIO/x", ".Oaio"),
)
"""Names that no host stores (reliability, B14)."""


class Naming(HostKit):
    """Group: names."""

    def test_names_are_literal(self, source: HostSource, host: CshApi) -> None:
        """B13, B17, B24: each operation touches one file alone, and names come back as they were given."""
        model = {name: name.encode() for name in LITERAL_NAMES}
        for name, content in model.items():
            host.write(name, content)
        assert everything(source.make()) == model
        for name in LITERAL_NAMES:
            host.write(name, b"new")
            model[name] = b"new"
            assert host.stat(name).path == name
            assert host.copy(name, "target").path == "target"
            assert host.read("target") == b"new"
            host.delete("target")
        assert everything(host) == model
        for count, name in enumerate(LITERAL_NAMES):
            host.delete(name)
            del model[name]
            if count % 8 == 0:
                assert everything(host) == model
        assert everything(host) == {}

    def test_unsafe_names_are_refused(self, host: CshApi, tmp_path: Path) -> None:
        """B14: by every method, as one error, and nothing changes."""
        host.write("a", b"x")
        for name in REFUSED_NAMES:
            for call in _calls(host, name, tmp_path):
                with pytest.raises(InvalidName):
                    call()
        assert everything(host) == {"a": b"x"}

    def test_links_lead_nowhere(self, source: HostSource, host: CshApi, tmp_path: Path) -> None:
        """B14: links that strangers placed are no files, and nothing outside is read, changed or removed."""
        if source.raw_link is None:
            pytest.skip("the host knows no links (HostSource.raw_link)")
        outside = tmp_path / "outside"
        outside.mkdir()
        secret = outside / "secret"
        secret.write_bytes(b"secret")
        host.write("a", b"ours")
        source.raw_link("to-file", secret)
        source.raw_link("to-folder", outside)
        for path in ("to-file", "to-folder", "to-folder/secret"):
            for call in (host.read, host.stat, host.open):
                with pytest.raises(NotFound):
                    call(path)
            with pytest.raises(NotFound):
                host.copy(path, "copy")
            with contextlib.suppress(AlreadyExists):
                host.write(path, b"new")
            host.delete(path)
        with contextlib.suppress(AlreadyExists):
            host.write("to-folder/new", b"new")
            host.delete("to-folder/new")
        assert everything(host) == {"a": b"ours"}
        assert {found.name: found.read_bytes() for found in outside.iterdir()} == {"secret": b"secret"}

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
        """Reached through ``state`` alone, omitted from listings, and no path leads out of it."""
        host.write("a", b"outside")
        state = host.state
        state.write("trees/x/head", b"inside")
        state.write("a", b"inside")
        assert everything(host) == {"a": b"outside"}
        assert everything(source.make().state) == {"trees/x/head": b"inside", "a": b"inside"}
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


def _calls(host: CshApi, name: str, folder: Path) -> list[Callable[[], object]]:
    calls: list[Callable[[], object]] = [
        lambda: host.read(name),
        lambda: host.open(name),
        lambda: host.stat(name),
        lambda: host.write(name, b""),
        lambda: host.copy("a", name),
        lambda: host.copy(name, "b"),
        lambda: host.delete(name),
        lambda: host.swap_folders(name, "b"),
        lambda: host.sign_url(name, 1),
        lambda: host.put_files([("c", folder / "c"), (name, folder / "d")]),
        lambda: host.get_files([("a", folder / "c", None, None), (name, folder / "d", None, None)]),
        lambda: host.delete_files(["a", name]),
        lambda: host.copy_files([("a", "c", 1), (name, "d", 1)]),
        lambda: host.copy_files([("a", "c", 1), ("a", name, 1)]),
    ]
    return calls if name == "" else [*calls, lambda: host.list(name)]
