"""A host that asks again: the one place where storage calls are repeated."""

import io
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, TypeVar, cast

import attrs

from oaio_storage.errors import AlreadyExists, Changed, NotFound, TryAgain
from oaio_storage.hosts.api import CshApi
from oaio_storage.hosts.foreign import ForeignErrors
from oaio_storage.hosts.guarantees import Absent, Expect, Guarantees, Stat
from oaio_storage.hosts.streams import Source, sha256_of

Answer = TypeVar("Answer")

_QUIET = (
    logging.NullHandler()
)  # what is tried again is told to whoever configures logging, and not to the terminal


@attrs.frozen(eq=False)
class Retry(CshApi):
    """``inner``, with calls repeated that fail with TryAgain; all other errors pass at once.

    The number of attempts and the time are bounded, waits grow and have jitter; after the last attempt its
    error passes. A conditional write or deletion whose outcome is unknown is not blindly repeated: the file
    is read, and if it holds what was to be written, that is success. ``swap_folders`` is never repeated, a
    listing only until it has yielded its first file, and a write only if its source can be read again.

    Attributes:
        inner: the host that does the work.
        attempts: at most so many calls of ``inner`` for one call.
        timeout: seconds after which no further attempt begins.
        wait_initial: seconds before the second attempt.
        wait_max: seconds before any attempt at most, jitter aside.
        wait_jitter: random seconds that are added at most.
    """

    inner: CshApi
    attempts: int = 5
    timeout: float = 45.0
    wait_initial: float = 0.1
    wait_max: float = 5.0
    wait_jitter: float = 0.5

    @property
    def guarantees(self) -> Guarantees:
        """Those of ``inner``."""
        return self.inner.guarantees

    @property
    def name(self) -> str:
        """That of ``inner``."""
        return self.inner.name

    @property
    def foreign_errors(self) -> ForeignErrors:  # type: ignore[override]  # inner's, known only at run time
        """Those of ``inner``."""
        return self.inner.foreign_errors

    @property
    def state(self) -> CshApi:
        """The state folder of ``inner``, with retry too."""
        return attrs.evolve(self, inner=self.inner.state)

    def close(self) -> None:
        """Close ``inner``."""
        self.inner.close()

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
        def opened() -> io.RawIOBase | None:
            with self.inner._only_ours("open", path):  # noqa: SLF001 - to know whether inner has a stream of its own
                return self.inner._open(path)  # noqa: SLF001 - same

        return self._again(opened)

    def _copy(self, source: str, target: str) -> Stat:
        return self._again(lambda: self.inner.copy(source, target))

    def _swap_folders(self, a: str, b: str) -> None:
        self.inner.swap_folders(a, b)

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
        import stamina  # noqa: PLC0415 - costs tens of milliseconds, and the first call of a host costs more

        logging.getLogger("stamina").addHandler(_QUIET)
        caller = stamina.RetryingCaller(
            attempts=self.attempts,
            timeout=self.timeout,
            wait_initial=self.wait_initial,
            wait_max=self.wait_max,
            wait_jitter=self.wait_jitter,
        )
        return caller(TryAgain, call)
