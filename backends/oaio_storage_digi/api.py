"""An account of Digi Storage, or of Koofr, as a storage host."""

import io
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, ClassVar, Literal, cast
from urllib.parse import unquote

import attrs

from oaio_storage.errors import (
    AlreadyExists,
    Changed,
    InvalidArgument,
    InvalidName,
    NotFound,
    Unavailable,
)
from oaio_storage.hosts.api import CshApi
from oaio_storage.hosts.foreign import HTTP_ERRORS, OS_ERRORS, ForeignErrors
from oaio_storage.hosts.guarantees import Absent, Expect, Guarantees, Stat
from oaio_storage.hosts.streams import PIECE
from oaio_storage_digi import names
from oaio_storage_digi.entries import Entry
from oaio_storage_digi.folders import Folders
from oaio_storage_digi.mount import CREATE, OVERWRITE, Mount, removal, replace
from oaio_storage_digi.multipart import Upload
from oaio_storage_digi.reader import Reader
from oaio_storage_digi.session import Session, endpoint_of

_SENT_TWICE = 1 << 16
"""Bytes up to which a file is sent without a look at what is there; where something is, it is sent again."""
_IN_MEMORY = 8 * PIECE
_ATTEMPTS = 5
_GUARANTEES = Guarantees(atomic_write=True, strong_version=True, visibility_delay=0.0)


def _text(_: object, field: "attrs.Attribute[str]", value: object) -> None:
    if not isinstance(value, str) or not value.isprintable():
        raise InvalidArgument(f"{field.name} has to be a text without control characters")


def _credential(host: object, field: "attrs.Attribute[str]", value: object) -> None:
    _text(host, field, value)
    if not value:
        raise InvalidArgument(f"{field.name} is empty", "Give the one of your account.")


