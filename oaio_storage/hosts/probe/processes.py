"""Writers in processes of their own, where another process can make the same host.

``python -m oaio_storage.hosts.probe.processes`` reads a line of JSON from its input: the class of a host and
its arguments, secrets among them, which therefore no list of processes shows. Then it reads a line for each
thing to be done, and answers each with a line.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import attrs

from oaio_storage.errors import AlreadyExists, Changed, OaioError, TryAgain
from oaio_storage.hosts.api import CshApi
from oaio_storage.hosts.guarantees import Absent
from oaio_storage.hosts.wrappers.base import Wrapper

SEEN, WON, UNKNOWN = "seen", "won", "unknown"


@attrs.frozen
class Racer:
    """A process that writes to the same folder as all others."""

    _process: "subprocess.Popen[str]"

    def send(self, path: str, version: str, text: str) -> None:
        """Let it replace this version by ``text``, or create the file if that is empty, without waiting."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps([path, version, text]) + "\n")
        self._process.stdin.flush()

    def answer(self) -> str:
        """The answer to the oldest :meth:`send` that has none yet; empty if the process ended."""
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def racers(host: CshApi, folder: str, count: int) -> Iterator[list[Racer]]:
    """So many processes in ``folder`` of the state folder; none if other processes can't make ``host``."""
    made: list[Racer] = []
    try:
        if (told := _told(host, folder)) is not None:
            host.state.write(f"{folder}/{SEEN}", b"")
            made = [_started(told) for _ in range(count)]
        is_same = [racer.answer() == SEEN for racer in made]  # memory is another one in each process
        yield made if all(is_same) else []
    finally:
        for racer in made:
            racer.stop()


def _told(host: CshApi, folder: str) -> str | None:
    """What a process has to be told to make the same host; None if that can't be said."""
    while isinstance(host, Wrapper):
        host = host.inner
    kind = type(host)
    fields = attrs.fields(kind)  # type: ignore[arg-type]  # every backend is an attrs class
    arguments = {field.alias: getattr(host, field.name) for field in fields if field.init}
    try:
        text = json.dumps([kind.__module__, kind.__qualname__, arguments, folder])
    except (TypeError, ValueError, RecursionError):
        return None
    is_whole = json.loads(text)[2] == arguments
    return text if is_whole and kind.__module__ != "__main__" and kind.__qualname__.isidentifier() else None


def _started(told: str) -> Racer:
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
    )
    racer = Racer(process)
    assert process.stdin
    process.stdin.write(told + "\n")
    process.stdin.flush()
    return racer


def main() -> None:
    """Answer until the input ends."""
    module, name, arguments, folder = json.loads(sys.stdin.readline())
    state = getattr(import_module(module), name)(**arguments).state
    try:
        state.stat(f"{folder}/{SEEN}")
        _say(SEEN)
    except OaioError as err:
        _say(type(err).__name__)
    for line in sys.stdin:
        path, version, text = json.loads(line)
        _say(_raced(state, f"{folder}/{path}", version, text))


def _raced(state: CshApi, path: str, version: str, text: str) -> str:
    try:
        state.write(path, text.encode(), expect=version or Absent)
    except (AlreadyExists, Changed):
        return "lost"
    except TryAgain:
        return UNKNOWN
    except OaioError as err:
        return type(err).__name__
    return WON


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
