"""Whether a publication still takes files: a small file, changed by compare-and-swap alone."""

from collections.abc import Callable
from typing import Literal

import attrs

from oaio_storage.errors import AlreadyExists, Changed, NotFound, Superseded
from oaio_storage.hosts import Absent, CshApi

Word = Literal["open", "committing"]


@attrs.frozen
class Gate:
    """The state of one publication. Each change makes a version that never was before.

    ``open`` lets files come, ``committing`` lets none come any more; it goes with all that came.

    Attributes:
        state: the state folder of the host.
        path: of the file.
        ids: makes ids that nobody else makes.
    """

    state: CshApi
    path: str
    ids: Callable[[], str]

    def open(self) -> str:
        """Let files come; the version that says so.

        Raises:
            Superseded: the publication was given up.
        """
        while True:
            try:
                word, version = self._read()
                if word == "open":
                    return version
                return self._write("open", version)
            except NotFound:
                try:
                    return self.state.write(self.path, self._text("open"), expect=Absent).version
                except AlreadyExists:
                    continue
            except Changed:
                continue

    def close(self) -> str:
        """Let no more files come; the version that says so.

        Raises:
            Superseded: the publication was given up.
        """
        while True:
            try:
                return self._write("committing", self._read()[1])
            except Changed:
                continue
            except NotFound:
                raise given_up() from None

    def _read(self) -> tuple[str, str]:
        version = self.state.stat(self.path).version
        word = self.state.read(self.path, version=version).decode(errors="replace").partition(" ")[0]
        if word not in ("open", "committing"):
            raise given_up()
        return word, version

    def _write(self, word: Word, version: str) -> str:
        return self.state.write(self.path, self._text(word), expect=version).version

    def _text(self, word: Word) -> bytes:
        return f"{word} {self.ids()}\n".encode()


def given_up() -> Superseded:
    """What a publisher is told that clean-up took for gone."""
    return Superseded("the publication was idle for so long that it was given up", "Publish again.")
