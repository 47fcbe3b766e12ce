"""The changes of an account, one line each, in a file that only grows.

A change has happened when its line stands there with its end. A line without an end is of a process that was
killed; it was acknowledged to nobody, and is cut off. The end of a process loses nothing; a loss of power
may, since nothing is flushed to the disk.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from oaio_storage.errors import LocalStateDamaged
from oaio_storage.testing.koofr.changes import Change, dump, load


class Journal:
    """The journal at ``path``, made if it is missing. One process has it at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab", buffering=0)

    def changes(self) -> Iterator[Change]:
        """All changes so far, in order; to be read to its end before the first :meth:`append`.

        Raises:
            LocalStateDamaged: a line is not one that a journal writes.
        """
        end = 0
        with self._path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    break
                try:
                    change = load(line)
                except (ValueError, TypeError, KeyError, AttributeError) as err:
                    raise LocalStateDamaged(
                        f"line {number} of {self._path} is no change of an account",
                        hint="move the folder away and start with an empty one",
                    ) from err
                yield change
                end += len(line)
        self._file.truncate(end)

    def append(self, change: Change) -> None:
        """Add a change, all or nothing."""
        line = dump(change)
        end = os.fstat(self._file.fileno()).st_size
        try:
            written = self._file.write(line)
            if written != len(line):
                raise OSError(f"only {written} of {len(line)} bytes were written to {self._path}")  # noqa: TRY301 - undone below
        except OSError:
            self._file.truncate(end)
            raise

    def close(self) -> None:
        """Let the next one have it."""
        self._file.close()
