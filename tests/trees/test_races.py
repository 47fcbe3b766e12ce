"""P5, P11, F4: publishers, rollbacks and collectors at once, on hosts that decide conditions in one step."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from counts import COUNTS
from trees.places import Device, memory, noise

from oaio_storage.errors import Changed, NotFound, Superseded, TryAgain
from oaio_storage.trees import collect, rollback, verify
from oaio_storage.trees.store import TreeStore
from oaio_storage_local import LocalApi

ROUNDS = COUNTS.races // 2


def publisher(device: Device, dice: Random) -> Counter[str]:
    told, acknowledged = Counter[str](), 0
    for number in range(ROUNDS):
        files = {"same": noise(3_000), device.name: noise(2_000, number), "x": dice.randbytes(50)}
        try:
            acknowledged += device.commit(files).is_new
            told["committed"] += 1
        except (Superseded, Changed) as err:
            told[type(err).__name__] += 1
    assert acknowledged == sum(switch.by == device.name for switch in device.store.history())
    return told


def operator(device: Device, dice: Random) -> Counter[str]:
    told = Counter[str]()
    for _ in range(ROUNDS):
        try:
            if dice.random() < 0.3:
                rollback(device.store)
                told["rolled back"] += 1
            else:
                gone = collect(device.store, last=2, time=timedelta(0), young=timedelta(-1))
                told["collected"] += bool(gone.packs)
        except (NotFound, Superseded, Changed, TryAgain) as err:
            told[type(err).__name__] += 1
    return told


@pytest.mark.parametrize("kind", ["memory", "local"])
def test_whoever_is_told_success_is_in_the_log_and_nothing_is_lost(kind: str, tmp_path: Path) -> None:
    host = memory() if kind == "memory" else LocalApi(str(tmp_path / "root"))
    host.create_root()
    Device(tmp_path, host, "first").commit({"a": b"a"})
    actors = [(publisher, "p"), (publisher, "q"), (publisher, "r"), (operator, "c"), (operator, "d")]
    with ThreadPoolExecutor(len(actors)) as pool:
        futures = [pool.submit(act, Device(tmp_path, host, name), Random(name)) for act, name in actors]
        told = sum((future.result() for future in futures), Counter[str]())
    store = TreeStore(host, "site")
    history = store.history()
    assert [switch.sequence for switch in history] == list(range(1, len(history) + 1))
    assert all(after.parent == before.generation for before, after in pairwise(history))
    assert verify(store).faults == ()
    assert told["committed"] > 0
    assert told["collected"] > 0
    assert told["Superseded"] + told["Changed"] > 0
