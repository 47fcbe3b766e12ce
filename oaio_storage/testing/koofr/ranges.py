"""The part of a file that a request asks for."""

import re

from oaio_storage.testing.koofr.refusals import Code, Refused

_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})\Z", re.ASCII)


def parse_range(header: str, size: int) -> range:
    """The bytes that a header ``Range`` means, of a file of ``size`` bytes.

    Raises:
        Refused: ``RangeNotSatisfiable``: it begins behind the end, names several parts, or is none.
    """
    found = _RANGE.match(header.strip())
    first, last = (found[1], found[2]) if found else ("", "")
    if first:
        begin, end = int(first), min(int(last or size), size - 1) + 1
    else:
        begin, end = size - min(int(last or 0), size), size
    if begin >= end:
        raise Refused(Code.RANGE, "Range not satisfiable.", {"Content-Range": f"bytes */{size}"})
    return range(begin, end)
