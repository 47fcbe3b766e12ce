"""What the operator of a server does with the storage hosts that it offers; it may be running meanwhile."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from oaio_storage.errors import AccessDenied, InvalidArgument, NotFound, NotGuaranteed, OaioError, WrongRoot
from oaio_storage.hosts import CshApi, host_api
from oaio_storage.hosts.options import Described
from oaio_storage.hosts.registry import settled
from oaio_storage.server import sealing
from oaio_storage.server.preparing import FILES_FOLDER, is_prepared, prepared


def add_host(data: Path, csh_id: str, args: Mapping[str, Any]) -> Described:
    """Let the server with the data folder ``data`` offer a storage host, which has to be reachable from here.

    Its root gets a marker where the host can decide conditions; clients then see whether they reach the same
    root.

    Args:
        data: the data folder, which is prepared first.
        csh_id: the id; it has to lead clients to the backend.
        args: the arguments of the backend.

    Raises:
        AlreadyExists: there is a host of this id.
        InvalidArgument: ``args`` do not fit, or another host on offer has the same root.
        UnknownHost: the backend is not installed, or broken.
        OaioError: the host can't be reached, or its root is a folder that does not exist. In all cases
            nothing is offered; the root may have its marker.
    """
    with prepared(data):
        from oaio_storage.server import offer  # noqa: PLC0415 - needs configured settings

        offer.check_new(csh_id)
    with _told_of(csh_id):
        args = settled(csh_id, **args)
    if csh_id == offer.OWN_HOST and args.get("root_folder") != str((data / FILES_FOLDER).absolute()):
        raise InvalidArgument(
            f"{csh_id} is the id of the server's own folder", f"Use an id such as {csh_id}-NAME."
        )
    with _told_of(csh_id), host_api(csh_id, **args) as host:
        root_id = _root_of(host)
    with prepared(data):
        offer.put_host(csh_id, args, root_id)
        return next(host for host in offer.shown_hosts() if host.csh_id == csh_id)


@contextmanager
def _told_of(csh_id: str) -> Iterator[None]:
    try:
        yield
    except OaioError as err:
        raise type(err)(f"the storage host {csh_id!r} can't be offered: {err.message}", err.hint) from err


def hosts_of(data: Path) -> list[Described]:
    """The hosts that the server with the data folder ``data`` offers, as they may be shown.

    Raises:
        NotFound: no server keeps its data there.
    """
    with _existing(data):
        from oaio_storage.server import offer  # noqa: PLC0415 - needs configured settings

        return offer.shown_hosts()


@attrs.frozen
class Removed:
    """What follows from the removal of a host.

    Attributes:
        csh_id: its id.
        objects: how many objects have files there, which clients can't reach until it is added again.
        new_default: the host for clients that name none, if that was this one and another takes its place.
    """

    csh_id: str
    objects: int
    new_default: str = ""


def remove_host(data: Path, csh_id: str, *, even_if_used: bool = False) -> Removed:
    """Let the server offer a host no longer; what it stores stays.

    Raises:
        NotFound: there is no such host, or no server keeps its data there.
        InvalidArgument: objects have files there, and that was not allowed; the message says how many.
    """
    with _existing(data):
        from django.db import transaction  # noqa: PLC0415 - needs configured settings

        from oaio_storage.server import offer, usage  # noqa: PLC0415 - same

        with transaction.atomic():
            host = _row(csh_id)
            count = usage.objects_on(csh_id)
            if count and not even_if_used:
                what = "1 object has" if count == 1 else f"{count} objects have"
                raise InvalidArgument(
                    f"{what} files on the storage host {csh_id!r}, which clients could not reach any more",
                    "Add --yes to remove it all the same.",
                )
            _, before = offer.offered_hosts()
            host.delete()
            _, default = offer.offered_hosts()
        return Removed(csh_id, count, default if default != before else "")


def set_default_host(data: Path, csh_id: str) -> None:
    """Choose the host for objects of clients that name none.

    Raises:
        NotFound: as :func:`remove_host`.
    """
    with _existing(data):
        from django.db import transaction  # noqa: PLC0415 - needs configured settings

        from oaio_storage.server.models import Host  # noqa: PLC0415 - same

        with transaction.atomic():
            _row(csh_id)
            Host.objects.update(is_default=False)
            Host.objects.filter(pk=csh_id).update(is_default=True)


def change_key(data: Path) -> Path:
    """Make a new key for the arguments of hosts, and seal all of them with it; safe to repeat after a kill.

    The key before stays in the file, so that a copy of the database that is not older can be used.

    Returns:
        The file of keys.

    Raises:
        NotFound: no server keeps its data there.
        InvalidConfiguration: the file can't be used.
    """
    file = data / sealing.KEY_FILE
    if is_prepared(data) and not file.exists():
        sealing.make_key(file)  # what the lost one sealed stays lost
    with _existing(data):
        from oaio_storage.server import offer  # noqa: PLC0415 - needs configured settings

        offer.seal_anew()  # what a killed change left to an older key
        sealing.add_key(file)
        offer.seal_anew()
        return file


def _root_of(host: CshApi) -> str:
    """The id of the root, which gets one if the host can; empty where it can't, but is there."""
    next(host.list(), None)  # an absent folder is not made: its disk may not be mounted
    try:
        return host.create_root()
    except (NotGuaranteed, AccessDenied):
        try:
            return host.root_id()
        except WrongRoot:
            return ""


@contextmanager
def _existing(data: Path) -> Iterator[None]:
    if not is_prepared(data):
        raise NotFound(f"no server keeps its data in {data}", "Name the folder of oaio serve --data.")
    with prepared(data):
        yield


def _row(csh_id: str) -> Any:  # noqa: ANN401 - a model, which needs configured settings
    from oaio_storage.server.models import Host  # noqa: PLC0415 - needs configured settings

    host = Host.objects.select_for_update().filter(pk=csh_id).first()
    if host is None:
        listed = ", ".join(Host.objects.order_by("csh_id").values_list("csh_id", flat=True)) or "none"
        raise NotFound(
            f"there is no storage host {csh_id[:80]!r}; there are: {listed}", "oaio hosts ls --data DIR"
        )
    return host
