"""The contract kit finds hosts that do not keep what they declare, by the right test."""

import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from oaio_storage.errors import OaioError
from oaio_storage.testing import Contract, HostContract, HostSource, KitCounts, replaces
from oaio_storage.testing.misbehaving import LIARS, MemoryApi, Store
from oaio_storage.testing.misbehaving.liars import Liar


class Kit(HostContract):
    counts = KitCounts(rounds=2, racers=4, overwrites=5, histories=5)
    made: type[MemoryApi] = MemoryApi

    def host_source(self, folder: Path) -> HostSource:  # noqa: ARG002 - it needs none
        store = Store()
        return HostSource(
            make=lambda: self.made(store),
            raw_read=lambda path: store.files[path][0],
            raw_write=store.put,
            raw_list=lambda: list(store.files),
            raw_link=store.links.__setitem__,
        )


class TestMemoryApi(Kit):
    """The honest one."""


def why_rejected(made: type[MemoryApi], tests: Iterable[str], folder: Path) -> dict[str, BaseException]:
    """Those of the contract ``tests`` that ``made`` does not pass, and how they failed."""
    kit = Kit()
    failed: dict[str, BaseException] = {}
    kit.made = made
    for name in tests:
        place = folder / name
        place.mkdir()
        source = kit.host_source(place)
        test = getattr(kit, name)
        wanted = inspect.signature(test).parameters
        given: dict[str, Any] = {"source": source, "tmp_path": place}
        if "host" in wanted:
            given["host"] = source.make()
        try:
            test(**{argument: given[argument] for argument in wanted})
        except pytest.skip.Exception:
            continue
        except (Exception, pytest.fail.Exception) as err:  # noqa: BLE001 - however a test fails
            failed[name] = err
    return failed


@pytest.mark.parametrize("liar", LIARS)
def test_a_liar_is_found_by_the_right_tests(liar: type[Liar], tmp_path: Path) -> None:
    failed = why_rejected(liar, liar.rejected_by, tmp_path)
    assert set(failed) == set(liar.rejected_by)
    for why in failed.values():  # the host is to blame, not the test
        assert isinstance(why, AssertionError | OaioError | pytest.fail.Exception), why


def test_there_is_a_liar_of_each_kind() -> None:
    assert len(LIARS) >= 12
    assert all(liar.rejected_by for liar in LIARS)


def test_no_contract_test_is_replaced_by_accident() -> None:
    def test_x(self: object) -> None:
        """Something."""

    class Given(Contract):
        test_kept = test_x

    with pytest.raises(TypeError, match="test_kept"):
        type("Hiding", (Given,), {"test_kept": test_x})
    with pytest.raises(TypeError, match="test_new"):
        type("New", (Given,), {"test_new": replaces(lambda _: None)})
    assert type("Replacing", (Given,), {"test_kept": replaces(lambda _: None)})
