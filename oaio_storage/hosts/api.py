"""The contract that every storage host fulfils: :class:`CshApi`."""

import io
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, ClassVar, Self, cast, final

from oaio_storage.errors import InvalidArgument, NotGuaranteed, OaioError
from oaio_storage.hosts import foreign, roots, streams
from oaio_storage.hosts.guarantees import Absent, Expect, Guarantees, Stat
from oaio_storage.hosts.many_files import ManyFiles
from oaio_storage.names import check_path, why_refused

if TYPE_CHECKING:
    from oaio_storage.hosts.folders import HostFolders


class CshApi(ManyFiles, ABC):
    """A storage host, bound to one root; safe for use by many threads.

    A subclass is an attrs class whose fields are the host's arguments (csh_args), secrets among them with
    ``repr=False``. It writes the five hooks ``_read``, ``_stat``, ``_list``, ``_write``, ``_delete``,
    overrides others for speed or ability, and declares :attr:`guarantees` and :attr:`foreign_errors`. The
    public methods are final: they check the path by one rule for all hosts
    (:func:`~oaio_storage.names.check_path`), refuse what is not guaranteed, call the hook, and turn what it
    raises into errors of :mod:`oaio_storage.errors`. They never retry;
    :class:`~oaio_storage.hosts.wrappers.retry.Retry` does.

    Paths are literal, relative to the root, and never patterns. A path is a file or a folder, not both, where
    the host does not declare ``flat_names``; folders come with the first file in them and go with the last.
    All methods may raise InvalidName (nothing was asked of the host), and the leaves of StorageError and
    TryAgain; after TimedOut the outcome is unknown until it is read. Where nothing can be stored
    (``read_only``), all that change something raise NotGuaranteed before any I/O.
    """

    foreign_errors: ClassVar[foreign.ForeignErrors] = foreign.OS_ERRORS

    @property
    def guarantees(self) -> Guarantees:
        """What this host promises, the same at every time."""
        return Guarantees()

    # ---- what users call

    @final
    def read(self, path: str, start: int = 0, end: int | None = None, version: str | None = None) -> bytes:
        """The bytes ``start`` to ``end`` (exclusive) of a file, as a slice would give them. Safe to repeat.

        Args:
            path: the file.
            start: offset in bytes, not negative; beyond the end nothing is answered.
            end: offset in bytes, not negative; None, or beyond the end: up to the end.
            version: answer only if the file still has this version.

        Raises:
            NotFound: there is no such file.
            Changed: it has another version.
        """
        check_path(path)
        streams.check_range(start, end)
        with self._only_ours("read", path):
            return self._read(path, start, end, version)

    @final
    def open(self, path: str) -> BinaryIO:
        """A buffered, seekable stream of a file, for reading.

        All that is read belongs to one version. Where the host can't keep it for open readers, reading raises
        Changed or NotFound once it is gone.

        Raises:
            NotFound: there is no such file.
        """
        check_path(path)
        with self._only_ours("open", path):
            stream = self._open(path)
        if stream is None:
            seen = self.stat(path)
            stream = streams.RangeReader(self.read, path, seen.version, seen.size)
        return cast("BinaryIO", io.BufferedReader(stream, streams.PIECE))

    @final
    def stat(self, path: str) -> Stat:
        """What the host says about a file. Safe to repeat.

        Raises:
            NotFound: there is no such file; also where ``path`` is a folder.
        """
        check_path(path)
        with self._only_ours("stat", path):
            return self._stat(path)

    @final
    def list(self, folder: str = "") -> Iterator[Stat]:
        """All files below ``folder`` at any depth, each once, in no order; of an absent folder none.

        Files that are written or deleted meanwhile may be among them or not. Files with names that no path
        can have, which only strangers can have put there, are left out.
        """
        if folder != "":
            check_path(folder)
        return self._listed(folder)

    @final
    def write(
        self,
        path: str,
        content: bytes | Path | BinaryIO,
        *,
        size: int | None = None,
        expect: Expect = None,
        headers: Mapping[str, str] | None = None,
    ) -> Stat:
        """Store a file, all or nothing, and say what was stored.

        If it raises, the path holds what it held before (unknown after TimedOut, and after BadAnswer, where
        what the host says does not fit what was sent); a host that does not guarantee ``atomic_write`` may
        have damaged it. Without ``expect`` a repeat is safe; with it, a repeat
        after an unknown outcome may fail by its own success.

        Args:
            path: the file, new or to be replaced.
            content: bytes, a local file, or a binary stream that is read from where it stands to its end.
            size: announced number of bytes; if ``content`` has more or fewer, nothing is stored.
            expect: a condition: Absent (nothing is there), or the version that is to be replaced.
            headers: HTTP headers to be sent with the file by hosts that are also web servers; others ignore
                them.

        Raises:
            AlreadyExists: ``expect`` is Absent and the file exists; or a folder, or a file in place of a
                folder, is in the way.
            Changed: ``expect`` is a version and the file has another or none.
            Corrupt: ``content`` is not as long as announced.
            SourceChanged: the local file is gone, unreadable, or changed its size.
            NotGuaranteed: a condition on a host that has none.
        """
        check_path(path)
        self._check_change(expect)
        with streams.opened(content, size) as source, self._only_ours("write", path, source):
            stored = self._write(path, cast("BinaryIO", source), source.size, expect, headers or {})
            return source.checked(stored)

    @final
    def copy(self, source: str, target: str) -> Stat:
        """Store the content of ``source`` under ``target`` too, all or nothing. A repeat is safe.

        The two may share their bytes on the host, but never change together. A host that guarantees
        ``server_copy`` moves none of them through this machine.

        Raises:
            NotFound: there is no file ``source``.
            AlreadyExists: a folder, or a file in place of a folder, is in the way of ``target``.
        """
        check_path(source)
        check_path(target)
        self._check_change()
        with self._only_ours("copy", source):
            return self._stat(source) if source == target else self._copy(source, target)

    @final
    def delete(self, path: str, *, expect: str | None = None) -> None:
        """Remove one file. That it is absent already is success, so a repeat is safe.

        Args:
            path: the file; never a folder.
            expect: remove it only if it has this version.

        Raises:
            Changed: it has another version.
            NotGuaranteed: a condition on a host that has none.
        """
        check_path(path)
        self._check_change(expect)
        with self._only_ours("delete", path):
            self._delete(path, expect)

    @property
    def moved_at_once(self) -> int:
        """How many files the bulk calls move at the same time."""
        return 8

    @property
    def deleted_at_once(self) -> int:
        """How many files :meth:`delete_batch` removes in one request; 1: it has no advantage."""
        return 1

    @final
    def delete_batch(self, paths: Iterable[str]) -> None:
        """Remove exactly these files, at most :attr:`deleted_at_once`; the absent are success, as a repeat.

        If it raises, some may be gone.
        """
        exact = [check_path(path) for path in paths]
        self._check_change()
        with self._only_ours("delete", f"{len(exact)} files"):
            self._delete_batch(exact)

    @final
    def swap_folders(self, a: str, b: str) -> None:
        """Exchange two folders in one step; readers see both old or both new. A repeat undoes it.

        Raises:
            NotFound: one of them is no folder.
            NotGuaranteed: the host can't.
        """
        check_path(a)
        check_path(b)
        self._check_change()
        self._demand(self.guarantees.swap, "exchange two folders in one step")
        if f"{a}/".startswith(f"{b}/") or f"{b}/".startswith(f"{a}/"):
            raise InvalidArgument(f"one of the folders {a!r} and {b!r} lies in the other")
        with self._only_ours("exchange", a):
            self._swap_folders(a, b)

    @final
    def sign_url(self, path: str, seconds: int) -> str:
        """An address that lets whoever knows it read this one file for ``seconds`` seconds.

        Raises:
            NotGuaranteed: the host can't.
        """
        check_path(path)
        self._demand(self.guarantees.signed_urls, "sign addresses")
        if seconds <= 0:
            raise InvalidArgument(f"an address can't be valid for {seconds} seconds")
        with self._only_ours("sign", path):
            return self._sign_url(path, seconds)

    @final
    def clean_up(self, older_than: float) -> int:
        """Remove what writes that were cut off left ``older_than`` seconds ago or earlier; how many of them.

        Choose more seconds than any write takes. Files that were acknowledged are never touched. A repeat is
        safe.
        """
        if not older_than >= 0:
            raise InvalidArgument(f"not a number of seconds: {older_than}")
        self._check_change()
        with self._only_ours("clean up", ""):
            return self._clean_up(older_than)

    def close(self) -> None:
        """Give back connections. Safe to repeat; nothing else may be called afterwards."""

    @final
    def __enter__(self) -> Self:
        return self

    @final
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- the root

    @property
    def state(self) -> "CshApi":
        """The host bound to the root's folder ``.oaio``, which ``list`` omits and other paths never reach."""
        from oaio_storage.hosts.state import StateHost  # noqa: PLC0415 - it is a CshApi itself

        return StateHost(self)

    @property
    def folders(self) -> "HostFolders":
        """What a host that is a file system can do with whole folders; others raise NotGuaranteed."""
        raise self._not_guaranteed("publish plain files in whole folders")

    @final
    def create_root(self) -> str:
        """Make the root and its marker unless they exist; the marker's id.

        Durable; a repeat and a race are safe.

        Raises:
            NotGuaranteed: the host is read-only, or has no conditional writes, so two could each make one.
            WrongRoot, RootOverlap: its marker can't be read; it would lie in the root of another host.
        """
        with self._only_ours("create", ""):
            return self._create_root()

    @final
    def root_id(self) -> str:
        """The id in the root's marker, which tells this root from all others.

        Raises:
            WrongRoot: the root or its marker is missing (not mounted?), unreadable or of a newer format.
        """
        with self._only_ours("read", roots.MARKER):
            return roots.read_marker(self.state)

    # ---- what an implementer writes

    @abstractmethod
    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        """As ``read``; another version raises Changed."""

    @abstractmethod
    def _stat(self, path: str) -> Stat:
        """As ``stat``; absent, or a folder, raises NotFound or a FileNotFoundError."""

    @abstractmethod
    def _list(self, folder: str) -> Iterator[Stat]:
        """As ``list``; may contain the state folder and names that no path can have."""

    @abstractmethod
    def _write(
        self, path: str, source: BinaryIO, size: int | None, expect: Expect, headers: Mapping[str, str]
    ) -> Stat:
        """As ``write``; has to read ``source`` to its end, and to store nothing if that raises."""

    @abstractmethod
    def _delete(self, path: str, expect: str | None) -> None:
        """As ``delete``; for the absent it does nothing."""

    # ---- what an implementer may override

    def _open(self, path: str) -> io.RawIOBase | None:  # noqa: ARG002 - for those who override it
        """A stream bound to one version, or None where ranges of one version have to be asked for."""
        return None

    def _copy(self, source: str, target: str) -> Stat:
        seen = self._stat(source)
        with io.BufferedReader(
            streams.RangeReader(self._read, source, seen.version, seen.size), streams.PIECE
        ) as content:
            return self._write(target, cast("BinaryIO", content), seen.size, None, {})

    def _delete_batch(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._delete(path, None)

    def _swap_folders(self, a: str, b: str) -> None:
        raise self._not_guaranteed(f"exchange {a!r} and {b!r} in one step")

    def _sign_url(self, path: str, seconds: int) -> str:
        raise self._not_guaranteed(f"sign an address of {path!r} for {seconds} s")

    def _clean_up(self, older_than: float) -> int:  # noqa: ARG002 - for those who override it
        return 0

    def _create_root(self) -> str:  # a read-only host leaves it as it is: the marker's write is refused
        return roots.create_marker(self.state)

    # ---- common to all

    def _listed(self, folder: str) -> Iterator[Stat]:
        with self._only_ours("list", folder):
            for found in self._list(folder):
                if not why_refused(found.path):
                    yield found

    def _check_change(self, expect: Expect = None) -> None:
        self._demand(not self.guarantees.read_only, "store, change or remove anything")
        if expect is None:
            return
        if expect is not Absent and not (isinstance(expect, str) and expect):
            raise InvalidArgument(f"a condition is Absent or a version, not {expect!r}")
        self._demand(self.guarantees.conditional_write, "decide conditions of a write in one step")

    def _demand(self, guaranteed: bool, ability: str) -> None:  # noqa: FBT001 - read as a sentence at the call
        if not guaranteed:
            raise self._not_guaranteed(ability)

    def _not_guaranteed(self, ability: str) -> NotGuaranteed:
        return NotGuaranteed(
            f"the host {self.name} can't {ability}",
            "Use a host that guarantees it, or do without.",
        )

    @property
    def name(self) -> str:
        """What messages call the kind of this host: its class name without ``Api``."""
        return type(self).__name__.removesuffix("Api")

    @contextmanager
    def _only_ours(self, doing: str, path: str, source: streams.Source | None = None) -> Iterator[None]:
        """Let errors of our tree and those of the caller's ``source`` pass, and turn all others into ours."""
        try:
            yield
        except OaioError:
            raise
        except Exception as err:
            if source is not None and source.failure is err:
                raise
            failed = f"{self.name}: can't {doing} " + (repr(path) if path else "its root")
            raise foreign.ours(err, self.foreign_errors, failed) from err
