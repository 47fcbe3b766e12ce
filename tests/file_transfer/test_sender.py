"""Our sender, with the original's server: what the original client can't do there, and what it must not."""

import itertools
import json
import os
import random
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import attrs
import pytest
from file_transfer.original_client import OriginalClient
from file_transfer.original_server import original_server

from oaio_storage import errors
from oaio_storage.file_transfer.client import Sent, batches, packing, send, sending, wire
from oaio_storage.progress import Progress

TOKEN = "a.b.c"
NOISE = random.Random(9).randbytes


@attrs.define
class Course:
    """A folder, a server of the original's, and a device that sends the one to the other."""

    api: str
    live: Path
    folder: Path
    state: Path
    name: str = "course"
    _clock: Iterator[int] = attrs.field(factory=lambda: itertools.count(2_000_000_000))

    def touch(self) -> None:
        """Give the index page a new time, as its version."""
        os.utime(self.folder / "index.html", (0, next(self._clock)))

    def send(self, *, yes: bool = False, dry_run: bool = False) -> Sent:
        return send(self.folder, self.api, self.name, TOKEN, state=self.state, yes=yes, dry_run=dry_run)

    def is_live(self) -> bool:
        """Whether exactly what is in the folder is live."""
        found = contents(self.live)
        found.pop("manifest.json", None)
        return found == contents(self.folder)


def contents(of: Path) -> dict[str, bytes]:
    return {str(path.relative_to(of)): path.read_bytes() for path in of.rglob("*") if path.is_file()}


