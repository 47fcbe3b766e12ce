"""The probe: what a configured host declares, what it keeps, and how fast it is, found by trying it out."""

from oaio_storage.hosts.probe.bench import Effort
from oaio_storage.hosts.probe.links import PlaceLink
from oaio_storage.hosts.probe.results import Latency, Probed, Row, Verdict, advice, seconds_text
from oaio_storage.hosts.probe.running import condition_test, probe, verdict

__all__ = [
    "Effort",
    "Latency",
    "PlaceLink",
    "Probed",
    "Row",
    "Verdict",
    "advice",
    "condition_test",
    "probe",
    "seconds_text",
    "verdict",
]
