"""The backend ``Digi``: accounts of Digi Storage and Koofr, as a storage host and for fsspec."""

from oaio_storage_digi.api import DigiApi
from oaio_storage_digi.filesystem import DigiFileSystem, KoofrFileSystem

__all__ = ["DigiApi", "DigiFileSystem", "KoofrFileSystem"]
