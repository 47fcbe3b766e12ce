"""What the original server does with requests, its faults included, but for two: it runs each request alone,
and takes one token, whoever it belongs to.

Only what a sender meets is here. Modification times decide and checksums are never compared; chunks at
another offset than the next are dropped with 200; ``X-Last-Chunk`` unpacks at once; ``X-Last-File`` completes
the session at once; kept files are links into the live tree; what goes wrong while publishing is a 500.
"""

import json
import os
import shutil
import tarfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask, abort, jsonify, make_response, request
from werkzeug.exceptions import Unauthorized
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

Manifest = dict[str, dict[str, Any]]
PLAN, MANIFEST = "files_to_update.json", "manifest.json"


class PublishError(Exception):
    """A publication that was refused or went wrong."""


def create_app(upload_dir: Path, token: str, file_type: str = "html") -> Flask:
    """The application over ``upload_dir``."""
    app, lock = Flask("original"), threading.Lock()

    @app.before_request
    def _authenticate() -> None:
        scheme, _, given = (request.headers.get("Authorization") or "").strip().partition(" ")
        if scheme.lower() != "bearer" or given != token:
            raise Unauthorized

    @app.route("/<course>/select-files", methods=["GET", "POST"])
    def _select_files(course: str) -> Response:
        with lock, _bad_request():
            manifest = json.loads(request.files["manifest_client"].read().decode())
            return jsonify(
                {"course_instance": course} | files_to_update(upload_dir, course, file_type, manifest)
            )

    @app.route("/<course>/upload-files", methods=["GET", "POST"])
    def _upload_files(course: str) -> Response:
        with lock, _bad_request():
            status = upload_files(upload_dir, course)
            return jsonify({"course_instance": course, "status": status})

    @app.route("/<course>/publish-files", methods=["GET"])
    def _publish_files(course: str) -> Response:
        process = (request.get_json() or {}).get("process_id")
        if process is None:
            abort(make_response("Invalid finalizer data", 400))
        session = session_of(upload_dir, course, process)
        if not (session / MANIFEST).exists():
            abort(make_response("The upload is not completed", 400))
        with lock:
            publish_files(upload_dir, course, file_type, session)  # what it raises becomes 500
        return jsonify({"course_instance": course, "msg": "The course is successfully uploaded"})

    return app


@contextmanager
def _bad_request() -> Iterator[None]:
    try:
        yield
    except Exception as err:  # noqa: BLE001 - as the original: whatever it is
        abort(make_response(str(err), 400))


def session_of(upload_dir: Path, course: str, process: str) -> Path:
    """Where a publication is received; nothing is checked."""
    return upload_dir / f"temp_{course}_{process}"


def files_to_update(upload_dir: Path, course: str, file_type: str, manifest: Manifest) -> dict[str, Any]:
    """The answer to select-files."""
    live = upload_dir / course
    if live.exists():
        there = json.loads((live / MANIFEST).read_text())
        if not is_newer(there, manifest, file_type):
            raise ValueError("Abort: the client version is older than server version")
        plan = update_of(there, manifest)
    else:
        plan = {"files_new": manifest, "files_update": {}, "files_keep": {}, "files_remove": {}}
    process = str(uuid.uuid4())
    session = session_of(upload_dir, course, process)
    session.mkdir()
    (session / PLAN).write_text(json.dumps(plan, indent=4, sort_keys=True))
    told = {key: plan[key] for key in ("files_new", "files_update")}
    return {"exist": live.exists(), "process_id": process} | told


def is_newer(there: Manifest, ours: Manifest, file_type: str) -> bool:
    """Whether a live tree may be replaced."""
    if file_type in {"html", "yaml"}:
        index = f"index.{file_type}"
        return bool(ours[index]["mtime"] > there[index]["mtime"])
    return bool(max(one["mtime"] for one in ours.values()) > max(one["mtime"] for one in there.values()))


def update_of(there: Manifest, ours: Manifest) -> dict[str, Any]:
    """What to send, keep and remove, by modification times alone."""
    both = ours.keys() & there.keys()
    update = {path for path in both if ours[path]["mtime"] > there[path]["mtime"]}
    return {
        "files_new": {path: ours[path] for path in ours if path not in there},
        "files_update": {path: ours[path] for path in ours if path in update},
        "files_keep": sorted(both - update),
        "files_remove": sorted(there.keys() - ours.keys()),
    }


def upload_files(upload_dir: Path, course: str) -> str:
    """Take the request's content; the status that is told."""
    kind = request.headers["Content-Type"]
    if kind.startswith("multipart/form-data"):
        session = session_of(upload_dir, course, request.form["process_id"])
        is_last = request.form["last_file"] == "True"
        _unpack(request.files["file"].read(), session)
    elif kind == "application/octet-stream":
        session = session_of(upload_dir, course, request.headers["X-Process-ID"])
        is_last = "X-Last-File" in request.headers
        _take_chunk(session)
    else:
        raise ValueError("Unsupported content type")
    if not is_last:
        return "in process - success"
    complete(upload_dir / course, session)
    return "completed"


def _take_chunk(session: Path) -> None:
    session.mkdir(exist_ok=True)
    packed = session / f"temp_{request.headers['X-File-Index']}.tar.gz"
    size = packed.stat().st_size if packed.exists() else 0
    if request.headers["X-Chunk-Index"] == str(size):
        with packed.open("ab") as file:
            file.write(request.data)
    if "X-Last-Chunk" in request.headers:
        with tarfile.open(packed) as tar:
            tar.extractall(session, filter="fully_trusted")
        packed.unlink()


def _unpack(content: bytes, session: Path) -> None:
    packed = session / "temp.tar.gz"
    packed.write_bytes(content)
    with tarfile.open(packed) as tar:
        tar.extractall(session, filter="fully_trusted")
    packed.unlink()


def complete(live: Path, session: Path) -> None:
    """End the uploads of a session: kept files are linked, and the new manifest is written."""
    plan = json.loads((session / PLAN).read_text())
    (session / PLAN).unlink()
    manifest = {}
    if live.exists() or any(plan[key] for key in ("files_update", "files_keep", "files_remove")):
        manifest = json.loads((live / MANIFEST).read_text())
        for path in plan["files_keep"]:
            (session / path).parent.mkdir(parents=True, exist_ok=True)
            os.link(live / path, session / path)
        for path in plan["files_remove"]:
            del manifest[path]
    manifest |= plan["files_new"] | plan["files_update"]
    (session / MANIFEST).write_text(json.dumps(manifest))


def publish_files(upload_dir: Path, course: str, file_type: str, session: Path) -> None:
    """Make a session live by two renames."""
    live, old = upload_dir / course, upload_dir / f"{course}_old"
    if live.exists():
        there, ours = (json.loads((place / MANIFEST).read_text()) for place in (live, session))
        if not is_newer(there, ours, file_type):
            raise PublishError("the client version is older than server version")
        live.rename(old)
        session.rename(live)
        shutil.rmtree(old)
    else:
        session.rename(live)


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the name that its base has
        pass


@contextmanager
def original_server(upload_dir: Path, token: str, file_type: str = "html") -> Iterator[str]:
    """A running server; the value is the ``api`` of its clients."""
    app = create_app(upload_dir, token, file_type)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    serving = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
