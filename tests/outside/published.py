"""What the tests of publishing share: a folder to publish, and a place to publish it to."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
from outsider import Done, oaio, written

ONE = {"index.html": "<h1>one</h1>", "about/index.html": "about", "same.txt": "same", "old.txt": "old"}
TWO = {"index.html": "<h1>two</h1>", "about/index.html": "about", "same.txt": "same", "new.txt": "new"}


@attrs.frozen
class Work:
    """A folder to publish, and a place to publish it to."""

    here: Path

    @property
    def folder(self) -> Path:
        return self.here / "public"

    @property
    def live(self) -> Path:
        return self.here / "www" / "site"

    def run(self, *words: object, **how: Any) -> Done:  # noqa: ANN401 - as :func:`oaio` takes it
        done = oaio(*words, cwd=self.here, env={"XDG_CACHE_HOME": str(self.here / "cache")}, **how)
        for command in named_commands(done):
            assert is_complete(command), f"{command} in {done.err!r} can't be run as it is printed"
        return done

    def fill(self, files: Mapping[str, str]) -> None:
        for path in sorted(self.folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        written(self.folder, files)

    def publish(self, files: Mapping[str, str], *more: object) -> Any:  # noqa: ANN401 - JSON
        self.fill(files)
        return self.run("publish", "public", "site", "--to", "./www", "--json", *more).ok().json


NEEDED = {
    "publish": "--to",
    "generations": "--at",
    "preview": "--at",
    "rollback": "--at",
    "checkout": "--from",
    "verify": "--at",
    "gc": "--at",
    "repair": "--at",
}
"""Each command, and the option that it can't do without."""


def named_commands(done: Done) -> list[list[str]]:
    """The commands that hints name: they go to the end of the line, with ``&&`` between two."""
    hints = [line for line in done.err.splitlines() if line.startswith("hint: ") and "oaio " in line]
    return [shlex.split(command) for hint in hints for command in hint[hint.index("oaio ") :].split(" && ")]


def is_complete(command: list[str]) -> bool:
    """Whether it says of which tree, and where; only what oaio can't know stands in capitals."""
    needed = NEEDED.get(command[1])
    return needed is None or "--help" in command or (needed in command and not {"NAME", "HOST"} & {*command})
