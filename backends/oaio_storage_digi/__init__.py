"""The backend ``Digi``: accounts of Digi Storage and Koofr, as a storage host and for fsspec."""

from typing import TYPE_CHECKING, Any

from oaio_storage_digi.api import DigiApi

if TYPE_CHECKING:
    from oaio_storage_digi.filesystem import DigiFileSystem, KoofrFileSystem

__all__ = ["DigiApi", "DigiFileSystem", "KoofrFileSystem"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - what was asked for
    """The filesystems, loaded with fsspec when they are first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from oaio_storage_digi import filesystem  # noqa: PLC0415 - a host does without fsspec

    return getattr(filesystem, name)
