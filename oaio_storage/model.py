"""What an object is: its fields, the rights on it, its stamps, and a version as it travels.

Names, constants and the ten fields of :class:`OaiObject` are the original's (wire contract, sections 2 to 4).
"""

import ast
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Self

import attrs

from oaio_storage.errors import BadAnswer, InvalidArgument, InvalidName
from oaio_storage.names import defuse

MAX_STAMP_DIFF = 69.0
"""Seconds that a stamp may be ahead of the server's clock."""

OLDEST_SYNC_STAMP = "20221231111111012345"
"""A stamp has to be greater than this one."""

NAME_KEY, ROOT_KEY, FILES_KEY = "_name", "_root_path", "_file_paths"
"""Reserved keys of a values dictionary; the last two are derived, never stored with the values."""

HEADER_USER, HEADER_DEVICE, HEADER_APP = "X-OAIO-user", "X-OAIO-dvc", "X-OAIO-app"

MAX_ID_BYTES = 255

_STAMP_FORMAT = "%Y%m%d%H%M%S%f"
_VERSION_ID = re.compile(r"[0-9a-f]{32}\Z")


class AccessRight(StrEnum):
    """What a user may do with an object, strongest first, which is also the plain order of the characters."""

    CREATOR = "C"
    DELETE = "D"
    UPDATE = "U"
    READ = "r"
    NONE = "x"


MAY_UPDATE = frozenset({AccessRight.CREATOR, AccessRight.DELETE, AccessRight.UPDATE})
"""The rights that allow a new version, and settling conflicts of a live object."""

MAY_DELETE = frozenset({AccessRight.CREATOR, AccessRight.DELETE})
"""The rights that allow deleting, and settling conflicts of a deleted object (O10)."""


def stamp_of(moment: datetime) -> str:
    """The stamp of ``moment``: 20 digits, UTC, microseconds; plain text order is time order."""
    return f"{moment.astimezone(UTC):{_STAMP_FORMAT}}".rjust(20, "0")


def moment_of(stamp: str) -> datetime:
    """The moment that ``stamp`` names.

    Raises:
        InvalidArgument: ``stamp`` is not 20 digits that name a moment.
    """
    if not (len(stamp) == 20 and stamp.isascii() and stamp.isdigit()):  # noqa: PLR2004 - the format's length
        raise InvalidArgument(f"not a stamp of 20 digits: {stamp[:40]!r}")
    try:
        return datetime.strptime(stamp, _STAMP_FORMAT).replace(tzinfo=UTC)
    except ValueError as err:
        raise InvalidArgument(f"the stamp {stamp} names no moment") from err


def checked_stamp(stamp: str) -> str:
    """``stamp`` itself, if it is one and newer than :data:`OLDEST_SYNC_STAMP`.

    Raises:
        InvalidArgument: otherwise.
    """
    moment_of(stamp)
    if stamp <= OLDEST_SYNC_STAMP:
        raise InvalidArgument(f"too old a stamp: {stamp}", f"Use one after {OLDEST_SYNC_STAMP}.")
    return stamp


def stamp_plus(stamp: str, microseconds: int) -> str:
    """``stamp``, moved by ``microseconds``."""
    return stamp_of(moment_of(stamp) + timedelta(microseconds=microseconds))


def stamp_diff(stamp1: str, stamp2: str) -> float:
    """Seconds from ``stamp1`` to ``stamp2``; negative if ``stamp2`` is the earlier one."""
    return (moment_of(stamp2) - moment_of(stamp1)).total_seconds()


@attrs.define
class OaiObject:
    """An object as one user sees it on one device: the original's ten fields, in its order.

    ``client_values`` holds the current values, with ``_file_paths`` (and ``_root_path``, if the files lie
    elsewhere than below client_root) when files are attached; ``server_values`` those of the version last
    agreed with the server, whose stamp is ``server_stamp`` (empty: never accepted). An instance is a copy:
    changing it changes nothing stored.
    """

    oaio_id: str
    client_stamp: str = ""
    server_stamp: str = ""
    client_values: dict[str, Any] = attrs.field(factory=dict)
    server_values: dict[str, Any] = attrs.field(factory=dict)
    csh_id: str | None = None
    username: str = ""
    device_id: str = ""
    app_id: str = ""
    csh_access_right: str = ""


