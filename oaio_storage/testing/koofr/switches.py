"""What the server is told to do badly: faults of single requests, and states of the whole account."""

import re
from collections.abc import Mapping
from typing import Any

import attrs
from attrs import validators

from oaio_storage.errors import InvalidArgument

MIB = 1024 * 1024
DEFAULT_QUOTA = 1024 * 1024
"""MiB that fit into a mount for which nothing else was told: 1 TiB."""

_AT_LEAST_0: Any = validators.ge(0)
_IS_COUNT: Any = [validators.instance_of(int), _AT_LEAST_0]
_IS_OPTIONAL_COUNT: Any = validators.optional(_IS_COUNT)
_IS_DURATION: Any = [validators.instance_of((int, float)), _AT_LEAST_0]


@attrs.define(kw_only=True)
class Fault:
    """What goes wrong with some requests: those of ``call``, ``times`` times, after ``after`` that went well.

    Several of the faults below can be told of one; without any the request just takes its time.
    """

    call: str = attrs.field(default="", validator=validators.instance_of(str))
    """The call: ``put``, ``get``, ``list``, ``info``, ``folder``, ...; empty for every one."""
    times: int | None = attrs.field(default=1, validator=_IS_OPTIONAL_COUNT)
    """How many requests; ``None`` for all."""
    after: int = attrs.field(default=0, validator=_IS_COUNT)
    """How many requests of this call are spared before."""
    status: int | None = attrs.field(
        default=None,
        validator=validators.optional([validators.instance_of(int), validators.in_(range(200, 600))]),
    )
    """Answer with this status, and do nothing."""
    retry_after: int | None = attrs.field(default=None, validator=_IS_OPTIONAL_COUNT)
    """Seconds to tell in ``Retry-After``, with ``status``."""
    html: bool = attrs.field(default=False, validator=validators.instance_of(bool))
    """Answer with a page of HTML, and do nothing; its status is 200 if none is told."""
    cut: int | None = attrs.field(default=None, validator=_IS_OPTIONAL_COUNT)
    """End the connection after so many bytes of the answer's body."""
    cut_request: int | None = attrs.field(default=None, validator=_IS_OPTIONAL_COUNT)
    """End the connection after so many bytes of the request's body were read, and do nothing."""
    lost: bool = attrs.field(default=False, validator=validators.instance_of(bool))
    """Do what was asked, then end the connection without an answer."""
    expire: bool = attrs.field(default=False, validator=validators.instance_of(bool))
    """End all tokens before the request is looked at."""
    delay: float = attrs.field(default=0, validator=_IS_DURATION)
    """Wait so many seconds before the request is looked at."""


@attrs.define(kw_only=True)
class Switches:
    """States of the account; mounts are told by name."""

    faults: list[Fault] = attrs.field(factory=list)
    delay: float = attrs.field(default=0, validator=_IS_DURATION)
    """Seconds that every request takes longer."""
    clock: float = attrs.field(default=0, validator=validators.instance_of((int, float)))
    """Seconds that the server's clock is ahead; negative: behind."""
    vanished: bool = attrs.field(default=False, validator=validators.instance_of(bool))
    """Nobody is let in any more, as if the account had been deleted."""
    gone: list[str] = attrs.field(factory=list)
    """Mounts that are not there."""
    read_only: list[str] = attrs.field(factory=list)
    """Mounts where nothing can be changed."""
    quota: dict[str, int] = attrs.field(factory=dict)
    """MiB that fit into a mount."""
    largest_file: int | None = attrs.field(default=None, validator=_IS_OPTIONAL_COUNT)
    """Bytes of the largest file that is taken; ``None`` for any."""

    def quota_of(self, mount: str) -> int:
        """MiB that fit into a mount."""
        return self.quota.get(mount, DEFAULT_QUOTA)

    def take(self, call: str) -> Fault | None:
        """The fault that a request of ``call`` meets, counted as met. Not safe for threads."""
        for fault in self.faults:
            if fault.call not in {"", call} or fault.times == 0:
                continue
            if fault.after:
                fault.after -= 1
                continue
            if fault.times is not None:
                fault.times -= 1
            return fault
        return None

    def changed(self, values: Mapping[str, Any]) -> "Switches":
        """The switches with some of them set anew.

        Raises:
            InvalidArgument: there is no such switch, or it can't be set so.
        """
        try:
            if "faults" in values:
                values = {**values, "faults": [Fault(**fault) for fault in values["faults"]]}
            return attrs.evolve(self, **values)
        except (TypeError, ValueError) as err:
            told = re.sub(r"\s+", " ", str(err.args[0] if err.args else err))
            raise InvalidArgument(f"switches: {told}", hint="the documentation lists the switches") from err
