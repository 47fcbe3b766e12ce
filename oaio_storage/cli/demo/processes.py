"""The server of the demo, in a process of its own, by the commands that anybody would type."""

import contextlib
import subprocess
import sys
import threading
from pathlib import Path

from oaio_storage.cli.demo.borrowed_host import BorrowedHost
from oaio_storage.errors import Unavailable

READY_SECONDS, STOP_SECONDS = 30, 10
OAIO = (sys.executable, "-m", "oaio_storage.cli")


class DemoServer:
    """``oaio serve`` on a free port of this machine alone; started again, it is at the same address."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.url = ""
        self._log = data.with_name("server.log")
        self._process: subprocess.Popen[str] | None = None

    def add_users(self, *names: str, password: str) -> None:
        """``oaio user add`` for each, at once."""
        adding = {}
        for name in names:
            words = [*OAIO, "user", "add", name, "--data", str(self.data), "--password-stdin"]
            pipe = subprocess.PIPE
            adding[name] = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True)  # noqa: S603 - ours
        said = {name: process.communicate(password)[1] for name, process in adding.items()}
        for name, process in adding.items():
            if process.returncode:
                raise Unavailable(f"the user {name} could not be added: {said[name].strip()}")

    def offer(self, host: BorrowedHost) -> None:
        """``oaio hosts add``."""
        sets = [word for name, text in host.options.items() for word in ("--set", f"{name}={text}")]
        hidden = [word for name in host.secrets for word in ("--secret", name)]
        words = [*OAIO, "hosts", "add", host.csh_id, host.backend, "--data", str(self.data), *sets, *hidden]
        lines = "".join(f"{text}\n" for text in host.secrets.values())
        done = subprocess.run(words, input=lines, capture_output=True, text=True, check=False)  # noqa: S603 - ours
        if done.returncode:
            raise Unavailable(f"the host {host.csh_id} could not be offered: {done.stderr.strip()}")

    def start(self) -> None:
        """Start it, and return when it is ready."""
        port = self.url.rsplit(":", 1)[-1].strip("/") or "0"
        words = [*OAIO, "serve", "--data", str(self.data), "--port", port]
        with self._log.open("a") as log:
            self._process = process = subprocess.Popen(  # noqa: S603 - ours
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        too_late = threading.Timer(READY_SECONDS, process.kill)
        too_late.start()
        line = process.stdout.readline() if process.stdout else ""
        too_late.cancel()
        if not line:
            self.stop()
            raise Unavailable(f"the server did not start: {self._log.read_text()[-500:].strip()}")
        self.url = line.split(" at ", 1)[1].split(" ", 1)[0]

    def stop(self) -> None:
        """Stop it as ``SIGTERM`` does, by force if it does not react. Safe to repeat."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
