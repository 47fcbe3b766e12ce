"""Requests of clients that publish trees over HTTP, and what they are answered; no web framework.

An adapter makes a :class:`Request` of what its framework gives it, and its framework's answer of the
:class:`Answer`; the rest is here. A body is read as it comes and never held as a whole.
"""

import json
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Literal

import attrs

from oaio_storage.errors import (
    CallerError,
    Changed,
    Corrupt,
    ForeignPublisher,
    InvalidArgument,
    InvalidName,
    MassDeletion,
    NotFound,
    NotGuaranteed,
    OaioError,
    TooLarge,
)
from oaio_storage.file_transfer.auth import Decoder, authenticate
from oaio_storage.file_transfer.bodies import Body, Stream
from oaio_storage.file_transfer.forms import Form
from oaio_storage.file_transfer.offers import parse_offer
from oaio_storage.file_transfer.session import ChunkHeaders, Session, check_process_id
from oaio_storage.file_transfer.site import Site
from oaio_storage.trees.paths import check_tree_name
from oaio_storage.trees.switches import Switch

RETRY_SECONDS = "10"
PARALLEL = 4
"""Uploads of one publication that clients may have under way at the same time."""

_log = logging.getLogger(__name__)

Action = Literal["select-files", "upload-files", "publish-files"]
METHODS: Mapping[Action, tuple[str, ...]] = {
    "select-files": ("POST",),
    "upload-files": ("POST",),
    "publish-files": ("GET", "POST"),
}
"""The requests of one publication, in their order, each with the methods of HTTP that it may have."""

FORM, CHUNK = "multipart/form-data", "application/octet-stream"
TYPES: Mapping[Action, tuple[str, ...]] = {
    "select-files": (FORM,),
    "upload-files": (FORM, CHUNK),
    "publish-files": ("application/json",),
}
"""The types of body that each may have."""


@attrs.frozen
class Request:
    """A request, whatever framework got it.

    Attributes:
        method: of HTTP.
        headers: a mapping whose ``get`` knows ``Authorization``, ``Content-Type`` and ``X-...`` as they are
            written here; whether it distinguishes letter case does not matter.
        body: the stream of the body, which is not read before an answer asks for it.
        length: bytes of the body, ``Content-Length``; None: that is not told.
        is_chunked: whether the server finds the body's end itself (``Transfer-Encoding: chunked``).
    """

    method: str
    headers: Mapping[str, str]
    body: Stream
    length: int | None
    is_chunked: bool = False


@attrs.frozen
class Answer:
    """What a request is answered.

    Attributes:
        status: of HTTP.
        body: the content.
        content_type: what that is.
        headers: more of them; ``Connection: close`` where the body of the request was not read to its end.
    """

    status: HTTPStatus
    body: bytes
    content_type: str
    headers: Mapping[str, str] = attrs.field(factory=dict)


Published = Callable[[str, Switch], object]
"""Told the course and its switch, each time that something became live."""


