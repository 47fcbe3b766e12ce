"""A Koofr-compatible server in a process of its own, and what a test tells and asks it."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import attrs
import requests

from oaio_storage.testing.koofr.server import READY
from oaio_storage.testing.koofr.switches import Switches
from oaio_storage.testing.servers import start

USER, PASSWORD = "user@example.com", "correct horse"
_STOP_SECONDS, _ANSWER_SECONDS = 30, 30


@attrs.define
class RunningKoofr:
    """A server at ``url`` (without a slash at its end) for :data:`USER` with :data:`PASSWORD`."""

    url: str
    process: subprocess.Popen[bytes] = attrs.field(repr=False)
    user: str = USER
    password: str = attrs.field(default=PASSWORD, repr=False)

    @property
    def port(self) -> int:
        """The port it listens at; give it to the next start to be found under the same address."""
        return int(self.url.rpartition(":")[2])

    def switch(self, **switches: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever JSON holds
        """Set switches, named and valued as in ``Switches``; all of them as they are then.

        Those that are not named stay as they are. ``faults`` are dictionaries with the fields of ``Fault``.
        """
        answer: dict[str, Any] = self._ask("PUT", "switches", json.dumps(switches))
        return answer

    def restore(self) -> None:
        """Set all switches to where nothing is wrong."""
        self.switch(**attrs.asdict(Switches()))

    def requests(self) -> list[dict[str, Any]]:
        """The requests since the last time this was asked: ``call``, ``method``, ``target``, ``status``.

        The status is 0 where no answer was sent.
        """
        seen: list[dict[str, Any]] = self._ask("GET", "requests")
        return seen

    def kill(self) -> None:
        """End it at once, as ``kill -9`` does. Safe to repeat."""
        self.process.kill()
        self.process.wait(_STOP_SECONDS)

    def stop(self) -> int:
        """End it with SIGTERM; its exit code. Safe to repeat."""
        self.process.terminate()
        return self.process.wait(_STOP_SECONDS)

    def _ask(self, method: str, what: str, body: str = "") -> Any:  # noqa: ANN401 - whatever JSON holds
        answer = requests.request(
            method,
            f"{self.url}/testing/{what}",
            data=body,
            auth=(self.user, self.password),
            timeout=_ANSWER_SECONDS,
        )
        answer.raise_for_status()
        return answer.json()


@contextmanager
def koofr_server(data: Path | None = None, port: int = 0, *options: str) -> Iterator[RunningKoofr]:
    """A server in a process of its own; it is ready when the block begins, and stopped when it ends.

    Args:
        data: folder of what it stores, its output is kept beside it; ``None``: a temporary one.
        port: port on 127.0.0.1; 0 for a free one.
        options: further options of ``python -m oaio_storage.testing.koofr``.

    Raises:
        Unavailable: it ended before it was ready; the message has what it said.
        TimedOut: it was not ready within a minute.
    """
    with ExitStack() as stack:
        if data is None:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="koofr-"))) / "data"
        account = ["--user", USER, "--password", PASSWORD]
        place = ["--port", str(port), "--data", str(data)]
        command = [sys.executable, "-m", "oaio_storage.testing.koofr", *account, *place, *options]
        url, process = start(command, READY, data.with_name(f"{data.name}.log"))
        server = RunningKoofr(url, process)
        try:
            yield server
        finally:
            if process.poll() is None:
                server.stop()
