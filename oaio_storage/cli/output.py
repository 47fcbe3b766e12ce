"""What the commands print: answers on stdout, everything else on stderr.

With ``--json`` an answer is one JSON text on stdout: the fields of the library's values under their own
names, and ``{"error": {"code", "message", "hint"}}`` when a command fails. Both are part of the interface.
"""

import json
import math
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from oaio_storage.errors import OaioError, StorageError, as_json

_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(0x80, 0xA0))}


class ReaderGoneError(Exception):
    """Nobody reads stdout any more."""


def printable(text: str) -> str:
    """``text`` in one line, with every control character escaped: a name can't steer the terminal."""
    return text.translate(_ESCAPES)


def size_text(size: int) -> str:
    """``size`` bytes for people: ``0 B``, ``999 B``, ``1.2 kB``, ``14 kB``, ``3.0 MB``; powers of 1000."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.5 or unit == "GB":  # noqa: PLR2004 - rounds to 1000
            break
        amount /= 1000
    digits = 0 if unit == "B" or amount >= 9.95 else 1  # noqa: PLR2004 - rounds to 10
    return f"{amount:.{digits}f} {unit}"


def count_text(number: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def say(*lines: str) -> None:
    """Print ``lines`` on stdout, each made :func:`printable`."""
    _write("".join(printable(line) + "\n" for line in lines))


def say_json(value: object) -> None:
    """Print ``value`` as JSON: attrs values as their fields, paths as texts, tuples as lists."""
    _write(json.dumps(plain(value), indent=2) + "\n")


def plain(value: object) -> Any:  # noqa: ANN401 - JSON
    """``value`` in terms of JSON; a number without bounds is None there."""
    if attrs.has(kind := type(value)):
        return {field.name: plain(getattr(value, field.name)) for field in attrs.fields(kind)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


def answer(value: object, *lines: str, as_json: bool, done: str = "") -> None:
    """Print ``value`` as JSON if ``as_json``, otherwise ``lines``.

    Raises:
        StorageError: it can't be written; the message begins with what is ``done`` all the same.
    """
    try:
        if as_json:
            say_json(value)
        else:
            say(*lines)
    except StorageError as err:
        err.message = f"{done}, but {err.message}" if done else err.message
        raise


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError as err:
        raise ReaderGoneError from err
    except OSError as err:
        drop_output()
        raise StorageError(
            f"the output can't be written: {err.strerror}",
            "Make room where it goes; what was done stays done.",
        ) from err


def note(text: str) -> None:
    """Print one line for a person on stderr."""
    sys.stderr.write(printable(text) + "\n")


def complain(error: OaioError, *, to_json: bool) -> None:
    """Print ``error`` and its hint on stderr; with ``to_json`` also as JSON on stdout."""
    if to_json:
        say_json({"error": as_json(error)})
    note(f"oaio: {error.message}")
    if error.hint:
        note(f"hint: {error.hint}")


def forgive_odd_text() -> None:
    """Let stdout and stderr escape what they can't encode, lone surrogates among it, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def drop_output() -> None:
    """Send what is still buffered for stdout nowhere, after its reader went away or its disk was full."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
