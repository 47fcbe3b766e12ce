"""A published tree as a web app of its own (PEP 3333), to be mounted wherever such apps can be."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

from oaio_storage.errors import NotFound, OaioError
from oaio_storage.publish.published import OpenGeneration
from oaio_storage.publish.serve.answering import METHODS, Answer, answer, not_available

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

RETRY_SECONDS = "10"
_HEADERS = {
    "HTTP_IF_MATCH": "If-Match",
    "HTTP_IF_NONE_MATCH": "If-None-Match",
    "HTTP_IF_RANGE": "If-Range",
    "HTTP_RANGE": "Range",
}


def wsgi_app(
    opening: Callable[[], AbstractContextManager[OpenGeneration]], more: Mapping[str, str] | None = None
) -> "WSGIApplication":
    """A web app that answers GET and HEAD below the place where it is mounted.

    A file is offered for storing if the query says ``download``. Where the tree can't be read the answer is
    503 with Retry-After (RFC 9110, 15.6.4), never 500; where nothing was published, 404.

    Args:
        opening: gives the generation for one request, such as ``LiveTree(tree).opened``.
        more: headers for every answer (see :func:`~oaio_storage.publish.serve.answer`).
    """

    def app(environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        given = _answered(environ, opening, more)
        status = f"{given.status.value} {given.status.phrase}"
        start_response(status, list(given.headers.items()))
        return given.body

    return app


def _answered(
    environ: Mapping[str, Any],
    opening: Callable[[], AbstractContextManager[OpenGeneration]],
    more: Mapping[str, str] | None,
) -> Answer:
    method, mount = str(environ["REQUEST_METHOD"]), str(environ.get("SCRIPT_NAME") or "")
    place = str(environ.get("PATH_INFO") or "")
    if not place and mount and method in METHODS:
        location = quote(mount.encode("latin-1")) + "/"
        return not_available(HTTPStatus.TEMPORARY_REDIRECT, method, {**(more or {}), "Location": location})
    try:
        path = place.encode("latin-1").decode()  # PEP 3333: bytes in disguise
    except UnicodeError:
        return not_available(HTTPStatus.NOT_FOUND, method, more)
    headers = {name: environ[key] for key, name in _HEADERS.items() if key in environ}
    download = "download" in parse_qs(str(environ.get("QUERY_STRING", "")), keep_blank_values=True)
    try:
        with opening() as opened:
            return answer(method, path.removeprefix("/"), headers, opened, download=download, more=more)
    except NotFound:
        return not_available(HTTPStatus.NOT_FOUND, method, more)
    except OaioError:
        return not_available(
            HTTPStatus.SERVICE_UNAVAILABLE, method, {**(more or {}), "Retry-After": RETRY_SECONDS}
        )
