"""The functions of the original package, called as its servers call them, in views of a site of Flask."""

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest
from file_transfer import wire
from flask.testing import FlaskClient

from oaio_storage.errors import InvalidArgument, InvalidConfiguration, NotFound, OaioError, Superseded
from oaio_storage.file_transfer.action_general import files_to_update, publish_files, start_cleanup
from oaio_storage.file_transfer.auth import authenticate
from oaio_storage.file_transfer.flask import create_blueprint, prepare_decoder, setting_in_bytes, upload_files
from oaio_storage.file_transfer.upload_utils import upload_form_data, upload_octet_stream
from oaio_storage.file_transfer.utils import create_new_manifest, tempdir_path
from oaio_storage.trees.switches import Switch

FILES = {"index.html": b"one", "a/b.html": b"b" * 3000}


@pytest.fixture
def place(tmp_path: Path) -> str:
    folder = tmp_path / "courses"
    folder.mkdir()
    return str(folder)


class Upload:
    """What Django calls a file that was uploaded."""

    def __init__(self, content: bytes) -> None:
        self.stream = io.BytesIO(content)

    def chunks(self) -> Iterator[bytes]:
        return iter(lambda: self.stream.read(100), b"")


def offered(place: str, files: wire.Files, mtime: int = wire.BEGIN) -> dict[str, Any]:
    return files_to_update(place, wire.COURSE, "html", wire.manifest_of(files, mtime), {"more": 1})


@pytest.mark.parametrize("framework", ["flask", "django"])
def test_the_functions_in_their_order(place: str, framework: str) -> None:
    told = offered(place, FILES)
    assert told == {
        **told,
        "more": 1,
        "exist": False,
        "files_new": wire.manifest_of(FILES),
        "files_update": {},
    }
    folder = tempdir_path(place, wire.COURSE, told["process_id"])
    upload_form_data(Upload(wire.archive_of({"index.html": b"one"})), folder, framework)
    archive = wire.archive_of({"a/b.html": FILES["a/b.html"]})
    upload_octet_stream(folder, archive[:50], 0, 0, False)
    upload_octet_stream(folder, archive[50:], "0", "50", True)
    create_new_manifest(place, wire.COURSE, folder)
    assert not (Path(place) / wire.COURSE).exists()
    assert publish_files(place, wire.COURSE, "html", folder, {"more": 1}) == {
        "more": 1,
        "msg": "The course is successfully uploaded",
    }
    assert (Path(place) / wire.COURSE / "a/b.html").read_bytes() == FILES["a/b.html"]


def test_what_the_functions_refuse(place: str) -> None:
    folder = tempdir_path(place, wire.COURSE, offered(place, FILES)["process_id"])
    with pytest.raises(InvalidArgument):
        upload_form_data(Upload(b""), folder, "bottle")
    with pytest.raises(InvalidArgument):
        create_new_manifest(place, wire.COURSE, folder)
    with pytest.raises(InvalidArgument):
        publish_files(place, wire.COURSE, "html", folder, {})
    with pytest.raises(Superseded):
        upload_form_data(Upload(wire.archive_of(FILES)), folder)
    with pytest.raises(NotFound):
        upload_form_data(Upload(wire.archive_of(FILES)), tempdir_path(place, "other", "x/../default"))
    odd: tuple[object, ...] = ([], None, "x", {"a": 1})
    for manifest in odd:
        with pytest.raises(InvalidArgument):
            files_to_update(place, wire.COURSE, "html", manifest, {})


def test_clean_up_takes_what_was_idle_and_nothing_else(place: str) -> None:
    (Path(place) / "template").mkdir()
    first = offered(place, FILES)
    folder = tempdir_path(place, wire.COURSE, first["process_id"])
    upload_form_data(Upload(wire.archive_of(FILES)), folder)
    publish_files(place, wire.COURSE, "html", folder, {})
    second = offered(place, FILES, wire.BEGIN + 1)
    cleaning = start_cleanup(place, 0.2)
    deadline = time.monotonic() + 60
    gone = tempdir_path(place, wire.COURSE, second["process_id"])
    while time.monotonic() < deadline:
        try:
            create_new_manifest(place, wire.COURSE, gone)
        except NotFound:
            break
        except OaioError:
            time.sleep(0.1)
    else:
        pytest.fail("what was idle was never given up")
    cleaning.stop()
    cleaning.join(60)
    assert not cleaning.is_alive()
    assert (Path(place) / wire.COURSE / "index.html").read_bytes() == b"one"
    assert (Path(place) / "template").is_dir()
    assert offered(place, FILES, wire.BEGIN + 1)["exist"] is True


