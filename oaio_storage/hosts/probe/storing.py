"""The verdict of a probe, kept on the host: ``.oaio/probe.json``, beside the root's marker."""

import json
import math
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs

from oaio_storage.errors import NotFound, OaioError
from oaio_storage.hosts.guarantees import Guarantees

if TYPE_CHECKING:
    from oaio_storage.hosts.api import CshApi

FILE = "probe.json"
FORMAT = 1
MAX_BYTES = 1 << 16

WHOLE, CONDITIONS = "whole", "conditions"
"""What was tried: everything, or conditions alone."""


@attrs.frozen
class Stored:
    """A verdict as it is kept.

    Attributes:
        tried: WHOLE or CONDITIONS.
        declared: what the host said of itself then.
        measured: what may be relied on.
        broken: the properties that were not kept.
    """

    tried: str
    declared: Guarantees
    measured: Guarantees
    broken: tuple[str, ...] = ()


def store(host: "CshApi", verdict: Stored) -> bool:
    """Keep ``verdict`` in place of an older one; whether the host could store it. A repeat is safe."""
    text = json.dumps(
        {
            "format": FORMAT,
            "tried": verdict.tried,
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "declared": _as_json(verdict.declared),
            "measured": _as_json(verdict.measured),
            "broken": verdict.broken,
        }
    )
    try:
        host.state.write(FILE, text.encode())
    except OaioError:
        return False
    return True


def forget(host: "CshApi") -> None:
    """Remove the verdict, if the host can."""
    with suppress(OaioError):
        host.state.delete(FILE)


def load(host: "CshApi") -> Stored | None:
    """The verdict about what ``host`` declares today; None if there is none, or it can't be read.

    Raises:
        StorageError, TryAgain: the host does not answer.
    """
    try:
        content = json.loads(host.state.read(FILE, 0, MAX_BYTES))
        if content["format"] != FORMAT or content["tried"] not in (WHOLE, CONDITIONS):
            return None
        found = Stored(
            content["tried"],
            _from_json(content["declared"]),
            _from_json(content["measured"]),
            tuple(map(str, content["broken"])),
        )
    except (NotFound, ValueError, KeyError, TypeError, RecursionError):
        return None
    return found if found.declared == host.guarantees else None


def _as_json(guarantees: Guarantees) -> dict[str, Any]:
    return {name: None if value == math.inf else value for name, value in attrs.asdict(guarantees).items()}


def _from_json(given: dict[str, Any]) -> Guarantees:
    """The guarantees that are told.

    Raises:
        TypeError: they are not those that this version knows, each of its own type.
    """
    weakest = attrs.asdict(Guarantees())
    told: dict[str, Any] = {name: math.inf if value is None else value for name, value in given.items()}
    if any(type(told.get(name)) is not type(value) for name, value in weakest.items()):
        raise TypeError
    return Guarantees(**told)
