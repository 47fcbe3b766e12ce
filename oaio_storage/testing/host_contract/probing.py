"""What users are told of a host on their own machine is what the kit finds: B27."""

from oaio_storage.hosts import CshApi
from oaio_storage.hosts.probe import Effort, probe
from oaio_storage.testing.host_contract.base import HostKit, HostSource, everything

EFFORT = Effort(
    racers=8, processes=0, rounds=2, overwrites=5, listed=30, sizes=(1, (1 << 20) + 1), timed=2, patience=0.3
)


class Probing(HostKit):
    """Group: the probe. That it finds each liar is tested once, beside it."""

    def test_the_probe_agrees(self, source: HostSource, host: CshApi) -> None:
        """B27: it finds nothing broken of what the kit finds kept, and leaves nothing but its verdict."""
        host.write("kept", b"x")
        found = probe(source.make, effort=EFFORT)
        assert found.broken == ()
        assert found.declared == host.guarantees
        assert everything(host) == {"kept": b"x"}
        assert set(everything(host.state)) <= {"probe.json"}
