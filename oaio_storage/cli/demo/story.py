"""The demo's story: each step goes through the public API, and is told only after it was checked."""

import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import attrs

from oaio_storage import OaioClient
from oaio_storage.cli.demo import script
from oaio_storage.cli.demo.borrowed_host import BorrowedHost, borrowed_host
from oaio_storage.cli.demo.folders import (
    checksums,
    common_root,
    copied,
    edit_files,
    fingerprint,
    require,
    require_apart,
    require_same,
    total_size,
    unused_name,
)
from oaio_storage.cli.demo.processes import DemoServer
from oaio_storage.cli.demo.publication import Publication
from oaio_storage.cli.demo.step import Step
from oaio_storage.cli.output import count_text, size_text
from oaio_storage.client import SyncReport
from oaio_storage.errors import RootUnavailable
from oaio_storage.progress import Report, ignore

OWNER, READER = "alice", "bob"


def tell_story(
    source: Path,
    work: Path,
    tell: Callable[[Step], None],
    showing: Callable[[str], AbstractContextManager[Report]],
    csh_id: str = "",
) -> None:
    """Run all steps in the folder ``work``, reading ``source``; returns only if everything held.

    The server's process has ended when this returns or raises, whatever happened.

    Args:
        source: a folder; nothing in it is changed.
        work: an empty folder.
        tell: called with each step that held.
        showing: entered with the title of each step while it runs; what it gives is told about files on
            their way.
        csh_id: the host of this machine for the files of objects; empty: the server's own.

    Raises:
        Corrupt: something did not hold.
        OaioError: a step failed.
    """
    before = fingerprint(source)
    with ExitStack() as cleaning:
        host = cleaning.enter_context(borrowed_host(csh_id)) if csh_id else None
        story = Story(source, work, host)
        cleaning.callback(story.close)
        for act in (story, Publication(source, work)):
            for title, scene in act.scenes.items():
                started = time.monotonic()
                with showing(title) as act.report:
                    step = scene(title)
                tell(attrs.evolve(step, seconds=round(time.monotonic() - started, 3)))
    require(fingerprint(source) == before, f"{source} is as it was before")