def _folder(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidArgument("root_folder has to be the path of a folder in the account")
    return "/".join(part for part in names.check(value).split("/") if part)


@attrs.frozen(eq=False, kw_only=True)
class DigiApi(CshApi):
    """A folder of an account of Digi Storage or Koofr as a host.

    Files have their own names there; the characters ``: ? < > " | *``, which Digi's own clients refuse, are
    stored as their full-width forms unless the provider is Koofr (:func:`~oaio_storage_digi.names.escape`);
    what strangers stored with them is left out. The service takes names that differ only in the case of
    letters for one: the second is refused (AlreadyExists), and one that is asked for in another spelling is
    not there. A version is the MD5 of the content. Deleted and replaced files go to the account's trash,
    where they take room. Copies to a new name are made by the service; what replaces a file travels, as the
    service would remove it first. Proxies and certificates are those of the environment.

    Attributes:
        root_folder: path of the folder in the mount, made by the first write; empty: the whole mount.
        email: of the account.
        password: of the account, or one made for applications.
        provider: whose service it is.
        endpoint: address of another service of this kind, in place of the provider's.
        mount: id or name of the mount; empty: the account's primary one.
        authentication: token, or basic, which needs a password made for applications.
        conditions: whether the service decides conditions of writes in one step; say true only after
            ``oaio doctor`` has found it kept.
    """

    root_folder: str = attrs.field(default="", converter=_folder)
    email: str = attrs.field(validator=_credential)
    password: str = attrs.field(validator=_credential, repr=False)
    provider: Literal["digi-spain", "digi-romania", "koofr"] = "digi-spain"
    endpoint: str = attrs.field(default="", validator=_text)
    mount: str = attrs.field(default="", validator=_text)
    authentication: Literal["token", "basic"] = attrs.field(
        default="token", validator=attrs.validators.in_(("token", "basic"))
    )
    conditions: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))
    _mount: Mount = attrs.field(init=False, repr=False)
    _folders: Folders = attrs.field(init=False, repr=False)

    foreign_errors: ClassVar[ForeignErrors] = {**OS_ERRORS, **HTTP_ERRORS}

    @_mount.default
    def _the_mount(self) -> Mount:
        address = endpoint_of(self.provider, self.endpoint)
        return Mount(Session(address, self.email, self.password, self.authentication), self.mount)

    @_folders.default
    def _the_folders(self) -> Folders:
        return Folders(self._mount, self._full(""), is_literal=True)

    @classmethod
    def arguments_of_url(cls, url: str) -> dict[str, Any]:
        """The arguments that ``digi://FOLDER`` stands for.

        The others are those that fsspec is configured with for ``digi``, such as the variables
        ``FSSPEC_DIGI_EMAIL`` and ``FSSPEC_DIGI_PASSWORD`` of the environment.

        Raises:
            InvalidArgument: they lack the e-mail address or the password.
        """
        import fsspec  # noqa: PLC0415 - nothing else here needs it

        configured = dict(fsspec.config.conf.get("digi", {}))
        if missing := [name for name in ("email", "password") if not configured.get(name)]:
            raise InvalidArgument(
                f"an address of Digi Storage does not tell the {' and '.join(missing)} of the account",
                "Configure the host (oaio hosts add --help), or set FSSPEC_DIGI_EMAIL, FSSPEC_DIGI_PASSWORD.",
            )
        known = {field.alias for field in attrs.fields(cls) if field.init}
        kept = {name: value for name, value in configured.items() if name in known}
        return {**kept, "root_folder": unquote(url.partition("://")[2])}

    @staticmethod
    def arguments_below(csh_args: Mapping[str, Any], folder: str) -> dict[str, Any]:
        """The arguments for a folder in the root."""
        return {**csh_args, "root_folder": f"{csh_args.get('root_folder', '')}/{folder}"}

    @property
    def guarantees(self) -> Guarantees:
        """What is known of the service; conditions as the operator says."""
        return attrs.evolve(_GUARANTEES, conditional_write=self.conditions)

    def close(self) -> None:
        """Let the connections of this process go."""
        self._mount.session.close()

    # ---- reading

    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        full = self._found_folder(path)
        with _a_folder_is_no_file(path), self._mount.get(full, start, end) as download:
            seen, content = download.entry, download.read_all()
        if seen is None:  # a service that does not tell what it sends
            seen = self._mount.info(full)
            if version is not None:
                with self._mount.get(full, start, end) as download:
                    content = download.read_all()
                seen = _same(seen, self._mount.info(full), path)
        self._check_is(path, seen)
        if version not in (None, seen.version):
            raise Changed(f"{path!r} has another version")
        return content

    def _stat(self, path: str) -> Stat:
        seen = self._mount.info(self._found_folder(path))
        self._check_is(path, seen)
        return _stat_of(path, seen)

    def _open(self, path: str) -> io.RawIOBase:
        full = self._found_folder(path)
        with _a_folder_is_no_file(path):
            reader = Reader(self._mount, full)
        try:
            self._check_is(path, reader.entry)
        except NotFound:
            reader.close()
            raise
        return reader

    def _list(self, folder: str) -> Iterator[Stat]:
        pending = [folder]
        while pending:
            inside = pending.pop()
            for path, entry in self._entries(inside):
                if entry.is_folder:
                    self._folders.learn(self._full(path))
                    pending.append(path)
                else:
                    yield _stat_of(path, entry)

    def _entries(self, folder: str) -> list[tuple[str, Entry]]:
        """What a folder holds, by path; nothing if it is none, or not there."""
        full = self._full(folder)
        try:
            self._folders.find(full if folder else "")
            found = self._mount.children(full or "/")
            self._folders.learn(full)
        except (NotFound, AlreadyExists):
            return []
        named = ((self._unescaped(entry.name), entry) for entry in found)
        prefix = f"{folder}/" if folder else ""
        return [(prefix + name, entry) for name, entry in named if self._escaped(name) == entry.name]

    # ---- writing

    def _write(
        self,
        path: str,
        source: BinaryIO,
        size: int | None,
        expect: Expect,
        headers: Mapping[str, str],  # noqa: ARG002 - no web server
    ) -> Stat:
        with _of_known_length(source, size) as (content, length):
            upload = Upload(content, length)
            if expect is None or expect is Absent:
                return _stat_of(path, self._stored(path, upload, may_replace=expect is None))
            return _stat_of(path, self._replaced(path, upload, str(expect)))

    def _stored(self, path: str, upload: Upload, *, may_replace: bool) -> Entry:
        """Create the file, or replace it. A refusal says nothing, so what is in the way is looked at then."""
        full = self._full(path)
        is_first_sent = upload.is_repeatable and (not may_replace or upload.size <= _SENT_TWICE)
        for _ in range(_ATTEMPTS):
            self._folders.ensure(full.rpartition("/")[0])
            if is_first_sent:
                try:
                    return self._folders.put(full, upload, CREATE)
                except AlreadyExists:
                    if not upload.is_repeatable:
                        raise Unavailable(f"{path!r} came to be while it was written") from None
            if self._is_there(path):
                if not may_replace:
                    raise AlreadyExists(f"{path!r} exists already")
                return self._folders.put(full, upload, OVERWRITE)
            if is_first_sent:
                self._folders.forget(full)  # a file may have come in the place of its folder
            is_first_sent = True
        raise InvalidName(f"the service refuses the name {path!r}, though nothing has it")

    def _replaced(self, path: str, upload: Upload, version: str) -> Entry:
        full = self._full(path)
        try:
            self._folders.find(full.rpartition("/")[0])
            seen = self._mount.info(full)
            self._check_is(path, seen)
            if seen.version == version:
                return self._mount.put(full, upload, replace(version))
        except NotFound:
            raise Changed(f"{path!r} is not there any more") from None
        raise Changed(f"{path!r} has another version")

    def _copy(self, source: str, target: str) -> Stat:
        full, goal = self._found_folder(source), self._full(target)
        for _ in range(_ATTEMPTS):
            seen = self._mount.info(full)
            self._check_is(source, seen)
            self._folders.ensure(goal.rpartition("/")[0])
            try:
                self._mount.copy(full, goal)
            except NotFound:
                self._folders.forget()
            except AlreadyExists:
                if self._is_there(target):
                    return self._copied_over(full, seen, target)
            else:
                return _stat_of(target, self._mount.info(goal))
        raise Unavailable(f"{source!r} could not be copied, since others change it or its target")

    def _copied_over(self, full: str, seen: Entry, target: str) -> Stat:
        goal = self._full(target)
        there = self._mount.info(goal)
        if seen.md5 and there.md5 == seen.md5:
            return _stat_of(target, there)
        with Reader(self._mount, full, seen) as content:
            upload = Upload(cast("BinaryIO", content), seen.size)
            return _stat_of(target, self._folders.put(goal, upload, OVERWRITE))

    def _delete(self, path: str, expect: str | None) -> None:
        try:
            full = self._found_folder(path)
            for _ in range(_ATTEMPTS):
                seen = self._mount.info(full)
                self._check_is(path, seen)
                try:
                    self._mount.remove(full, removal(expect or seen.version))
                    break
                except Changed:
                    if expect is not None:
                        raise Changed(f"{path!r} has another version") from None
            else:
                raise Unavailable(f"{path!r} is replaced again and again")
        except NotFound:
            return
        self._folders.prune(full.rpartition("/")[0])

    # ---- inside

    def _full(self, path: str) -> str:
        """Where ``path`` is in the mount."""
        root = f"/{self.root_folder}" if self.root_folder else ""
        return f"{root}/{self._escaped(path)}" if path else root

    def _escaped(self, path: str) -> str:
        return path if self.provider == "koofr" else names.escape(path)

    def _unescaped(self, name: str) -> str:
        return name if self.provider == "koofr" else names.unescape(name)

    def _found_folder(self, path: str) -> str:
        """Where ``path`` is in the mount, if its folder is there in this spelling."""
        full = self._full(path)
        try:
            self._folders.find(full.rpartition("/")[0])
        except NotFound:
            raise NotFound(f"there is no file {path!r}") from None
        return full

    def _check_is(self, path: str, seen: Entry) -> None:
        """Do nothing if ``seen`` is a file that is spelled as the last part of ``path`` is."""
        if seen.is_folder or seen.name != self._escaped(path.rpartition("/")[2]):
            raise NotFound(f"there is no file {path!r}")

    def _is_there(self, path: str) -> bool:
        """Whether there is a file ``path``; an empty folder in its place is removed.

        Raises:
            AlreadyExists: a folder, or a file that is spelled otherwise, is there.
        """
        full = self._full(path)
        try:
            seen = self._mount.info(full)
        except NotFound:
            return False
        if seen.is_folder:
            if any(True for _ in self._list(path)):
                raise AlreadyExists(f"{path!r} is a folder")
            self._folders.remove_hollow(full)
            return False
        if seen.name != self._escaped(path.rpartition("/")[2]):
            raise AlreadyExists(f"{path!r} is there in another spelling")
        return True


def _stat_of(path: str, entry: Entry) -> Stat:
    return Stat(path, entry.size, entry.version, mtime=entry.modified * 1_000_000)


def _same(before: Entry, after: Entry, path: str) -> Entry:
    if before.version != after.version:
        raise Changed(f"{path!r} changed while it was read")
    return after


@contextmanager
def _a_folder_is_no_file(path: str) -> Iterator[None]:
    try:
        yield
    except AlreadyExists:
        raise NotFound(f"there is no file {path!r}") from None


@contextmanager
def _of_known_length(source: BinaryIO, size: int | None) -> Iterator[tuple[BinaryIO, int]]:
    """``source`` and its length; one of unknown length is put on disk first."""
    if size is not None:
        yield source, size
        return
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as complete:
        while piece := source.read(PIECE):
            complete.write(piece)
        length = complete.tell()
        complete.seek(0)
        yield cast("BinaryIO", complete), length
