"""What a values dictionary may hold, and its canonical text (object protocol, O5).

Values are texts, integers, finite floats, ``True``, ``False``, ``None``, lists, and dictionaries with texts
as keys. They are stored and sent as one text for each content, so that equal contents have equal digests
everywhere. The bounds keep what is accepted here acceptable to every later reader, in any language.
"""

import json
import math
import re
from typing import Any, NoReturn

from oaio_storage.errors import InvalidValues

MAX_DEPTH = 32
"""Containers inside one another, the dictionary itself included."""

MAX_MEMBERS = 10_000
"""Items of all dictionaries and lists together."""

MAX_BYTES = 1 << 20
"""Length of the canonical text in UTF-8."""

MAX_DIGITS = 100
"""Decimal digits of an integer: room for any hash or key, and still quick to read in any language."""

_TOO_LARGE_INT = 10**MAX_DIGITS
_TOO_MANY_DIGITS = re.compile(rf"\d{{{MAX_DIGITS + 1}}}")
_TEXT = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKETS = re.compile(r"[\[\]{}]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_ALLOWED = "Use texts, numbers, True, False, None, lists, and dictionaries with texts as keys."


def canonical(values: object) -> str:
    """The canonical text of ``values``: JSON with sorted keys and without spaces, non-ASCII kept as it is.

    :func:`parse` gives equal values of the same types back, tuples as lists. Subclasses (an enumeration, a
    default dictionary) are refused, as they would come back as something else.

    Raises:
        InvalidValues: something can't be kept; the message names its dotted place, never the content.
    """
    if type(values) is not dict:
        _refuse((), f"a dictionary is needed, not {type(values).__name__}")
    _check(values)
    text = json.dumps(values, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    if len(text.encode()) > MAX_BYTES:
        _refuse((), f"more than {MAX_BYTES} bytes of text")
    return text


def parse(text: str) -> dict[str, Any]:
    """The values whose :func:`canonical` text is ``text``.

    Length, depth, number of members and digits are judged before anything is built.

    Raises:
        InvalidValues: ``text`` is not canonical: too long or deep, keys twice or not sorted, a number that
            changes when it is read, or no JSON at all.
    """
    _check_outline(text)
    try:
        values = json.loads(text)
    except ValueError as err:
        raise InvalidValues(f"values: not JSON ({err})") from err
    if canonical(values) != text:
        _refuse(
            (), "not the canonical text of what it holds (keys twice or not sorted, spaces, other numbers)"
        )
    assert isinstance(values, dict)
    return values


def _check(values: dict[Any, Any]) -> None:
    members = characters = 0
    waiting: list[tuple[tuple[object, ...], object]] = [((), values)]
    while waiting:
        place, value = waiting.pop()
        if type(value) is str:
            characters += _checked_length(place, value)
        elif isinstance(value, dict | list | tuple) and type(value) in (dict, list, tuple):
            members += len(value)
            if len(place) >= MAX_DEPTH:
                _refuse(place[:5], f"more than {MAX_DEPTH} levels deep, or containing itself")
            if members > MAX_MEMBERS:
                _refuse(place, f"more than {MAX_MEMBERS} members in all")
            if isinstance(value, dict):
                characters += sum(_checked_key_length(place, key) for key in value)
            items = value.items() if isinstance(value, dict) else enumerate(value)
            waiting.extend(((*place, key), item) for key, item in items)
        else:
            _check_scalar(place, value)
        if characters > MAX_BYTES:
            _refuse(place, f"more than {MAX_BYTES} bytes of text in all")


def _checked_key_length(place: tuple[object, ...], key: object) -> int:
    if type(key) is not str:
        _refuse(place, f"a key is of type {type(key).__name__}, only texts can be keys")
    return _checked_length((*place, key), key)


def _checked_length(place: tuple[object, ...], text: str) -> int:
    if len(text) <= MAX_BYTES:
        if "\0" in text:
            _refuse(place, "a text with a NUL character")
        if not text.isascii() and _SURROGATE.search(text):
            _refuse(place, "a text with a lone surrogate, which is not UTF-8")
    return len(text)


def _check_scalar(place: tuple[object, ...], value: object) -> None:
    if value is None or type(value) is bool:
        return
    if type(value) is int:
        if not -_TOO_LARGE_INT < value < _TOO_LARGE_INT:
            _refuse(place, f"an integer of more than {MAX_DIGITS} digits")
    elif type(value) is float:
        if not math.isfinite(value):
            _refuse(place, "a float that is not finite")
    else:
        _refuse(place, f"the type {type(value).__name__} can't be kept")


def _check_outline(text: str) -> None:
    if not isinstance(text, str):
        _refuse((), f"a text is needed, not {type(text).__name__}")
    if len(text) > MAX_BYTES or _SURROGATE.search(text) or len(text.encode()) > MAX_BYTES:
        _refuse((), f"more than {MAX_BYTES} bytes, or not UTF-8")
    outline = _TEXT.sub("", text)
    if outline.count(",") > MAX_MEMBERS or outline.count("[") + outline.count("{") > MAX_MEMBERS + 1:
        _refuse((), f"more than {MAX_MEMBERS} members in all")
    if _TOO_MANY_DIGITS.search(outline):
        _refuse((), f"a number of more than {MAX_DIGITS} digits")
    depth = 0
    for bracket in _BRACKETS.findall(outline):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            _refuse((), f"more than {MAX_DEPTH} levels deep")


def _refuse(place: tuple[object, ...], reason: str) -> NoReturn:
    keys = (str(key)[:40] for key in place)
    where = ".".join(("values", *(key if key.isprintable() else ascii(key) for key in keys)))
    raise InvalidValues(f"{where}: {reason}", _ALLOWED)
