"""What all tests share: the hypothesis profiles."""

import os

from counts import COUNTS
from hypothesis import HealthCheck, settings

settings.register_profile("dev", max_examples=COUNTS.examples, deadline=None, print_blob=True)
settings.register_profile("ci", parent=settings.get_profile("dev"), derandomize=True)
settings.register_profile(
    "nightly",
    parent=settings.get_profile("dev"),
    max_examples=max(2_000, COUNTS.examples),
    stateful_step_count=100,
    suppress_health_check=[HealthCheck.too_slow],  # long examples are what a nightly run is for
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
