"""What this device remembers of publications to one course: the one under way, and the last."""

import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import attrs
from filelock import FileLock, Timeout

from oaio_storage.durable import write_file
from oaio_storage.errors import Busy
from oaio_storage.file_transfer.client.answers import Abilities, Selected

_FORMAT = 1
_ARCHIVE = "archive"


@attrs.frozen
class Begun:
    """A publication under way.

    Attributes:
        digest: of what is offered.
        selected: what the server asked for.
        times: the times that it was told in place of the files' own.
    """

    digest: str
    selected: Selected
    times: Mapping[str, int] = attrs.field(factory=dict)

    def text(self) -> bytes:
        """As a text, for :meth:`parse`."""
        return json.dumps({"format": _FORMAT, **attrs.asdict(self)}).encode()

    @classmethod
    def parse(cls, text: bytes) -> Self | None:
        """From such a text; None if it is damaged or of another version: then it is begun anew."""
        try:
            told = json.loads(text)
            if told.pop("format") != _FORMAT:
                return None
            fields = told["selected"]
            ours = Abilities.parse(fields.pop("ours"))
            new, update = tuple(fields.pop("new")), tuple(fields.pop("update"))
            return cls(told["digest"], Selected(new=new, update=update, ours=ours, **fields), told["times"])
        except (ValueError, TypeError, KeyError, AttributeError):
            return None


@attrs.define(eq=False)
class Memory:
    """Files in a folder, one set for each course and server; losing them costs time and nothing else.

    Attributes:
        begun: the publication under way, if there is one.
        arrived: the paths of it that the server has.
        sent: what a server of the original's has, by the last publication of this device: path -> checksum,
            and the time that it was told; empty if that is not known.
    """

    _stem: Path
    begun: Begun | None = attrs.field(default=None, init=False)
    arrived: set[str] = attrs.field(factory=set, init=False)
    sent: dict[str, tuple[str, int]] = attrs.field(factory=dict, init=False)
    _archives: int = attrs.field(default=0, init=False)

    @classmethod
    @contextmanager
    def of(cls, folder: Path, api: str, course: str) -> Iterator[Self]:
        """What is remembered in ``folder``, for one process at a time.

        Raises:
            Busy: another process sends to this course.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        stem = folder / sha256(f"{api}\n{course}".encode()).hexdigest()[:32]
        try:
            with FileLock(f"{stem}.lock", timeout=0, mode=0o600):
                memory = cls(stem)
                memory._recall()
                yield memory
        except Timeout as err:
            raise Busy(f"another process is sending to {course!r}") from err

    def begin(self, begun: Begun) -> None:
        """Remember a publication in the place of the one under way."""
        self.forget()
        write_file(self._file("begun"), begun.text())
        self.begun = begun

    def note_arrived(self, paths: Collection[str]) -> None:
        """Remember that the server has these files."""
        self.arrived.update(paths)
        self._append(list(paths))

    def next_archive(self) -> int:
        """A number that no archive of the publication under way had."""
        self._append({_ARCHIVE: self._archives})
        self._archives += 1
        return self._archives - 1

    def forget(self) -> None:
        """Know nothing of a publication under way any more."""
        for kind in ("begun", "arrived"):
            self._file(kind).unlink(missing_ok=True)
        self.begun, self._archives = None, 0
        self.arrived.clear()

    def finish(self, sent: Mapping[str, tuple[str, int]]) -> None:
        """Remember that what was under way is live, and what a server of the original's has now."""
        if sent:
            write_file(self._file("sent"), json.dumps(sent).encode())
        else:
            self._file("sent").unlink(missing_ok=True)
        self.forget()

    def _recall(self) -> None:
        with suppress(OSError, ValueError, TypeError):
            told: dict[str, Any] = json.loads(self._file("sent").read_bytes())
            self.sent = {path: (checksum, time) for path, (checksum, time) in told.items()}
        with suppress(FileNotFoundError):
            self.begun = Begun.parse(self._file("begun").read_bytes())
        if self.begun:
            with suppress(FileNotFoundError):
                for line in self._file("arrived").read_bytes().splitlines():
                    self._recall_line(line)

    def _recall_line(self, line: bytes) -> None:
        with suppress(ValueError):  # the last one may be cut
            told = json.loads(line)
            if isinstance(told, list):
                self.arrived.update(told)
            else:
                self._archives = told[_ARCHIVE] + 1

    def _append(self, line: object) -> None:
        with self._file("arrived").open("ab") as file:
            file.write(json.dumps(line).encode() + b"\n")
            os.fsync(file.fileno())

    def _file(self, kind: str) -> Path:
        return self._stem.with_suffix(f".{kind}")
