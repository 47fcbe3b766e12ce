"""What a server's answers mean; pure."""

import json
from collections.abc import Collection, Mapping
from typing import Any, Self

import attrs

from oaio_storage.errors import (
    BadAnswer,
    Forbidden,
    InvalidManifest,
    LoginNeeded,
    NotFound,
    OaioError,
    Superseded,
    Throttled,
    TooLarge,
    Unavailable,
)

_MAX_TOLD = 300
_OLDER = "older than"
_KINDS: Mapping[int, tuple[type[OaioError], str]] = {
    400: (InvalidManifest, "See what the server says of it."),
    401: (LoginNeeded, "Get a new token for this course from whoever runs the server."),
    403: (Forbidden, "Use the token of this course."),
    404: (NotFound, "Check --api and --course."),
    409: (Superseded, ""),
    413: (TooLarge, "Ask the server's operator for a higher limit, of the web server in front of it, too."),
    429: (Throttled, ""),
    502: (Unavailable, ""),
    503: (Unavailable, ""),
    504: (Unavailable, ""),
}


@attrs.frozen
class Abilities:
    """What only our servers tell of a publication.

    Attributes:
        parallel: uploads that they take at the same time.
        remove: files that are live and go.
    """

    parallel: int
    remove: int

    @classmethod
    def parse(cls, told: object) -> Self | None:
        """From an answer's field; None if there is none, or one of another form."""
        if not isinstance(told, Mapping):
            return None
        parallel, remove = told.get("parallel"), told.get("remove")
        if type(parallel) is not int or type(remove) is not int:
            return None
        return cls(max(1, parallel), max(0, remove))


@attrs.frozen
class Selected:
    """What a server asks for.

    Attributes:
        exists: whether it has a tree of that name, of which it keeps files; else it needs all.
        process_id: which publication it is.
        new: paths that it does not have.
        update: paths of which it has something else.
        ours: what a server of ours tells; None: it is the original's.
    """

    exists: bool
    process_id: str
    new: tuple[str, ...]
    update: tuple[str, ...]
    ours: Abilities | None = None

    def check(self, offered: Collection[str]) -> None:
        """Do nothing if only what is ``offered`` is asked for.

        Raises:
            BadAnswer: otherwise.
        """
        if any(path not in offered for path in (*self.new, *self.update)):
            raise BadAnswer("the server asks for files that were not offered", "Check --api.")


def parse_selected(told: Mapping[str, Any]) -> Selected:
    """From the answer to select-files.

    Raises:
        BadAnswer: something is missing or of another form.
    """
    exists, process_id = told.get("exist"), told.get("process_id")
    new, update = told.get("files_new", {}), told.get("files_update", {})
    if not (isinstance(new, dict) and isinstance(update, dict) and isinstance(exists, bool)):
        raise BadAnswer("the server does not say which files it needs", "Check --api.")
    if not isinstance(process_id, str) or not process_id.isascii() or not process_id.isprintable():
        raise BadAnswer("the server gives no usable id of the publication", "Check --api.")
    ours = Abilities.parse(told.get("oaio"))
    return Selected(exists, process_id, tuple(new), tuple(path for path in update if path not in new), ours)


def error_of(status: int, content: bytes, what: str, secret: str) -> OaioError:
    """The error that an answer other than 200 means; ``secret`` is never part of it."""
    text = _told(content, secret)
    kind, hint = _KINDS.get(status, (BadAnswer, ""))
    if status in range(300, 400):
        hint = "Give the address that it leads to with --api, if you trust it."
    if _OLDER in text:
        kind, hint = Superseded, "If FOLDER is what is to be live, give its index page a new time: touch it."
    said = f"status {status}" + (f": {text}" if text else "")
    return kind(f"{what}: {said}", hint)


def _told(content: bytes, secret: str) -> str:
    """What people can read of an answer: nothing of a page of HTML, which tells of the server in between."""
    text = content[: 1 << 16].decode(errors="replace").strip()
    if text.startswith("{"):
        try:
            told = json.loads(text)
        except ValueError:
            told = {}
        text = str(told.get("message") or told.get("error") or text)
    if text.startswith("<"):
        return ""
    line = text.partition("\n")[0].replace(secret, "***")[:_MAX_TOLD]
    return "".join(char if char.isprintable() else "?" for char in line)
