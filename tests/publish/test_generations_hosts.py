"""P5, P6, P11: publishers, a reader and a collector at once on real servers, and on the memory of a machine.

On SeaweedFS the host decides who is first; on the Koofr server one machine's arbiter does, for all it runs.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from random import Random

import attrs
import pytest
from publish.stored import Undecided, memory
from sftp_server import PASSWORD, USER, sftp_server
from trees.places import fill, noise

from oaio_storage.errors import Changed, Corrupt, NotFound, Superseded
from oaio_storage.hosts import CshApi, host_api
from oaio_storage.publish.generations import GenerationsLayout
from oaio_storage.testing import Store, koofr_server
from oaio_storage_s3 import S3Api

ROUNDS = 5
OVERTAKEN = (Superseded, Changed, NotFound)


@attrs.frozen
class Race:
    """A tree, and those who do something with it at the same time.

    Attributes:
        host: makes instances of its host.
        place: for the files of all.
    """

    host: Callable[[], CshApi]
    place: Path

    def tree(self, name: str) -> GenerationsLayout:
        """The tree, for an actor who remembers for himself what he sent; all are of one machine."""
        return GenerationsLayout(
            host=self.host(),
            name="site",
            by=name,
            cache=self.place / f"cache {name}",
            memory=self.place / "state",
            exclusive=not self.host().guarantees.conditional_write,
        )

    def publisher(self, name: str) -> Counter[str]:
        told, dice, ours = Counter[str](), Random(name), self.tree(name)
        for number in range(ROUNDS):
            files = {"same": noise(3_000), name: noise(2_000, number), "x": dice.randbytes(50)}
            try:
                made = ours.publish(fill(self.place / name, files), yes=True).switch
                assert made
                told["published"] += 1
            except OVERTAKEN as err:
                told[type(err).__name__] += 1
        return told

    def collector(self, name: str) -> Counter[str]:
        told, ours = Counter[str](), self.tree(name)
        for number in range(ROUNDS):
            try:
                if number % 2:
                    ours.rollback(yes=True)
                told["collected"] += bool(ours.clean_up(at_once=True).generations)
            except OVERTAKEN as err:
                told[type(err).__name__] += 1
        return told

    def reader(self, name: str) -> Counter[str]:
        told, ours, seen = Counter[str](), self.tree(name), 0
        for _ in range(2 * ROUNDS):
            try:
                with ours.open() as opened:
                    assert opened.switch.sequence >= seen
                    seen = opened.switch.sequence
                    for path, entry in opened.manifest.items():
                        with opened.read(path) as stream:
                            assert sha256(stream.read()).hexdigest() == entry.checksum
                told["read"] += 1
            except (Corrupt, *OVERTAKEN):  # collected at once, while nobody said that it is read
                told["collected while it was read"] += 1
        return told


@pytest.fixture(params=["memory", "one machine", "seaweed", "koofr", "sftp"])
def host(request: pytest.FixtureRequest) -> Iterator[Callable[[], CshApi]]:
    """Makes instances of one host."""
    if request.param == "memory":
        one = memory()
        yield lambda: one
    elif request.param == "one machine":
        shared = Store()
        yield lambda: Undecided(shared)
    elif request.param == "seaweed":
        weed = request.getfixturevalue("weed")
        options = weed.options(weed.bucket, weed.new_prefix())
        yield lambda: S3Api(**options)
    elif request.param == "sftp":  # which writes in place
        options = {"username": USER, "password": PASSWORD, "look_for_keys": False, "allow_agent": False}
        folder = request.getfixturevalue("tmp_path") / "served"
        folder.mkdir()
        with sftp_server(folder) as port:
            url = f"sftp://127.0.0.1:{port}/root"
            yield lambda: host_api("Fsspec", url=url, storage_options=options)
    else:
        with koofr_server() as koofr:
            options = {"email": koofr.user, "password": koofr.password, "endpoint": koofr.url}
            yield lambda: host_api("Digi", root_folder="trees", **options)


def test_whoever_is_told_success_is_in_the_log_and_nothing_is_lost(
    host: Callable[[], CshApi], tmp_path: Path
) -> None:
    race = Race(host, tmp_path)
    ours = race.tree("first")
    ours.publish(fill(tmp_path / "first", {"a": b"a", "same": noise(3_000)}))
    publishers = [(race.publisher, name) for name in "pqr"]
    actors = [*publishers, (race.collector, "c"), (race.reader, "s")]
    with ThreadPoolExecutor(len(actors)) as pool:
        futures = [pool.submit(act, name) for act, name in actors]
        told = sum((future.result() for future in futures), Counter[str]())
    history = ours.history()
    assert [switch.sequence for switch in history] == list(range(1, len(history) + 1))
    assert all(after.parent == before.generation for before, after in pairwise(history))
    assert sum(switch.by in "pqr" and switch.kind == "publish" for switch in history) == told["published"]
    assert ours.verify().faults == ()
    assert told["published"] > 0
    assert told["read"] > 0
    assert told["Superseded"] + told["Changed"] > 0