def object_id(user_name: str, device_id: str, app_id: str, stamp: str, values: Mapping[str, Any]) -> str:
    """The id of an object registered at ``stamp`` (wire contract, 4.2), at most 255 bytes of UTF-8.

    Where the original's id would be longer, its middle part is cut to fit; the stamp keeps it unique.

    Raises:
        InvalidArgument: user, device, app or stamp is empty, or they leave no room.
    """
    if not (user_name and device_id and app_id and stamp):
        raise InvalidArgument(f"an object id needs {user_name=}, {device_id=}, {app_id=} and {stamp=}")
    middle = _id_middle(values)
    head, tail = defuse(f"{app_id}://{user_name}@{device_id}"), defuse(f"/{stamp}")
    room = MAX_ID_BYTES - len((head + tail).encode())
    if room < 0:
        raise InvalidArgument("user name, device id and app id are too long for an object id")
    between = defuse(f"/{middle}") if middle else ""
    return head + between.encode()[:room].decode(errors="ignore") + tail


def _id_middle(values: Mapping[str, Any]) -> str:
    files = values.get(FILES_KEY, [])
    if NAME_KEY in values:
        return str(values[NAME_KEY])
    if ROOT_KEY in values:
        return str(values[ROOT_KEY]).strip("/")
    return str(files[0]) if len(files) == 1 else ""


def checked_object_id(oaio_id: str) -> str:
    """``oaio_id`` itself, if it can be a file name, a folder name on a host and a part of a URL.

    Raises:
        InvalidName: it is empty, longer than 255 bytes of UTF-8, begins with a dot, or holds a slash, a
            backslash, a control character or a lone surrogate.
    """
    problem = ""
    if not isinstance(oaio_id, str) or not oaio_id:
        problem = "it is empty"
    elif oaio_id.startswith("."):
        problem = "it begins with a dot"
    elif any(char in "/\\" or ord(char) < 32 or ord(char) == 127 for char in oaio_id):  # noqa: PLR2004 - ASCII
        problem = "it holds a slash, a backslash or a control character"
    elif any(0xD800 <= ord(char) <= 0xDFFF for char in oaio_id):  # noqa: PLR2004 - surrogates
        problem = "it holds a lone surrogate"
    elif len(oaio_id.encode()) > MAX_ID_BYTES:
        problem = f"it is longer than {MAX_ID_BYTES} bytes"
    if problem:
        raise InvalidName(f"not an object id: {str(oaio_id)[:80]!r} ({problem})", "Choose another id.")
    return oaio_id


def context_headers(user_name: str, device_id: str, app_id: str) -> dict[str, str]:
    """The three context headers of a request, each a Python bytes literal of UTF-8 (wire contract, 1.2)."""
    texts = {HEADER_USER: user_name, HEADER_DEVICE: device_id, HEADER_APP: app_id}
    return {header: repr(text.encode()) for header, text in texts.items()}


def context_text(literal: str) -> str:
    """The text that :func:`context_headers` wrote as ``literal``.

    Raises:
        InvalidArgument: it is not a bytes literal of UTF-8.
    """
    try:
        content = ast.literal_eval(literal)
        if isinstance(content, bytes):
            return content.decode()
    except (ValueError, SyntaxError, MemoryError, RecursionError):  # UnicodeDecodeError is a ValueError
        pass
    raise InvalidArgument(f"not a bytes literal of UTF-8: {literal[:80]!r}")


