"""P5, P11: committers that race on real servers; of all that begin with the same generation, one wins."""

import multiprocessing
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from counts import FULL
from trees.places import fill, noise

from oaio_storage.errors import Changed, Superseded
from oaio_storage.hosts import CshApi, host_api
from oaio_storage.trees import commit, verify
from oaio_storage.trees.store import TreeStore

if TYPE_CHECKING:
    from seaweed import Server, Weed

WRITERS = 4
ROUNDS = 25 if FULL else 3


def committed(csh_id: str, options: dict[str, Any], place: str, name: str) -> Counter[str]:
    """One device that commits again and again: what it was told, and transactions that were acknowledged."""
    told = Counter[str]()
    store = TreeStore.on(host_api(csh_id, **options), "site", Path(place) / f"cache {name}", by=name)
    for number in range(ROUNDS):
        files = {"same": noise(3_000), "own": noise(2_000, number) + name.encode(), name: b"%d" % number}
        folder = fill(Path(place) / name, files)
        try:
            done = commit(store, folder)
        except (Superseded, Changed) as err:
            told[type(err).__name__] += 1
        else:
            assert done.is_new
            told[done.switch.transaction] += 1
    return told


def check(host: CshApi, told: Counter[str]) -> None:
    """Each that was acknowledged is in the log, once, and nothing else is; nothing is lost."""
    store = TreeStore(host, "site")
    history = store.history()
    made = Counter(switch.transaction for switch in history)
    refused = {name: told.pop(name, 0) for name in ("Superseded", "Changed")}
    assert made == told
    assert max(made.values()) == 1
    assert len(history) + sum(refused.values()) == WRITERS * ROUNDS
    assert [switch.sequence for switch in history] == list(range(1, len(history) + 1))
    assert all(after.parent == before.generation for before, after in pairwise(history))
    assert sum(refused.values()) > 0
    assert verify(store).faults == ()


@pytest.fixture(params=["SeaweedFS", "moto"])
def options(request: pytest.FixtureRequest) -> dict[str, Any]:
    if request.param == "SeaweedFS":
        weed: Weed = request.getfixturevalue("weed")
        return weed.options(weed.bucket, weed.new_prefix())
    server: Server = request.getfixturevalue("moto_server")
    return server.options(server.new_bucket())


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_of_those_who_race_on_a_bucket_exactly_one_wins_each_generation(
    kind: str, options: dict[str, Any], tmp_path: Path
) -> None:
    host = host_api("S3", **options)
    host.create_root()
    names = [f"writer {number}" for number in range(WRITERS)]
    arguments = [("S3", options, str(tmp_path), name) for name in names]
    if kind == "threads":
        with ThreadPoolExecutor(WRITERS) as pool:
            told = list(pool.map(lambda each: committed(*each), arguments))
    else:
        with multiprocessing.get_context("spawn").Pool(WRITERS) as processes:
            told = processes.starmap(committed, arguments)
    check(host, sum(told, Counter[str]()))
