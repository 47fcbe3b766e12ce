"""What a request is answered with."""

import json
import uuid
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, BinaryIO

import attrs

from oaio_storage.testing.koofr.refusals import Code, Refused
from oaio_storage.testing.koofr.switches import Fault

_JSON = "application/json; charset=utf-8"
_PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>Maintenance</title></head><body>We are back soon.</body></html>\n"
)


@attrs.frozen
class Answer:
    """A status, headers, and a body: bytes, or a part of a file, which is closed when it was sent."""

    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes = b""
    file: BinaryIO | None = None
    part: range = range(0)

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return len(self.body) if self.file is None else len(self.part)


def as_json(
    value: Any,  # noqa: ANN401 - whatever JSON holds
    status: int = HTTPStatus.OK,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Answer:
    """An answer of JSON."""
    return Answer(status, {"Content-Type": _JSON, **headers}, json.dumps(value).encode())


def as_lines(values: Iterable[Any]) -> Answer:
    """An answer of one JSON value a line."""
    return Answer(
        headers={"Content-Type": "application/x-ndjson"},
        body=b"".join(json.dumps(value).encode() + b"\n" for value in values),
    )


def as_refused(refused: Refused, level: str) -> Answer:
    """The answer to a request that is refused."""
    status = refused.status(level)
    if refused.code is Code.UNAUTHORIZED:
        return Answer(status)
    body = {"error": refused.told(), "requestId": str(uuid.uuid4())}
    return as_json(body, status, refused.headers)


def as_told(fault: Fault) -> Answer | None:
    """What a fault answers instead of what was asked; ``None``: it does not."""
    if fault.location is not None:
        return Answer(fault.status or HTTPStatus.FOUND, {"Location": fault.location})
    if fault.status is None and not fault.html:
        return None
    wait = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    if fault.html:
        return Answer(fault.status or HTTPStatus.OK, {"Content-Type": "text/html", **wait}, _PAGE)
    assert fault.status is not None
    body = {"error": {"code": "Fault", "message": "As the test wanted."}, "requestId": str(uuid.uuid4())}
    return as_json(body, fault.status, wait)
