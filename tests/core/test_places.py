"""Wire contract, 4.5; object protocol, O15."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oaio_storage.errors import InvalidName
from oaio_storage.places import Places
from oaio_storage.progress import Progress, ignore

ONE = Places(
    {
        "usr": "/users/u/.config",
        "doc": "/users/u/Documents",
        "ado": "/users/u/Documents/demo",
        "app_name": "demo",
    }
)

parts = st.sampled_from(
    ["users", "u", ".config", "Documents", "demo", "x y", "..", ".", "", "~", "é", "{nope}", "{", "}"]
)
absolute = st.lists(parts, max_size=7).map(lambda names: "/" + "/".join(names))


class TestOfSystem:
    """The places are those that the environment names."""

    def test_xdg_variables_count(self, tmp_path: Path) -> None:
        program = (
            "from oaio_storage.places import Places\nprint(sorted(Places.of_system('my app').places.items()))"
        )
        told = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env={
                **os.environ,
                "HOME": "/h",
                "XDG_CONFIG_HOME": "/x/settings",
                "XDG_DOCUMENTS_DIR": "/x/documents",
            },
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        assert "('usr', '/x/settings')" in told
        assert "('app', '/x/settings/my\u2423app')" in told
        assert "('app_name', 'my\u2423app')" in told
        assert f"('cwd', '{tmp_path}')" in told

    def test_folders_are_absolute_and_the_program_has_a_name(self) -> None:
        places = Places.of_system().places
        assert set(places) == {"usr", "doc", "app", "ado", "cwd", "app_name"}
        assert all(Path(places[name]).is_absolute() for name in places.keys() - {"app_name"})
        assert places["app_name"]
        assert "/" not in places["app_name"]

    def test_a_client_has_its_own(self) -> None:
        given_places = {"usr": "/a"}
        places = Places(given_places)
        given_places["usr"] = "/b"
        assert places.expand("{usr}/x") == Path("/a/x")


class TestExpand:
    """Known placeholders become folders, everything else stays what it is."""

    @pytest.mark.parametrize(
        ("text", "path"),
        [
            ("{usr}", "/users/u/.config"), ("{usr}/", "/users/u/.config"),
            ("{usr}/x/../y", "/users/u/.config/y"),
            ("{doc}/{app_name}/x", "/users/u/Documents/demo/x"), ("/a/./b//c", "/a/b/c"),
            *((text, text) for text in (
                "/{nope}/x", "/{{usr}}/x", "/{usr/x}", "/usr}", "/{USR}", "/{}", "/{usr!r}", "/{usr.x}",
                "/{0}",
            )),
        ],
    )  # fmt: skip
    def test_texts(self, text: str, path: str) -> None:
        assert ONE.expand(text) == Path(path)

    def test_relative_texts_and_home(self) -> None:
        assert ONE.expand("x") == Path.cwd().resolve() / "x"
        assert ONE.expand("") == Path.cwd().resolve()
        assert ONE.expand("~/x") == Path.home().resolve() / "x"
        assert ONE.expand("{nope}/x") == Path.cwd().resolve() / "{nope}/x"

    def test_links_are_resolved(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to("real")
        (tmp_path / "loop").symlink_to("loop")
        assert ONE.expand(f"{tmp_path}/link/x") == tmp_path.resolve() / "real/x"
        assert ONE.expand(f"{tmp_path}/loop/x").is_absolute()

    def test_a_value_is_never_expanded_again(self) -> None:
        assert Places({"a": "/{b}", "b": "/c"}).expand("{a}") == Path("/{b}")

    def test_a_nul_character(self) -> None:
        with pytest.raises(InvalidName):
            ONE.expand("{usr}/\0")


class TestShorten:
    """The longest placeholder that is the path, or a prefix ending at a separator."""

    @pytest.mark.parametrize(
        ("path", "text"),
        [
            ("/users/u/.config", "{usr}"), ("/users/u/.config/", "{usr}/"), ("/users/u/.config/x", "{usr}/x"),
            ("/users/u/.configx", "/users/u/.configx"), ("/users/u/Documents/demo/x", "{ado}/x"),
            ("/users/u/Documents/demos", "{doc}/demos"), ("/users/u", "/users/u"), ("/", "/"),
            ("demo/x", "demo/x"),
            ("{usr}/x", "{usr}/x"), ("x", "x"), ("", ""), ("/a/{nope}", "/a/{nope}"),
        ],
    )  # fmt: skip
    def test_paths(self, path: str, text: str) -> None:
        assert ONE.shorten(path) == text
        assert ONE.shorten(Path(path)) == text.rstrip("/") or path in ("", "/")

    @given(absolute)
    def test_expands_to_the_same_place(self, path: str) -> None:
        assert ONE.expand(ONE.shorten(path)) == ONE.expand(path)

    @given(absolute)
    def test_another_device_has_it_below_its_own_folder(self, path: str) -> None:
        text = ONE.shorten(path)
        other = Places({name: f"/other/{name}" for name in ONE.places} | {"app_name": "demo"})
        if text.startswith("{") and ".." not in text:
            assert str(other.expand(text)).startswith("/other/")

    @pytest.mark.parametrize("path", ["/users/u/{usr}", "/x/{doc}/y", "/users/u/.config/{app_name}"])
    def test_what_others_would_take_for_a_placeholder_is_refused(self, path: str) -> None:
        with pytest.raises(InvalidName):
            ONE.shorten(path)

    def test_a_folder_behind_a_link_is_found_under_both_names(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to("real")
        places = Places({"doc": str(tmp_path / "link")})
        assert places.shorten(tmp_path / "link/x") == "{doc}/x"
        assert places.shorten(tmp_path.resolve() / "real/x") == "{doc}/x"


class TestIsBelowPlaceholder:
    """O15: what another device names is used only if it stays below a known folder."""

    @pytest.mark.parametrize(
        "text",
        ["{usr}/x", "{usr}/x/y/", "{usr}//x", "{usr}/a/../x", "{usr}/../.config/x", "{doc}/{app_name}"],
    )
    def test_below(self, text: str) -> None:
        assert ONE.is_below_placeholder(text)

    @pytest.mark.parametrize(
        "text",
        [
            "", "/", "x", "/users/u/.config/x", "~", "~/x", "{usr}", "{usr}/", "{usr}/.", "{usr}/..",
            "{usr}/../..", "{usr}/../../etc", "{usr}/x/../../y", "{usr}x/y", "{usr}../x", "{nope}/x",
            "{app_name}/x", "{{usr}}/x",
            " {usr}/x", "/{usr}/x", "{usr", "{usr}/\0", "{usr}/../.configx/y", "{}",
        ],
    )  # fmt: skip
    def test_not_below(self, text: str) -> None:
        assert not ONE.is_below_placeholder(text)

    def test_links_that_lead_out(self, tmp_path: Path) -> None:
        folder = tmp_path / "doc"
        folder.mkdir()
        (folder / "out").symlink_to("/etc")
        (folder / "up").symlink_to("..")
        (folder / "in").symlink_to("real")
        (folder / "real").mkdir()
        places = Places({"doc": str(folder)})
        assert places.is_below_placeholder("{doc}/in/x")
        assert not places.is_below_placeholder("{doc}/out/x")
        assert not places.is_below_placeholder("{doc}/out")
        assert not places.is_below_placeholder("{doc}/up/x")
        assert places.is_below_placeholder("{doc}/up/doc/x")

    @given(st.lists(parts, max_size=6).map("/".join))
    def test_what_is_below_expands_below(self, rest: str) -> None:
        if ONE.is_below_placeholder("{usr}/" + rest):
            assert str(ONE.expand("{usr}/" + rest)).startswith("/users/u/.config/")


def test_progress_is_a_value() -> None:
    event = Progress("send", 1, None, "files", "a")
    assert event == Progress("send", 1, None, "files", path="a")
    ignore(event)
