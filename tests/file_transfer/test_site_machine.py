"""Several clients send requests in any order: what is live is always a tree that one of them published."""

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

import attrs
import pytest
from counts import COUNTS
from file_transfer import wire
from file_transfer.asking import ask_of, files_live, handlers_at
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from publish.stored import memory

from oaio_storage.file_transfer.handlers import Handlers

if TYPE_CHECKING:
    from oaio_storage.hosts import CshApi

NAMES = ["index.html", "a", "b/c", "b/d", "manifest.json"]
CONTENTS = [b"", b"1", b"2" * 500, b"3" * 3000]
TREES = st.dictionaries(st.sampled_from(NAMES[1:]), st.sampled_from(CONTENTS))
CHUNK = 100


@attrs.define(eq=False)
class Publication:
    """What a client is about to publish."""

    pid: str
    mtime: int
    files: dict[str, bytes]
    asked: list[str]
    sent: set[str] = attrs.field(factory=set)
    chunks: list[bytes] = attrs.field(factory=list)
    is_over: bool = False
    was_published: bool = False


Offered = MultipleResults[Publication] | Publication


class Clients(RuleBasedStateMachine):
    """Clients of one course. What they are told decides what has to be live."""

    publications: "Bundle[Publication]" = Bundle("publications")
    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self, handlers: Handlers) -> None:
        super().__init__()
        self.handlers = handlers
        self.client = wire.Client(ask_of(handlers))
        self.live: dict[str, bytes] | None = None
        self.live_time = wire.BEGIN

    def told(self, what: str, told: wire.Told, *allowed: int) -> bool:
        self.seen[f"{what} {told.status:d}"] += 1
        assert told.status in (200, *allowed), told
        return told.status == 200

    @rule(target=publications, files=TREES, front=st.sampled_from(CONTENTS), later=st.integers(-1, 3))
    def begin(self, files: dict[str, bytes], front: bytes, later: int) -> Offered:
        return self.offer(files, front, later)

    def offer(self, files: dict[str, bytes], front: bytes, later: int) -> Offered:
        files = {**files, "index.html": front}
        mtime = self.live_time + later
        told = self.client.select(json.dumps(wire.manifest_of(files, mtime)).encode())
        if not self.told("offer", told, 409):
            assert self.live is not None
            assert later <= 0
            return multiple()
        assert self.live is None or later > 0
        asked = [*told.json["files_new"], *told.json["files_update"]]
        assert told.json["exist"] is (self.live is not None)
        different = [path for path in files if (self.live or {}).get(path) != files[path]]
        assert {*different} <= {*asked} <= {*files}
        return Publication(told.json["process_id"], mtime, files, asked)

    @rule(one=publications, data=st.data(), last=st.booleans())
    def send(self, one: Publication, data: st.DataObject, last: bool) -> None:  # noqa: FBT001 - as drawn
        paths = data.draw(st.lists(st.sampled_from(one.asked), unique=True))
        archive = wire.archive_of({path: one.files[path] for path in paths})
        if self.told("send", self.client.send(one.pid, archive, last=last), 400, 404, 409):
            assert not one.is_over
            one.sent.update(paths)
            one.is_over = last

    @rule(one=publications)
    def send_all(self, one: Publication) -> None:
        archive = wire.archive_of({path: one.files[path] for path in one.asked})
        if self.told("send all", self.client.send(one.pid, archive), 404, 409):
            one.sent.update(one.asked)
            one.is_over = True

    @rule(one=publications, data=st.data())
    def send_another_content(self, one: Publication, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(one.asked))
        archive = wire.archive_of({path: one.files[path] + b"?"})
        assert not self.told("send another content", self.client.send(one.pid, archive), 400, 404, 409)

    @rule(one=publications, data=st.data(), step=st.integers(-1, 1))
    def send_a_chunk(self, one: Publication, data: st.DataObject, step: int) -> None:
        if not one.chunks:
            archive = wire.archive_of({path: one.files[path] for path in one.asked})
            one.chunks = [archive[start : start + CHUNK] for start in range(0, len(archive), CHUNK)]
        number = data.draw(st.integers(0, len(one.chunks) - 1)) if step else 0
        told = self.client.chunk(
            one.pid,
            one.chunks[number],
            chunk_index=number * CHUNK,
            chunk_size=CHUNK,
            file_index=0,
            last_chunk=1,
            last_file=1,
        )
        if self.told("chunk", told, 400, 404, 409) and told.json["status"] == "completed":
            one.sent.update(one.asked)
            one.is_over = True

    @rule(one=publications)
    def send_all_chunks(self, one: Publication) -> None:
        archive = wire.archive_of({path: one.files[path] for path in one.asked})
        for start in range(0, len(archive), CHUNK):
            told = self.client.chunk(
                one.pid,
                archive[start : start + CHUNK],
                chunk_index=start,
                chunk_size=CHUNK,
                file_index=1,
                last_chunk=1,
            )
            if not self.told("chunks", told, 404, 409):
                return
        one.sent.update(one.asked)

    @rule(front=st.sampled_from(CONTENTS), files=TREES)
    def publish_at_once(self, front: bytes, files: dict[str, bytes]) -> None:
        one = self.offer(files, front, 1)
        assert isinstance(one, Publication)
        self.send_all(one)
        self.publish(one)
        assert one.was_published
        self.seen["at once"] += 1

    @rule(files=TREES)
    def two_at_once(self, files: dict[str, bytes]) -> None:
        two = [self.offer(files, front, 1) for front in CONTENTS[1:3]]
        for one in two:
            assert isinstance(one, Publication)
            self.send_all_chunks(one)
            self.publish(one)
            self.publish(one)

    @rule(one=publications)
    def publish(self, one: Publication) -> None:
        before = self.live
        if self.told("publish", self.client.publish(one.pid), 400, 404, 409):
            assert {*one.asked} <= one.sent
            if not one.was_published:
                self.live, self.live_time = one.files, one.mtime
            one.was_published = True
            self.seen["replaced"] += before is not None
        one.is_over = True

    @rule(one=consumes(publications))
    def give_up(self, one: Publication) -> None:
        one.is_over = True

    @rule(at_most=st.integers(0, 2))
    def clean_up(self, at_most: int) -> None:
        self.seen["cleaned"] += self.handlers.site.clean_up(wire.COURSE, at_most=at_most)

    @invariant()
    def what_is_live_was_published(self) -> None:
        if self.live is None:
            assert self.handlers.site.tree(wire.COURSE).live() is None
        else:
            assert files_live(self.handlers) == self.live


@pytest.mark.parametrize("host", ["folder", "generations"])
def test_any_requests_in_any_order(host: str) -> None:
    Clients.seen.clear()
    with tempfile.TemporaryDirectory() as folder:
        count = iter(range(1_000_000))

        def made() -> Clients:
            place: Path | CshApi = memory() if host == "generations" else Path(folder) / str(next(count))
            if isinstance(place, Path):
                place.mkdir()
            return Clients(handlers_at(place))

        run_state_machine_as_test(
            cast("type[Clients]", made),
            settings=settings(
                max_examples=COUNTS.machine_histories,
                stateful_step_count=COUNTS.machine_steps,
                deadline=None,
                phases=[Phase.generate],
            ),
        )
    needed = {"offer 200", "send all 200", "publish 200", "publish 409", "chunks 200"}
    assert needed <= Clients.seen.keys(), Clients.seen
    assert Clients.seen["replaced"], Clients.seen
    assert Clients.seen["cleaned"], Clients.seen
