"""The storage hosts on offer, as the database has them."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import attrs
from django.conf import settings
from django.db import connection, transaction

from oaio_storage import values
from oaio_storage.errors import AlreadyExists, InvalidArgument, OaioError, UnknownHost, WrongRoot
from oaio_storage.hosts import host_api
from oaio_storage.hosts.options import Described, described
from oaio_storage.server import sealing
from oaio_storage.server.models import FeedClock, Host

OWN_HOST = "Local"
"""The id of the host that a server makes of a folder of its own."""


@attrs.frozen
class Offered:
    """A host as clients are told of it."""

    csh_id: str
    args: Mapping[str, Any] = attrs.field(repr=False)
    root_id: str


def offered_hosts() -> tuple[list[str], str]:
    """The ids of hosts that objects with files may use, sorted, and the one for clients that name none.

    That is the one which the operator chose, else the server's own, else the first.
    """
    rows = list(Host.objects.order_by("csh_id").values_list("csh_id", "is_default"))
    ids = [csh_id for csh_id, _ in rows]
    chosen = [csh_id for csh_id, is_default in rows if is_default]
    return ids, [*chosen, *([OWN_HOST] if OWN_HOST in ids else ids), ""][0]


def offered_host(csh_id: str) -> Offered:
    """The host of this id, with its arguments.

    Raises:
        UnknownHost: none of this id is on offer.
        Unavailable: its arguments can't be opened.
    """
    hosts = {host.csh_id: host for host in Host.objects.all()}
    check_offered(csh_id, hosts)
    host = hosts[csh_id]
    return Offered(csh_id, _opened(host), host.root_id)


def check_offered(csh_id: str, offer: Collection[str]) -> None:
    """Raises UnknownHost, which names the ``offer``, if ``csh_id`` is not in it."""
    if csh_id not in offer:
        hint = f"Offered: {', '.join(sorted(offer)) or 'none'}."
        raise UnknownHost(f"no storage host {csh_id[:80]!r} is offered here", hint)


def shown_hosts() -> list[Described]:
    """All hosts on offer, sorted by id, as they may be shown."""
    _, default = offered_hosts()
    return [_shown(host, default) for host in Host.objects.order_by("csh_id")]


def put_host(csh_id: str, args: Mapping[str, Any], root_id: str) -> None:
    """Offer a host.

    Raises:
        AlreadyExists: there is one of this id.
        InvalidArgument: another one has the same root.
    """
    sealed = sealing.seal(args, _file())
    with transaction.atomic():
        check_new(csh_id)
        if root_id and (other := Host.objects.filter(root_id=root_id).first()):
            raise InvalidArgument(
                f"the root is that of the storage host {other.csh_id!r} already", "Choose another root."
            )
        Host.objects.create(pk=csh_id, sealed=sealed, root_id=root_id)


def check_new(csh_id: str) -> None:
    """Raises AlreadyExists if a host of this id is on offer."""
    if Host.objects.filter(pk=csh_id).exists():
        raise AlreadyExists(
            f"there is a storage host {csh_id!r} already",
            f"To replace it, first: oaio hosts rm {csh_id} --data DIR",
        )


def offer_own_host(folder: str) -> None:
    """Offer ``folder`` as :data:`OWN_HOST` on the first start, and let the offer follow it when it moves.

    An operator who removed this host is not given it again.

    Raises:
        WrongRoot: the folder is not the one that this database means.
    """
    known = Host.objects.filter(pk=OWN_HOST).first()
    if known is None and FeedClock.objects.exists():
        return
    own = host_api(OWN_HOST, root_folder=folder)
    root_id = own.root_id() if known else own.create_root()
    if known and known.root_id != root_id:
        raise WrongRoot(
            f"{folder} is not the folder whose files this database knows", "Restore both from one backup."
        )
    args = {"root_folder": folder}
    if known is None or not _is_kept(known, args):
        Host.objects.update_or_create(
            pk=OWN_HOST, defaults={"sealed": sealing.seal(args, _file()), "root_id": root_id}
        )


def has_sealed() -> bool:
    """Whether there is anything that only the file of keys opens."""
    return any(map(sealing.is_sealed, Host.objects.values_list("sealed", flat=True)))


def seal_plain() -> None:
    """Seal what a first version kept as plain text; nothing of that stays in the database. Repeat safe."""
    plain = [host for host in Host.objects.all() if not sealing.is_sealed(host.sealed)]
    for host in plain:
        host.sealed = sealing.seal(values.parse(host.sealed), _file())
        host.save(update_fields=["sealed"])
    if plain and connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def seal_anew() -> None:
    """Seal everything with the key in front, all or nothing; what no key opens stays as it is."""
    with transaction.atomic():
        for host in Host.objects.select_for_update():
            try:
                host.sealed = sealing.seal(_opened(host), _file())
            except OaioError:
                continue
            host.save(update_fields=["sealed"])


def _file() -> Path:
    return Path(settings.HOSTS_KEY_FILE)


def _opened(host: Host) -> dict[str, Any]:
    return sealing.unseal(host.sealed, _file())


def _is_kept(host: Host, args: Mapping[str, Any]) -> bool:
    try:
        return _opened(host) == args
    except OaioError:
        return False


def _shown(host: Host, default: str) -> Described:
    try:
        seen = described(host.csh_id, _opened(host), host.root_id)
    except OaioError as err:
        seen = attrs.evolve(described(host.csh_id, {}, host.root_id), problem=f"{err.message}. {err.hint}")
    return attrs.evolve(seen, is_default=host.csh_id == default)
