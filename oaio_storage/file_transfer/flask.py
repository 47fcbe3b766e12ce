"""Receiving trees in a site of Flask."""

import functools
import os
from pathlib import Path
from typing import Any, cast

import flask
from flask.blueprints import BlueprintSetupState
from werkzeug.datastructures import Headers

from oaio_storage.errors import InvalidConfiguration, OaioError
from oaio_storage.file_transfer import auth
from oaio_storage.file_transfer.handlers import METHODS, Action, Answer, Handlers, Published, Request, refusal
from oaio_storage.file_transfer.limits import Limits
from oaio_storage.file_transfer.serving import Sites
from oaio_storage.file_transfer.site import Site, site_at

_UPLOAD_DIR, _KEY, _LIMITS = "UPLOAD_DIR", "JWT_PUBLIC_KEY", "TRANSFER_LIMITS"
_SETTINGS = {
    _UPLOAD_DIR: "OAIO_UPLOAD_DIR",
    _KEY: "OAIO_JWT_PUBLIC_KEY",
    "JWT_ISSUER": "OAIO_JWT_ISSUER",
    "JWT_ALGORITHM": "OAIO_JWT_ALGORITHM",
}
"""Each setting, and the environment variable that counts where ``app.config`` does not tell it."""


def setting_in_bytes(app_instance: flask.Flask, name: str) -> bytes:
    """The setting ``name`` of a site.

    Args:
        app_instance: the site.
        name: a key of its ``config``.

    Raises:
        InvalidConfiguration: it is missing, or neither text nor bytes.
    """
    value = app_instance.config.get(name)
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    raise InvalidConfiguration(f"the setting {name} is neither text nor bytes", f"Set {name}.")


def prepare_decoder(app_instance: flask.Flask) -> auth.Decoder | None:
    """What verifies the tokens of a site: ``JWT_PUBLIC_KEY``, ``JWT_ISSUER`` and ``JWT_ALGORITHM`` count.

    Errors of this package that views of the site raise are answered with their status from now on.

    Args:
        app_instance: the site.

    Returns:
        From a token to its claims; None where no key is configured.

    Raises:
        InvalidConfiguration: a setting is not as it has to be.
    """
    app_instance.register_error_handler(OaioError, lambda err: _response(refusal(err)))
    config = app_instance.config
    if config.get(_KEY) is None:
        return None
    return auth.decoder(
        setting_in_bytes(app_instance, _KEY),
        issuer=str(config.get("JWT_ISSUER") or ""),
        algorithm=config.get("JWT_ALGORITHM") or "RS256",
    )


def upload_files(upload_dir: str | Path, course_name: str, res_data: dict[str, Any]) -> dict[str, Any]:
    """Receive what the current request uploads, in a view that has authenticated it.

    Args:
        upload_dir: the place of the courses, a path or a URL.
        course_name: which.
        res_data: what the client is going to be told.

    Returns:
        ``res_data`` with ``status``.

    Raises:
        OaioError: the upload is refused, or the host is down; :func:`prepare_decoder` lets the site answer
            it.
    """
    return Handlers(_site(upload_dir), None).uploaded(course_name, _request(), res_data)


