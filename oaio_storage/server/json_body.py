"""Reading JSON that anybody may have sent. Pure."""

import json
import re
from typing import Any, NoReturn

from oaio_storage.errors import InvalidArgument

_SUSPECT = re.compile(r"\\u(?:d[89a-f]|0000)", re.IGNORECASE)


def parse_object(content: bytes) -> dict[str, Any]:
    """The JSON object that ``content`` is.

    UTF-8, each key once, finite numbers, texts without NUL and lone surrogates.

    Raises:
        InvalidArgument: it is anything else.
    """
    try:
        text = content.decode()
        body = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as err:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise InvalidArgument("the request's body is no JSON that can be read") from err
    if not isinstance(body, dict):
        raise InvalidArgument(f"the request's body is not a JSON object but {type(body).__name__}")
    if "\0" in text or _SUSPECT.search(text):
        _check_texts(body)
    return body


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidArgument(f"{name} is no JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidArgument("a key occurs twice in the request's body")
    return found


def _check_texts(body: dict[str, Any]) -> None:
    waiting: list[Any] = [body]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str) and ("\0" in one or any(0xD800 <= ord(char) <= 0xDFFF for char in one)):  # noqa: PLR2004
            raise InvalidArgument("a text in the request holds NUL or a lone surrogate")
