"""A host in another process: ``python -m oaio_storage.testing.elsewhere MODULE:CLASS ARGUMENTS``.

It reads one JSON list from each line of its input, a method and its arguments, and answers each with one line
of JSON: the result, or the error's class as ``{"error": ...}``. Contents travel as text of Latin-1.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import attrs

from oaio_storage.errors import OaioError
from oaio_storage.hosts import Absent, CshApi


@attrs.frozen
class Elsewhere:
    """A host in another process; its methods are named as in ``_calls``."""

    _process: "subprocess.Popen[str]"

    def send(self, method: str, *arguments: str) -> None:
        """Ask for something, without waiting for the answer."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps([method, *arguments]) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:  # noqa: ANN401 - whatever JSON holds
        """The answer to the oldest :meth:`send` that has none yet."""
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())

    def call(self, method: str, *arguments: str) -> Any:  # noqa: ANN401 - same
        """Ask, and wait for the answer."""
        self.send(method, *arguments)
        return self.answer()


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


def _calls(host: CshApi) -> dict[str, Callable[..., Any]]:
    return {
        "read": lambda path: host.read(path).decode("latin-1"),
        "list": lambda folder: sorted(found.path for found in host.list(folder)),
        "write": lambda path, text: host.write(path, text.encode("latin-1")).version,
        "create": lambda path, text: host.write(path, text.encode("latin-1"), expect=Absent).version,
        "replace": lambda path, text, expect: host.write(path, text.encode("latin-1"), expect=expect).version,
        "delete": host.delete,
        "create_root": host.create_root,
    }


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
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
