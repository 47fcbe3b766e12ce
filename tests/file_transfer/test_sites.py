"""Sites of Flask and Django under gunicorn with four workers, as clients and readers meet them."""

import itertools
import json
import os
import random
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
import requests
from file_transfer import wire
from file_transfer.original_client import OriginalClient, RefusedError
from file_transfer.web_servers import FRAMEWORKS, Framework, Running, site

from oaio_storage import errors
from oaio_storage.file_transfer.client import Sent, batches, send, sending
from oaio_storage.file_transfer.client import wire as client_wire

NOISE = random.Random(10).randbytes
_numbers = itertools.count(1)


@attrs.define
class Course:
    """A course of its own at a running site, and a folder to publish there."""

    at: Running
    upload_dir: Path
    here: Path
    name: str
    _clock: Iterator[int] = attrs.field(factory=lambda: itertools.count(1_900_000_000))

    @property
    def folder(self) -> Path:
        return self.here / "site"

    @property
    def token(self) -> str:
        return wire.token(self.name)

    @property
    def original(self) -> OriginalClient:
        return OriginalClient(self.at.api, self.name, self.token, self.here / "pid")

    def write(self, path: str, content: bytes) -> None:
        """Put a file into the folder, and give the index page a new time."""
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_bytes(content)
        os.utime(self.folder / "index.html", (0, next(self._clock)))

    def send(self, *, yes: bool = False) -> Sent:
        return send(self.folder, self.at.api, self.name, self.token, state=self.here / "state", yes=yes)

    def get(self, path: str = "", method: str = "GET", **headers: str) -> requests.Response:
        url = f"{self.at.sites}{self.name}/{path}"
        return requests.request(method, url, headers=headers, timeout=60, allow_redirects=False)

    def is_live(self) -> bool:
        """Whether exactly what is in the folder is live, but for names with a dot in front."""
        return contents(self.upload_dir / self.name) == {
            path: content
            for path, content in contents(self.folder).items()
            if not any(part.startswith(".") for part in path.split("/"))
        }


