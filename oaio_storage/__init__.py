"""Share and synchronise objects with files, on any storage host."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oaio_storage.client.api import OaioClient

__version__ = "0.1.0.dev0"

__all__ = ["OaioClient", "__version__"]


def __getattr__(name: str) -> object:
    if name != "OaioClient":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from oaio_storage.client.api import OaioClient  # noqa: PLC0415 - the client is loaded when it is asked for

    return OaioClient
