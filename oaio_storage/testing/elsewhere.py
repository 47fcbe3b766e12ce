"""A host in another process: ``python -m oaio_storage.testing.elsewhere MODULE:CLASS ARGUMENTS``.

It reads one JSON list from each line of its input, a method and its arguments, and answers each with one line
of JSON: the result, or the error's class as ``{"error": ...}``. Contents travel as text of Latin-1.
"""

import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, BinaryIO, cast

import attrs

from oaio_storage.errors import OaioError
from oaio_storage.hosts import Absent, CshApi

STALLED = "stalled"
"""The answer to ``stall``, once the other process has sent what it was to send."""


@attrs.frozen
class Elsewhere:
    """A host in another process; its methods are named as in ``_calls``."""

    _process: "subprocess.Popen[str]"

    def send(self, method: str, *arguments: str | int | None) -> None:
        """Ask for something, without waiting for the answer."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps([method, *arguments]) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:  # noqa: ANN401 - whatever JSON holds
        """The answer to the oldest :meth:`send` that has none yet."""
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())

    def call(self, method: str, *arguments: str | int | None) -> Any:  # noqa: ANN401 - same
        """Ask, and wait for the answer."""
        self.send(method, *arguments)
        return self.answer()

    def kill(self) -> None:
        """End the process where it stands (SIGKILL), and wait until it is gone."""
        self._process.kill()
        self._process.wait()


@contextmanager
def elsewhere(backend: str, arguments: Mapping[str, Any]) -> Iterator[Elsewhere]:
    """The host that ``backend`` (``module:Class``) makes of ``arguments``, in a process of its own."""
    command = [sys.executable, "-m", __name__, backend, json.dumps(dict(arguments))]
    with subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        yield Elsewhere(process)
        assert process.stdin
        process.stdin.close()


class _Stalling(io.RawIOBase):
    """So many bytes, then a word to whoever is waiting for it, and never an end."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a writable buffer
        if not self._left:
            _say(STALLED)
            while True:
                time.sleep(1)
        count = min(len(buffer), self._left)
        buffer[:count] = bytes(count)
        self._left -= count
        return count


def _calls(host: CshApi) -> dict[str, Callable[..., Any]]:
    return {
        "read": lambda path, start=0, end=None: host.read(path, start, end).decode("latin-1"),
        "list": lambda folder: sorted(found.path for found in host.list(folder)),
        "sizes": lambda folder: sorted((found.path, found.size) for found in host.list(folder)),
        "write": lambda path, text: host.write(path, text.encode("latin-1")).version,
        "create": lambda path, text: host.write(path, text.encode("latin-1"), expect=Absent).version,
        "replace": lambda path, text, expect: host.write(path, text.encode("latin-1"), expect=expect).version,
        "copy": lambda source, target: host.copy(source, target).size,
        "delete": lambda path, expect=None: host.delete(path, expect=expect),
        "create_root": host.create_root,
        "stall": lambda path, size: host.write(path, cast("BinaryIO", _Stalling(size))).version,
    }


def _say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main(backend: str, arguments: str) -> None:
    """Answer until the input ends."""
    module, _, name = backend.partition(":")
    calls = _calls(getattr(import_module(module), name)(**json.loads(arguments)))
    for line in sys.stdin:
        method, *given = json.loads(line)
        try:
            answer = calls[method](*given)
        except OaioError as err:
            answer = {"error": type(err).__name__}
        _say(answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
