"""Receiving trees in a site of Django; also the URLconf that does all of it.

::

    path("transfer/", include("oaio_storage.file_transfer.django"))

mounts the three requests of a publication as ``transfer/COURSE/...``, and what is live as
``transfer/sites/COURSE/``. These settings count:

``COURSES_PATH`` or ``UPLOAD_DIR``
    the place of the courses: a path, a URL, or the id of a configured host.
``JWT_PUBLIC_KEY``, ``JWT_ISSUER``, ``JWT_ALGORITHM``
    whose tokens are valid; without a key nobody may do anything.
``COURSES_FILE_TYPE``
    ``html`` (the default) or ``yaml``: the type of the index page whose time tells whether a version is
    newer; with another type the newest file does.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, include, path
from django.views.decorators.csrf import csrf_exempt

from oaio_storage.errors import InvalidConfiguration, OaioError
from oaio_storage.file_transfer import auth
from oaio_storage.file_transfer.handlers import METHODS, Action, Answer, Handlers, Published, Request, refusal
from oaio_storage.file_transfer.serving import Sites
from oaio_storage.file_transfer.site import Site, site_at

if TYPE_CHECKING:
    from oaio_storage.file_transfer.bodies import Stream

_PLACES = ("COURSES_PATH", "UPLOAD_DIR")
_KEY = "JWT_PUBLIC_KEY"


def setting_in_bytes(name: str) -> bytes:
    """The setting ``name`` of the site.

    Raises:
        InvalidConfiguration: it is missing, or neither text nor bytes.
    """
    value = getattr(settings, name, None)
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    raise InvalidConfiguration(f"the setting {name} is neither text nor bytes", f"Set {name}.")


def prepare_decoder() -> auth.Decoder | None:
    """What verifies the tokens of the site: ``JWT_PUBLIC_KEY``, ``JWT_ISSUER`` and ``JWT_ALGORITHM`` count.

    Returns:
        From a token to its claims; None where no key is configured.

    Raises:
        InvalidConfiguration: a setting is not as it has to be.
    """
    if getattr(settings, _KEY, None) is None:
        return None
    return auth.decoder(
        setting_in_bytes(_KEY),
        issuer=str(getattr(settings, "JWT_ISSUER", None) or ""),
        algorithm=getattr(settings, "JWT_ALGORITHM", None) or "RS256",
    )


def upload_files(
    request: HttpRequest, upload_dir: str | Path, course_name: str, res_data: dict[str, Any]
) -> dict[str, Any]:
    """Receive what a request uploads, in a view that has authenticated it and did not read its body.

    Args:
        request: of a view that is ``csrf_exempt``.
        upload_dir: the place of the courses, a path or a URL.
        course_name: which.
        res_data: what the client is going to be told.

    Returns:
        ``res_data`` with ``status``.

    Raises:
        OaioError: the upload is refused, or the host is down; ``handlers.refusal`` says what to answer.
    """
    return Handlers(site_at(upload_dir), None).uploaded(course_name, _request(request), res_data)


def convert_django_header(key: str) -> str:
    """The name of a header as it travels: ``X-File-Index`` for ``HTTP_X_FILE_INDEX``.

    Args:
        key: of ``request.META``.
    """
    return "-".join(word.capitalize() for word in key.removeprefix("HTTP_").split("_"))


def transfer_urls(
    place: str | Path | None = None,
    *,
    file_type: str | None = None,
    on_published: Published | None = None,
) -> list[URLPattern | URLResolver]:
    """The URLs of the three requests of a publication.

    Args:
        place: of the courses; None: the settings tell.
        file_type: None: the settings tell.
        on_published: told the course and its switch, each time that something became live.
    """
    decoders: dict[tuple[object, ...], auth.Decoder | None] = {}

    def handlers() -> Handlers:
        known = tuple(getattr(settings, name, None) for name in (_KEY, "JWT_ISSUER", "JWT_ALGORITHM"))
        if known not in decoders:
            decoders[known] = prepare_decoder()
        kind = str(file_type or getattr(settings, "COURSES_FILE_TYPE", "html"))
        return Handlers(site_at(place or _place()), decoders[known], kind, on_published)

    @csrf_exempt
    def transfer(request: HttpRequest, course: str, action: Action) -> HttpResponse:
        try:
            return _response(handlers().answer(action, course, _request(request)))
        except OaioError as err:  # the settings are wrong, or the host is not there
            return _response(refusal(err))

    return [path(f"<str:course>/{action}", transfer, {"action": action}, name=action) for action in METHODS]


def sites_urls(
    place: str | Path | None = None, *, more: Mapping[str, str] | None = None
) -> list[URLPattern | URLResolver]:
    """The URLs of what is live, ``COURSE/...``, and of older generations, ``COURSE/@GENERATION/...``.

    Args:
        place: of the courses; None: the settings tell.
        more: headers for every answer, such as a Content-Security-Policy.
    """
    kept: dict[Site, Sites] = {}

    @csrf_exempt
    def serve(request: HttpRequest, course: str, path: str = "") -> HttpResponseBase:
        try:
            site = site_at(place or _place())
        except OaioError as err:
            return _response(refusal(err))
        served = kept.setdefault(site, Sites(site, more or {}))
        given = served.answer(
            str(request.method), course, path, dict(request.headers), download="download" in request.GET
        )
        headers = dict(given.headers)
        response = StreamingHttpResponse(given.body, status=given.status, headers=headers)
        if "Content-Type" not in headers:  # Django adds one of its own
            del response.headers["Content-Type"]
        return response

    return [path("<str:course>/", serve), path("<str:course>/<path:path>", serve, name="sites")]


def _place() -> str | Path:
    """Where the courses are, as the settings tell.

    Raises:
        InvalidConfiguration: they don't.
    """
    for name in _PLACES:
        if value := getattr(settings, name, None):
            return value  # type: ignore[no-any-return]  # settings have no types
    raise InvalidConfiguration("where trees go is not configured", f"Set {_PLACES[0]}.")


def _request(request: HttpRequest) -> Request:
    """The request for handlers; nobody has read its body."""
    environ = request.environ if isinstance(request, WSGIRequest) else {}
    is_chunked = bool(environ.get("wsgi.input_terminated"))
    length = request.META.get("CONTENT_LENGTH")
    stream: Stream = environ["wsgi.input"] if is_chunked else request
    told = int(length) if isinstance(length, str) and length.isascii() and length.isdigit() else None
    return Request(str(request.method), request.headers, stream, told, is_chunked)


def _response(answer: Answer) -> HttpResponse:
    return HttpResponse(
        answer.body, status=answer.status, content_type=answer.content_type, headers=dict(answer.headers)
    )


urlpatterns: list[URLPattern | URLResolver] = [
    *transfer_urls(),
    path("sites/", include(sites_urls())),
]
