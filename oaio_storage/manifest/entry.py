"""What is known of one file, and its line in the canonical text."""

import re
from hashlib import sha256
from itertools import pairwise

import attrs

from oaio_storage.errors import InvalidManifest

MAX_SIZE = 2**63 - 1
"""Bytes of the largest file."""

EMPTY_CHECKSUM = sha256(b"").hexdigest()

CHECKSUM = re.compile(r"[0-9a-f]{64}")
"""A SHA-256 in hexadecimal digits."""

_HEX, _DIGITS = "0123456789abcdef", 64

_FLAGS = {True: "x", False: "-", None: "?"}
_EXECUTABLE = {flag: executable for executable, flag in _FLAGS.items()}
_EXTRA = re.compile(r"(?:,[a-z][a-z0-9_]*=[!-+\--~]*)*")
_LINE = re.compile(rf"({CHECKSUM.pattern}) (0|[1-9][0-9]{{0,18}}) ([x?-])({_EXTRA.pattern}) (.+)")


@attrs.frozen
class FileEntry:
    """What is known of one file.

    Attributes:
        size: bytes.
        checksum: SHA-256 of the content, 64 lower-case hexadecimal digits.
        executable: whether its owner may execute it; None where the system has no such bit.
        mtime: when it was changed, in ns since 1970; informs only, and is neither compared nor written.
        extra: fields of later minor versions, as they stand in the canonical text; kept, never judged.

    Raises:
        InvalidManifest: a field is not what it has to be.
    """

    size: int
    checksum: str
    executable: bool | None = None
    mtime: int = attrs.field(default=0, eq=False)
    extra: str = ""

    def __attrs_post_init__(self) -> None:
        size, checksum, executable = self.size, self.checksum, self.executable
        if type(size) is not int or not 0 <= size <= MAX_SIZE:
            raise InvalidManifest(f"not a size in bytes: {str(size)[:80]!r}")
        if type(checksum) is not str or len(checksum) != _DIGITS or checksum.strip(_HEX):
            raise InvalidManifest(
                f"not a SHA-256 of 64 lower-case hexadecimal digits: {str(checksum)[:80]!r}"
            )
        if (size == 0) != (checksum == EMPTY_CHECKSUM):
            raise InvalidManifest(f"a size of {size} bytes contradicts the checksum {checksum}")
        if (executable is not None and type(executable) is not bool) or type(self.mtime) is not int:
            raise InvalidManifest(f"not an executable bit and a time: {executable!r}, {self.mtime!r}")
        if self.extra:
            _check_extra(self.extra)


def _check_extra(extra: str) -> None:
    if not _EXTRA.fullmatch(extra):
        raise InvalidManifest(f"not further fields of an entry: {extra[:80]!r}")
    names = [field.partition("=")[0] for field in extra[1:].split(",")]
    if any(first >= second for first, second in pairwise(names)):
        raise InvalidManifest(f"further fields of an entry are not sorted: {extra[:80]!r}")


def line_of(path: str, entry: FileEntry) -> str:
    """The line of a file, with its newline."""
    return f"{entry.checksum} {entry.size} {_FLAGS[entry.executable]}{entry.extra} {path}\n"


def parse_line(line: str, mtime: int = 0) -> tuple[str, FileEntry]:
    """The path and entry that a line without its newline tells, with a time from elsewhere.

    Raises:
        InvalidManifest: it is no such line.
    """
    parts = _LINE.fullmatch(line)
    if not parts:
        raise InvalidManifest(f"not a line of a manifest: {line[:200]!r}")
    checksum, size, flag, extra, path = parts.groups()
    return path, FileEntry(int(size), checksum, _EXECUTABLE[flag], mtime, extra)
