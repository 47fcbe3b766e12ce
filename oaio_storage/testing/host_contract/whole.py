"""All groups of the contract together, and the profiles of those who keep a part of it."""

from oaio_storage.testing.host_contract.conditions import Conditions
from oaio_storage.testing.host_contract.folders import Folders
from oaio_storage.testing.host_contract.given import Given
from oaio_storage.testing.host_contract.listing import Listing
from oaio_storage.testing.host_contract.litter import Litter
from oaio_storage.testing.host_contract.machine import Machine
from oaio_storage.testing.host_contract.naming import Naming
from oaio_storage.testing.host_contract.outcomes import Outcomes
from oaio_storage.testing.host_contract.probing import Probing
from oaio_storage.testing.host_contract.reading import Reading
from oaio_storage.testing.host_contract.sizes import Sizes
from oaio_storage.testing.host_contract.writing import Writing


class HostContract(
    Given, Reading, Writing, Sizes, Listing, Naming, Conditions, Folders, Outcomes, Litter, Machine, Probing
):
    """All that a storage host has to keep.

    To be inherited by a test class of yours::

        class TestMyApi(HostContract):
            counts = KitCounts(rounds=100)

            def host_source(self, folder: Path) -> HostSource:
                return HostSource(make=lambda: MyApi(...), raw_read=..., raw_write=...)

    What the host declares in its guarantees is tested to hold, what it does not declare is tested to be
    refused. A test that can't hold for a host is replaced under its own name, marked with
    :func:`~oaio_storage.testing.replaces`, by one that says what holds instead. Numbers such as B8 are the
    clauses of the reliability contract.
    """
