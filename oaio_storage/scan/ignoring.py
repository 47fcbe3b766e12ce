"""What a folder's ``.oaioignore`` hides: git's pattern language (gitignore(5)), in one file at the root.

Other than for git, which compares bytes, ``?`` and ``[]`` stand for one character, also outside ASCII.
"""

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, cast

import attrs

from oaio_storage.errors import InvalidConfiguration, RootUnavailable
from oaio_storage.names import folders_above
from oaio_storage.scan.brackets import without_brackets

if TYPE_CHECKING:
    from pathspec.pattern import RegexPattern

IGNORE_FILE = ".oaioignore"
MAX_IGNORE_BYTES = 1 << 20
_BELOW = "ps_d"
"""The group in the library's regular expressions that holds the slash behind a folder which matched."""

_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@attrs.frozen(eq=False)
class Ignored:
    """The patterns of one folder. A file below a hidden folder is hidden, whatever patterns say of it."""

    _patterns: Sequence[tuple[re.Pattern[str], bool]] = ()

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def hides(self, path: str) -> bool:
        """Whether ``path`` is hidden, given that no folder above it is; a folder has a slash at its end."""
        return next((hidden for regex, hidden in reversed(self._patterns) if _names(regex, path)), False)

    def covers(self, path: str) -> bool:
        """Whether the file ``path``, or a folder above it, is hidden."""
        return bool(self._patterns) and (
            any(self.hides(f"{folder}/") for folder in folders_above(path)) or self.hides(path)
        )


def ignored_in(root: int, more: str = "") -> Ignored:
    """What the open folder ``root`` hides, and what the lines ``more`` do, which win.

    Raises:
        RootUnavailable: the file can't be read; nothing that it may hide is shown.
        InvalidConfiguration: it is no regular file, too long, or holds what is no pattern.
    """
    try:
        file = os.open(IGNORE_FILE, _OPEN, dir_fd=root)
    except FileNotFoundError:
        return ignored_by(more) if more else Ignored()
    except OSError as err:
        if err.errno in (errno.ELOOP, errno.ENXIO):
            raise InvalidConfiguration(f"{IGNORE_FILE} is no regular file") from err
        raise RootUnavailable(f"{IGNORE_FILE} can't be read: {err.strerror}") from err
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise InvalidConfiguration(f"{IGNORE_FILE} is no regular file")
        with open(file, "rb", closefd=False) as content:
            text = content.read(MAX_IGNORE_BYTES + 1)
    finally:
        os.close(file)
    if len(text) > MAX_IGNORE_BYTES:
        raise InvalidConfiguration(f"{IGNORE_FILE} is longer than {MAX_IGNORE_BYTES} bytes")
    return ignored_by(f"{text.decode(errors='surrogateescape')}\n{more}")


def ignored_by(text: str) -> Ignored:
    """What the patterns in ``text`` hide.

    Raises:
        InvalidConfiguration: a line is no pattern.
    """
    patterns: list[tuple[re.Pattern[str], bool]] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        try:
            patterns += _pattern(line.removesuffix("\r"))
        except ValueError as err:
            raise InvalidConfiguration(
                f"{IGNORE_FILE}: line {number} is no pattern: {line[:200]!r}", "Correct or remove it."
            ) from err
    return Ignored(patterns)


def _pattern(line: str) -> Iterator[tuple[re.Pattern[str], bool]]:
    """What a line names, and whether that is hidden; nothing for a comment.

    Raises:
        ValueError: it is no pattern.
    """
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 - only where there are patterns

    if line.startswith("#"):
        return
    simple, brackets = without_brackets(line)
    for found in cast("Iterable[RegexPattern]", GitIgnoreSpec.from_lines([simple]).patterns):
        if found.regex is not None:
            regex = re.compile(found.regex.pattern.translate(brackets), found.regex.flags)
            yield regex, bool(found.include)


def _names(regex: re.Pattern[str], path: str) -> bool:
    """Whether a pattern names ``path`` itself, and not only a folder above it, which was asked before."""
    if path[-1] == "/" and _names(regex, path[:-1]):
        return True
    for found in regex.finditer(path):
        below = found.groupdict().get(_BELOW)
        if found.end(_BELOW) == len(path) if below else found.end() < len(path) or path[-1] != "/":
            return True
    return False
