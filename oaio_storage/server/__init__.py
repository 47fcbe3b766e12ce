"""The oaio server: keeps the objects' metadata and arbitrates between devices.

``prepare`` makes or repairs a data folder, ``add_user`` adds an account to it, ``serve`` runs the server on
it. Django is imported by these functions, not by this package.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oaio_storage.server.preparing import add_user, prepare
    from oaio_storage.server.serving import serve

__all__ = ["add_user", "prepare", "serve"]

_HOMES = {
    "add_user": "oaio_storage.server.preparing",
    "prepare": "oaio_storage.server.preparing",
    "serve": "oaio_storage.server.serving",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module holds under this name
    if name in _HOMES:
        from importlib import import_module  # noqa: PLC0415 - only when a name is asked for

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
