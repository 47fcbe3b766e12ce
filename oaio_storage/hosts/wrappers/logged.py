"""A host that writes down what it is asked for."""

import io
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO

import attrs

from oaio_storage.errors import CallerError
from oaio_storage.hosts.guarantees import Expect, Stat
from oaio_storage.hosts.wrappers.base import Wrapper, whole_number

LOGGER = logging.getLogger("oaio_storage.hosts")
"""Takes the records."""


@attrs.define
class _Call:
    """What is known of one call: the attributes of its record, with ``oaio_`` in front."""

    host: str
    operation: str
    path: str
    target: str = ""
    size: int | None = None
    files: int | None = None
    seconds: float = 0.0
    outcome: str = "done"

    def __str__(self) -> str:
        words = [f"{self.host}: {self.operation}", *map(repr, filter(None, (self.path, self.target)))]
        words += [f"{self.files} files"] if self.files is not None else []
        words += [f"{self.size} B"] if self.size is not None else []
        return " ".join(words) + f" in {self.seconds:.3f} s: {self.outcome}"


@attrs.frozen(eq=False)
class Logging(Wrapper):
    """``inner``, with one record of the standard library's ``logging`` for each call.

    A record tells the kind of the host, operation, path, size of the content in bytes where it is known,
    seconds, and the outcome: ``done``, or the class of the error. They are also attributes of the record
    (``oaio_operation`` and so on), for those who format them otherwise. Arguments of the host, contents,
    signed addresses, headers and messages of errors, all of which may hold secrets, never appear.

    A listing has one record, when it ends or is given up, without the time that its reader took. An open
    stream has one for its opening; where the host has no streams of its own, each range that is read has one.

    Attributes:
        level: of calls that are done, or that fail by what the caller asked for (a file that is not there, a
            condition that does not hold).
        failure_level: of those that fail otherwise.
    """

    level: int = attrs.field(default=logging.DEBUG, validator=whole_number(0))
    failure_level: int = attrs.field(default=logging.WARNING, validator=whole_number(0))

    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        with self._told("read", path) as call:
            content = super()._read(path, start, end, version)
            call.size = len(content)
            return content

    def _stat(self, path: str) -> Stat:
        with self._told("stat", path) as call:
            found = super()._stat(path)
            call.size = found.size
            return found

    def _list(self, folder: str) -> Iterator[Stat]:
        call = _Call(self.name, "list", folder, files=0)
        failed: BaseException | None = None
        try:
            yield from _timed(super()._list(folder), call)
        except BaseException as err:
            failed = err
            raise
        finally:
            self._tell(call, failed)

    def _open(self, path: str) -> io.RawIOBase | None:
        with self._told("open", path):
            return super()._open(path)

    def _write(
        self, path: str, source: BinaryIO, size: int | None, expect: Expect, headers: Mapping[str, str]
    ) -> Stat:
        with self._told("write", path) as call:
            call.size = size
            stored = super()._write(path, source, size, expect, headers)
            call.size = stored.size
            return stored

    def _delete(self, path: str, expect: str | None) -> None:
        with self._told("delete", path):
            super()._delete(path, expect)

    def _copy(self, source: str, target: str) -> Stat:
        with self._told("copy", source, target) as call:
            stored = super()._copy(source, target)
            call.size = stored.size
            return stored

    def _swap_folders(self, a: str, b: str) -> None:
        with self._told("exchange", a, b):
            super()._swap_folders(a, b)

    def _sign_url(self, path: str, seconds: int) -> str:
        with self._told("sign", path):
            return super()._sign_url(path, seconds)

    def _clean_up(self, older_than: float) -> int:
        with self._told("clean up", "") as call:
            call.files = super()._clean_up(older_than)
            return call.files

    def _create_root(self) -> str:
        with self._told("create root", ""):
            return super()._create_root()

    @contextmanager
    def _told(self, operation: str, path: str, target: str = "") -> Iterator[_Call]:
        call = _Call(self.name, operation, path, target)
        failed: BaseException | None = None
        begun = time.monotonic()
        try:
            yield call
        except BaseException as err:
            failed = err
            raise
        finally:
            call.seconds = time.monotonic() - begun
            self._tell(call, failed)

    def _tell(self, call: _Call, failed: BaseException | None) -> None:
        call.outcome = type(failed).__name__ if failed else call.outcome
        level = self.level if isinstance(failed, CallerError | GeneratorExit | None) else self.failure_level
        told = {f"oaio_{name}": value for name, value in attrs.asdict(call).items()}
        LOGGER.log(level, "%s", call, extra=told)


def _timed(listing: Iterator[Stat], call: _Call) -> Iterator[Stat]:
    """What ``listing`` yields; ``call`` learns how many and how long the host took."""
    while True:
        begun = time.monotonic()
        try:
            found = next(listing, None)
        finally:
            call.seconds += time.monotonic() - begun
        if found is None:
            return
        call.files = (call.files or 0) + 1
        yield found
