"""What a word on the command line means: an id by its beginning or end, values as JSON."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oaio_storage.cli.opening import the_one, values_of
from oaio_storage.errors import InvalidArgument, InvalidValues, NotFound

IDS = ["app:alice@laptop:1234", "app:alice@laptop:12345", "app:bob@phone:999"]


@pytest.mark.parametrize(("word", "meant"), [("999", 2), (IDS[0], 0), ("12345", 1), ("app:b", 2)])
def test_an_id_is_known_by_itself_or_by_a_beginning_or_end_of_its_own(word: str, meant: int) -> None:
    assert the_one(word, IDS, "object") == IDS[meant]


def test_an_ambiguous_beginning_names_the_candidates() -> None:
    with pytest.raises(InvalidArgument, match=r"fits 2 objects: .*1234, .*12345"):
        the_one("app:alice", IDS, "object")


@pytest.mark.parametrize("word", ["", "laptop", "*", "app:bob@phone:9999"])
def test_what_fits_nothing_is_not_found_and_the_hint_lists_what_there_is(word: str) -> None:
    with pytest.raises(NotFound) as caught:
        the_one(word, IDS, "object")
    assert caught.value.hint == "oaio ls"


@given(
    st.dictionaries(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), st.integers(-9, 9)
    )
)
def test_values_are_what_json_says(values: dict[str, int]) -> None:
    assert values_of(json.dumps(values)) == values


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1]", "list, not a JSON object"),
        ("3", "int, not a JSON object"),
        ("null", "NoneType, not a JSON object"),
        ("", "not JSON"),
        ("{a: 1}", "not JSON"),
        ("[" * 100_000, "too deep"),
        ('{"a": ' + "1" * 5_000 + "}", "too long"),
        ('{"a": 1, "a": 2}', "^--values has the name 'a' twice"),
        ('{"a": {"b": 1, "\\u0062": 2}}', "twice"),
    ],
)
def test_what_is_no_json_object_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidValues, match=said):
        values_of(text)


def test_a_dash_reads_the_values_from_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"a": 1}'))
    assert values_of("-") == {"a": 1}
