"""Public parts for tests: the contract kit for storage hosts, hosts that misbehave, starters of real servers.

Names are imported when they are asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oaio_storage.testing.contract import Contract, replaces
    from oaio_storage.testing.host_contract import (
        HostContract,
        HostSource,
        KitCounts,
        ReadOnlyContract,
        TreeContract,
        around,
    )
    from oaio_storage.testing.koofr.running import RunningKoofr, koofr_server
    from oaio_storage.testing.misbehaving import LIARS, Crash, Fault, FaultHost, Faults, MemoryApi, Store
    from oaio_storage.testing.servers import RunningServer, oaio_server
    from oaio_storage.testing.sweeps import Disturbed, Swept, sweep

__all__ = [
    "LIARS",
    "Contract",
    "Crash",
    "Disturbed",
    "Fault",
    "FaultHost",
    "Faults",
    "HostContract",
    "HostSource",
    "KitCounts",
    "MemoryApi",
    "ReadOnlyContract",
    "RunningKoofr",
    "RunningServer",
    "Store",
    "Swept",
    "TreeContract",
    "around",
    "koofr_server",
    "oaio_server",
    "replaces",
    "sweep",
]

_MODULES = {
    "Contract": "contract",
    "replaces": "contract",
    "HostContract": "host_contract",
    "HostSource": "host_contract",
    "KitCounts": "host_contract",
    "ReadOnlyContract": "host_contract",
    "TreeContract": "host_contract",
    "around": "host_contract",
    "LIARS": "misbehaving",
    "Crash": "misbehaving",
    "Fault": "misbehaving",
    "FaultHost": "misbehaving",
    "Faults": "misbehaving",
    "MemoryApi": "misbehaving",
    "Store": "misbehaving",
    "RunningKoofr": "koofr.running",
    "koofr_server": "koofr.running",
    "RunningServer": "servers",
    "oaio_server": "servers",
    "Disturbed": "sweeps",
    "Swept": "sweeps",
    "sweep": "sweeps",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