def contents(of: Path) -> dict[str, bytes]:
    return {str(path.relative_to(of)): path.read_bytes() for path in of.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def upload_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("courses")


@pytest.fixture(scope="module", params=FRAMEWORKS)
def running(
    request: pytest.FixtureRequest, upload_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    framework: Framework = request.param
    with site(framework, upload_dir, tmp_path_factory.mktemp("logs")) as at:
        yield at


@pytest.fixture
def course(running: Running, upload_dir: Path, tmp_path: Path) -> Course:
    made = Course(running, upload_dir, tmp_path, f"course{next(_numbers)}")
    made.folder.mkdir()
    for path in ("index.html", "sub/a.html", "sub/ü '%20.html", "manifest.json"):
        (made.folder / path).parent.mkdir(exist_ok=True)
        (made.folder / path).write_text(path)
    return made


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests and chunks of our sender that hold few bytes."""
    monkeypatch.setattr(batches, "BYTES", 3000)
    monkeypatch.setattr(batches, "FILES", 2)
    for module in (client_wire, sending):
        monkeypatch.setattr(module, "CHUNK", 1000)


def test_the_original_client_publishes_and_updates(course: Course) -> None:
    (course.folder / ".git").mkdir()
    (course.folder / ".git" / "config").write_text("not listed")
    original = course.original
    original.upload(course.folder)
    assert not (course.upload_dir / course.name).exists()
    original.publish()
    assert course.is_live()
    original.big, original.chunk = 5000, 2000
    for number in range(2):
        course.write(f"big{number}", NOISE(20_000))
    for number in range(6):
        course.write(f"small{number}", NOISE(900))
    (course.folder / "sub/a.html").unlink()
    original.upload(course.folder)
    original.publish()
    assert course.is_live()


def test_the_original_client_is_told_that_its_version_is_older(course: Course) -> None:
    course.original.upload(course.folder)
    course.original.publish()
    with pytest.raises(RefusedError, match=r"409.*older"):
        course.original.upload(course.folder)


@pytest.mark.usefixtures("tiny")
def test_our_sender_publishes_and_updates(course: Course) -> None:
    for number in range(9):
        course.write(f"small{number}", NOISE(900))
    course.write("large", NOISE(20_000))
    done = course.send()
    assert (done.sent, done.files, done.removed) == (14, 14, 0)
    assert course.is_live()
    (course.folder / "small0").unlink()
    for name in ("one", "two"):
        course.write(name, NOISE(20_000))
    course.write("small1", b"other")
    os.utime(course.folder / "small1", (0, 0))
    done = course.send()
    assert (done.sent, done.new, done.removed) == (4, ("one", "two"), 1)
    assert course.is_live()


def test_our_sender_updates_what_the_original_client_published_and_the_other_way_round(
    course: Course,
) -> None:
    course.original.upload(course.folder)
    course.original.publish()
    course.write("new", b"new")
    assert course.send().new == ("new",)
    course.write("newer", b"newer")
    course.original.upload(course.folder)
    course.original.publish()
    assert course.is_live()


def test_removing_much_needs_a_yes(course: Course) -> None:
    course.send()
    shutil.rmtree(course.folder / "sub")
    (course.folder / "manifest.json").unlink()
    course.write("index.html", b"alone")
    with pytest.raises(errors.MassDeletion, match="3 of 4"):
        course.send()
    assert course.send(yes=True).removed == 3
    assert course.is_live()


def test_what_is_live_is_served_and_older_generations_too(course: Course) -> None:
    course.write("index.html", b"first")
    course.send()
    first = course.get()
    assert (first.status_code, first.content, first.headers["Content-Type"]) == (
        200,
        b"first",
        "text/html; charset=utf-8",
    )
    assert course.get("", "HEAD").content == b""
    tag = first.headers["ETag"]
    unchanged = course.get("", **{"If-None-Match": tag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    part = course.get("index.html", Range="bytes=1-2")
    assert (part.status_code, part.content) == (206, b"ir")
    assert course.get("sub/%C3%BC%20'%2520.html").text == "sub/ü '%20.html"
    assert course.get("sub").status_code == 404
    for odd in (
        "nothing",
        "%2e%2e/x",
        "%00",
        "%FF",
        ".oaio/root.json",
        "sub//a.html",
        "@x/",
    ):
        assert course.get(odd).status_code in (400, 404), odd
    assert course.get("", "POST").status_code == 405
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    pin = generation(course)
    course.write("index.html", b"second")
    course.send()
    assert course.get("", **{"If-None-Match": tag}).content == b"second"
    assert course.get(f"@{pin}/").content == b"first"
    assert course.get(f"@{pin}/sub/a.html").text == "sub/a.html"


def generation(course: Course) -> str:
    """The id of what is live, as its publisher is told."""
    course.write("index.html", (course.folder / "index.html").read_bytes())
    course.original.upload(course.folder)
    process_id = json.loads((course.here / "pid").read_text())
    url = f"{course.at.api}{course.name}/publish-files"
    told = requests.get(url, headers={"Authorization": f"Bearer {course.token}"}, json=process_id, timeout=60)
    return str(told.json()["generation"])


def test_requests_that_are_refused_are_4xx(course: Course) -> None:
    bearer = {"Authorization": f"Bearer {course.token}"}
    url = f"{course.at.api}{course.name}/"
    form = {"manifest_client": ("manifest_client", b"{}")}
    chunk = {"Content-Type": "application/octet-stream"}

    def status(method: str, action: str, **told: object) -> int:
        answer = requests.request(method, url + action, timeout=60, **told)  # type: ignore[arg-type]  # many kinds
        return answer.status_code

    assert status("POST", "select-files", files=form) == 401
    other = {"Authorization": f"Bearer {wire.token('other')}"}
    assert status("POST", "select-files", files=form, headers=other) == 403
    assert status("POST", "select-files", files=form, headers=bearer) == 400
    assert status("POST", "select-files", data={"a": "b"}, headers=bearer) == 415
    assert status("GET", "select-files", headers=bearer) == 405
    assert status("DELETE", "publish-files", headers=bearer) == 405
    assert status("GET", "publish-files", headers=bearer, json=[]) == 400
    assert status("GET", "publish-files", headers=bearer, json={"process_id": "../x"}) == 404
    assert status("GET", "publish-files", headers=bearer, data=b"{}") == 415
    assert status("POST", "upload-files", headers=bearer | chunk, data=NOISE(5 << 20)) == 404
    assert status("POST", "nothing", headers=bearer) == 404
    for odd in ("%2e%2e", "a%5Cb", "%00", "con", "%FF", "x" * 300):
        answer = requests.post(f"{course.at.api}{odd}/select-files", headers=bearer, files=form, timeout=60)
        assert answer.status_code in (403, 404), odd


def test_of_two_who_publish_at_once_one_wins(course: Course) -> None:
    course.send()
    folders = [course.here / name for name in ("one", "two")]
    processes = []
    for number, folder in enumerate(folders):
        shutil.copytree(course.folder, folder)
        (folder / "index.html").write_text(folder.name)
        os.utime(folder / "index.html", (0, 1_950_000_000 + number))
        client = attrs.evolve(course.original, process_file=course.here / folder.name / ".pid")
        client.upload(folder)
        processes.append(client)
    lost: list[RefusedError] = []

    def publish(client: OriginalClient) -> None:
        try:
            client.publish()
        except RefusedError as err:
            lost.append(err)

    threads = [threading.Thread(target=publish, args=(one,)) for one in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lost) == 1
    assert str(lost[0]).startswith("409")
    assert course.get().text in {"one", "two"}


def test_a_site_whose_settings_are_wrong_is_unavailable(tmp_path: Path) -> None:
    with site("django", "", tmp_path, workers=1) as at:
        for url in (f"{at.api}course/publish-files", f"{at.sites}course/"):
            answer = requests.get(url, timeout=60)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
