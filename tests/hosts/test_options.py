"""The options of a backend: what each takes, from text and from files."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oaio_storage.errors import InvalidArgument
from oaio_storage.hosts.fsspec_api import FsspecApi
from oaio_storage.hosts.options import holds_password, option_named, options_of
from oaio_storage_local import LocalApi


class Colour(Enum):
    RED = "red"
    BLUE = 7


@attrs.frozen(eq=False)
class ManyApi(LocalApi):
    """One option of each kind.

    Attributes:
        number: how many of them,
            at most.
        token: the password.
    """

    number: int = 0
    share: float = 0.5
    is_fast: bool = False
    name: str = ""
    way: Literal["path", "virtual", 0] = "path"
    colour: Colour = Colour.RED
    limit: int | None = None
    text_or_number: str | int = ""
    place: Path | None = None
    more: Mapping[str, int] = attrs.field(factory=dict)
    several: Sequence[str] = ()
    whatever: Any = None
    token: str = attrs.field(default="", repr=False)


OPTIONS = options_of(ManyApi)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("number", "7", 7),
        ("number", "-7", -7),
        ("share", "1.5", 1.5),
        ("share", "1", 1.0),
        ("is_fast", "true", True),
        ("is_fast", "false", False),
        ("name", "7", "7"),
        ("name", "", ""),
        ("name", "%41 $HOME ~", "%41 $HOME ~"),
        ("way", "virtual", "virtual"),
        ("way", "0", 0),
        ("colour", "red", "red"),
        ("colour", "7", 7),
        ("limit", "7", 7),
        ("text_or_number", "7", 7),
        ("text_or_number", "x", "x"),
        ("place", "/a/b", "/a/b"),
        ("more", '{"a": 1}', {"a": 1}),
        ("several", '["a", "b"]', ["a", "b"]),
        ("whatever", "[1]", "[1]"),
        ("token", "a\nb%c", "a\nb%c"),
        ("root_folder", "/a", "/a"),
    ],
)
def test_a_text_becomes_a_value_of_the_options_type(name: str, text: str, value: object) -> None:
    found = OPTIONS[name].parse(text)
    assert (found, type(found)) == (value, type(value))
    assert OPTIONS[name].check(found) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("number", text) for text in ("", "x", "1.0", "1e3", "٣", "0x10", "1_000", " 7", "9" * 101)),
        *(("share", text) for text in ("", "x", "nan", "inf", "-Infinity", "٣")),
        *(("is_fast", text) for text in ("", "yes", "no", "True", "1", "on")),
        *(("way", text) for text in ("", "Path", "auto")),
        *(("colour", text) for text in ("", "RED", "green")),
        *(("limit", text) for text in ("", "None", "null")),
        *(
            ("more", text)
            for text in ("", "{", "[]", '{"a": "1"}', '{"a": 1, "a": 2}', "[" * 100_000, '{"a": NaN}')
        ),
        *(("several", text) for text in ("", "a,b", "{}", "[1]")),
        ("name", "a\0b"),
        ("name", "sftp://user:word@host/"),
    ],
)
def test_a_text_of_another_type_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(InvalidArgument, match=name):
        OPTIONS[name].parse(text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", True),
        ("number", 1.0),
        ("number", "1"),
        ("share", "0.5"),
        ("share", float("nan")),
        ("is_fast", 1),
        ("name", 7),
        ("way", False),
        ("limit", ""),
        ("more", {"a": True}),
        ("several", ["a", 1]),
        ("several", "ab"),
        ("whatever", {1, 2}),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(InvalidArgument, match=name):
        OPTIONS[name].check(value)


def test_what_a_secret_holds_is_never_told() -> None:
    secret = options_of(FsspecApi)["storage_options"]
    for text in ("hidden word", '{"hidden word": NaN}', '["hidden word"]', '{"a": "hidden word\\u0000"}'):
        with pytest.raises(InvalidArgument) as caught:
            secret.parse(text)
        error = caught.value
        assert "hidden word" not in f"{error}{error.hint}{error.__cause__}"
        assert "storage_options" in str(error)


def test_an_unknown_option_lists_those_that_there_are() -> None:
    with pytest.raises(InvalidArgument) as caught:
        option_named("Number", OPTIONS)
    for told in (
        "number (whole number): how many of them, at most",
        "root_folder (text, needed)",
        "token (text, secret): the password",
    ):
        assert told in str(caught.value)


def test_what_an_option_takes_is_told_in_words() -> None:
    assert str(OPTIONS["way"]) == "way (one of path, virtual, 0)"
    assert str(OPTIONS["more"]) == "more (JSON object)"
    assert str(OPTIONS["limit"]) == "limit (whole number)"
    assert str(OPTIONS["text_or_number"]) == "text_or_number (text or whole number)"
    for name, told in (
        ("way", "takes one of path, virtual, 0, not 'x'"),
        ("limit", "takes a whole number, not"),
    ):
        with pytest.raises(InvalidArgument, match=told):
            OPTIONS[name].parse("x")


@pytest.mark.parametrize(
    ("address", "holds"),
    [
        ("sftp://user:word@host/", True),
        ("HTTPS://u:p@h", True),
        ("sftp://user@host:22/a:b@c", False),
        ("sftp://host/", False),
        ("memory://a:b@c", True),
        ("/a/b:c@d", False),
    ],
)
def test_a_password_in_an_address_is_seen(address: str, holds: bool) -> None:  # noqa: FBT001 - the expected answer
    assert holds_password(address) is holds


@given(st.sampled_from(sorted(OPTIONS)), st.text())
def test_any_text_is_a_value_or_refused(name: str, text: str) -> None:
    with suppress(InvalidArgument):
        value = OPTIONS[name].parse(text)
        assert OPTIONS[name].check(value) == value
