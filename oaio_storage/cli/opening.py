"""The client that a command works with, and what of it a word on the command line means."""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from oaio_storage.cli.options import Common
from oaio_storage.errors import InvalidArgument, InvalidValues, NotFound

if TYPE_CHECKING:
    from oaio_storage import OaioClient

MAX_SHOWN = 5


@contextmanager
def opened(options: Common) -> Iterator["OaioClient"]:
    """The client that ``oaio init`` made in the folder of ``options``, closed afterwards.

    Its edits wait for ``oaio sync``.

    Raises:
        NotFound: there is none.
    """
    root = options.client_root()
    from oaio_storage.client import open_client  # noqa: PLC0415 - not needed for --help

    client = open_client(root, syncs_itself=False)
    try:
        yield client
    finally:
        client.close()


def the_one(text: str, known: Iterable[str], noun: str, *, listed_by: str = "") -> str:
    """The one of ``known`` that is ``text``, or else the only one that begins or ends with it.

    Args:
        text: what a person wrote.
        known: all ids that there are.
        noun: what they are ids of.
        listed_by: the command that lists them, if :data:`LISTED_BY` does not know it.

    Raises:
        NotFound: there is none.
        InvalidArgument: there are several; the message names some.
    """
    ids = sorted(known)
    if text in ids:
        return text
    found = [one for one in ids if text and (one.startswith(text) or one.endswith(text))]
    if not found:
        raise NotFound(f"there is no {noun} {text[:300]!r} here", f"oaio {listed_by or LISTED_BY[noun]}")
    if len(found) > 1:
        shown = ", ".join(found[:MAX_SHOWN]) + (", ..." if len(found) > MAX_SHOWN else "")
        raise InvalidArgument(f"{text[:300]!r} fits {len(found)} {noun}s: {shown}", "Write more of the id.")
    return found[0]


_EXAMPLE = """Example: --values '{"a": 1}'"""

LISTED_BY = {"object": "ls", "conflict": "conflicts"}
"""The command that lists what there is of each noun."""


def values_of(text: str) -> dict[str, Any]:
    """The values that ``text`` tells as a JSON object; ``-``: read it from stdin.

    Raises:
        InvalidValues: it is no JSON object, or holds what values may not hold. Nothing was changed.
    """
    from oaio_storage.values import canonical  # noqa: PLC0415 - not needed for --help

    try:
        text = sys.stdin.read() if text == "-" else text
        values = json.loads(text, object_pairs_hook=_without_duplicates)
    except RecursionError as err:
        raise InvalidValues("--values is nested too deep") from err
    except UnicodeDecodeError as err:
        raise InvalidValues("the values on stdin are not UTF-8") from err
    except json.JSONDecodeError as err:
        place = f"line {err.lineno}, column {err.colno}"
        raise InvalidValues(f"--values is not JSON: {err.msg} at {place}", _EXAMPLE) from err
    except InvalidValues:
        raise
    except ValueError as err:
        raise InvalidValues(f"--values holds a number that is too long: {err}") from err
    if not isinstance(values, dict):
        kind = type(values).__name__
        raise InvalidValues(f"--values is a {kind}, not a JSON object", _EXAMPLE)
    canonical(values)
    return values


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidValues(f"--values has the name {twice[:100]!r} twice in one object", "Leave one out.")
    return values
