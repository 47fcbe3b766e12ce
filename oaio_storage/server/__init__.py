"""The oaio server: keeps the objects' metadata and arbitrates between devices.

``prepare`` makes or repairs a data folder, ``add_user`` adds an account to it, ``serve`` runs the server on
it; ``add_host``, ``hosts_of``, ``remove_host``, ``set_default_host`` and ``change_key`` are about the storage
hosts that it offers. Django is imported by these functions, not by this package.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oaio_storage.server.hosting import add_host, change_key, hosts_of, remove_host, set_default_host
    from oaio_storage.server.preparing import add_user, prepare
    from oaio_storage.server.serving import serve

__all__ = [
    "add_host",
    "add_user",
    "change_key",
    "hosts_of",
    "prepare",
    "remove_host",
    "serve",
    "set_default_host",
]

_HOMES = {
    **dict.fromkeys(
        ("add_host", "change_key", "hosts_of", "remove_host", "set_default_host"),
        "oaio_storage.server.hosting",
    ),
    "add_user": "oaio_storage.server.preparing",
    "prepare": "oaio_storage.server.preparing",
    "serve": "oaio_storage.server.serving",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module holds under this name
    if name in _HOMES:
        from importlib import import_module  # noqa: PLC0415 - only when a name is asked for

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
