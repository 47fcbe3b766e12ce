"""From an address to a host: a path of this machine, or a URL."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from oaio_storage.errors import InvalidArgument, NotGuaranteed
from oaio_storage.hosts.api import CshApi
from oaio_storage.hosts.options import holds_password
from oaio_storage.hosts.registry import backend_of, host_api, id_of_scheme

LOCAL, ANY_URL = "Local", "Fsspec"
"""The backends of paths, and of URLs that no other backend claims."""


def is_address(text: str) -> bool:
    """Whether ``text`` is an address; what holds no ``/`` is the id of a host."""
    return "/" in text


def host_at(address: str) -> CshApi:
    """The host whose root is at ``address``, wrapped with retry; nothing is asked of it.

    What holds ``://`` is a URL: ``file://`` is a folder of this machine; other schemes belong to the backend
    whose id is the scheme, in any letter case, if its class turns URLs into arguments (``arguments_of_url``);
    all others to fsspec. Everything else is a path, relative ones to the current folder.

    Raises:
        InvalidArgument: it can't be the address of a host, or holds a password.
        UnknownHost: the backend is not installed, or broken.
    """
    scheme, separator, _ = address.partition("://")
    if not separator:
        return host_api(LOCAL, root_folder=address)
    if holds_password(address):
        raise InvalidArgument(
            f"an address with a password can be seen by others: {scheme}://...",
            "Configure the host, with the password as a secret: oaio hosts add --help",
        )
    if not scheme:
        raise InvalidArgument(f"the address {address[:200]!r} has no scheme", "A path, or scheme://place")
    if scheme.lower() == "file":
        return host_api(LOCAL, root_folder=_path_of(address))
    claimed = id_of_scheme(scheme)
    if claimed and (arguments := getattr(backend_of(claimed), "arguments_of_url", None)):
        return host_api(claimed, **arguments(address))
    return host_api(ANY_URL, url=address)


def below(csh_id: str, csh_args: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """The arguments of the host ``csh_id`` for the folder ``folder`` in the root that ``csh_args`` name.

    Raises:
        NotGuaranteed: the backend has no ``arguments_below(csh_args, folder)``, which answers them.
    """
    arguments_below = getattr(backend_of(csh_id), "arguments_below", None)
    if arguments_below is None:
        raise NotGuaranteed(f"the host {csh_id!r} can't say where a folder below its root is")
    return dict(arguments_below(csh_args, folder))


def _path_of(url: str) -> str:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path or parts.query or parts.fragment:
        raise InvalidArgument(f"not the URL of a folder of this machine: {url[:200]!r}", "file:///path/to/it")
    return unquote(parts.path, errors="surrogateescape")
