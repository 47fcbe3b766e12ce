"""Which call of the API a request is."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

import attrs

from oaio_storage.testing.koofr.refusals import NEW, OLD, Code, Refused

_API = re.compile(r"(?P<content>/content)?/api/(?P<level>v2(?:\.1)?)(?P<rest>/.*)\Z")
_MOUNT = re.compile(r"/mounts/(?P<mount>[^/]+)(?P<rest>/.*)?\Z")

_PLAIN = {("GET", "/token"): "token", ("POST", "/token"): "token", ("DELETE", "/token"): "revoke"}
_TOP = {
    ("GET", "/mounts"): "mounts",
    ("GET", "/user"): "user",
    ("GET", "/trash"): "trash",
}
_OF_MOUNT = {
    ("GET", ""): "mount",
    ("GET", "/bundle"): "bundle",
    ("GET", "/files/list"): "list",
    ("GET", "/files/info"): "info",
    ("GET", "/files/tree"): "tree",
    ("GET", "/files/get"): "get",
    ("POST", "/files/folder"): "folder",
    ("DELETE", "/files/remove"): "remove",
    ("PUT", "/files/rename"): "rename",
    ("PUT", "/files/move"): "move",
    ("PUT", "/files/copy"): "copy",
    ("POST", "/links"): "link",
}
_CONTENT_OF_MOUNT = {
    ("GET", "/files/get"): "get",
    ("GET", "/files/listrecursive"): "listrecursive",
    ("POST", "/files/put"): "put",
}
CHANGING = frozenset({"folder", "put", "remove", "rename", "move"})
"""The calls that change the mount in their address."""


@attrs.frozen
class Route:
    """A call, by the name of its last part; ``mount`` is empty where there is none."""

    call: str
    level: str
    query: Mapping[str, str]
    mount: str = ""


def route(method: str, target: str, version: str) -> Route:
    """The call that a request line means; ``version`` is its header ``X-Koofr-Version``.

    Raises:
        Refused: ``NotFound``: there is no such call. ``BadRequest``: the query is no UTF-8.
    """
    split = urlsplit(target)
    try:
        query = dict(parse_qsl(split.query, keep_blank_values=True, errors="strict", max_num_fields=100))
    except ValueError:
        raise Refused(Code.BAD_REQUEST, "The query can't be read.") from None
    found = _API.match(split.path)
    if not found:
        return Route(_call(_PLAIN, method, split.path), OLD, query)
    level = NEW if NEW in {found["level"], f"v{version}"} else OLD
    inside = _MOUNT.match(found["rest"])
    if not inside:
        return Route(_call({} if found["content"] else _TOP, method, found["rest"]), level, query)
    calls = _CONTENT_OF_MOUNT if found["content"] else _OF_MOUNT
    return Route(_call(calls, method, inside["rest"] or ""), level, query, unquote(inside["mount"]))


def _call(calls: Mapping[tuple[str, str], str], method: str, path: str) -> str:
    try:
        return calls[method, path]
    except KeyError:
        raise Refused(Code.NOT_FOUND, "No such call.") from None
