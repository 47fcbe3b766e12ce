"""The fenced blocks of a page, and what the comment above each says is to be done with it.

A block is preceded by one of these comments (nothing else is allowed):

- ``<!-- run -->``: bash or Python; exits 0. ``<!-- run, exit 6 -->``: exits 6.
- ``<!-- run in the background -->``: starts, prints a line, and goes on until the page ends.
- ``<!-- output -->``: what the block before it printed; ``...`` stands for anything.
- ``<!-- file NAME -->``: the block is what the file NAME holds from here on.
- ``<!-- not run: REASON -->``: why not.

The blocks of a page share one folder, one home folder and one environment, from top to bottom; port 8000
becomes a free one.
"""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

_BLOCK = re.compile(
    r"(?:^<!-- (?P<todo>[^\n]*?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_TOLD = re.compile(r"run|run, exit \d|run in the background|output|file [\w./-]+|not run: .{10,}")

DOCUMENTED_PORT = "8000"


@attrs.frozen
class Block:
    """One fenced block: what is to be done with it, its language, its text, and the line it begins at."""

    todo: str
    language: str
    text: str
    line: int

    @property
    def is_told(self) -> bool:
        return _TOLD.fullmatch(self.todo) is not None

    @property
    def exit_code(self) -> int:
        return int(self.todo.rpartition(" ")[2]) if ", exit" in self.todo else 0


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of ``page``, in order."""
    text = page.read_text("utf-8")
    return [
        Block(
            found["todo"] or "",
            found["language"],
            textwrap.dedent(found["text"]),
            text.count("\n", 0, found.start("text")),
        )
        for found in _BLOCK.finditer(text)
    ]


@attrs.define
class Reader:
    """Types the blocks of one page into one shell, as a reader of the page would."""

    folder: Path
    env: dict[str, str]
    port: str
    printed: str = ""
    _running: list[subprocess.Popen[str]] = attrs.field(factory=list)

    def do(self, block: Block) -> None:
        """Do what the comment above ``block`` says; AssertionError if that does not come true."""
        text = block.text.replace(DOCUMENTED_PORT, self.port)
        if block.todo == "run in the background":
            self._start(text)
        elif block.todo.startswith("run"):
            self._run(block, text)
        elif block.todo == "output":
            _assert_like(text, self.printed, block.line)
        elif block.todo.startswith("file "):
            file = self.folder / block.todo.removeprefix("file ")
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, "utf-8")

    def stop(self) -> None:
        """Stop what runs in the background; each must stop cleanly."""
        for process in self._running:
            with process:
                process.send_signal(signal.SIGTERM)
                assert process.wait(30) == 0

    def _run(self, block: Block, text: str) -> None:
        after = self.folder / ".after"
        if block.language == "python":
            text = f"{shlex.quote(sys.executable)} - <<'END OF THE BLOCK'\n{text}\nEND OF THE BLOCK"
        script = f"set -euo pipefail -o allexport\ntrap 'env -0 > {after}' EXIT\n{text}"
        done = self._shell(script)
        told = f"line {block.line}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        assert done.returncode == block.exit_code, told
        self.env = dict(line.split("=", 1) for line in after.read_text("utf-8").split("\0") if line)
        self.printed = done.stdout

    def _shell(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def _start(self, text: str) -> None:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {text}"], cwd=self.folder, env=self.env, stdout=subprocess.PIPE, text=True
        )
        self._running.append(process)
        assert process.stdout is not None
        self.printed = process.stdout.readline()
        assert self.printed, f"{text} printed nothing"


def _assert_like(expected: str, printed: str, line: int) -> None:
    pattern = ".*?".join(re.escape(part) for part in expected.strip().split("..."))
    assert re.fullmatch(pattern, printed.strip(), re.DOTALL), f"line {line}: printed was\n{printed}"


@contextmanager
def reader(folder: Path) -> Iterator[Reader]:
    """A reader with an empty folder, an empty home folder, and ``oaio`` and ``python`` on the path."""
    home = folder / "home"
    work = folder / "work"
    home.mkdir()
    work.mkdir()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("OAIO_", "XDG_", "PYTEST"))
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    typing = Reader(work, {**kept, "HOME": str(home), "PATH": path}, port)
    try:
        yield typing
    finally:
        typing.stop()
