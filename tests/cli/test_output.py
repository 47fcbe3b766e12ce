"""What is printed can't steer a terminal, and JSON holds the library's own fields."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oaio_storage.cli.output import count_text, plain, printable, say_json, size_text
from oaio_storage.client import SyncReport


@given(st.text())
def test_printable_text_is_one_line_without_control_characters(text: str) -> None:
    shown = printable(text)
    assert "\n" not in shown
    assert all(ord(char) >= 32 and not 127 <= ord(char) < 160 for char in shown)


@given(st.text(st.characters(exclude_categories=["Cc"])))
def test_ordinary_text_is_printed_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (14_400, "14 kB"),
        (999_600, "1.0 MB"),
        (5 * 10**12, "5000 GB"),
    ],
)
def test_sizes_are_decimal_with_two_digits(size: int, text: str) -> None:
    assert size_text(size) == text


def test_counts_have_their_plural() -> None:
    assert [count_text(number, "file") for number in (0, 1, 2)] == ["0 files", "1 file", "2 files"]


def test_a_value_of_the_library_is_printed_by_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    say_json(SyncReport(sent=2, bytes_sent=7))
    assert json.loads(capsys.readouterr().out) == {
        "sent": 2,
        "received": 0,
        "conflicts": [],
        "problems": [],
        "bytes_sent": 7,
        "bytes_received": 0,
        "requests": 0,
    }


def test_paths_tuples_and_none_have_a_form_in_json() -> None:
    assert plain({"at": Path("/a"), "all": (1, None, True)}) == {"at": "/a", "all": [1, None, True]}
