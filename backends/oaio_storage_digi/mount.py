"""A mount: the root of a tree of files of an account, and each call of the API about it."""

import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import attrs
import requests

from oaio_storage.errors import (
    AlreadyExists,
    BadAnswer,
    Changed,
    NotFound,
    OaioError,
    QuotaExceeded,
    RootUnavailable,
)
from oaio_storage_digi import errors, names
from oaio_storage_digi.download import Download
from oaio_storage_digi.entries import Entry, Space
from oaio_storage_digi.multipart import Upload
from oaio_storage_digi.session import Session

CREATE: Mapping[str, str] = {"autorename": "false"}
"""Condition of a put: nothing has this name."""
OVERWRITE: Mapping[str, str] = {"autorename": "false", "overwrite": "true", "overwriteIgnoreNonexisting": ""}
"""Of a put: none."""

_ROOT = "/"
_TELL_WHAT_IS_SENT = {"X-Koofr-Version": "2.1"}
"""Of a get: answer as version 2.1 of the API does, with the file's description in a header; or ignore it."""


def replace(entry_version: str) -> Mapping[str, str]:
    """Condition of a put: what it replaces has this version (:attr:`Entry.version`)."""
    return {"autorename": "false", **_if("overwriteIf", entry_version)}


def removal(entry_version: str) -> Mapping[str, str]:
    """Condition of a removal: what goes has this version."""
    return _if("removeIf", entry_version)


IF_EMPTY: Mapping[str, str] = {"removeIfEmpty": ""}
"""Condition of a removal: the folder holds nothing."""


def _if(begin: str, version: str) -> Mapping[str, str]:
    size, is_pair, modified = version.partition("-")
    return {f"{begin}Size": size, f"{begin}Modified": modified} if is_pair else {f"{begin}Hash": version}


