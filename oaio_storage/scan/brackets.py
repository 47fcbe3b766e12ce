"""Bracket expressions of git's patterns, such as ``[!a-c[:digit:]]``, as regular expressions; pure.

As git's ``wildmatch`` reads them: both ``!`` and ``^`` negate, a ``]`` in front is one of the characters, a
backslash takes the next one as it is, ``[:alpha:]`` and its like are ASCII, and a slash never matches.
"""

import re

_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r" \t\n\r",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
_STAND_INS = range(0xD800, 0xDC00)
"""Code points that no text holds which was decoded from bytes."""


def without_brackets(pattern: str) -> tuple[str, dict[int, str]]:
    """``pattern`` with one character in place of each bracket expression, and what each of these stands for.

    Returns:
        The pattern, and regular expressions by character, as ``str.translate`` takes them.

    Raises:
        ValueError: a bracket expression is not closed, holds a slash or an unknown class, so that for git
            the pattern matches nothing, or is a path; or there are more than a thousand.
    """
    made, found, at = "", dict[int, str](), 0
    while at < len(pattern):
        char = pattern[at]
        if char == "[":
            if len(found) == len(_STAND_INS):
                raise ValueError(pattern)
            stand_in = _STAND_INS[len(found)]
            found[stand_in], at = _expression(pattern, at + 1)
            made += chr(stand_in)
        else:
            end = at + 1 + (char == "\\")
            made, at = made + pattern[at:end], end
    return made, found


def _expression(pattern: str, start: int) -> tuple[str, int]:
    """The regular expression for what stands behind an opening bracket, and where the rest begins."""
    is_negated = pattern[start : start + 1] in {"!", "^"}
    first = at = start + is_negated
    members, last = "", ""
    while at == first or _at(pattern, at) != "]":
        char, following = _at(pattern, at), pattern[at + 1 : at + 2]
        if char == "[" and following == ":" and pattern[at + 2 : (end := pattern.index("]", at))][-1:] == ":":
            members += _class(pattern[at + 2 : end - 1])
            last, at = "", end + 1
        elif char == "-" and last and following != "]":
            char, at = _taken(pattern, at + 1)
            members += f"{re.escape(last)}-{re.escape(char)}" if last <= char else ""
            last = ""
        else:
            last, at = _taken(pattern, at)
            members += re.escape(last)
    if "/" in pattern[start:at]:
        raise ValueError(pattern)
    return f"(?!/)[{'^' * is_negated}{members}]", at + 1


def _taken(pattern: str, at: int) -> tuple[str, int]:
    """The character at ``at``, or behind the backslash there, and where the rest begins."""
    at += _at(pattern, at) == "\\"
    return _at(pattern, at), at + 1


def _at(pattern: str, at: int) -> str:
    if at >= len(pattern):
        raise ValueError(pattern)
    return pattern[at]


def _class(name: str) -> str:
    if name not in _CLASSES:
        raise ValueError(name)
    return _CLASSES[name]
