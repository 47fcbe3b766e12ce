"""Names that the service refuses, and the spelling of ours that it takes."""

import re

from oaio_storage.errors import InvalidName

_REFUSED = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]|(?:^|/)\.\.?(?:/|$)")

_QUOTE = "\u201b"
"""SINGLE HIGH-REVERSED-9 QUOTATION MARK: what follows stands for itself."""
_RESERVED = ':?<>"|*'
_STANDS_FOR = {character: chr(ord(character) + 0xFEE0) for character in _RESERVED}
_ORIGINAL = {other: character for character, other in _STANDS_FOR.items()}
_TO_ESCAPE = re.compile(f"[{re.escape(_RESERVED)}{''.join(_ORIGINAL)}{_QUOTE}]")
_TO_RESTORE = re.compile(f"{_QUOTE}(.)|[{''.join(_ORIGINAL)}]", re.DOTALL)


def check(path: str) -> str:
    """``path`` itself, if the service may hold it (Koofr API, section 9).

    Raises:
        InvalidName: it holds a control character, a backslash or a lone surrogate, or a part is ``.`` or
            ``..``. Nothing was asked of the service.
    """
    if _REFUSED.search(path):
        raise InvalidName(f"the service holds no such name: {path[:200]!r}")
    return path


def escape(path: str) -> str:
    """``path`` without the characters that clients of Digi Storage refuse: ``: ? < > " | *``.

    Each is replaced by its full-width form. One that stands in ``path`` itself is marked by U+201B in front,
    as is U+201B, so that :func:`unescape` gives back each path. Parts stay parts.
    """
    return _TO_ESCAPE.sub(lambda found: _STANDS_FOR.get(found[0], _QUOTE + found[0]), path)


def unescape(name: str) -> str:
    """The path that :func:`escape` was given; of a name that it did not make, the name itself."""
    original = _TO_RESTORE.sub(lambda found: found[1] or _ORIGINAL[found[0]], name)
    return original if escape(original) == name else name
