"""The backend ``Local``: a folder of this machine as a storage host."""

from oaio_storage_local.api import LocalApi

__all__ = ["LocalApi"]
