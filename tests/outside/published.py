"""What the tests of publishing share: a folder to publish, and a place to publish it to."""

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
        return oaio(*words, cwd=self.here, env={"XDG_CACHE_HOME": str(self.here / "cache")}, **how)

    def fill(self, files: Mapping[str, str]) -> None:
        for path in sorted(self.folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        written(self.folder, files)

    def publish(self, files: Mapping[str, str], *more: object) -> Any:  # noqa: ANN401 - JSON
        self.fill(files)
        return self.run("publish", "public", "site", "--to", "./www", "--json", *more).ok().json
