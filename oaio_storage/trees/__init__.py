"""The tree store: immutable generations of a tree of files on any storage host.

::

    store = TreeStore.on(host, "site", cache_folder)
    commit(store, folder)                  # in the time of what changed
    check_out(store, another_folder)
    store.filesystem().open("table.csv")   # any fsspec user reads it
    rollback(store), collect(store), verify(store), repair(store, another_store)

Names are imported when they are asked for, so that importing this package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oaio_storage.trees.attempt import Committed
    from oaio_storage.trees.checkout import check_out
    from oaio_storage.trees.collecting import Collected, collect
    from oaio_storage.trees.committing import commit, rollback
    from oaio_storage.trees.comparing import changes
    from oaio_storage.trees.filesystem import GenerationFileSystem
    from oaio_storage.trees.generation import Generation
    from oaio_storage.trees.head import Head, HeadStore
    from oaio_storage.trees.repairing import Repaired, repair
    from oaio_storage.trees.store import TreeStore
    from oaio_storage.trees.switches import Switch
    from oaio_storage.trees.verifying import Fault, Verified, verify
    from oaio_storage.trees.writing import CheckedOut

__all__ = [
    "CheckedOut",
    "Collected",
    "Committed",
    "Fault",
    "Generation",
    "GenerationFileSystem",
    "Head",
    "HeadStore",
    "Repaired",
    "Switch",
    "TreeStore",
    "Verified",
    "changes",
    "check_out",
    "collect",
    "commit",
    "repair",
    "rollback",
    "verify",
]

_MODULES = {
    "CheckedOut": "writing",
    "Collected": "collecting",
    "Committed": "attempt",
    "Fault": "verifying",
    "Generation": "generation",
    "GenerationFileSystem": "filesystem",
    "Head": "head",
    "HeadStore": "head",
    "Repaired": "repairing",
    "Switch": "switches",
    "TreeStore": "store",
    "Verified": "verifying",
    "changes": "comparing",
    "check_out": "checkout",
    "collect": "collecting",
    "commit": "committing",
    "repair": "repairing",
    "rollback": "committing",
    "verify": "verifying",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
