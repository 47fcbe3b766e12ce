"""Conditions of a request (RFC 9110, 13); pure.

Only entity tags count. The modification time of a file is no part of a generation, so none is told, and
conditions on dates are ignored, as 13.1.3 and 13.1.4 require where there is no such date.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


def entity_tag(checksum: str) -> str:
    """The strong entity tag (8.8.3) of a content by its SHA-256."""
    return f'"{checksum}"'


def outcome(headers: Mapping[str, str], tag: str) -> HTTPStatus:
    """``OK``, or what the conditions make of the answer, in the order of 13.2.2.

    Args:
        headers: of a GET or HEAD, names in lower case.
        tag: the entity tag of what would be answered.
    """
    if_match, if_none_match = headers.get("if-match"), headers.get("if-none-match")
    if if_match is not None and not _names(if_match, tag, weakly=False):
        return HTTPStatus.PRECONDITION_FAILED
    if if_none_match is not None and _names(if_none_match, tag, weakly=True):
        return HTTPStatus.NOT_MODIFIED
    return HTTPStatus.OK


def allows_range(headers: Mapping[str, str], tag: str) -> bool:
    """Whether ``If-Range`` (13.1.5) lets a ``Range`` count; a date never does."""
    condition = headers.get("if-range")
    return condition is None or condition.strip() == tag


def _names(listed: str, tag: str, *, weakly: bool) -> bool:
    """Whether a list of entity tags, or ``*``, names ``tag``; by which comparison, says 8.8.3.2."""
    if listed.strip() == "*":
        return True
    return any((weakly or not weak) and f'"{opaque}"' == tag for weak, opaque in _TAG.findall(listed))