@attrs.frozen(kw_only=True)
class Proposal:
    """A version of an object as a device proposes it: the ITEM of the native API, field by field (O1)."""

    id: str
    oaio_id: str
    base: str | None
    stamp: str
    client_stamp: str
    deleted: bool = False
    values: str = "{}"
    attached: str = ""
    files: str | None = None
    root_path: str = ""
    csh_id: str = ""
    device_id: str = ""
    app_id: str = ""
    overtakes: tuple[str, ...] = ()
    resolves: tuple[str, ...] = ()
    aside: bool = False

    def as_json(self) -> dict[str, Any]:
        """The item as it travels."""
        return attrs.asdict(self) | {"overtakes": list(self.overtakes), "resolves": list(self.resolves)}

    @classmethod
    def from_json(cls, item: object) -> Self:
        """The proposal that ``item`` describes.

        Checks types, ids and stamps; what the texts in ``values`` and ``files`` say judges who uses them.

        Raises:
            InvalidArgument: a field is missing, unknown or of a wrong type, or contradicts another.
        """
        given = _fields_of(cls, item, InvalidArgument, "item")
        return cls(**given | {"overtakes": tuple(given["overtakes"]), "resolves": tuple(given["resolves"])})

    def __attrs_post_init__(self) -> None:
        checked_object_id(self.oaio_id)
        checked_stamp(self.stamp)
        moment_of(self.client_stamp)
        bases = () if self.base is None else (self.base,)
        _check_version_ids(self.id, *bases, *self.overtakes, *self.resolves)
        if self.attached not in ("", "file", "folder") or bool(self.attached) != (self.files is not None):
            raise InvalidArgument(f"'attached' and 'files' do not agree in a version of {self.oaio_id}")
        if self.deleted and (self.attached or self.values != "{}"):
            raise InvalidArgument(f"a deletion of {self.oaio_id} holds neither values nor files")

    def digest(self) -> str:
        """SHA-256 of the canonical text of the item; together with ``id`` it makes a repeat safe (O2)."""
        text = json.dumps(self.as_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


@attrs.frozen(kw_only=True)
class Version:
    """An accepted version of an object: the VERSION of the native API, field by field."""

    id: str
    oaio_id: str
    base: str | None
    stamp: str
    client_stamp: str
    deleted: bool
    values: str
    attached: str
    files: str | None
    paths: tuple[str, ...] | None
    root_path: str
    csh_id: str
    device_id: str
    app_id: str
    aside: bool
    number: int
    username: str
    accepted: str

    def as_json(self) -> dict[str, Any]:
        """The version as it travels."""
        return attrs.asdict(self) | {"paths": None if self.paths is None else list(self.paths)}

    @classmethod
    def from_json(cls, answer: object) -> Self:
        """The version that ``answer`` describes; unknown keys are ignored.

        Raises:
            BadAnswer: a field is missing or of a wrong type.
        """
        known = {field.name for field in attrs.fields(cls)}
        if isinstance(answer, dict):
            answer = {key: value for key, value in answer.items() if key in known}
        given = _fields_of(cls, answer, BadAnswer, "version")
        return cls(**given | {"paths": None if given["paths"] is None else tuple(given["paths"])})


_FIELD_TYPES: dict[str, tuple[type, ...]] = {
    "base": (str, type(None)),
    "files": (str, type(None)),
    "paths": (list, type(None)),
    "overtakes": (list,),
    "resolves": (list,),
    "deleted": (bool,),
    "aside": (bool,),
    "number": (int,),
}


def _fields_of(
    cls: type[Proposal | Version], given: object, error: type[BadAnswer | InvalidArgument], what: str
) -> dict[str, Any]:
    wanted = {field.name for field in attrs.fields(cls)}
    if not isinstance(given, dict) or set(given) != wanted:
        odd = sorted(map(str, wanted ^ given.keys())) if isinstance(given, dict) else [type(given).__name__]
        raise error(f"{what} with missing or unknown fields: {', '.join(odd)[:200]}")
    for name, value in given.items():
        is_bool_number = name == "number" and isinstance(value, bool)
        if is_bool_number or not isinstance(value, _FIELD_TYPES.get(name, (str,))):
            raise error(f"{what}.{name}: {type(value).__name__} is not allowed")
        if isinstance(value, list) and not all(isinstance(part, str) for part in value):
            raise error(f"{what}.{name}: only texts are allowed in it")
    return given


def _check_version_ids(*ids: str) -> None:
    for version_id in ids:
        if not _VERSION_ID.match(version_id):
            raise InvalidArgument(f"not a version id of 32 hexadecimal digits: {version_id[:80]!r}")