@pytest.fixture
def client(place: str) -> FlaskClient:
    """A site with views of its own, as those of the original's servers."""
    app = flask.Flask("site")
    app.config |= {"JWT_PUBLIC_KEY": wire.public_pem(), "JWT_ISSUER": wire.ISSUER, "UPLOAD_DIR": place}
    decode = prepare_decoder(app)

    @app.post("/<course>/select-files")
    def select(course: str) -> dict[str, Any]:
        authenticate(decode, flask.request.headers, course)  # type: ignore[arg-type]  # as good as a mapping
        manifest = json.loads(flask.request.files["manifest_client"].read())
        return files_to_update(place, course, "html", manifest, {})

    @app.post("/<course>/upload-files")
    def upload(course: str) -> dict[str, Any]:
        authenticate(decode, flask.request.headers, course)  # type: ignore[arg-type]  # same
        return upload_files(place, course, {"course_instance": course})

    return app.test_client()


def test_views_of_a_site_s_own(client: FlaskClient, place: str) -> None:
    manifest = {"manifest_client": (io.BytesIO(json.dumps(wire.manifest_of(FILES)).encode()), "x")}
    for headers, status in (({}, 401), (wire.bearer("other"), 403)):
        assert client.post("/default/select-files", headers=headers).status_code == status
    told = client.post("/default/select-files", data=manifest, headers=wire.bearer()).json
    assert told is not None
    form = {
        "process_id": told["process_id"],
        "last_file": "True",
        "file": (io.BytesIO(wire.archive_of(FILES)), "file"),
    }
    sent = client.post("/default/upload-files", data=form, headers=wire.bearer())
    assert sent.json == {"course_instance": "default", "status": "completed"}
    assert client.post("/default/upload-files", data=b"x", headers=wire.bearer()).status_code == 400
    folder = tempdir_path(place, "default", told["process_id"])
    publish_files(place, "default", "html", folder, {})
    assert (Path(place) / "default/index.html").read_bytes() == b"one"


def test_settings_that_can_not_be_meant(place: str) -> None:
    app = flask.Flask("site")
    assert prepare_decoder(app) is None
    with pytest.raises(InvalidConfiguration):
        app.register_blueprint(create_blueprint(place))
    for value in (5, None, ["x"], b"no key", "no key"):
        app.config["JWT_PUBLIC_KEY"] = value
        if value is not None:
            with pytest.raises(InvalidConfiguration):
                prepare_decoder(app)
    app.config |= {"TEXT": "ä", "BYTES": b"b"}
    assert (setting_in_bytes(app, "TEXT"), setting_in_bytes(app, "BYTES")) == ("ä".encode(), b"b")
    for name in ("MISSING", "JWT_PUBLIC_KEY_2"):
        with pytest.raises(InvalidConfiguration):
            setting_in_bytes(app, name)


def test_a_site_is_told_what_became_live(place: str) -> None:
    told: list[tuple[str, int]] = []

    def note(course: str, switch: Switch) -> None:
        told.append((course, switch.files))
        raise RuntimeError("what the site does with it is its own affair")

    app = flask.Flask("site")
    blueprint = create_blueprint(place, key=wire.public_pem(), sites=None, on_published=note)
    app.register_blueprint(blueprint, url_prefix="/transfer")
    client = app.test_client()
    manifest = {"manifest_client": (io.BytesIO(json.dumps(wire.manifest_of(FILES)).encode()), "x")}
    begun = client.post("/transfer/default/select-files", data=manifest, headers=wire.bearer()).json
    assert begun is not None
    pid = begun["process_id"]
    form = {"process_id": pid, "last_file": "True", "file": (io.BytesIO(wire.archive_of(FILES)), "file")}
    client.post("/transfer/default/upload-files", data=form, headers=wire.bearer())
    done = client.get("/transfer/default/publish-files", json={"process_id": pid}, headers=wire.bearer())
    assert done.status_code == 200
    assert told == [("default", 2)]
    assert client.get("/transfer/sites/default/").status_code == 404
