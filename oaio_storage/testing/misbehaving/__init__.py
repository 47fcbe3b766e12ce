"""Hosts that misbehave on purpose, beside the honest one in memory that they stem from."""

from oaio_storage.testing.misbehaving.fault_host import FaultHost
from oaio_storage.testing.misbehaving.faults import Crash, Fault, Faults
from oaio_storage.testing.misbehaving.liars import LIARS
from oaio_storage.testing.misbehaving.memory import MemoryApi, Store

__all__ = ["LIARS", "Crash", "Fault", "FaultHost", "Faults", "MemoryApi", "Store"]
