"""Devices with the unchanged original client, from an environment of its own."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import attrs
from original_env import original_python

Json: TypeAlias = Any  # what the other process answered, whatever it is

_SCRIPT = Path(__file__).with_name("original_device.py")


@attrs.frozen
class Original:
    """One such device."""

    process: subprocess.Popen[str]
    root: Path

    def call(self, method: str, *args: object) -> dict[str, Any]:
        """What came of calling ``method``: ``result`` or ``raised``, and the client's ``error`` text."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([method, *args]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the original client's process ended with {self.process.wait()}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def do(self, method: str, *args: object) -> Json:
        """The result of calling ``method``, which has to succeed without an error text."""
        answer = self.call(method, *args)
        assert answer.get("result") is not None, answer
        assert not answer["error"], answer
        return answer["result"]

    def objects(self) -> Json:
        """Its objects after a sync that has to succeed."""
        assert self.do("synchronize_with_server_if_online") is True
        return self.do("client_objectz")


@contextmanager
def original(url: str, user: str, password: str, device: str, root: Path) -> Iterator[Original]:
    """A device that talks to the server at ``url`` (of 127.0.0.1, by plain http)."""
    host = url.removeprefix("http://")
    command = [str(original_python()), str(_SCRIPT), host, user, password, device, f"{root}/"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Original(process, root)
        finally:
            assert process.stdin
            process.stdin.close()
            process.wait(30)