@attrs.frozen
class Handlers:
    """Answers requests about the courses of a site. Safe for use by many threads.

    Attributes:
        site: the courses.
        decode: from tokens to claims; None: no key is configured, and every request is refused.
        file_type: whether a version is newer is told by ``index.TYPE`` for html and yaml, by the newest file
            for others.
        on_published: told what became live; what it raises is logged, and changes no answer.
    """

    site: Site
    decode: Decoder | None
    file_type: str = "html"
    on_published: Published | None = None

    def answer(self, action: Action, course: str, request: Request) -> Answer:
        """What a request is answered. Never raises: each refusal is a status of 4xx, or 503 to try again.

        Args:
            action: what is asked for.
            course: the segment of the path, decoded.
            request: all else.
        """
        body = Body(request.body, request.length, self.site.limits, is_chunked=request.is_chunked)
        try:
            answer = self._answered(action, course, request, body)
        except Exception as err:  # noqa: BLE001 - whatever happens, the client is told something
            answer = told(body.broken, str(err)) if body.broken else refusal(err)
        if body.drain():
            return answer
        return attrs.evolve(answer, headers={**answer.headers, "Connection": "close"})

    def _answered(self, action: Action, course: str, request: Request, body: Body) -> Answer:
        if request.method not in METHODS[action]:
            allowed = {"Allow": ", ".join(METHODS[action])}
            return told(HTTPStatus.METHOD_NOT_ALLOWED, "this method is not allowed here", allowed)
        check_course(course)
        claims = authenticate(self.decode, request.headers, course)
        if content_type(request.headers).partition(";")[0].strip().lower() not in TYPES[action]:
            types = " or ".join(TYPES[action])
            return told(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the body has to be of the type {types}")
        if request.length is None and not request.is_chunked and request.method == "POST":
            return told(HTTPStatus.LENGTH_REQUIRED, "the request does not say how long it is")
        site = attrs.evolve(self.site, by=str(claims.get("iss") or self.site.by))
        acts = {"select-files": self.select, "upload-files": self.upload, "publish-files": self.publish}
        result = {"course_instance": course, **acts[action](site, course, request.headers, body)}
        return Answer(HTTPStatus.OK, json.dumps(result).encode(), "application/json")

    def uploaded(self, course: str, request: Request, result: dict[str, Any]) -> dict[str, Any]:
        """Take what an authenticated request uploads; ``result`` with the ``status`` that the client is told.

        Raises:
            OaioError: it is refused (:func:`refusal`).
        """
        body = Body(request.body, request.length, self.site.limits, is_chunked=request.is_chunked)
        result |= self.upload(self.site, course, request.headers, body)
        return result

    def select(self, site: Site, course: str, headers: Mapping[str, str], body: Body) -> dict[str, Any]:
        """What a manifest begins: whether the tree exists, and what has to be sent."""
        form = Form(content_type(headers), body, site.limits)
        with form.file("manifest_client", at_most=site.limits.manifest_bytes) as part:
            text = part.read_all()
        offered = parse_offer(text, max_entries=site.limits.entries)
        return offer_told(site.offer(course, offered, self.file_type))

    def upload(self, site: Site, course: str, headers: Mapping[str, str], body: Body) -> dict[str, Any]:
        """Take an archive, or a part of one; whether that completes the publication."""
        kind = content_type(headers).partition(";")[0].strip().lower()
        if kind not in TYPES["upload-files"]:
            raise InvalidArgument(f"a body of another type than {FORM} or {CHUNK}")
        is_form = kind == FORM
        is_last = (self._take_form if is_form else self._take_chunk)(site, course, headers, body)
        return {"status": "completed" if is_last else "in process - success"}

    def publish(self, site: Site, course: str, _headers: Mapping[str, str], body: Body) -> dict[str, Any]:
        """Let a publication become live."""
        try:
            asked = json.loads(body.read_all(site.limits.field_bytes))
        except (ValueError, RecursionError) as err:
            raise InvalidArgument("the request is no JSON") from err
        if not isinstance(asked, dict) or "process_id" not in asked:
            raise InvalidArgument("the request has no process_id")
        switch = site.publish(course, check_process_id(asked["process_id"]))
        if self.on_published is not None:
            try:
                self.on_published(course, switch)
            except Exception:  # noqa: BLE001 - it is somebody else's, and the publication is done
                _log.exception("what is told of publications failed for %r", course)
        return {"msg": "The course is successfully uploaded", "generation": switch.generation}

    @staticmethod
    def _take_chunk(site: Site, course: str, headers: Mapping[str, str], body: Body) -> bool:
        process_id = check_process_id(headers.get("X-Process-ID"))
        told_of = ChunkHeaders.parse(headers, site.limits)
        is_whole = site.take_chunk(course, process_id, told_of, body.read_all(told_of.nominal))
        if is_whole and told_of.is_last_archive:
            site.complete(course, process_id)
            return True
        return False

    @staticmethod
    def _take_form(site: Site, course: str, headers: Mapping[str, str], body: Body) -> bool:
        form = Form(content_type(headers), body, site.limits)
        with form.file("file", at_most=site.limits.body_bytes) as archive:
            process_id = check_process_id(form.fields.get("process_id"))
            if (last := form.fields.get("last_file")) not in ("True", "False"):
                raise InvalidArgument("the form says not whether this is the last_file")
            site.take_archive(course, process_id, archive)
        if last == "True":
            site.complete(course, process_id)
        return last == "True"


def offer_told(session: Session) -> dict[str, Any]:
    """What the client is told of what it has to send, in the order in which it sends."""
    return {
        "exist": session.exists,
        "process_id": session.process_id,
        "files_new": {path: dict(session.offered[path].fields) for path in session.new},
        "files_update": {path: dict(session.offered[path].fields) for path in session.update},
        "oaio": {"parallel": PARALLEL, "remove": session.removed},  # what our own client looks at
    }


def check_course(course: str) -> None:
    """Do nothing if there can be a course of this name.

    Raises:
        NotFound: there can't.
    """
    try:
        check_tree_name(course)
    except InvalidName as err:
        raise NotFound("there is no such course") from err


def content_type(headers: Mapping[str, str]) -> str:
    """The header of this name; empty if there is none."""
    return str(headers.get("Content-Type") or "")


def told(status: HTTPStatus, text: str, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer that is a short text."""
    return Answer(status, f"{text}\n".encode(errors="replace"), "text/plain; charset=utf-8", headers or {})


_STATUSES: Mapping[type[OaioError], HTTPStatus] = {
    Changed: HTTPStatus.CONFLICT,
    Corrupt: HTTPStatus.SERVICE_UNAVAILABLE,
    ForeignPublisher: HTTPStatus.CONFLICT,
    MassDeletion: HTTPStatus.CONFLICT,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    NotGuaranteed: HTTPStatus.SERVICE_UNAVAILABLE,
}


def refusal(err: Exception) -> Answer:
    """What a client is told of an error: its own with what it was, the site's with nothing of the inside."""
    status = next((code for kind, code in _STATUSES.items() if isinstance(err, kind)), None)
    if status is None and isinstance(err, CallerError):
        status = HTTPStatus(err.http_status)
    if status is None or status is HTTPStatus.SERVICE_UNAVAILABLE:
        if isinstance(err, OaioError):
            _log.warning("a publication can't go on: %s", err)
        else:
            _log.error("a publication failed", exc_info=err)
        text = "the storage of this site does not answer as it should; try again later"
        return told(HTTPStatus.SERVICE_UNAVAILABLE, text, {"Retry-After": RETRY_SECONDS})
    headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else {}
    return told(status, str(err) or status.phrase, headers)
