"""Hosts that misbehave on purpose, beside the honest one in memory that they stem from."""

from oaio_storage.testing.misbehaving.liars import LIARS
from oaio_storage.testing.misbehaving.memory import MemoryApi, Store

__all__ = ["LIARS", "MemoryApi", "Store"]