def create_blueprint(
    upload_dir: str | Path,
    *,
    file_type: str = "html",
    key: bytes | str | None = None,
    sites: str | None = "/sites",
    on_published: Published | None = None,
) -> flask.Blueprint:
    """The three requests of a publication, and what is live, to be registered in a site.

    Without ``key`` the site's setting ``JWT_PUBLIC_KEY`` counts; ``JWT_ISSUER``, ``JWT_ALGORITHM`` and
    ``TRANSFER_LIMITS`` (:class:`~oaio_storage.file_transfer.limits.Limits`) always do.

    Args:
        upload_dir: the place of the courses: a path, a URL, or the id of a configured host.
        file_type: whether a version is newer is told by ``index.TYPE`` for html and yaml, by the newest file
            for others.
        key: the public key of tokens, PEM.
        sites: below which path the trees are served; None: they are not.
        on_published: told the course and its switch, each time that something became live.

    Raises:
        InvalidConfiguration: as :func:`~oaio_storage.file_transfer.site.site_at`; or, when it is registered,
            no key is configured, or a setting is not as it has to be.
    """
    site_at(upload_dir)
    blueprint = flask.Blueprint("oaio_transfer", __name__)
    decoders: dict[object, auth.Decoder] = {}

    def handlers() -> Handlers:
        decode = decoders[flask.current_app._get_current_object()]  # type: ignore[attr-defined]  # noqa: SLF001 - Flask's own way
        return Handlers(_site(upload_dir), decode, file_type, on_published)

    def configure(state: BlueprintSetupState) -> None:
        if key is not None:
            state.app.config[_KEY] = key
        decode = prepare_decoder(cast("flask.Flask", state.app))
        if decode is None:
            raise InvalidConfiguration(
                "no public key for tokens is configured", f"Set {_KEY}, or {_SETTINGS[_KEY]}."
            )
        decoders[state.app] = decode

    def transfer(course: str, action: Action) -> flask.Response:
        return _response(handlers().answer(action, course, _request()))

    blueprint.record(configure)
    for action in METHODS:
        view = functools.partial(transfer, action=action)
        methods = ["GET", "POST", "PUT", "DELETE", "PATCH"]
        blueprint.add_url_rule(f"/<course>/{action}", action, view, methods=methods)
    if sites is not None:
        _add_sites(blueprint, upload_dir, sites)
    return blueprint


def create_app() -> flask.Flask:
    """A site that does nothing but receive and serve trees.

    It is run by ``flask --app 'oaio_storage.file_transfer.flask:create_app()' run``, or by any server of web
    apps. The environment says where the trees are and whose tokens count: ``OAIO_UPLOAD_DIR``,
    ``OAIO_JWT_PUBLIC_KEY`` (PEM, or the path of a file), ``OAIO_JWT_ISSUER``, ``OAIO_JWT_ALGORITHM``.

    Raises:
        InvalidConfiguration: a setting is missing, or not as it has to be.
    """
    app = flask.Flask(__name__, static_folder=None)
    for name, variable in _SETTINGS.items():
        if value := os.environ.get(variable):
            app.config[name] = value
    if not app.config.get(_UPLOAD_DIR):
        raise InvalidConfiguration(
            "where trees go is not configured", f"Name a folder or URL in {_SETTINGS[_UPLOAD_DIR]}."
        )
    app.config[_KEY] = auth.key_of(app.config.get(_KEY) or "") or None
    app.register_blueprint(create_blueprint(app.config[_UPLOAD_DIR]))
    return app


def _add_sites(blueprint: flask.Blueprint, upload_dir: str | Path, sites: str) -> None:
    kept: dict[Site, Sites] = {}

    def serve(course: str, path: str = "") -> flask.Response:
        site = site_at(upload_dir)
        served = kept.setdefault(site, Sites(site))
        asked = flask.request
        given = served.answer(
            asked.method, course, path, dict(asked.headers), download="download" in asked.args
        )
        return flask.Response(given.body, given.status, dict(given.headers), direct_passthrough=True)

    options: dict[str, Any] = {"methods": ["GET"], "merge_slashes": False, "provide_automatic_options": False}
    for rule in ("/<course>/", "/<course>/<path:path>"):
        blueprint.add_url_rule(f"{sites}{rule}", "sites", serve, **options)


def _site(upload_dir: str | Path) -> Site:
    """The courses at a place, with the limits of the current site."""
    limits = flask.current_app.config.get(_LIMITS)
    if limits is not None and not isinstance(limits, Limits):
        raise InvalidConfiguration(f"the setting {_LIMITS} is no Limits")
    return site_at(upload_dir, limits)


def _request() -> Request:
    """The current request, whose body nobody has read."""
    asked = flask.request
    if (connection := asked.environ.get("gunicorn.socket")) is not None:
        connection.settimeout((flask.current_app.config.get(_LIMITS) or Limits()).wait_seconds)
    return Request(
        asked.method,
        asked.headers,  # type: ignore[arg-type]  # a mapping as far as that is needed
        asked.environ["wsgi.input"],
        asked.content_length,
        is_chunked=bool(asked.environ.get("wsgi.input_terminated")),
    )


def _response(answer: Answer) -> flask.Response:
    headers = Headers({"Content-Type": answer.content_type, **answer.headers})
    return flask.Response(answer.body, answer.status, headers)
