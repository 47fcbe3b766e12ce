"""A site of Flask behind gunicorn with four workers, in processes of its own, on any host."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import psutil
import requests
from file_transfer import wire
from outsider import oaio
from seaweed import KEY, REGION, SECRET, Weed

from oaio_storage.testing.koofr.running import RunningKoofr

APP = "oaio_storage.file_transfer.flask:create_app()"
READY_SECONDS = 60


@attrs.frozen
class Place:
    """Where a site keeps its courses.

    Attributes:
        upload_dir: as the site is told.
        settings: of its environment.
    """

    upload_dir: str
    settings: Mapping[str, str] = attrs.field(factory=dict)


@attrs.define
class Gunicorn:
    """A running site.

    Attributes:
        url: ends in a slash.
        process: its master.
        log: what it told.
    """

    url: str
    process: psutil.Popen
    log: Path

    def ask(self, method: str, path: str, **told: Any) -> wire.Told:  # noqa: ANN401 - as those of requests
        answer = requests.request(method, self.url.rstrip("/") + path, timeout=120, **told)
        is_json = answer.headers.get("Content-Type") == "application/json"
        return wire.Told(
            answer.status_code, answer.content, answer.json() if is_json else None, answer.headers
        )

    @property
    def workers(self) -> list[psutil.Process]:
        return list(self.process.children())

    def kill_a_worker(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def gunicorn(place: Place, folder: Path, *more: str, workers: int = 4, app: str = APP) -> Iterator[Gunicorn]:
    """A site at ``place``; the workers share a state folder below ``folder``."""
    folder.mkdir(exist_ok=True)
    (folder / "key.pem").write_text(wire.public_pem())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    environment = {
        **os.environ,
        "OAIO_STATE_DIR": str(folder / "state"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "OAIO_UPLOAD_DIR": place.upload_dir,
        "OAIO_JWT_PUBLIC_KEY": str(folder / "key.pem"),
        "OAIO_JWT_ISSUER": wire.ISSUER,
        **place.settings,
    }
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--workers",
        str(workers),
        "--bind",
        f"127.0.0.1:{port}",
        *more,
    ]
    log = folder / "log"
    with log.open("ab") as output:
        process = psutil.Popen([*command, app], env=environment, stdout=output, stderr=subprocess.STDOUT)
    running = Gunicorn(f"http://127.0.0.1:{port}/", process, log)
    try:
        _wait(running, workers)
        yield running
    finally:
        process.terminate()
        process.wait(30)


def _wait(running: Gunicorn, workers: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        told = running.log.read_text(errors="replace")
        if told.count("Booting worker") >= workers:
            with contextlib.suppress(requests.ConnectionError):
                requests.get(running.url, timeout=READY_SECONDS)
                return
        if running.process.poll() is not None:
            break
        time.sleep(0.1)
    raise AssertionError(running.log.read_text(errors="replace"))


def bucket(weed: Weed) -> Place:
    keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": REGION}
    return Place(f"s3://{weed.bucket}/{weed.new_prefix()}", {**keys, "AWS_ENDPOINT_URL": weed.endpoint})


def account(koofr: RunningKoofr, folder: Path) -> Place:
    settings = {"OAIO_CONFIG_DIR": str(folder / "config")}
    named = ("--set", f"email={koofr.user}", "--set", f"endpoint={koofr.url}")
    where = ("--set", f"root_folder={folder.name}", "--secret", "password")
    oaio("hosts", "add", "Digi", "Digi", *named, *where, stdin=koofr.password, env=settings).ok()
    return Place("Digi", settings)
