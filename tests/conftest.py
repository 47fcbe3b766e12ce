"""What all tests share: the hypothesis profiles, and the built wheel."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from counts import COUNTS
from hypothesis import HealthCheck, settings
from seaweed import Server, Weed, moto, seaweed

PROJECT = Path(__file__).resolve().parent.parent

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


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The distribution as users get it, built from this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(folder),
        str(PROJECT),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def unpacked_wheel(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that, first on the path, imports what the wheel holds and nothing of this checkout."""
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder)
    return folder


@pytest.fixture(scope="session")
def weed() -> Iterator[Weed]:
    """A SeaweedFS that all tests of this process share; those that kill it start their own."""
    with seaweed() as server:
        yield server


@pytest.fixture(scope="session")
def moto_server() -> Iterator[Server]:
    """A moto server that all tests of this process share."""
    with moto() as server:
        yield server
