"""A storage host of this machine, lent to the demo: a fresh folder below its root, removed in the end."""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import attrs

from oaio_storage.config import configured_hosts, hosts_file
from oaio_storage.errors import InvalidArgument, NotGuaranteed, UnknownHost, WrongRoot
from oaio_storage.hosts.addresses import below
from oaio_storage.hosts.options import options_of
from oaio_storage.hosts.registry import backend_id, backend_of, host_api


@attrs.frozen
class BorrowedHost:
    """What the demo's server is told.

    Attributes:
        csh_id: the host's id.
        backend: the id of its backend.
        options: its arguments that anybody may see, as text.
        secrets: the others.
    """

    csh_id: str
    backend: str
    options: Mapping[str, str]
    secrets: Mapping[str, str] = attrs.field(repr=False)


@contextmanager
def borrowed_host(csh_id: str) -> Iterator[BorrowedHost]:
    """The host ``csh_id`` of this machine's hosts.toml, bound to a fresh folder below its root.

    The folder and all in it are removed when the block ends, however it ends; nothing else there is touched.

    Raises:
        UnknownHost: no such host is configured.
        InvalidArgument: its options are not as they have to be.
        NotGuaranteed: its backend can't say where a folder below its root is.
        OaioError: the host does not answer.
    """
    known = configured_hosts()
    if csh_id not in known:
        listed = ", ".join(sorted(known)) or "none"
        raise UnknownHost(
            f"no storage host {csh_id[:80]!r} is configured in {hosts_file()}; there are: {listed}",
            "oaio hosts add ID BACKEND --set KEY=VALUE adds one.",
        )
    args = known[csh_id].arguments()
    folder = f"oaio-demo-{secrets.token_hex(4)}"
    fresh = below(csh_id, args, folder)
    try:
        with host_api(csh_id, **fresh) as host, suppress(NotGuaranteed):  # then it needs no marker
            host.create_root()
        yield _told(csh_id, fresh)
    finally:
        _remove(csh_id, args, folder, fresh)


def _told(csh_id: str, args: Mapping[str, Any]) -> BorrowedHost:
    known = options_of(backend_of(csh_id))
    told = {name: value if isinstance(value, str) else json.dumps(value) for name, value in args.items()}
    if broken := [name for name, text in told.items() if known[name].is_secret and "\n" in text]:
        raise InvalidArgument(f"the secret {broken[0]!r} has several lines, which the demo can't hand on")
    return BorrowedHost(
        csh_id,
        backend_id(csh_id),
        {name: text for name, text in told.items() if not known[name].is_secret and text},
        {name: text for name, text in told.items() if known[name].is_secret and text},
    )


def _remove(csh_id: str, args: Mapping[str, Any], folder: str, fresh: Mapping[str, Any]) -> None:
    with host_api(csh_id, **fresh) as host, suppress(WrongRoot):  # it was not made
        host.clean_up(0)
    with host_api(csh_id, **args) as host:
        host.delete_files([found.path for found in host.list(folder)])
