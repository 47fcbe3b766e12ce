"""What the checks of a probe work with: a folder of their own on the host, and instances of it."""

import io
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import BinaryIO, TypeVar, cast

import attrs

from oaio_storage.errors import OaioError
from oaio_storage.hosts.api import CshApi
from oaio_storage.hosts.guarantees import Expect, Stat
from oaio_storage.hosts.wrappers.base import Wrapper

FOLDER = "probe"
"""Where probes work, in the root's state folder; each in a folder of its own below."""

LEFT_BEHIND = 24 * 3600 * 10**9
"""Nanoseconds after which the files of a probe that was killed are removed by the next one."""

WORKERS = 8
_MAX_DIGITS = 30
START_SECONDS = 60

Given = TypeVar("Given")
Answer = TypeVar("Answer")


class Fault(Exception):
    """The host did something that it must not do; the text says what."""


@attrs.frozen(kw_only=True)
class Effort:
    """How often a probe repeats what chance decides, and how much it moves.

    Attributes:
        racers: writers that race for one file.
        processes: racing processes, where another process can make the same host.
        rounds: races for one file.
        overwrites: replacements of a file that others read meanwhile.
        listed: files in one listing; above 1000, where many hosts begin a new page.
        sizes: sizes in bytes that have to arrive equal.
        timed: calls of each operation whose time is taken.
        patience: seconds that are waited at most until others see a change.
    """

    racers: int = 16
    processes: int = 4
    rounds: int = 5
    overwrites: int = 20
    listed: int = 1001
    sizes: tuple[int, ...] = (
        1,
        *(limit + step for limit in (1 << 16, 1 << 20, 5 << 20) for step in (-1, 0, 1)),
    )
    timed: int = 10
    patience: float = 5.0


@attrs.frozen(eq=False)
class Inside(Wrapper):
    """A folder of ``inner`` as a host; it notes what it stores, for cleaning up."""

    folder: str
    stored: set[str]

    def _in(self, path: str) -> str:
        return f"{self.folder}/{path}"

    def _out(self, seen: Stat) -> Stat:
        return attrs.evolve(seen, path=seen.path.removeprefix(f"{self.folder}/"))

    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        return super()._read(self._in(path), start, end, version)

    def _stat(self, path: str) -> Stat:
        return self._out(super()._stat(self._in(path)))

    def _list(self, folder: str) -> Iterator[Stat]:
        return map(self._out, super()._list(self._in(folder) if folder else self.folder))

    def _write(
        self, path: str, source: BinaryIO, size: int | None, expect: Expect, headers: Mapping[str, str]
    ) -> Stat:
        self.stored.add(self._in(path))
        return self._out(super()._write(self._in(path), source, size, expect, headers))

    def _delete(self, path: str, expect: str | None) -> None:
        super()._delete(self._in(path), expect)

    def _open(self, path: str) -> io.RawIOBase | None:
        return super()._open(self._in(path))

    def _copy(self, source: str, target: str) -> Stat:
        self.stored.add(self._in(target))
        return self._out(super()._copy(self._in(source), self._in(target)))

    def _swap_folders(self, a: str, b: str) -> None:
        super()._swap_folders(self._in(a), self._in(b))

    def _sign_url(self, path: str, seconds: int) -> str:
        return super()._sign_url(self._in(path), seconds)


