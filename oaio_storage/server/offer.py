"""The storage hosts on offer."""

from collections.abc import Collection

from oaio_storage.errors import UnknownHost
from oaio_storage.server.models import Host


def offered_hosts() -> list[str]:
    """The ids of hosts that objects with files may use, sorted."""
    return list(Host.objects.order_by("csh_id").values_list("csh_id", flat=True))


def offered_host(csh_id: str) -> Host:
    """The host of this id.

    Raises:
        UnknownHost: none of this id is on offer.
    """
    hosts = {host.csh_id: host for host in Host.objects.all()}
    check_offered(csh_id, hosts)
    return hosts[csh_id]


def check_offered(csh_id: str, offer: Collection[str]) -> None:
    """Raises UnknownHost, which names the ``offer``, if ``csh_id`` is not in it."""
    if csh_id not in offer:
        hint = f"Offered: {', '.join(sorted(offer)) or 'none'}."
        raise UnknownHost(f"no storage host {csh_id[:80]!r} is offered here", hint)
