"""A request for a call, as the calls read it."""

import json
import re
from collections.abc import Mapping
from typing import Any

import attrs

from oaio_storage.testing.koofr.framing import Body
from oaio_storage.testing.koofr.names import Path, parse_path
from oaio_storage.testing.koofr.operations import Condition
from oaio_storage.testing.koofr.refusals import Code, Refused
from oaio_storage.testing.koofr.routes import Route

_LONGEST_JSON = 1024 * 1024
_WHOLE = re.compile(r"-?\d{1,19}\Z", re.ASCII)
_LIMIT = 1 << 63


@attrs.frozen
class Request:
    """A request for a call, with its body still to be read."""

    route: Route
    headers: Mapping[str, str]
    body: Body

    @property
    def path(self) -> Path:
        """The path in its query."""
        return parse_path(self.route.query.get("path", ""))

    def condition(self, prefix: str) -> Condition:
        """The condition in its query whose parameters begin with ``prefix``."""
        return Condition(
            self.number(f"{prefix}Modified"),
            self.number(f"{prefix}Size"),
            self.route.query.get(f"{prefix}Hash"),
        )

    def number(self, name: str) -> int | None:
        """A parameter that is a whole number; ``BadRequest`` is refused for another."""
        return whole_number(self.route.query.get(name), name)

    def json(self) -> dict[str, Any]:
        """The object of JSON in the body; an empty body is an empty object."""
        try:
            value = json.loads(self.body.read_all(_LONGEST_JSON) or b"{}")
        except (ValueError, RecursionError):
            raise Refused(Code.BAD_REQUEST, "No JSON.") from None
        if not isinstance(value, dict):
            raise Refused(Code.BAD_REQUEST, "No object of JSON.")
        return value


def whole_number(value: object, name: str) -> int | None:
    """The whole number that ``value`` is or is the text of; ``None`` for ``None``.

    Raises:
        Refused: ``BadRequest``: it is something else.
    """
    if value is None:
        return None
    if isinstance(value, str) and _WHOLE.match(value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LIMIT:
        return value
    raise Refused(Code.BAD_REQUEST, f"{name} is no whole number.")
