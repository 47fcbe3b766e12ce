"""Public parts for tests: the contract kit for storage hosts, and starters of real servers.

Names are imported when they are asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oaio_storage.testing.contract import Contract, replaces
    from oaio_storage.testing.host_contract import HostContract, HostSource, KitCounts
    from oaio_storage.testing.servers import RunningServer, oaio_server

__all__ = [
    "Contract",
    "HostContract",
    "HostSource",
    "KitCounts",
    "RunningServer",
    "oaio_server",
    "replaces",
]

_MODULES = {
    "Contract": "contract",
    "HostContract": "host_contract",
    "HostSource": "host_contract",
    "KitCounts": "host_contract",
    "RunningServer": "servers",
    "oaio_server": "servers",
    "replaces": "contract",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
