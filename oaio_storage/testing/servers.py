"""Starters of real servers, each in a process of its own."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from oaio_storage.errors import TimedOut, Unavailable

_READY = "oaio server ready at "
_START_SECONDS, _STOP_SECONDS = 60, 30


@attrs.define
class RunningServer:
    """An oaio server at ``url`` (without a slash at its end); its output goes to the file ``log``."""

    url: str
    data: Path
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self.process.pid

    @property
    def port(self) -> int:
        """The port it listens at; give it to the next start to be found under the same address."""
        return int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        """End it at once, as ``kill -9`` does. Safe to repeat."""
        self.process.kill()
        self.process.wait(_STOP_SECONDS)

    def stop(self) -> int:
        """End it as an operator does (SIGTERM); its exit code. Safe to repeat."""
        self.process.terminate()
        try:
            return self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TimedOut(f"the server did not stop; its output is in {self.log}") from None


@contextmanager
def oaio_server(data: Path, port: int = 0, *options: str) -> Iterator[RunningServer]:
    """An oaio server on the folder ``data`` at ``port`` (0: a free one) of 127.0.0.1.

    ``options`` go to ``oaio serve``. It is ready when the block begins, and stopped when it ends. Its
    output is kept beside ``data``.

    Raises:
        Unavailable: it ended before it was ready; the message has what it said.
        TimedOut: it was not ready within a minute.
    """
    server = _started(data, port, options)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


def _started(data: Path, port: int, options: tuple[str, ...]) -> RunningServer:
    log = data.with_name(f"{data.name}.log")
    serve = ["serve", "--data", str(data), "--port", str(port), *options]
    url, process = start([sys.executable, "-m", "oaio_storage.cli", *serve], _READY, log)
    return RunningServer(url, data, log, process)


def start(command: list[str], ready: str, log: Path) -> tuple[str, subprocess.Popen[bytes]]:
    """Start a server and wait until it says that it is ready; its address, and its process.

    Args:
        command: what to run.
        ready: what the line begins with that it says then; the address is the next word.
        log: the file that its output is added to.

    Raises:
        Unavailable: it ended before it was ready; the message has what it said.
        TimedOut: it was not ready within a minute.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    begin = log.stat().st_size if log.exists() else 0
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)  # noqa: S603 - ours
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        said = log.read_bytes()[begin:].decode(errors="replace")
        told = next((line for line in said.splitlines(keepends=True) if line.startswith(ready)), "")
        if told.endswith("\n"):
            return told.removeprefix(ready).split()[0].rstrip("/"), process
        if process.poll() is not None:
            raise Unavailable(f"the server ended with {process.returncode}: {said.strip()[-2000:]}")
        time.sleep(0.02)
    process.kill()
    process.wait(_STOP_SECONDS)
    raise TimedOut(f"the server was not ready within {_START_SECONDS} s; its output is in {log}")