class Story:
    """Three devices of two users around one server; each device has folders of its own below ``work``."""

    def __init__(self, source: Path, work: Path, host: BorrowedHost | None = None) -> None:
        self.source, self.work, self.host = source, work, host
        self.server = DemoServer(work / "server")
        self.folders = {device: work / device / "folder" / source.name for device in ("laptop", "phone")}
        self.letter = work / "laptop" / "letter"
        self.password = secrets.token_urlsafe(16)
        self.ids = {"note": "", "letter": "", "project": ""}
        self.report: Report = ignore
        self.cleaning = ExitStack()
        self.scenes: dict[str, Callable[[str], Step]] = {
            "start": self.start,
            "register": self.register,
            "receive": self.receive,
            "edit offline": self.edit,
            "catch up": self.catch_up,
            "share": self.share,
            "delete": self.delete,
        }

    def close(self) -> None:
        """Close all clients, then end the server. Safe to repeat."""
        try:
            self.cleaning.close()
        finally:
            self.server.stop()

    def start(self, title: str) -> Step:
        """A copy for the laptop, a server, two users, three devices."""
        left_out = copied(self.source, self.folders["laptop"])
        files = checksums(self.folders["laptop"])
        require_same(
            files, {name: one for name, one in checksums(self.source).items() if name in files}, "the copy"
        )
        self.letter.mkdir()
        shutil.copy(self.folders["laptop"] / min(files), self.letter)
        if len(files) == 1:
            (self.folders["laptop"] / unused_name(files, "second file")).write_text(
                "so that one can be removed\n"
            )
        self.server.add_users(OWNER, READER, password=self.password)
        if self.host is not None:
            self.server.offer(self.host)
        self.server.start()
        self.laptop, self.phone = self._connect(OWNER, "laptop"), self._connect(OWNER, "phone")
        self.tablet = self._connect(READER, "tablet")
        also = f", {count_text(len(left_out), 'thing')} left out ({left_out[0]})" if left_out else ""
        where = f", files on {self.host.csh_id}" if self.host else ""
        copy = f"{count_text(len(files), 'file')}, {size_text(total_size(self.folders['laptop']))}"
        return Step(
            title,
            f"a server at {self.server.url}{where}, a copy of {self.source.name} ({copy}{also})",
            len(files),
        )

    def register(self, title: str) -> Step:
        """The laptop registers three objects."""
        file, folder = next(self.letter.iterdir()), self.folders["laptop"]
        *made, report = script.register(self.laptop, file, folder, self.report)
        registered = [one for one in made if one is not None]
        require(len(registered) == len(self.ids), "all three objects were registered")
        self.ids = {name: one.oaio_id for name, one in zip(self.ids, registered, strict=True)}
        files = len(checksums(folder)) + 1
        _require_no_problems(report)
        require(report.sent == len(made), "all three objects were sent")
        return _step(title, f"the laptop sent values, 1 file and a folder of {files - 1}", files, report)

    def receive(self, title: str) -> Step:
        """The phone of the same user gets the same bytes."""
        report = script.receive(self.phone, self.ids["project"], self.folders["phone"], self.report)
        self._require_equal_devices()
        received = self.phone.files(self.ids["letter"])
        require(len(received) == 1, "the phone has the single file")
        require_same(checksums(self.letter), checksums(received[0].parent), "the phone")
        files = len(checksums(self.folders["phone"])) + 1
        return _step(title, f"the phone has identical bytes of {count_text(files, 'file')}", files, report)

    def edit(self, title: str) -> Step:
        """The phone edits while there is no server."""
        self.server.stop()
        changed, removed, added = edit_files(self.folders["phone"])
        why = script.edit(self.phone, self.ids["note"], self.ids["project"])
        require(why, "synchronising failed while the server was stopped")
        edited = f"{changed} changed, {removed} removed, {count_text(len(added), 'file')} added"
        return Step(title, f"the server is stopped; on the phone 2 values set, {edited}", 2 + len(added))

    def catch_up(self, title: str) -> Step:
        """The server returns, and the laptop sees all of it."""
        self.server.start()
        phone, laptop = script.catch_up(self.phone, self.laptop, self.report)
        self._require_equal_devices()
        files = len(checksums(self.folders["laptop"]))
        text = f"the laptop sees all of it: the value, and {count_text(files, 'file')}, the removed one gone"
        return _step(title, text, files, phone, laptop)

    def share(self, title: str) -> Step:
        """Another user may read, and no more."""
        require(
            script.share(self.laptop, self.ids["project"], READER), f"{READER} was given the right to read"
        )
        report, refusal = script.read(self.tablet, self.ids["project"], self.report)
        require(refusal, f"{READER} was refused to change the folder")
        require(list(self.tablet.client_objectz) == [self.ids["project"]], f"{READER} sees the folder alone")
        files = self.tablet.files(self.ids["project"])
        wanted = checksums(self.folders["laptop"])
        require_same(wanted, checksums(common_root(files, wanted)), "the tablet")
        return _step(
            title,
            f"{READER} reads {count_text(len(files), 'file')}, a change was refused",
            len(files),
            report,
        )

    def delete(self, title: str) -> Step:
        """What one device deletes goes from the other."""
        received = self.phone.files(self.ids["letter"])
        laptop, phone = script.delete(self.laptop, self.phone, self.ids["letter"])
        for client in (self.laptop, self.phone):
            require(
                set(client.client_objectz) == {self.ids["note"], self.ids["project"]}, "the object is gone"
            )
        require(not any(path.exists() for path in received), "its file is gone from the phone")
        require(not checksums(self.letter), "its file is gone from the laptop")
        self._require_equal_devices()
        return _step(title, "the file's object is gone from laptop and phone", 1, laptop, phone)

    def _connect(self, user: str, device: str) -> OaioClient:
        folder = self.work / device / "oaio"
        host = self.host.csh_id if self.host else "Local"
        client = script.connect(self.server.url, user, self.password, device, folder, host)
        self.cleaning.callback(client.close)
        return client

    def _require_equal_devices(self) -> None:
        here, there = self.folders["laptop"], self.folders["phone"]
        require_same(checksums(here), checksums(there), "the phone")
        require_apart(self.source, here, there, self.work / "server")
        values = [
            client.client_objectz[self.ids["note"]].client_values for client in (self.laptop, self.phone)
        ]
        require(values[0] == values[1], "the values are equal on laptop and phone")


def _step(title: str, text: str, files: int, *reports: SyncReport) -> Step:
    moved = sum(report.bytes_sent + report.bytes_received for report in reports)
    requests = sum(report.requests for report in reports)
    return Step(
        title, f"{text}; {size_text(moved)} in {count_text(requests, 'request')}", files, moved, requests
    )


def _require_no_problems(report: SyncReport) -> None:
    """Raise what the host of ``--csh`` has against the files; that is no defect."""
    for problem in report.problems:
        raise RootUnavailable(f"the demo can't store its files: {problem.what}", problem.way_out)
