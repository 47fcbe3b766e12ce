"""The contract kit on a server with the API of Koofr and Digi Storage."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest
from backends.digi_server import source
from counts import COUNTS, FULL

from oaio_storage.testing import HostContract, HostSource, KitCounts
from oaio_storage.testing.host_contract.base import HostKit
from oaio_storage.testing.host_contract.conditions import Conditions
from oaio_storage.testing.host_contract.probing import Probing
from oaio_storage.testing.host_contract.reading import Reading
from oaio_storage.testing.koofr.running import RunningKoofr, koofr_server

KIT_COUNTS = attrs.evolve(
    KitCounts() if FULL else KitCounts.quick(), histories=10 if FULL else 3, steps=COUNTS.machine_steps
)


class DigiSource(HostKit):
    counts = KIT_COUNTS
    arguments: ClassVar[dict[str, Any]] = {}

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls) -> Iterator[RunningKoofr]:
        with koofr_server() as server:
            yield server

    @pytest.fixture(autouse=True)
    def _server(self, server: RunningKoofr) -> None:
        self.running = server

    def host_source(self, folder: Path) -> HostSource:
        return source(self.running, f"{folder.name}-{secrets.token_hex(4)}", **self.arguments)


class TestWithConditions(DigiSource, HostContract):
    """All of the contract, once the operator has said that conditions are kept."""

    arguments: ClassVar[dict[str, Any]] = {"conditions": True}


class TestAsDeclared(DigiSource, Conditions, Probing):
    """Without that: what is not declared is refused."""


class TestOlderService(DigiSource, Reading):
    """One that does not tell, with a content, what file it is of."""

    arguments: ClassVar[dict[str, Any]] = {"conditions": True}

    @pytest.fixture(autouse=True)
    def _older(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("oaio_storage_digi.mount._TELL_WHAT_IS_SENT", {})