@attrs.define
class Bench:
    """The folder of one probe, and the instances that work there.

    Attributes:
        make: makes an instance of the host.
        effort: how much to do.
        folder: in the state folder.
        stored: what was stored there; whatever is left of it goes in the end.
    """

    make: Callable[[], CshApi]
    effort: Effort
    folder: str = attrs.field(factory=lambda: f"{FOLDER}/{time.time_ns()}-{secrets.token_hex(8)}")
    stored: set[str] = attrs.field(factory=set)
    _instances: list[CshApi] = attrs.field(factory=list)

    def raw(self) -> CshApi:
        """A fresh instance, bound to the host's root."""
        host = self.make()
        self._instances.append(host)
        return host

    def host(self, room: str) -> CshApi:
        """A fresh instance, bound to a folder of the check ``room``."""
        return Inside(self.raw().state, f"{self.folder}/{room}", self.stored)

    def hosts(self, room: str, count: int) -> list[CshApi]:
        """So many of them."""
        return [self.host(room) for _ in range(count)]

    def close(self) -> None:
        """Close all instances."""
        while self._instances:
            self._instances.pop().close()

    def clean_up(self) -> int:
        """Remove all below the folder, and what older probes left; how many files could not be removed.

        Nothing else is touched, whatever a listing of the host may say.
        """
        state = self.raw().state
        found = set(self.stored)
        oldest = time.time_ns() - LEFT_BEHIND
        with suppress(OaioError):
            for seen in state.list(FOLDER):
                if seen.path.startswith(f"{self.folder}/") or (
                    seen.path.startswith(f"{FOLDER}/") and 0 < (seen.mtime or _begun(seen.path)) < oldest
                ):
                    found.add(seen.path)
        left = [path for path in in_parallel(lambda path: _left(state, path), sorted(found)) if path]
        return sum(bool(_left(state, path)) for path in left)  # some refuse what comes at the same time


def _begun(path: str) -> int:
    """When the probe whose file is at ``path`` began, in nanoseconds, as its folder says; else 0."""
    began = path.split("/")[1].partition("-")[0]
    return int(began) if began.isdecimal() and began.isascii() and len(began) < _MAX_DIGITS else 0


def _left(host: CshApi, path: str) -> str:
    """Nothing, or ``path`` if it could not be removed."""
    try:
        host.delete(path)
    except OaioError:
        return path
    return ""


def in_parallel(act: Callable[[Given], Answer], given: list[Given]) -> list[Answer]:
    """The answers to all that is ``given``, several at a time."""
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(act, given))


def at_once(acts: Sequence[Callable[[], Answer]]) -> list[Answer | OaioError]:
    """The answers of ``acts``, which all begin at the same moment, or the errors of ours that they raised."""
    start = threading.Barrier(len(acts), timeout=START_SECONDS)

    def one(act: Callable[[], Answer]) -> Answer | OaioError:
        start.wait()
        try:
            return act()
        except OaioError as err:
            return err

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(one, acts))


def everything(host: CshApi) -> dict[str, bytes]:
    """All files of ``host`` and their contents.

    Raises:
        Fault: one is listed twice, or is listed and not there.
    """
    paths = [found.path for found in host.list()]
    if twice := {path for path in paths if paths.count(path) > 1}:
        raise Fault(f"{min(twice)!r} was listed twice")
    return {path: host.read(path) for path in paths}


def expect(is_so: bool, fault: str) -> None:  # noqa: FBT001 - reads as an assertion
    """Do nothing if it is so.

    Raises:
        Fault: it is not.
    """
    if not is_so:
        raise Fault(fault)


@contextmanager
def refused(error: type[OaioError], fault: str) -> Iterator[None]:
    """Let the block raise ``error``.

    Raises:
        Fault: it raised nothing, or another error.
    """
    try:
        yield
    except error:
        return
    except OaioError as err:
        raise Fault(f"{fault}, but it was {type(err).__name__}") from err
    raise Fault(fault)


class _EndedError(Exception):
    """Raised by a source that fails on purpose."""


class FailingSource(io.RawIOBase):
    """A source that yields ``good`` bytes and then fails."""

    failure = _EndedError

    def __init__(self, good: int) -> None:
        super().__init__()
        self._left = good

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what BufferedReader and hosts pass
        """Fill ``buffer``, or fail."""
        count = min(self._left, len(buffer))
        if not count:
            raise _EndedError
        buffer[:count] = bytes(count)
        self._left -= count
        return count

    @classmethod
    def after(cls, good: int) -> BinaryIO:
        """One, as hosts take it."""
        return cast("BinaryIO", cls(good))
