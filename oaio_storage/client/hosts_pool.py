"""The storage hosts of one synchronisation: each is asked for once and closed at the end."""

from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

import attrs

from oaio_storage.client.remote import Server
from oaio_storage.errors import BadAnswer

if TYPE_CHECKING:
    from oaio_storage.hosts.api import CshApi


class Hosts(Protocol):
    """Where storage hosts come from."""

    def get(self, csh_id: str) -> "CshApi":
        """The host of this id.

        Raises:
            UnknownHost: the server does not offer it, or its backend is not installed here.
            OaioError: it can't be used.
        """
        ...

    def close(self) -> None:
        """Give back connections."""
        ...


@attrs.define
class HostsPool:
    """The hosts that a server offers, with the arguments it gives."""

    server: Server
    _known: "dict[str, CshApi]" = attrs.field(factory=dict, init=False)

    def get(self, csh_id: str) -> "CshApi":
        """As :class:`Hosts` says."""
        if csh_id not in self._known:
            from oaio_storage.hosts import host_api  # noqa: PLC0415 - values objects need no host

            answer = self.server.call(f"hosts/{quote(csh_id, safe='')}")
            args, root_id = answer.get("args"), answer.get("root_id")
            if not isinstance(args, dict) or not isinstance(root_id, str):
                raise BadAnswer(f"the server's answer about the storage host {csh_id!r} is malformed")
            self._known[csh_id] = host_api(csh_id, expect_root=root_id, **args)
        return self._known[csh_id]

    def close(self) -> None:
        """As :class:`Hosts` says."""
        while self._known:
            self._known.popitem()[1].close()
