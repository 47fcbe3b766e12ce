"""A host that asks again: the one place where storage calls are repeated."""

import io
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import BinaryIO, TypeVar, cast

import attrs

from oaio_storage.errors import AlreadyExists, Changed, InvalidArgument, NotFound, TryAgain
from oaio_storage.hosts.guarantees import Absent, Expect, Stat
from oaio_storage.hosts.streams import Source, sha256_of
from oaio_storage.hosts.wrappers.base import Wrapper, seconds, whole_number

Answer = TypeVar("Answer")

_LEAST = 0.001
"""Seconds of the shortest timeout."""

_QUIET = (
    logging.NullHandler()
)  # what is tried again is told to whoever configures logging, and not to the terminal


@attrs.frozen(eq=False)
class Retry(Wrapper):
    """``inner``, with calls repeated that fail with TryAgain; all other errors pass at once.

    The number of attempts and the time are bounded, waits grow and have jitter; after the last attempt its
    error passes. A conditional write or deletion whose outcome is unknown is not blindly repeated: the file
    is read, and if it holds what was to be written, that is success. ``swap_folders`` is never repeated, a
    listing only until it has yielded its first file, and a write only if its source can be read again. Calls
    are repeated in one place alone: around a host that is wrapped so already it raises InvalidArgument.

    Attributes:
        attempts: at most so many calls of ``inner`` for one call, at least 1.
        timeout: seconds after which no further attempt begins, at least a thousandth.
        wait_initial: seconds before the second attempt.
        wait_max: seconds before any attempt at most, jitter aside.
        wait_jitter: random seconds that are added at most.
    """

    attempts: int = attrs.field(default=5, validator=whole_number(1))
    timeout: float = attrs.field(default=45.0, validator=seconds(least=_LEAST))
    wait_initial: float = attrs.field(default=0.1, validator=seconds())
    wait_max: float = attrs.field(default=5.0, validator=seconds())
    wait_jitter: float = attrs.field(default=0.5, validator=seconds())

    def __attrs_post_init__(self) -> None:
        around: object = self.inner
        while isinstance(around, Wrapper):
            if isinstance(around, Retry):
                raise InvalidArgument(
                    f"the calls of the host {self.name} are repeated already",
                    "host_api does that; put other wrappers around what it returns.",
                )
            around = around.inner

    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        return self._again(lambda: self.inner.read(path, start, end, version))

    def _stat(self, path: str) -> Stat:
        return self._again(lambda: self.inner.stat(path))

    def _list(self, folder: str) -> Iterator[Stat]:
        def started() -> tuple[Stat | None, Iterator[Stat]]:
            listing = self.inner.list(folder)
            return next(listing, None), listing

        first, rest = self._again(started)
        if first is not None:
            yield first
            yield from rest

    def _open(self, path: str) -> io.RawIOBase | None:
        opening = super()._open
        return self._again(lambda: opening(path))

    def _copy(self, source: str, target: str) -> Stat:
        return self._again(lambda: self.inner.copy(source, target))

    def _sign_url(self, path: str, seconds: int) -> str:
        return self._again(lambda: self.inner.sign_url(path, seconds))

    def _clean_up(self, older_than: float) -> int:
        return self._again(lambda: self.inner.clean_up(older_than))

    def _create_root(self) -> str:
        return self._again(self.inner.create_root)

    def _write(
        self, path: str, source: BinaryIO, size: int | None, expect: Expect, headers: Mapping[str, str]
    ) -> Stat:
        content = cast("Source", source)
        if not content.is_repeatable:
            return self.inner.write(path, source, size=size, expect=expect, headers=headers)
        attempted = False

        def write() -> Stat:
            nonlocal attempted
            if attempted:
                content.rewind()
                if expect is not None and (done := self._outcome(path, content, expect)) is not None:
                    return done
            attempted = True
            return self.inner.write(
                path, cast("BinaryIO", content), size=size, expect=expect, headers=headers
            )

        return self._again(write)

    def _delete(self, path: str, expect: str | None) -> None:
        self._again(lambda: self.inner.delete(path, expect=expect))

    @property
    def deleted_at_once(self) -> int:
        """As ``inner`` does."""
        return self.inner.deleted_at_once

    def _delete_batch(self, paths: Iterable[str]) -> None:
        self._again(lambda: self.inner.delete_batch(paths))

    def _outcome(self, path: str, content: Source, expect: Expect) -> Stat | None:
        """What an earlier attempt stored; None if it stored nothing, and the condition may still hold.

        Raises:
            AlreadyExists: somebody else created the file.
            Changed: somebody else replaced or removed it.
        """
        try:
            seen = self.inner.stat(path)
        except NotFound:
            if expect is Absent:
                return None
            raise Changed(f"{path!r} was to be replaced, but is not there any more") from None
        if seen.version == expect:
            return None
        wanted = sha256_of(cast("BinaryIO", content))
        content.rewind()
        if wanted == (seen.checksum or self._stored_sha256(path)):
            return seen
        if expect is Absent:
            raise AlreadyExists(f"{path!r} exists already")
        raise Changed(f"{path!r} was replaced by somebody else")

    def _stored_sha256(self, path: str) -> str:
        with self.inner.open(path) as stream:
            return sha256_of(stream)

    def _again(self, call: Callable[[], Answer]) -> Answer:
        begun = time.monotonic()
        try:
            return call()
        except TryAgain as err:
            return self._repeated(call, err, time.monotonic() - begun)

    def _repeated(self, call: Callable[[], Answer], failed: TryAgain, taken: float) -> Answer:
        """The answer to ``call``, whose first attempt ``failed`` after so many seconds; that one counts."""
        import stamina  # noqa: PLC0415 - costs tens of milliseconds, which calls that succeed do not pay

        logging.getLogger("stamina").addHandler(_QUIET)
        first = [failed]

        def attempt() -> Answer:
            if first:
                raise first.pop()
            return call()

        caller = stamina.RetryingCaller(
            attempts=self.attempts,
            timeout=max(self.timeout - taken, _LEAST),
            wait_initial=self.wait_initial,
            wait_max=self.wait_max,
            wait_jitter=self.wait_jitter,
        )
        return caller(TryAgain, attempt)
