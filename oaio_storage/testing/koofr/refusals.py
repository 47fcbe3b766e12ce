"""What the API refuses: a code, and a status by API level."""

from collections.abc import Mapping
from enum import Enum
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

OLD, NEW = "v2", "v2.1"
"""The API levels: plain v2, and v2.1 with its newer statuses."""


class Code(Enum):
    """The kinds of refusals: the code of the wire, its status in plain v2, its status in v2.1."""

    BAD_REQUEST = ("BadRequest", HTTPStatus.BAD_REQUEST, HTTPStatus.BAD_REQUEST)
    INVALID_PATH = ("InvalidPath", HTTPStatus.BAD_REQUEST, HTTPStatus.BAD_REQUEST)
    NOT_FOLDER = ("NotDir", HTTPStatus.BAD_REQUEST, HTTPStatus.BAD_REQUEST)
    NOT_FILE = ("NotFile", HTTPStatus.BAD_REQUEST, HTTPStatus.BAD_REQUEST)
    MOVE_INTO_SELF = ("MoveIntoSelf", HTTPStatus.BAD_REQUEST, HTTPStatus.BAD_REQUEST)
    COPY_INTO_SELF = ("CopyIntoSelf", HTTPStatus.BAD_REQUEST, HTTPStatus.BAD_REQUEST)
    ALREADY_EXISTS = ("AlreadyExists", HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT)
    NAME_TAKEN = ("Conflict", HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT)
    CONDITION_NOT_MET = ("Conflict", HTTPStatus.CONFLICT, HTTPStatus.CONFLICT)
    UNAUTHORIZED = ("Unauthorized", HTTPStatus.UNAUTHORIZED, HTTPStatus.UNAUTHORIZED)
    FORBIDDEN = ("Forbidden", HTTPStatus.FORBIDDEN, HTTPStatus.FORBIDDEN)
    NOT_FOUND = ("NotFound", HTTPStatus.NOT_FOUND, HTTPStatus.NOT_FOUND)
    RANGE = (
        "RangeNotSatisfiable",
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    )
    # the statuses of these two are not known of the live service
    TOO_LARGE = ("FileTooLarge", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    OVER_QUOTA = ("OverQuota", HTTPStatus.INSUFFICIENT_STORAGE, HTTPStatus.INSUFFICIENT_STORAGE)


class Refused(Exception):
    """A request that is answered with an error, and changed nothing."""

    def __init__(
        self, code: Code, message: str = "", headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        super().__init__(code.value[0], message)
        self.code = code
        self.message = message
        self.headers = headers

    def status(self, level: str) -> HTTPStatus:
        """The status at an API level."""
        _, old, new = self.code.value
        return new if level == NEW else old

    def told(self) -> dict[str, Any]:
        """The body of the answer."""
        return {"code": self.code.value[0], "message": self.message}