@attrs.define(eq=False)
class Mount:
    """One mount of an account; safe for threads.

    Paths begin with ``/``, have parts divided by ``/`` and none at the end, and are taken literally by these
    calls and without regard to case by the service. Nothing is remembered but which mount it is. All methods
    may raise InvalidName (nothing was asked), the errors of :meth:`Session.call`, RootUnavailable where the
    mount is not there any more, and BadAnswer. 400 and 409 are AlreadyExists: something is in the way, or of
    another kind; the service does not say what.

    Attributes:
        session: of the account.
        chosen: id or name of the mount; empty: the account's primary one.
    """

    session: Session
    chosen: str = ""
    _id: str = attrs.field(default="", init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    @property
    def id(self) -> str:
        """The mount's id, asked for once.

        Raises:
            RootUnavailable: the account has no such mount; the message lists those that it has.
        """
        with self._lock:
            self._id = self._id or self._found_id()
            return self._id

    def space(self) -> Space:
        """How much room there is."""
        answer = self.session.call("GET", f"/api/v2/mounts/{self._quoted_id}", "can't ask for the room")
        if answer.status_code == errors.NOT_FOUND:
            raise self._gone()
        return Space.of(_answered(answer, "can't ask for the room"))

    def info(self, path: str) -> Entry:
        """What is told of a file or folder.

        Raises:
            NotFound: there is none.
        """
        return Entry.of(self._asked("info", path))

    def children(self, path: str) -> list[Entry]:
        """What a folder holds, one level, sorted by name.

        Raises:
            NotFound: there is no such folder.
            AlreadyExists: it may be a file.
        """
        told = self._asked("list", path)
        files = told.get("files") if isinstance(told, dict) else None
        if not isinstance(files, list):
            raise BadAnswer(f"can't list {path!r}: the service does not answer with a list of files")
        return sorted(map(Entry.of, files), key=lambda entry: entry.name)

    def make_folder(self, path: str) -> None:
        """Make one folder in a present one.

        Raises:
            NotFound: the folder that it was to stand in is not there.
            AlreadyExists: something has its name, or the name is refused.
        """
        parent, _, name = names.check(path).rpartition("/")
        failed = f"can't make the folder {path!r}"
        _acknowledged(self._call("POST", "folder", failed, parent or _ROOT, json={"name": name}), failed)

    def put(
        self, path: str, upload: Upload, condition: Mapping[str, str], modified: int | None = None
    ) -> Entry:
        """Store a file in a present folder, all or nothing. Without a condition a repeat is safe.

        Args:
            path: the file.
            upload: its content.
            condition: CREATE, OVERWRITE, or :func:`replace`.
            modified: its time in milliseconds since 1970; None: now, by the service's clock.

        Raises:
            NotFound: the folder is not there.
            AlreadyExists: with CREATE, something has its name; otherwise a folder is in the way, or the name
                is refused.
            Changed: what it was to replace has another version, or is not there.
            QuotaExceeded, TooLarge: no room.
            BadAnswer: what was stored is not what was sent.
        """
        parent, _, name = names.check(path).rpartition("/")
        failed, is_replacing = f"can't store {path!r}", condition not in (CREATE, OVERWRITE)
        answer = self.session.call(
            "POST",
            f"/content/api/v2/mounts/{self._quoted_id}/files/put",
            failed,
            query={"path": parent or _ROOT, "filename": name, "info": "true", **condition}
            | ({} if modified is None else {"modified": str(max(0, modified))}),
            headers={"Accept-Encoding": "identity"},
            body=upload,
            is_safe=condition is OVERWRITE,
        )
        if answer.status_code >= errors.REDIRECTS_FROM:
            raise self._refused_put(
                errors.refusal(answer, failed, Changed if is_replacing else AlreadyExists), upload.size
            )
        stored = Entry.of(errors.parsed(answer, failed))
        if (stored.name, stored.size) != (name, upload.size) or stored.md5 not in ("", upload.md5):
            raise BadAnswer(f"{failed}: the service says that it stored something else")
        return stored

    def get(self, path: str, start: int = 0, end: int | None = None) -> Download:
        """The bytes ``start`` to ``end`` (exclusive) of a file; the caller closes what is answered.

        Beyond the end there is nothing.

        Raises:
            NotFound: there is no such file.
            AlreadyExists: it is a folder.
        """
        failed = f"can't read {path!r}"
        is_part = start > 0 or end is not None
        last = "" if end is None else str(max(start, end - 1))
        answer = self.session.call(
            "GET",
            f"/content/api/v2/mounts/{self._quoted_id}/files/get",
            failed,
            query={"path": names.check(path)},
            headers={"Accept": "*/*", "Accept-Encoding": "identity", **_TELL_WHAT_IS_SENT}
            | ({"Range": f"bytes={start}-{last}"} if is_part else {}),
            stream=True,
        )
        if answer.status_code >= errors.REDIRECTS_FROM and answer.status_code != errors.BAD_RANGE:
            with answer:
                raise self._refused(answer, failed, path)
        return Download(answer, failed, start, end)

    def remove(self, path: str, condition: Mapping[str, str] | None = None) -> None:
        """Remove a file, or a folder with all that it holds; it goes to the account's trash.

        Args:
            path: the file or folder.
            condition: IF_EMPTY or :func:`removal`; None: as it is.

        Raises:
            NotFound: there is none.
            Changed: the condition does not hold.
        """
        failed = f"can't remove {path!r}"
        answer = self._call(
            "DELETE", "remove", failed, path, query=condition or {}, is_safe=not condition, conflict=Changed
        )
        _acknowledged(answer, failed)

    def move(self, path: str, target: str) -> None:
        """Give a file, or a folder with all that it holds, another place in a present folder.

        Raises:
            NotFound: it is not there, or the folder is not.
            AlreadyExists: something has that name, also if only the case of letters differs; or it would come
                to stand in itself.
        """
        self._transfer("move", path, target, {})

    def copy(self, path: str, target: str, modified: int | None = None) -> None:
        """The same once more in another place; errors are those of :meth:`move`."""
        self._transfer("copy", path, target, {} if modified is None else {"modified": modified})

    def _transfer(self, call: str, path: str, target: str, more: Mapping[str, int]) -> None:
        failed = f"can't {call} {path!r} to {target!r}"
        body = {"toMountId": self.id, "toPath": names.check(target), **more}
        _acknowledged(self._call("PUT", call, failed, path, json=body, is_safe=False), failed)

    def _asked(self, call: str, path: str) -> Any:  # noqa: ANN401 - whatever JSON holds
        failed = f"can't ask for {path!r}"
        return _answered(self._call("GET", call, failed, path), failed)

    def _call(  # noqa: PLR0913 - a request has these parts
        self,
        method: str,
        call: str,
        failed: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        json: object = None,
        is_safe: bool = True,
        conflict: type[OaioError] = AlreadyExists,
    ) -> requests.Response:
        answer = self.session.call(
            method,
            f"/api/v2/mounts/{self._quoted_id}/files/{call}",
            failed,
            query={"path": names.check(path), **(query or {})},
            json=json,
            is_safe=is_safe,
        )
        if answer.status_code >= errors.REDIRECTS_FROM:
            raise self._refused(answer, failed, path, conflict)
        return answer

    def _refused(
        self, answer: requests.Response, failed: str, path: str, conflict: type[OaioError] = AlreadyExists
    ) -> OaioError:
        """The error for an answer; a mount that is gone is never taken for a file that is."""
        if answer.status_code == errors.NOT_FOUND:
            self.space()
            return NotFound(f"{failed}: there is no {path!r}")
        return errors.refusal(answer, failed, conflict)

    def _refused_put(self, refused: OaioError, size: int) -> OaioError:
        """``refused``, or QuotaExceeded where no status says so, but the mount has no room left."""
        if isinstance(refused, BadAnswer):
            free = self.space().free
            if free is not None and free < size:
                return QuotaExceeded(refused.message, "Remove something from the account and its trash.")
        elif isinstance(refused, NotFound):
            self.space()
        return refused

    @property
    def _quoted_id(self) -> str:
        return quote(self._id or self.id, safe="")

    def _found_id(self) -> str:
        failed = "can't ask for the mounts of the account"
        told = _answered(self.session.call("GET", "/api/v2/mounts", failed), failed)
        mounts = told.get("mounts") if isinstance(told, dict) else None
        if not isinstance(mounts, list) or not all(_is_mount(mount) for mount in mounts):
            raise BadAnswer(f"{failed}: the service does not answer with a list of mounts")
        for is_chosen in (self._has_chosen_id, self._has_chosen_name):
            if found := next((mount["id"] for mount in mounts if is_chosen(mount)), None):
                return str(found)
        listed = ", ".join(sorted(repr(mount.get("name", "")) for mount in mounts))
        raise RootUnavailable(
            f"the account has no mount {self.chosen!r}"
            if self.chosen
            else "the account has no primary mount",
            f"There are: {listed}." if listed else "Make one in the service's web pages.",
        )

    def _has_chosen_id(self, mount: Mapping[str, Any]) -> bool:
        return mount["id"] == self.chosen if self.chosen else mount.get("isPrimary") is True

    def _has_chosen_name(self, mount: Mapping[str, Any]) -> bool:
        return bool(self.chosen) and mount.get("name") == self.chosen

    def _gone(self) -> RootUnavailable:
        with self._lock:
            self._id = ""
        return RootUnavailable("the mount of the account is not there any more", "Look at its web pages.")


def _is_mount(told: object) -> bool:
    return isinstance(told, dict) and isinstance(told.get("id"), str) and bool(told["id"])


def _answered(answer: requests.Response, failed: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    if answer.status_code >= errors.REDIRECTS_FROM:
        raise errors.refusal(answer, failed)
    return errors.parsed(answer, failed)


def _acknowledged(answer: requests.Response, failed: str) -> None:
    """Do nothing if the service says that it did what was asked: by nothing, or by JSON."""
    if answer.content.strip():
        errors.parsed(answer, failed)