@pytest.fixture
def course(tmp_path: Path) -> Iterator[Course]:
    folder, upload_dir = tmp_path / "site", tmp_path / "www"
    (folder / "sub").mkdir(parents=True)
    upload_dir.mkdir()
    for name in ("index.html", "b.html", "sub/a.html", "sub/ü 'x'.html"):
        (folder / name).write_text(name)
    with original_server(upload_dir, TOKEN) as api:
        yield Course(api, upload_dir / "course", folder, tmp_path / "state")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests and chunks of few bytes."""
    monkeypatch.setattr(batches, "BYTES", 3000)
    monkeypatch.setattr(batches, "FILES", 2)
    for module in (wire, sending):
        monkeypatch.setattr(module, "CHUNK", 1000)


@pytest.mark.usefixtures("tiny")
def test_a_first_publication_arrives_in_several_requests(course: Course) -> None:
    (course.folder / "large").write_bytes(NOISE(10_000))
    done = course.send()
    assert course.is_live()
    assert (done.live, done.sent, done.files, done.removed) == (True, 5, 5, 0)
    assert done.new == tuple(sorted(contents(course.folder)))


@pytest.mark.usefixtures("tiny")
def test_several_large_files_arrive_in_one_update(course: Course) -> None:
    course.send()
    for name in ("one", "two", "three"):
        (course.folder / name).write_bytes(NOISE(10_000))
    (course.folder / "zeros").write_bytes(bytes(10_000))
    course.touch()
    done = course.send()
    assert course.is_live()
    assert done.new == ("one", "three", "two", "zeros")
    assert "index.html" in done.update


def test_what_changed_is_sent_whatever_its_time(course: Course) -> None:
    course.send()
    for text in ("other", "another"):
        (course.folder / "b.html").write_text(text)
        os.utime(course.folder / "b.html", (0, 0))
        course.touch()
        assert course.send().update == ("b.html", "index.html")
        assert course.is_live()


def test_what_did_not_change_is_not_sent_again(course: Course) -> None:
    course.send()
    course.touch()
    assert course.send().sent == 1
    course.touch()
    assert course.send().sent == 1
    assert course.is_live()


@pytest.mark.parametrize("at", [1, 4_000_000_000])
def test_what_somebody_else_published_meanwhile_is_replaced(course: Course, tmp_path: Path, at: int) -> None:
    course.send()
    theirs = tmp_path / "theirs"
    shutil.copytree(course.folder, theirs)
    (theirs / "b.html").unlink()
    other = OriginalClient(course.api, course.name, TOKEN, tmp_path / "pid")
    for text in ("", "theirs"):
        if text:
            (theirs / "b.html").write_text(text)
            os.utime(theirs / "b.html", (at, at))
        course.touch()
        shutil.copystat(course.folder / "index.html", theirs / "index.html")
        other.upload(theirs)
        other.publish()
    assert contents(course.live)["b.html"] == b"theirs"
    course.touch()
    course.send()
    assert course.is_live()


def test_a_device_that_knows_nothing_sends_everything(course: Course) -> None:
    course.send()
    shutil.rmtree(course.state)
    (course.folder / "b.html").write_text("older")
    os.utime(course.folder / "b.html", (0, 0))
    course.touch()
    assert course.send().sent == 4
    assert course.is_live()


def test_an_older_version_is_refused(course: Course) -> None:
    course.send()
    (course.folder / "b.html").write_text("newer than the index")
    with pytest.raises(errors.Superseded) as refused:
        course.send()
    assert "touch" in refused.value.hint
    assert not course.is_live()


def test_dots_stay_at_home_and_links_become_copies(course: Course) -> None:
    before = contents(course.folder)
    (course.folder / ".git").mkdir()
    (course.folder / ".git" / "config").write_text("secret")
    (course.folder / "sub" / ".env").write_text("secret")
    (course.folder / "link.html").symlink_to("sub/a.html")
    course.send()
    assert contents(course.live).keys() - {"manifest.json"} == before.keys() | {"link.html"}
    assert (course.live / "link.html").read_text() == "sub/a.html"
    assert not (course.live / "link.html").is_symlink()


@pytest.mark.parametrize("target", ["../outside", "/etc/hostname", "nothing", ".hidden", "sub"])
def test_links_to_anything_else_are_refused(course: Course, target: str) -> None:
    (course.folder.parent / "outside").write_text("outside")
    (course.folder / ".hidden").write_text("hidden")
    (course.folder / "link").symlink_to(target)
    with pytest.raises(errors.InvalidName, match="'link' can't be sent: a symbolic link"):
        course.send()
    assert not list(course.live.parent.iterdir())


def test_names_that_are_not_utf8_are_refused(course: Course) -> None:
    (course.folder / os.fsdecode(b"caf\xe9")).write_text("")
    with pytest.raises(errors.InvalidName, match="UTF-8"):
        course.send()
    assert not list(course.live.parent.iterdir())


@pytest.mark.parametrize("name", ["manifest.json", "files_to_update.json"])
def test_names_that_the_server_needs_are_refused(course: Course, name: str) -> None:
    (course.folder / name).write_text("{}")
    with pytest.raises(errors.InvalidName, match=name):
        course.send()
    assert not course.live.exists()


def test_mass_deletion_needs_a_yes(course: Course) -> None:
    course.send()
    for name in ("b.html", "sub/a.html", "sub/ü 'x'.html"):
        (course.folder / name).unlink()
    course.touch()
    with pytest.raises(errors.MassDeletion, match="3 of 4 files would go"):
        course.send()
    assert len(contents(course.live)) == 5
    assert course.send(yes=True).removed == 3
    assert course.is_live()


def test_an_empty_folder_needs_a_yes(course: Course) -> None:
    shutil.rmtree(course.folder)
    course.folder.mkdir()
    with pytest.raises(errors.MassDeletion):
        course.send()


def test_a_dry_run_changes_nothing_that_is_live(course: Course) -> None:
    done = course.send(dry_run=True)
    assert (done.live, done.sent, len(done.new)) == (False, 0, 4)
    assert not course.live.exists()
    assert course.send().live


def test_files_that_change_meanwhile_are_noticed(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = packing.pack

    def changed(*args: object) -> None:
        (course.folder / "b.html").write_text("B.HTML")
        pack(*args)  # type: ignore[arg-type]  # what it was given

    monkeypatch.setattr(sending, "pack", changed)
    with pytest.raises(errors.SourceChanged, match=r"b\.html"):
        course.send()
    assert not course.live.exists()
    assert course.send().live
    assert course.is_live()


@pytest.mark.usefixtures("tiny")
def test_a_call_that_was_cut_off_is_gone_on_with(course: Course) -> None:
    (course.folder / "large").write_bytes(NOISE(10_000))
    (course.folder / "large2").write_bytes(NOISE(10_000))

    class CutError(Exception):
        pass

    def cut(after: int) -> Callable[[Progress], None]:
        def report(event: Progress) -> None:
            if event.stage == "send" and event.done >= after:
                raise CutError

        return report

    with pytest.raises(CutError):
        send(course.folder, course.api, course.name, TOKEN, state=course.state, report=cut(20_000))
    done = course.send()
    assert done.resumed
    assert 0 < done.sent < 6
    assert course.is_live()


def test_what_the_server_forgot_is_begun_anew(course: Course) -> None:
    def cut(event: Progress) -> None:
        if event.stage == "send":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send(course.folder, course.api, course.name, TOKEN, state=course.state, report=cut)
    for session in course.live.parent.iterdir():
        shutil.rmtree(session)
    assert course.send().live
    assert course.is_live()


def test_two_at_once_are_told(course: Course) -> None:
    def nested(event: Progress) -> None:
        if event.stage == "send":
            course.send()

    with pytest.raises(errors.Busy):
        send(course.folder, course.api, course.name, TOKEN, state=course.state, report=nested)


def test_the_token_is_in_no_message(course: Course) -> None:
    with pytest.raises(errors.LoginNeeded) as refused:
        send(course.folder, course.api, "course", "x.secret.z", state=course.state)
    assert "secret" not in f"{refused.value} {refused.value.hint} {refused.value!r}"
    for token in ("", "two words", "line\nend", "ü"):
        with pytest.raises(errors.InvalidArgument, match="the token"):
            send(course.folder, course.api, "course", token, state=course.state)


@pytest.mark.parametrize("name", ["", "a/b", "..", "line\nend"])
def test_a_course_is_one_segment(course: Course, name: str) -> None:
    with pytest.raises(errors.InvalidArgument):
        send(course.folder, course.api, name, TOKEN, state=course.state)


class _Answering(BaseHTTPRequestHandler):
    """Answers each request as ``answer`` says, and keeps what it saw."""

    answer: tuple[int, dict[str, str], bytes]
    seen: list[dict[str, str]]

    def do_POST(self) -> None:
        self.seen.append(dict(self.headers))
        self.rfile.read(int(self.headers["Content-Length"]))
        status, headers, content = self.answer
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (201, b"{}", errors.BadAnswer),
        (204, b"", errors.BadAnswer),
        (302, b"", errors.BadAnswer),
        (400, b"x.secret.z is wrong", errors.InvalidManifest),
        (403, b"<html>no</html>", errors.Forbidden),
        (404, b"", errors.NotFound),
        (409, b"", errors.Superseded),
        (413, b"<html>", errors.TooLarge),
        (500, b"\x1b[2J", errors.BadAnswer),
        (200, b"<html>", errors.BadAnswer),
        (200, b"[]", errors.BadAnswer),
        (200, b"{}", errors.BadAnswer),
        (200, json.dumps({"exist": True, "process_id": "a\nb"}).encode(), errors.BadAnswer),
        (
            200,
            json.dumps({"exist": True, "process_id": "p", "files_new": {"../x": {}}}).encode(),
            errors.BadAnswer,
        ),
    ],
)
def test_anything_but_200_and_a_plan_is_an_error(
    course: Course, status: int, body: bytes, error: type[errors.OaioError]
) -> None:
    _Answering.answer, _Answering.seen = (status, {"Location": "http://127.0.0.1:1/"}, body), []
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answering) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        with pytest.raises(error) as refused:
            send(
                course.folder, f"http://127.0.0.1:{server.server_port}", "c", "x.secret.z", state=course.state
            )
        server.shutdown()
    assert len(_Answering.seen) == 1
    assert _Answering.seen[0]["Authorization"] == "Bearer x.secret.z"
    told = f"{refused.value} {refused.value.hint}"
    assert "secret" not in told
    assert "\x1b" not in told
