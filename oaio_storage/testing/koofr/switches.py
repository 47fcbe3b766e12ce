"""What the server is told to do badly: faults of single requests, and states of the whole account."""

import re
from collections.abc import Mapping
from typing import Any

import attrs
from attrs import validators

from oaio_storage.errors import InvalidArgument

MIB = 1024 * 1024
_DEFAULT_QUOTA = 1024 * 1024

_AT_LEAST_0: Any = validators.ge(0)
_IS_COUNT: Any = [validators.instance_of(int), _AT_LEAST_0]
_IS_OPTIONAL_COUNT: Any = validators.optional(_IS_COUNT)
_IS_DURATION: Any = [validators.instance_of((int, float)), _AT_LEAST_0]
_IS_BOOL = validators.instance_of(bool)
_IS_STATUS: Any = [validators.instance_of(int), validators.in_(range(300, 600))]
_IS_TEXT = validators.instance_of(str)
_ARE_MOUNTS = validators.deep_iterable(_IS_TEXT, validators.instance_of(list))
_IS_QUOTA = validators.deep_mapping(_IS_TEXT, validators.and_(*_IS_COUNT), validators.instance_of(dict))


@attrs.define(kw_only=True)
class Fault:
    """What goes wrong with some requests of one call. Several things can go wrong with one request.

    Attributes:
        call: the call: `token`, `mounts`, `mount`, `list`, `info`, `tree`, `bundle`, `listrecursive`, `get`,
            `put`, `folder`, `remove`, `rename`, `move`, `copy`, `link`, `trash`, `user`, `revoke`; empty for
            every one.
        times: how many requests; null for all.
        after: how many requests of this call are spared before.
        status: answer with this status, 300 to 599, and do nothing.
        retry_after: seconds to tell in `Retry-After`, with `status`.
        location: redirect to this address, and do nothing; the status is 302 if none is told.
        html: answer with a page of HTML, and do nothing; its status is 200 if none is told.
        cut: end the connection after so many bytes of the answer's body.
        cut_request: end the connection after so many bytes of the request's body, and do nothing.
        lost: do what was asked, then end the connection without an answer.
        expire: end all tokens before the request is looked at.
        delay: wait so many seconds before the request is looked at.
    """

    call: str = attrs.field(default="", validator=validators.instance_of(str))
    times: int | None = attrs.field(default=1, validator=_IS_OPTIONAL_COUNT)
    after: int = attrs.field(default=0, validator=_IS_COUNT)
    status: int | None = attrs.field(default=None, validator=validators.optional(_IS_STATUS))
    retry_after: int | None = attrs.field(default=None, validator=_IS_OPTIONAL_COUNT)
    location: str | None = attrs.field(default=None, validator=validators.optional(_IS_TEXT))
    html: bool = attrs.field(default=False, validator=_IS_BOOL)
    cut: int | None = attrs.field(default=None, validator=_IS_OPTIONAL_COUNT)
    cut_request: int | None = attrs.field(default=None, validator=_IS_OPTIONAL_COUNT)
    lost: bool = attrs.field(default=False, validator=_IS_BOOL)
    expire: bool = attrs.field(default=False, validator=_IS_BOOL)
    delay: float = attrs.field(default=0, validator=_IS_DURATION)


@attrs.define(kw_only=True)
class Switches:
    """What is wrong with the whole account. Mounts are told by name.

    Attributes:
        faults: a list, each the fields of a Fault; the first that fits a request is the one it meets.
        delay: seconds that every request takes longer.
        clock: seconds that the server's clock is ahead; negative: behind.
        vanished: true: nobody is let in any more, as if the account had been deleted.
        gone: a list of mounts that are not there.
        read_only: a list of mounts where nothing can be changed.
        quota: for each mount, MiB that fit into it; 1 TiB where none are told.
        largest_file: bytes of the largest file that is taken; null for any.
    """

    faults: list[Fault] = attrs.field(factory=list)
    delay: float = attrs.field(default=0, validator=_IS_DURATION)
    clock: float = attrs.field(default=0, validator=validators.instance_of((int, float)))
    vanished: bool = attrs.field(default=False, validator=_IS_BOOL)
    gone: list[str] = attrs.field(factory=list, validator=_ARE_MOUNTS)
    read_only: list[str] = attrs.field(factory=list, validator=_ARE_MOUNTS)
    quota: dict[str, int] = attrs.field(factory=dict, validator=_IS_QUOTA)
    largest_file: int | None = attrs.field(default=None, validator=_IS_OPTIONAL_COUNT)

    def quota_of(self, mount: str) -> int:
        """MiB that fit into a mount."""
        return self.quota.get(mount, _DEFAULT_QUOTA)

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
