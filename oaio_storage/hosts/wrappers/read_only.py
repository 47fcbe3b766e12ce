"""A host on which nothing can be stored, around one on which it could."""

import attrs

from oaio_storage.hosts.folders import HostFolders
from oaio_storage.hosts.guarantees import Guarantees
from oaio_storage.hosts.wrappers.base import Wrapper


@attrs.frozen(eq=False)
class ReadOnly(Wrapper):
    """``inner`` for reading alone: it declares ``read_only``, so every change is refused before any I/O."""

    @property
    def guarantees(self) -> Guarantees:
        """Those of ``inner``, and that nothing can be stored."""
        return attrs.evolve(self.inner.guarantees, read_only=True)

    @property
    def folders(self) -> HostFolders:
        """None: they would change the host around this one."""
        raise self._not_guaranteed("store, change or remove anything")

    def _create_root(self) -> str:
        raise self._not_guaranteed("store, change or remove anything")
