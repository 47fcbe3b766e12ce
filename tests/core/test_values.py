"""Object protocol, O5; reliability, R5 and bad inputs 57 to 65."""

import json
import math
from collections import OrderedDict, defaultdict
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from random import Random
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from oaio_storage.errors import InvalidValues
from oaio_storage.values import MAX_BYTES, MAX_DEPTH, MAX_DIGITS, MAX_MEMBERS, canonical, parse

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**MAX_DIGITS) + 1, 10**MAX_DIGITS - 1),
    st.integers(-3, 3),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        [0.0, -0.0, 5e-324, 1e308, 0.1 + 0.2, 1.0, 2**53 + 1, 10**30, "", "\x85\u2028\x7f", "\ufeff"]
    ),
    texts,
)
members = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=15,
)
values_dicts = st.dictionaries(texts, members, max_size=6)


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


def exact(value: object) -> object:
    """A form of ``value`` in which 1, 1.0 and True, and 0.0 and -0.0, differ."""
    if isinstance(value, dict):
        return {key: exact(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [exact(member) for member in value]
    return type(value), repr(value)


def nested(depth: int) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for _ in range(depth - 1):
        values = {"a": values}
    return values


class TestRoundTrip:
    """What is accepted comes back as it was, with its types."""

    @given(values_dicts)
    @example({"": {"": []}})
    def test_parse_gives_back_what_canonical_was_given(self, values: dict[str, Any]) -> None:
        assert exact(parse(canonical(values))) == exact(values)

    @given(values_dicts)
    def test_each_canonical_text_is_its_own_canonical_form(self, values: dict[str, Any]) -> None:
        text = canonical(values)
        assert canonical(parse(text)) == text
        assert text.encode().decode() == text

    @given(values_dicts, st.randoms())
    def test_the_order_of_keys_does_not_matter(self, values: dict[str, Any], random: Random) -> None:
        keys = list(values)
        random.shuffle(keys)
        assert canonical({key: values[key] for key in keys}) == canonical(values)

    @given(values_dicts, st.data())
    def test_another_member_gives_another_text(self, values: dict[str, Any], data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(values)) if values else texts)
        other = data.draw(members)
        assume(key not in values or exact(values[key]) != exact(other))
        assert canonical(values | {key: other}) != canonical(values)

    @given(values_dicts)
    def test_the_text_is_json_for_everybody(self, values: dict[str, Any]) -> None:
        assert exact(json.loads(canonical(values))) == exact(values)

    def test_tuples_come_back_as_lists(self) -> None:
        assert parse(canonical({"a": (1, (2, []), {"b": ()})})) == {"a": [1, [2, []], {"b": []}]}

    def test_look_alikes_stay_apart(self) -> None:
        alike = [1, 1.0, True, "1", -0.0, 0.0, 0, False, None, "", [], {}, 2**53, 2**53 + 1, float(2**53)]
        assert len({canonical({"a": value}) for value in alike}) == len(alike)
        assert canonical({"a": "é"}) != canonical({"a": "e\u0301"})

    def test_keys_that_look_like_control_fields_are_plain_data(self) -> None:
        values = {"_id": 1, "_rev": 2, "deleted": True, "__class__": "x", "$ref": "#"}
        assert parse(canonical(values)) == values


class TestRefused:
    """What can't be kept is refused where it stands, before an edit is acknowledged."""

    @pytest.mark.parametrize(
        ("values", "place"),
        [
            (None, "values: a dictionary"),
            ([], "values: a dictionary"),
            (OrderedDict(a=1), "values: a dictionary"),
            ({1: "a"}, "values: a key is of type int"),
            ({True: 1, 2: 2}, "values: a key is of type"),
            ({None: 1}, "values: a key is of type NoneType"),
            ({"a": {(): 1}}, "values.a: a key is of type tuple"),
            ({Colour.RED: 1}, "values: a key is of type Colour"),
            ({"a": Colour.RED}, "values.a: the type Colour"),
            ({"a": Level.LOW}, "values.a: the type Level"),
            ({"a": {1}}, "values.a: the type set"),
            ({"a": [0, {"b": b""}]}, "values.a.1.b: the type bytes"),
            ({"a": datetime.now(UTC)}, "values.a: the type datetime"),
            ({"a": Decimal(1)}, "values.a: the type Decimal"),
            ({"a": object()}, "values.a: the type object"),
            ({"a": defaultdict(int)}, "values.a: the type defaultdict"),
            ({"a": math.nan}, "values.a: a float that is not finite"),
            ({"a": [1e308 * 10]}, "values.a.0: a float that is not finite"),
            ({"a": 10**MAX_DIGITS}, "values.a: an integer"),
            ({"a": -(10**MAX_DIGITS)}, "values.a: an integer"),
            ({"a": "x\0"}, "values.a: a text with a NUL"),
            ({"x\0": 1}, "values.'x\\x00': a text with a NUL"),
            ({"a": "\ud800"}, "values.a: a text with a lone surrogate"),
            ({"\udfff": 1}, "values.'\\udfff': a text with a lone surrogate"),
        ],
    )
    def test_the_place_is_named(self, values: object, place: str) -> None:
        with pytest.raises(InvalidValues) as caught:
            canonical(values)
        assert caught.value.message.startswith(place)
        assert caught.value.message.isprintable()
        assert caught.value.hint

    def test_the_content_is_never_shown(self) -> None:
        with pytest.raises(InvalidValues) as caught:
            canonical({"password": "s3cret\0"})
        assert "s3cret" not in str(caught.value)

    def test_bounds_are_exact(self) -> None:
        assert parse(canonical(nested(MAX_DEPTH))) == nested(MAX_DEPTH)
        assert canonical({"a": [0] * (MAX_MEMBERS - 1)})
        assert len(canonical({"a": "x" * (MAX_BYTES - 8)})) == MAX_BYTES
        for values in (nested(MAX_DEPTH + 1), {"a": [0] * MAX_MEMBERS}, {"a": "x" * (MAX_BYTES - 7)}):
            with pytest.raises(InvalidValues):
                canonical(values)

    def test_bytes_count_not_characters(self) -> None:
        with pytest.raises(InvalidValues, match="bytes"):
            canonical({"a": "é" * (MAX_BYTES // 2)})
        with pytest.raises(InvalidValues, match="bytes"):
            canonical({"a": "\n" * (MAX_BYTES // 2)})

    def test_what_contains_itself_ends(self) -> None:
        endless: list[Any] = []
        endless += [endless, endless]
        with pytest.raises(InvalidValues, match=r"deep|members"):
            canonical({"a": endless})

    def test_shared_parts_count_each_time_they_are_written(self) -> None:
        shared: list[Any] = ["x" * 1000]
        assert parse(canonical({"a": shared, "b": shared})) == {"a": shared, "b": shared}
        for _ in range(30):
            shared = [shared, shared]
        with pytest.raises(InvalidValues, match=r"members|deep|bytes"):
            canonical({"a": shared})


class TestParse:
    """Accepted means canonical; what is hostile is refused cheaply."""

    @pytest.mark.parametrize(
        "text",
        [
            "", " ", "\ufeff{}", "null", "[]", '"a"', "1", "{", "{}x", "{} ", " {}", "{}\n", '{"a":1}{"a":1}',
            '{"a":1,"a":1}', '{"a":1,"\\u0061":1}', '{"b":1,"a":1}', '{"a": 1}', '{"a":1 }', "{'a':1}",
            '{"a":NaN}', '{"a":Infinity}', '{"a":-Infinity}', '{"a":1e400}', '{"a":-0}', '{"a":01}',
            '{"a":1.}', '{"a":1E5}', '{"a":1.50}', '{"a":1e5}', '{"a":0.1000000000000000055}', '{"a":+1}',
            '{"a":"\\u00e9"}', '{"a":"\\/"}', '{"a":"\\u000a"}', '{"a":"\\u0000"}', '{"a":"\\ud800"}',
            '{"a":"\ud800"}', '{"a":"\x01"}', '{"a":"x', '{"a":"x\\', '{"a":tru}', '{"a":True}',
            '{"a":' + "9" * (MAX_DIGITS + 1) + "}", '{"a":' + "9" * 5000 + "}", '{"a":0.' + "1" * 5000 + "}",
        ],
    )  # fmt: skip
    def test_no_other_text_is_accepted(self, text: str) -> None:
        with pytest.raises(InvalidValues):
            parse(text)

    @pytest.mark.parametrize(
        "text",
        [
            "[" * 100_000,
            '{"a":' * 100_000,
            '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
            '"' + '\\"' * 500_000,
            '"' + '\\"' * 500_000 + "\\",
            '{"a":[' + "0," * 500_000 + "0]}",
            '{"a":' + "9" * 1_000_000 + "}",
            "x" * (MAX_BYTES + 1),
            "é" * MAX_BYTES,
        ],
        ids=lambda text: f"{text[:5]}-{len(text)}",
    )
    def test_hostile_texts_are_refused(self, text: str) -> None:
        with pytest.raises(InvalidValues):
            parse(text)

    @given(st.one_of(st.text(), members.map(json.dumps), st.text('{}[]",:0\\ae1.-', max_size=12)))
    def test_accepted_means_canonical(self, text: str) -> None:
        try:
            values = parse(text)
        except InvalidValues:
            return
        assert canonical(values) == text

    @given(values_dicts, st.data())
    def test_a_changed_character_is_refused_or_means_something_else(
        self, values: dict[str, Any], data: st.DataObject
    ) -> None:
        text = canonical(values)
        place = data.draw(st.integers(0, len(text) - 1))
        changed = text[:place] + data.draw(st.characters()) + text[place + 1 :]
        assume(changed != text)
        with suppress(InvalidValues):
            assert exact(parse(changed)) != exact(values)

    def test_brackets_inside_of_texts_are_no_depth(self) -> None:
        values = {"a": "[" * 100_000 + '\\"' * 1000, "b" * 50: "{,}" * 50_000}
        assert parse(canonical(values)) == values

    def test_no_text_at_all(self) -> None:
        with pytest.raises(InvalidValues):
            parse(b"{}")  # type: ignore[arg-type]  # what a caller without a type checker may pass
