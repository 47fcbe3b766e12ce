"""The client: objects of a user on this device, and their synchronisation with an oaio server."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oaio_storage.client.api import OaioClient
    from oaio_storage.client.asking import share, unregister, unshare
    from oaio_storage.client.common import LAST_SYNC_STAMP_FILE
    from oaio_storage.client.people import UserzAccessType
    from oaio_storage.client.relocating import map_files
    from oaio_storage.client.reports import Conflict, Problem, SyncReport
    from oaio_storage.client.wiring import init_client, login, open_client

_HOMES = {
    "Conflict": "reports",
    "LAST_SYNC_STAMP_FILE": "common",
    "OaioClient": "api",
    "Problem": "reports",
    "SyncReport": "reports",
    "UserzAccessType": "people",
    "init_client": "wiring",
    "login": "wiring",
    "map_files": "relocating",
    "open_client": "wiring",
    "share": "asking",
    "unregister": "asking",
    "unshare": "asking",
}

__all__ = [
    "LAST_SYNC_STAMP_FILE",
    "Conflict",
    "OaioClient",
    "Problem",
    "SyncReport",
    "UserzAccessType",
    "init_client",
    "login",
    "map_files",
    "open_client",
    "share",
    "unregister",
    "unshare",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - nothing heavy at import

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
