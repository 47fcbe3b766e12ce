"""Storage hosts: the contract, what a host guarantees, and how to find one by its id.

Names are imported when they are asked for, so that importing this package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oaio_storage.hosts.api import CshApi
    from oaio_storage.hosts.bulk import Moved
    from oaio_storage.hosts.foreign import OS_ERRORS, ForeignErrors
    from oaio_storage.hosts.guarantees import Absent, Expect, Guarantees, Stat
    from oaio_storage.hosts.registry import host_api, installed_backends
    from oaio_storage.hosts.wrappers.base import Wrapper
    from oaio_storage.hosts.wrappers.dry_run import Change, DryRun
    from oaio_storage.hosts.wrappers.limit import Limit
    from oaio_storage.hosts.wrappers.logged import Logging
    from oaio_storage.hosts.wrappers.read_only import ReadOnly
    from oaio_storage.hosts.wrappers.retry import Retry

__all__ = [
    "OS_ERRORS",
    "Absent",
    "Change",
    "CshApi",
    "DryRun",
    "Expect",
    "ForeignErrors",
    "Guarantees",
    "Limit",
    "Logging",
    "Moved",
    "ReadOnly",
    "Retry",
    "Stat",
    "Wrapper",
    "host_api",
    "installed_backends",
]

_MODULES = {
    "OS_ERRORS": "foreign",
    "Absent": "guarantees",
    "Change": "wrappers.dry_run",
    "CshApi": "api",
    "DryRun": "wrappers.dry_run",
    "Expect": "guarantees",
    "ForeignErrors": "foreign",
    "Guarantees": "guarantees",
    "Limit": "wrappers.limit",
    "Logging": "wrappers.logged",
    "Moved": "bulk",
    "ReadOnly": "wrappers.read_only",
    "Retry": "wrappers.retry",
    "Stat": "guarantees",
    "Wrapper": "wrappers.base",
    "host_api": "registry",
    "installed_backends": "registry",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
