"""The contract of storage hosts as tests for any backend or wrapper; one module per group of properties."""

from oaio_storage.testing.host_contract.base import HostSource, KitCounts, around
from oaio_storage.testing.host_contract.profiles import ReadOnlyContract, TreeContract
from oaio_storage.testing.host_contract.whole import HostContract

__all__ = ["HostContract", "HostSource", "KitCounts", "ReadOnlyContract", "TreeContract", "around"]
