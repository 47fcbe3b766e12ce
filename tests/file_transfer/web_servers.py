"""Sites that receive trees, each run by gunicorn with four workers, as its operators do."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import attrs
from file_transfer import wire

Framework = Literal["flask", "django"]
FRAMEWORKS: tuple[Framework, ...] = ("flask", "django")
TESTS = Path(__file__).resolve().parents[1]
WORKERS = 4


@attrs.frozen
class Running:
    """A site that runs.

    Attributes:
        api: what clients are told, with a slash at its end.
        sites: where the trees are served, with a slash at its end.
        pid: of the process that started the workers.
    """

    api: str
    sites: str
    pid: int


@contextmanager
def site(
    framework: Framework,
    upload_dir: Path | str,
    logs: Path,
    *,
    workers: int = WORKERS,
    env: Mapping[str, str] | None = None,
) -> Iterator[Running]:
    """A running site whose trees are at ``upload_dir``."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        told = {
            "PYTHONPATH": str(TESTS),
            "OAIO_UPLOAD_DIR": str(upload_dir),
            "OAIO_JWT_PUBLIC_KEY": wire.public_pem(),
            "OAIO_JWT_ISSUER": wire.ISSUER,
            "OAIO_STATE_DIR": str(logs / "state"),
            **(env or {}),
        }
        app = f"file_transfer.{framework}_site:application"
        command = [sys.executable, "-m", "gunicorn", "--bind", f"fd://{listening.fileno()}"]
        command += [
            "--workers",
            str(workers),
            "--timeout",
            "600",
            "--log-level",
            "warning",
            "--no-control-socket",
            app,
        ]
        with (logs / f"{framework}.log").open("wb") as log:
            server = subprocess.Popen(
                command, env=os.environ | told, stdout=log, stderr=log, pass_fds=[listening.fileno()]
            )
        try:
            _wait(server, address, logs / f"{framework}.log")
            yield Running(f"http://{address}/transfer/", f"http://{address}/transfer/sites/", server.pid)
        finally:
            server.terminate()
            server.wait(30)


def _wait(server: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    host, _, port = address.partition(":")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        with socket.create_connection((host, int(port)), 30) as probe:
            probe.sendall(b"GET /nothing HTTP/1.0\r\n\r\n")
            if probe.recv(1):
                return
    raise AssertionError(log.read_text())
