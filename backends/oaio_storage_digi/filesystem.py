"""Accounts of Digi Storage and Koofr as filesystems of fsspec."""

import io
import os
import posixpath
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from fsspec.callbacks import DEFAULT_CALLBACK

from oaio_storage.errors import AlreadyExists, Changed, InvalidArgument, NotFound
from oaio_storage_digi.file import ReadFile, WriteFile
from oaio_storage_digi.folders import Folders
from oaio_storage_digi.mount import CREATE, IF_EMPTY, OVERWRITE, Mount, removal, replace
from oaio_storage_digi.multipart import Upload
from oaio_storage_digi.reading import ReadableFileSystem, described
from oaio_storage_digi.session import READ_SECONDS, Authentication, Session, endpoint_of
from oaio_storage_digi.transfers import Transfers

_ATTEMPTS = 5


class DigiFileSystem(ReadableFileSystem):
    """A mount of an account of Digi Storage or Koofr.

    Paths begin with ``/``; names keep the case of their letters, and it does not matter. Nothing is kept of
    listings, so every answer is the service's own; folders that are known to be there are not made again. A
    file is stored as a whole, once it is closed, or not at all; one that is written in a block that an
    exception ends is not stored. Instances may be used by several threads and after a fork. Errors are those
    of :mod:`oaio_storage.errors`, or IsADirectoryError and NotADirectoryError; those that say that something
    is not there, or is there already, are also Python's own.

    Every option can come from fsspec's configuration too, such as the variables ``FSSPEC_DIGI_EMAIL`` and
    ``FSSPEC_DIGI_PASSWORD`` of the environment.

    Args:
        email: of the account.
        password: of the account, or one made for applications.
        provider: ``digi-spain``, ``digi-romania`` or ``koofr``.
        endpoint: address of another service of this kind, in place of the provider's.
        mount: id or name of the mount; empty: the account's primary one.
        authentication: ``token``, or ``basic``, which needs a password made for applications.
        attempts: requests for one call at most, where the service is busy or down and a repeat is safe.
        read_seconds: how long the service may be silent.
        proxies: address of the proxy by scheme; None: as the environment says.
        options: those that every filesystem of fsspec has.

    Raises:
        InvalidArgument: an option is missing or can't be. Nothing is connected before the first call.
    """

    default_provider = "digi-spain"

    def __init__(  # noqa: PLR0913 - fsspec takes options by name
        self,
        email: str = "",
        password: str = "",
        *,
        provider: str = "",
        endpoint: str = "",
        mount: str = "",
        authentication: Authentication = "token",
        attempts: int = 5,
        read_seconds: float = READ_SECONDS,
        proxies: Mapping[str, str] | None = None,
        **options: Any,  # noqa: ANN401 - fsspec's
    ) -> None:
        super().__init__(**options)
        if not email or not password:
            raise InvalidArgument(
                "the e-mail address or the password of the account is missing",
                "Give both as storage_options, or set FSSPEC_DIGI_EMAIL and FSSPEC_DIGI_PASSWORD.",
            )
        if authentication not in ("token", "basic"):
            raise InvalidArgument("authentication is token or basic")
        if isinstance(attempts, bool) or not isinstance(attempts, int) or attempts < 1:
            raise InvalidArgument("attempts is a number from 1 on")
        address = endpoint_of(provider or self.default_provider, endpoint)
        session = Session(address, email, password, authentication, attempts, read_seconds, proxies)
        self.mount = Mount(session, mount)
        self.folders = Folders(self.mount)
        self.transfers = Transfers(self.mount, self.folders)

    # ---- writing

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: Any) -> None:  # noqa: ANN401 - fsspec's
        """Store a file, all or nothing; its folder is made if it is missing.

        Args:
            path: the file.
            value: its content.
            mode: ``overwrite``, or ``create``: only if there is none.
            kwargs: ``expect``: the MD5 of what it replaces; ``modified``: its time as datetime.

        Raises:
            AlreadyExists: with ``create``, there is one.
            Changed: what is there is not what was expected.
            IsADirectoryError: it is a folder.
        """
        self.store(path, io.BytesIO(value), len(value), create=mode == "create", **kwargs)

    def put_file(
        self,
        lpath: Any,  # noqa: ANN401 - a path
        rpath: str,
        callback: Any = DEFAULT_CALLBACK,  # noqa: ANN401 - fsspec has no types
        mode: str = "overwrite",
        **kwargs: Any,  # noqa: ANN401 - same
    ) -> None:
        """Store a local file in one request, with its time; otherwise as :meth:`pipe_file`."""
        local = Path(lpath)
        if local.is_dir():
            self.makedirs(rpath, exist_ok=True)
            return
        with local.open("rb") as source:
            seen = os.fstat(source.fileno())
            callback.set_size(seen.st_size)
            kwargs.setdefault("modified", datetime.fromtimestamp(seen.st_mtime, UTC))
            self.store(
                rpath, source, seen.st_size, create=mode == "create", sent=callback.relative_update, **kwargs
            )

    def store(  # noqa: PLR0913 - each a way of its own
        self,
        path: str,
        source: BinaryIO,
        size: int,
        *,
        create: bool = False,
        expect: str = "",
        modified: datetime | None = None,
        sent: Callable[[int], object] | None = None,
    ) -> dict[str, Any]:
        """Store ``size`` bytes of a stream, all or nothing, without holding them in memory.

        Args:
            path: the file; its folder is made if it is missing.
            source: the content, read from where it stands.
            size: how many bytes it has.
            create: only if there is none.
            expect: only if what is there has this MD5.
            modified: its time; None: now, by the service's clock.
            sent: called with the number of bytes of each piece.

        Returns:
            What :meth:`info` tells of it.

        Raises:
            AlreadyExists: with ``create``, there is one.
            Changed: what is there is not what was expected.
            Corrupt: the stream has more or fewer bytes.
            IsADirectoryError: it is a folder.
            QuotaExceeded, TooLarge: no room.
        """
        path = self._strip_protocol(path)
        upload = Upload(source, size, *([sent] if sent else []))
        condition = CREATE if create else replace(expect) if expect else OVERWRITE
        moment = None if modified is None else int(modified.timestamp() * 1000)
        with self._telling_folders(path):
            stored = self.folders.put(path, upload, condition, moment)
        return described(posixpath.dirname(path), stored)

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,  # noqa: FBT001, FBT002 - same
        cache_options: Any = None,  # noqa: ANN401 - same
        **kwargs: Any,  # noqa: ANN401 - same
    ) -> Any:  # noqa: ANN401 - same
        if mode == "rb":
            seen = self.info(path)
            if seen["type"] == "directory":
                raise IsADirectoryError(f"{path!r} is a folder")
            return ReadFile(self, path, seen, block_size, cache_options=cache_options, **kwargs)
        return WriteFile(self, path, mode, autocommit=autocommit, **kwargs)

    # ---- folders

    def mkdir(self, path: str, create_parents: bool = True, **_: object) -> None:  # noqa: FBT001, FBT002 - fsspec's
        """Make a folder.

        Raises:
            AlreadyExists: something has its name.
            NotFound: the folder that it was to stand in is not there, and not to be made.
        """
        path = self._strip_protocol(path)
        if create_parents:
            self.folders.ensure(posixpath.dirname(path).rstrip("/"))
        self.mount.make_folder(path)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:  # noqa: FBT001, FBT002 - fsspec's
        """Make a folder and those above it.

        Raises:
            AlreadyExists: a file is in its place, or it is there and must not be.
        """
        path = self._strip_protocol(path)
        if not exist_ok:
            self.mkdir(path)
        elif path != self.root_marker:
            self.folders.forget(path)
            self.folders.ensure(path)

    def rmdir(self, path: str) -> None:
        """Remove an empty folder.

        Raises:
            NotFound: it is not there.
            NotADirectoryError: it is a file.
            AlreadyExists: it holds something.
        """
        path = self._strip_protocol(path)
        if not self.isdir(path):
            if self.exists(path):
                raise NotADirectoryError(f"{path!r} is no folder")
            raise NotFound(f"there is no {path!r}")
        self.folders.forget(path)
        try:
            self.mount.remove(path, IF_EMPTY)
        except Changed:
            raise AlreadyExists(f"the folder {path!r} is not empty") from None

    # ---- removing, copying, moving

    def _rm(self, path: str) -> None:
        """Remove a file, or a folder that is empty; what came to be another meanwhile is looked at again."""
        path = self._strip_protocol(path)
        for _ in range(_ATTEMPTS):
            seen = self.mount.info(path)
            if seen.is_folder:
                self.rmdir(path)
                return
            with suppress(Changed):
                self.mount.remove(path, removal(seen.version))
                return
        raise Changed(f"{path!r} is replaced again and again")

    def rm(self, path: Any, recursive: bool = False, maxdepth: int | None = None) -> None:  # noqa: ANN401, FBT001, FBT002 - fsspec's
        """Remove files, also by patterns; with ``recursive`` a folder with all that it holds, in one request.

        Raises:
            NotFound: there is none.
            IsADirectoryError: one is a folder, and ``recursive`` was not said.
        """
        if recursive and maxdepth is None:
            self._rm_trees(self.expand_path(path))
            return
        for each in reversed(self.expand_path(path, recursive=recursive, maxdepth=maxdepth)):
            if not recursive and self.isdir(each):
                raise IsADirectoryError(f"{each!r} is a folder")
            self._rm(each)

    def _rm_trees(self, paths: list[str]) -> None:
        for path in paths:
            if path == self.root_marker:
                self._rm_trees(self.ls(path, detail=False))
                continue
            self.folders.forget(path)
            self.mount.remove(path)

    def cp_file(self, path1: str, path2: str, **_: object) -> None:
        """Copy a file, or make the folder that a folder is; the service does it, but for what is replaced.

        What is replaced gets the content through this machine, since the service would remove it first.

        Raises:
            NotFound: there is no source.
            IsADirectoryError: the target is a folder.
        """
        source, target = self._strip_protocol(path1), self._strip_protocol(path2)
        if self.isdir(source):
            self.makedirs(target, exist_ok=True)
            return
        with self._telling_folders(target):
            self.transfers.copy(source, target)

    def mv(
        self,
        path1: Any,  # noqa: ANN401 - a path or several
        path2: Any,  # noqa: ANN401 - same
        recursive: bool = False,  # noqa: FBT001, FBT002 - fsspec's
        maxdepth: int | None = None,
        **kwargs: Any,  # noqa: ANN401 - same
    ) -> None:
        """Move a file, or a folder with all that it holds; into ``path2`` if that is a folder.

        A file in its place is replaced. Patterns and lists are moved one by one, as fsspec does.

        Raises:
            NotFound: there is no source.
            AlreadyExists: it would come to stand in itself.
        """
        if not (isinstance(path1, str) and isinstance(path2, str)) or maxdepth is not None:
            super().mv(path1, path2, recursive=recursive, maxdepth=maxdepth, **kwargs)
            return
        source, target = self._strip_protocol(path1), self._strip_protocol(path2)
        if source == target:
            return
        if not self.exists(source):  # perhaps it is a pattern
            super().mv(path1, path2, recursive=recursive, **kwargs)
            return
        is_respelled = source.lower() == target.lower()
        if not is_respelled and (path2.endswith("/") or self.isdir(target)):
            target = posixpath.join(target, posixpath.basename(source))
        self.transfers.move(source, target)

    def invalidate_cache(self, path: str | None = None) -> None:
        """Know nothing any more of the folders that are there."""
        self.folders.forget()
        super().invalidate_cache(path)

    @contextmanager
    def _telling_folders(self, path: str) -> Iterator[None]:
        """What is in the way of a file: a folder is told as Python does."""
        try:
            yield
        except AlreadyExists:
            if self.isdir(path):
                raise IsADirectoryError(f"{path!r} is a folder") from None
            raise


class KoofrFileSystem(DigiFileSystem):
    """The same with Koofr as provider, unless another is named."""

    protocol = ("koofr", "digi")
    default_provider = "koofr"
