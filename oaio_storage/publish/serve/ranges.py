"""The parts of a file that a request asks for (RFC 9110, 14); pure."""

import re

MAX_RANGES = 16
MAX_HEADER = 1000
"""A request for more parts, or in more characters, gets the whole file (RFC 9110, 14.2 and 17.15)."""

_SPEC = re.compile(r"([0-9]+)-([0-9]*)|-([0-9]+)")


def parts_wanted(header: str, size: int) -> tuple[range, ...] | None:
    """The parts that a ``Range`` header asks for of a file of ``size`` bytes, in its order.

    Returns:
        None: the whole file, since nothing else is asked for, or the header can't be understood (14.2), or
        the parts are too many or overlap so much that they are longer than the file. ``()``: parts that the
        file does not have (15.5.17).
    """
    unit, _, listed = header.partition("=")
    if unit.strip().lower() != "bytes" or len(header) > MAX_HEADER:
        return None
    specs = [spec for text in listed.split(",") if (spec := text.strip(" \t"))]
    found = [_SPEC.fullmatch(spec) for spec in specs]
    if not specs or len(specs) > MAX_RANGES:
        return None
    parts = []
    for match in found:
        if match is None:
            return None
        first, last, suffix = match.groups()
        if last and int(last) < int(first):
            return None
        parts.append(_part(first, last, suffix, size))
    wanted = tuple(part for part in parts if part)
    if not wanted and not size and any(match and int(match[3] or 0) for match in found):
        return None  # the last bytes of an empty file are satisfiable (14.1.2), and all of it
    return None if sum(map(len, wanted)) > size else wanted


def _part(first: str | None, last: str | None, suffix: str | None, size: int) -> range:
    """The bytes that one range names; empty if there are none (14.1.2)."""
    if suffix is not None:
        return range(max(0, size - int(suffix)), size)
    start = int(first or 0)
    return range(start, min(size, int(last) + 1) if last else size) if start < size else range(0)


def content_range(part: range, size: int) -> str:
    """The value of ``Content-Range`` for one part (14.4)."""
    return f"bytes {part.start}-{part.stop - 1}/{size}"
