"""Folders of fsspec filesystems by their addresses; no instance is shared, inherited, or keeps listings."""

import os
import re
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import attrs
import fsspec
from fsspec.archive import AbstractArchiveFileSystem
from fsspec.registry import known_implementations

from oaio_storage.errors import BadAnswer, InvalidArgument, OaioError, RootUnavailable

_ABOUT_ONE_FILE = (
    OaioError,
    FileNotFoundError,
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)
_CLOSED = "Socket is closed"  # paramiko tells it by an OSError with this text alone
_CACHING = frozenset({"blockcache", "cached", "filecache", "simplecache"})
_LITERAL = frozenset({"file", "local", "memory"})
_USER = re.compile(r"://[^/]*@")
_QUERY = re.compile(r"\?.*?(?=::|$)")


def masked(url: str) -> str:
    """``url`` as it may be shown: without user, password and query, which can be a token."""
    return _QUERY.sub("?***", _USER.sub("://***@", url))


def links(url: str) -> list[str]:
    """The schemes of a chained address such as ``zip://folder::sftp://host/a.zip``, the outermost first."""
    known = fsspec.available_protocols()
    return [
        bit.partition("://")[0] if "://" in bit else bit if bit in known and "::" in url else "file"
        for bit in url.split("::")
    ]


def kind_of(url: str) -> Any:  # noqa: ANN401 - fsspec has no types
    """The class of the filesystem that ``url`` leads to. Nothing is connected.

    Raises:
        InvalidArgument: a scheme is unknown or its library missing (the hint says what to install), would
            answer from copies of its own, or can't have a query.
    """
    schemes = links(url)
    kinds = [_kind(scheme) for scheme in schemes]
    if caching := _CACHING.intersection(schemes):
        raise InvalidArgument(
            f"url: {min(caching)!r} answers from copies, so changes of others would not be seen",
            "Leave it out of the address.",
        )
    chain = zip(schemes, url.split("::"), strict=True)
    if any(scheme not in _LITERAL and "?" in link for scheme, link in chain):
        raise InvalidArgument(
            "url: an address has no query, which can be a token that others could see",
            "Give what stands behind ? as storage_options.",
        )
    return kinds[0]


def is_archive(kind: Any) -> bool:  # noqa: ANN401 - same
    """Whether it is a file that is read like a filesystem."""
    return issubclass(kind, AbstractArchiveFileSystem)


def _kind(scheme: str) -> Any:  # noqa: ANN401 - same
    try:
        return fsspec.get_filesystem_class(scheme)
    except ValueError as err:
        raise InvalidArgument(
            f"url: no filesystem for {scheme[:80]!r} addresses is installed",
            "Install a package that registers one with fsspec (entry points of fsspec.specs).",
        ) from err
    except ImportError as err:
        needed = known_implementations.get(scheme, {}).get("err", "Install what its filesystem needs.")
        raise InvalidArgument(
            f"url: the filesystem for {scheme!r} addresses can't be imported", needed
        ) from err


@attrs.frozen(eq=False)
class Folder:
    """A folder of one filesystem. Paths are relative to it; only methods for single, literal names are used.

    Attributes:
        fs: the filesystem; for one thread unless it is an asynchronous one.
        root: the folder's path in it.
    """

    fs: Any
    root: str

    def full(self, path: str) -> str:
        """The filesystem's name of ``path``."""
        name = f"{self.root}/{path}" if path else self.root
        return name.removeprefix("/") if is_archive(type(self.fs)) else name

    def info(self, path: str) -> Mapping[str, Any] | None:
        """What the filesystem says of a file or folder; None if nothing is there."""
        try:
            found: Mapping[str, Any] = self.fs.info(self.full(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found

    def make(self, folder: str) -> None:
        """Make a folder and those above it; others may do so at the same time."""
        for _ in folder.split("/"):
            with suppress(OSError):  # another made it after the look; paramiko tells so by text alone
                self.fs.makedirs(self.full(folder), exist_ok=True)
                return
        self.fs.makedirs(self.full(folder), exist_ok=True)

    def entries(self, folder: str) -> dict[str, Mapping[str, Any]]:
        """What is said of each file and folder in ``folder``, by path; of an absent one nothing."""
        self.fs.invalidate_cache()
        try:
            found = self.fs.ls(self.full(folder), detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        inside = {self._relative(info["name"]): info for info in found}
        inside.pop(folder, None)  # some answer the folder itself too
        return inside

    def _relative(self, name: str) -> str:
        name, root = name.strip("/"), self.root.strip("/")
        if name == root:
            return ""
        if root and not name.startswith(f"{root}/"):
            raise BadAnswer("the host lists something outside of its root")
        return name[len(root) + 1 :] if root else name


@attrs.frozen(eq=False)
class Filesystems:
    """The filesystem of one address: one for each thread, as fsspec has it, or process; made when needed.

    fsspec's own filesystems that are not asynchronous may be used by one thread only (paramiko drops the
    answers to another), and none can be used on both sides of a fork: those of the parent are left as
    they are.

    Attributes:
        url: where the folder is.
        options: arguments of the filesystem.
    """

    url: str = attrs.field(repr=masked)
    options: Mapping[str, Any] = attrs.field(repr=False)
    _held: dict[int, Any] = attrs.field(factory=dict, init=False, repr=False)

    @cached_property
    def kind(self) -> Any:  # noqa: ANN401 - same
        """The filesystem's class."""
        return kind_of(self.url)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.url, self.options)

    @contextmanager
    def folder(self) -> Iterator[Folder]:
        """The folder, for this thread; after an error that is not about one file, the next is a new one.

        Raises:
            InvalidArgument: the filesystem refuses its options.
            RootUnavailable: an archive is not there.
        """
        held = self._held_here()
        try:
            if getattr(held, "folder", None) is None:
                held.folder = self._opened()
            yield held.folder
        except _ABOUT_ONE_FILE:
            raise
        except Exception as err:
            held.folder = None
            if str(err) == _CLOSED:
                raise ConnectionError(_CLOSED) from err
            raise

    def close(self) -> None:
        """Let go of all that this process made; they close when no thread uses them any more."""
        self._held.pop(os.getpid(), None)

    def _held_here(self) -> Any:  # noqa: ANN401 - a namespace
        is_shared = getattr(self.kind, "async_impl", False)
        return self._held.setdefault(os.getpid(), SimpleNamespace() if is_shared else threading.local())

    def _opened(self) -> Folder:
        unshared = {"skip_instance_cache": True}
        inner = {scheme: {**self.options.get(scheme, {}), **unshared} for scheme in links(self.url)[1:]}
        try:
            fs, root = fsspec.core.url_to_fs(self.url, **{**self.options, **inner, **unshared})
        except FileNotFoundError as err:
            raise RootUnavailable(f"nothing is at {masked(self.url)}") from err
        except (TypeError, ValueError, AttributeError) as err:
            told = f"the filesystem of {masked(self.url)} refuses its storage_options: {type(err).__name__}"
            raise InvalidArgument(told, "Compare them with what its documentation names.") from None
        fs.dircache.use_listings_cache = False  # not by an option, which some pass on to others
        if not fs.async_impl and callable(close := getattr(getattr(fs, "client", None), "close", None)):
            weakref.finalize(fs, close).atexit = False  # fsspec leaves it to nobody
        return Folder(fs, root.rstrip("/"))
