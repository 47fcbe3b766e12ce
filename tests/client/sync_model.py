"""A world in memory: a model server, devices with real records, faults, a ledger of acknowledged edits."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from oaio_storage.client import edits, resolving
from oaio_storage.client.device import Device
from oaio_storage.client.drafts import Draft
from oaio_storage.client.engine import Engine
from oaio_storage.client.records import Edit
from oaio_storage.client.store import Store
from oaio_storage.client.tables import Tables
from oaio_storage.errors import Forbidden, OaioError, Offline, TimedOut, UnknownHost
from oaio_storage.hash_cache import HashCache
from oaio_storage.hosts.api import CshApi
from oaio_storage.model import AccessRight, Proposal, Version, stamp_plus
from oaio_storage.places import Places
from oaio_storage.server.deciding import Accept, Current, State, decide
from oaio_storage.values import canonical

START = "20261101000000000000"
TEN_YEARS = 10 * 365 * 24 * 3600 * 1_000_000


class Crash(BaseException):
    """The process ends here; nothing may swallow it."""


@attrs.define
class ServedObject:
    versions: dict[str, Version] = attrs.field(factory=dict)
    digests: dict[str, str] = attrs.field(factory=dict)
    current: str = ""
    conflicts: dict[str, str] = attrs.field(factory=dict)  # id -> since, while open
    settled: set[str] = attrs.field(factory=set)
    rights: dict[str, AccessRight] = attrs.field(factory=dict)
    places: dict[str, int] = attrs.field(factory=dict)  # user -> place in the feed


@attrs.define
class ModelServer:
    """Accepts by the server's own pure decision; everything around it is as small as can be."""

    objects: dict[str, ServedObject] = attrs.field(factory=dict)
    now: str = START
    place: int = 0
    accepted: int = 0

    def call(self, user: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self.now = stamp_plus(self.now, 1000)
        first = self.now
        self.now = stamp_plus(self.now, body["stamps"])
        results = [self._judge(user, Proposal.from_json(item)) for item in body["items"]]
        after = int(body["cursor"] or 0)
        due = sorted(
            (one.places[user], oaio_id)
            for oaio_id, one in self.objects.items()
            if one.places.get(user, 0) > after
        )
        page = due[: body["limit"]]
        return {
            "now": self.now,
            "stamp": first,
            "server_id": "model",
            "hosts": ["Local"],
            "default_host": "Local",
            "results": results,
            "entries": [self._entry(user, oaio_id) for _, oaio_id in page],
            "cursor": str(page[-1][0] if page else after),
            "more": len(due) > len(page),
        }

    def set_right(self, oaio_id: str, user: str, right: AccessRight) -> None:
        one = self.objects[oaio_id]
        one.rights[user] = right
        self._announce(one, [user])

    def _announce(self, one: ServedObject, users: list[str]) -> None:
        for user in users:
            self.place += 1
            one.places[user] = self.place

    def _entry(self, user: str, oaio_id: str) -> dict[str, Any]:
        one = self.objects[oaio_id]
        right = one.rights.get(user, AccessRight.NONE)
        if right == AccessRight.NONE:
            return {"oaio_id": oaio_id, "right": "x", "version": None, "conflicts": []}
        conflicts = [
            {"id": key, "since": since, "version": one.versions[key].as_json()}
            for key, since in one.conflicts.items()
        ]
        current = one.versions[one.current].as_json()
        return {"oaio_id": oaio_id, "right": str(right), "version": current, "conflicts": conflicts}

    def _judge(self, user: str, item: Proposal) -> dict[str, Any]:
        one = self.objects.get(item.oaio_id)
        if one and item.id in one.versions:
            assert one.digests[item.id] == item.digest(), "a version id was used for another content"
            return {"id": item.id, "status": 200, "version": one.versions[item.id].as_json()}
        state = State(right=AccessRight.NONE) if one is None else self._state(one, user, item)
        decision = decide(item, state, self.now)
        if not isinstance(decision, Accept):
            shown = one.versions[one.current].as_json() if one and decision.shows_current else None
            error = {"code": type(decision.error).__name__, "message": decision.error.message, "hint": ""}
            return {"id": item.id, "status": decision.error.http_status, "error": error, "current": shown}
        if one is None:
            one = self.objects[item.oaio_id] = ServedObject(rights={user: AccessRight.CREATOR})
        return {"id": item.id, "status": 200, "version": self._store(one, user, item, decision).as_json()}

    def _state(self, one: ServedObject, user: str, item: Proposal) -> State:
        current = one.versions[one.current]
        base = one.versions.get(item.base or "")
        return State(
            right=one.rights.get(user, AccessRight.NONE),
            current=Current(current.id, current.stamp, current.deleted),
            conflicts=dict.fromkeys(one.conflicts, True) | dict.fromkeys(one.settled, False),
            base_stamp=base.stamp if base else "",
            stamp_taken=any(version.stamp == item.stamp for version in one.versions.values()),
        )

    def _store(self, one: ServedObject, user: str, item: Proposal, decision: Accept) -> Version:
        self.accepted += 1
        fields = attrs.asdict(item)
        del fields["overtakes"], fields["resolves"]
        version = Version(
            **fields, paths=None, number=len(one.versions) + 1, username=user, accepted=self.now
        )
        one.versions[item.id], one.digests[item.id] = version, item.digest()
        if decision.in_front:
            one.current = item.id
        else:
            one.conflicts[item.id] = self.now
        if decision.overtaken:
            one.conflicts[decision.overtaken] = self.now
        for key in decision.settled:
            one.settled.add(key)
            del one.conflicts[key]
        self._announce(one, [name for name, right in one.rights.items() if right != AccessRight.NONE])
        return version


@attrs.define
class Wire:
    """A device's way to the server, which may lose a request or an answer, or deliver twice."""

    server: ModelServer
    user: str
    chance: random.Random
    faults: float = 0.0
    met: Counter[str] = attrs.field(factory=Counter)
    requests: int = 0

    def call(self, slug: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        assert slug == "sync"
        assert body is not None
        self.requests += 1
        fault = (
            self.chance.choice(["no request", "no answer", "twice"])
            if self.chance.random() < self.faults
            else ""
        )
        self.met[fault] += bool(fault)
        if fault == "no request":
            raise Offline("the model's wire is cut")
        answer = self.server.call(self.user, body)
        if fault == "no answer":
            self.met["lost acceptance"] += any(one["status"] == 200 for one in answer["results"])
            raise TimedOut("the model's answer is lost")
        if fault == "twice":
            answer = self.server.call(self.user, body)
        return answer


class CrashingStore(Store):
    """Records in whose transactions the process may end: before, in the middle, or once they are durable."""

    chance = random.Random(0)
    crashes = 0.0

    @contextmanager
    def write(self) -> Iterator[Tables]:
        if self._connection().in_transaction:
            with super().write() as tables:
                yield tables
            return
        place = self.chance.choice(["before", "in", "after"]) if self.chance.random() < self.crashes else ""
        if place == "before":
            raise Crash
        with super().write() as tables:
            yield tables
            if place == "in":
                raise Crash
        if place == "after":
            raise Crash


class NoHosts:
    def get(self, csh_id: str) -> CshApi:
        raise UnknownHost(f"the model has no storage host {csh_id}")

    def close(self) -> None:
        return


@attrs.define
class SimulatedDevice:
    name: str
    user: str
    folder: Path
    wire: Wire
    chance: random.Random
    offset: int = 0
    device: Device = attrs.field(init=False)
    ticks: int = 0

    def __attrs_post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin a process: only what is on the disk is known."""
        store = CrashingStore(self.folder / "state.sqlite")
        store._connection().execute("PRAGMA synchronous=OFF")
        store.chance = self.chance
        self.device = Device(
            store=store,
            client_root=self.folder,
            places=Places({}),
            cache=HashCache(self.folder / "hashes.sqlite"),
            user_name=self.user,
            device_id=self.name,
            app_id="app",
            now=self.clock,
            new_id=lambda: f"{self.chance.getrandbits(128):032x}",
        )

    def clock(self) -> str:
        self.ticks += 1
        return stamp_plus(self.wire.server.now, self.offset + self.ticks)

    def sync(self, faults: float = 0.0, crashes: float = 0.0) -> str:
        """Synchronise once; what ended it early, if anything did."""
        self.wire.faults, store = faults, self.device.store
        assert isinstance(store, CrashingStore)
        store.crashes = crashes
        engine = Engine(device=self.device, server=self.wire, hosts=NoHosts())
        try:
            engine.synchronise()
        except Crash:
            with store.read() as tables:
                self.wire.met["crash with pending edits"] += bool(tables.all_edits())
            self.restart()
            return "crash"
        except (Offline, TimedOut) as err:
            return type(err).__name__
        finally:
            self.wire.faults = 0.0
            store.crashes = 0.0
        return ""

    def restart(self) -> None:
        self.device.store.close()
        self.start()

    def edits(self, oaio_id: str) -> list[Edit]:
        with self.device.store.read() as tables:
            return tables.edits(oaio_id)

    def dump(self) -> list[list[tuple[Any, ...]]]:
        with self.device.store.read() as tables:
            names = ["meta", "object", "outbox", "inbox", "conflict", "problem"]
            return [
                [tuple(row) for row in tables.connection.execute(f"SELECT * FROM {name}")] for name in names
            ]


Token = tuple[str, str]
"""Device and client stamp of an edit: what names it in the ledger."""


@attrs.define
class Ledger:
    """Every acknowledged edit, what its author had seen, and what it said."""

    seen: dict[Token, set[Token]] = attrs.field(factory=dict)
    said: dict[Token, str] = attrs.field(factory=dict)

    def note(self, token: Token, seen: set[Token], said: str) -> None:
        assert token not in self.seen, "two edits with the same stamp"
        self.seen[token], self.said[token] = seen, said

    def lost(self, visible: set[Token]) -> set[Token]:
        """Acknowledged edits that no visible one has seen; an edit stands for those that say the same."""
        safe: set[Token] = set()
        rest = list(visible)
        while rest:
            token = rest.pop()
            if token not in safe:
                safe.add(token)
                rest.extend(self.seen.get(token, ()))
                rest.extend(
                    other for other, said in self.said.items() if said and said == self.said.get(token)
                )
        return self.seen.keys() - safe


def token_of(newest: Proposal | Version) -> Token:
    return newest.device_id, newest.client_stamp


class World:
    """Devices of two users around one server, driven by one source of chance."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.chance, self.server, self.ledger, self.met = chance, ModelServer(), Ledger(), Counter[str]()
        self.devices: list[SimulatedDevice] = []
        for name, user in (("d1", "alice"), ("d2", "alice"), ("d3", "alice"), ("b1", "bob")):
            place = folder / name
            place.mkdir(parents=True)
            wire = Wire(self.server, user, chance, met=self.met)
            device = SimulatedDevice(name, user, place, wire, chance)
            device.offset = chance.choice([0, TEN_YEARS, -TEN_YEARS])
            self.devices.append(device)
        self.count = 0

    def step(self) -> None:
        """Something happens somewhere."""
        device = self.chance.choice(self.devices)
        what = self.chance.choices(
            [
                self.register,
                self.update,
                self.delete,
                self.resolve,
                self.sync,
                self.change_right,
                self.step_clock,
            ],
            [2, 7, 2, 5, 9, 1, 1],
        )[0]
        what(device)

    def register(self, device: SimulatedDevice) -> None:
        oaio_id = self.chance.choice(["o1", "o2", "o3", f"o{self.count + 4}"])
        self.count += 1
        said = canonical({"token": self.count})
        try:
            with device.device.store.write() as tables:
                stamp = device.device.next_stamp(tables)
            edits.register(device.device, oaio_id, stamp, Draft(values=said))
        except OaioError:
            return
        self.ledger.note((device.name, stamp), set(), said)

    def update(self, device: SimulatedDevice) -> None:
        if not (oaio_id := self._some_object(device)):
            return
        self.count += 1
        said = canonical({"token": self.count if self.chance.random() < 0.9 else 0})
        seen = self._visible(device, oaio_id)
        try:
            edits.update(device.device, oaio_id, lambda _: Draft(values=said))
        except Forbidden:
            return
        self.ledger.note(token_of(device.edits(oaio_id)[-1].item), seen, said)

    def delete(self, device: SimulatedDevice) -> None:
        if not (oaio_id := self._some_object(device)):
            return
        seen = self._visible(device, oaio_id)
        try:
            edits.delete(device.device, oaio_id, wipe=False)
        except Forbidden:
            return
        if device.edits(oaio_id):
            self.ledger.note(token_of(device.edits(oaio_id)[-1].item), seen, f"deleted {oaio_id}")
        else:  # it never left the device: its user has seen all of it
            with device.device.store.write() as tables:
                stamp = device.device.next_stamp(tables)
            self.ledger.note((device.name, stamp), seen, f"never sent {oaio_id}")
            self.gone = (*getattr(self, "gone", ()), (device.name, stamp))

    def resolve(self, device: SimulatedDevice) -> None:
        found = resolving.conflicts(device.device)
        if not found:
            return
        conflict = self.chance.choice(found)
        keep = self.chance.choice(resolving.SIDES)
        oaio_id = conflict.oaio_id
        with device.device.store.read() as tables:
            listed = tables.conflict(conflict.id)
            held = [edit for edit in tables.all_edits() if edit.item.id == conflict.id]
            front = self._visible(device, oaio_id)
            other = token_of(listed.version if listed else held[0].item)
            version = tables.holding(oaio_id)
        before = device.edits(oaio_id)
        try:
            made = resolving.resolve(device.device, conflict.id, keep)
        except OaioError:
            self.met["refused resolution"] += 1
            return
        self.met["resolution"] += 1
        if keep == "both":
            item = device.edits(made.oaio_id)[-1].item
            self.ledger.note(token_of(item), {other}, item.values)
        after = device.edits(oaio_id)
        if listed and after and (not before or after[-1] != before[-1]):
            item = after[-1].item
            said = f"deleted {oaio_id}" if item.deleted else f"resolved {item.values}"
            self.ledger.note(token_of(item), {other, *front}, said)
        elif not listed and keep == "front":  # its user saw the edits and gave them up
            given_up = {token_of(edit.item) for edit in before}
            if version and version.version:
                self.ledger.seen.setdefault(token_of(version.version), set()).update(given_up)
                self.ledger.said.setdefault(token_of(version.version), "")
            self.gone = (*getattr(self, "gone", ()), *given_up)

    def sync(self, device: SimulatedDevice) -> None:
        ended = device.sync(faults=self.chance.choice([0, 0.3, 0.6]), crashes=self.chance.choice([0, 0, 0.1]))
        self.met[f"sync ended by {ended}"] += bool(ended)

    def change_right(self, device: SimulatedDevice) -> None:
        del device
        known = [
            oaio_id for oaio_id in self.server.objects if self.server.objects[oaio_id].rights.get("alice")
        ]
        if known:
            right = self.chance.choice(
                [AccessRight.UPDATE, AccessRight.READ, AccessRight.DELETE, AccessRight.NONE]
            )
            self.server.set_right(self.chance.choice(known), "bob", right)
            self.met["right changed"] += 1

    def step_clock(self, device: SimulatedDevice) -> None:
        device.offset = self.chance.choice([0, TEN_YEARS, -TEN_YEARS, -1_000_000])
        device.ticks = 0
        self.met["clock stepped"] += 1

    def heal(self) -> None:
        """Faults and edits end; everybody synchronises until all is quiet."""
        for _ in range(3):
            for device in self.devices:
                assert device.sync() == ""

    def check(self) -> None:
        """What has to hold when all is quiet."""
        self._check_rest()
        self._check_equal()
        self._check_nothing_lost()
        self.met["conflict"] += any(one.conflicts or one.settled for one in self.server.objects.values())
        self.met["deletion against edit"] += any(
            version.aside for one in self.server.objects.values() for version in one.versions.values()
        )

    def _check_rest(self) -> None:
        for device in self.devices:
            before, requests, accepted = device.dump(), device.wire.requests, self.server.accepted
            assert device.sync() == ""
            assert device.wire.requests == requests + 1
            assert device.dump() == before
            assert self.server.accepted == accepted

    def _check_equal(self) -> None:
        for device in self.devices:
            for oaio_id, one in self.server.objects.items():
                right = one.rights.get(device.user, AccessRight.NONE)
                held = [edit for edit in device.edits(oaio_id) if edit.held]
                assert device.edits(oaio_id) == held
                with device.device.store.read() as tables:
                    holding, seen = tables.holding(oaio_id), device.device.visible(tables, oaio_id)
                    listed = {conflict.id for conflict in tables.conflicts(oaio_id)}
                if held:
                    continue
                if right == AccessRight.NONE:
                    assert seen is None
                    assert listed == set()
                else:
                    current = one.versions[one.current]
                    assert holding is not None
                    assert holding.version == current
                    assert (seen is None) == current.deleted
                    assert listed == set(one.conflicts)

    def _check_nothing_lost(self) -> None:
        visible: set[Token] = set(getattr(self, "gone", ()))
        for one in self.server.objects.values():
            visible.add(token_of(one.versions[one.current]))
            visible |= {token_of(one.versions[key]) for key in one.conflicts}
        for device in self.devices:
            with device.device.store.read() as tables:
                visible |= {token_of(edit.item) for edit in tables.all_edits()}
        assert self.ledger.lost(visible) == set()

    def _some_object(self, device: SimulatedDevice) -> str:
        with device.device.store.read() as tables:
            known = [
                one.oaio_id
                for one in tables.holdings()
                if device.device.visible(tables, one.oaio_id) is not None
            ]
        return self.chance.choice(known) if known else ""

    def _visible(self, device: SimulatedDevice, oaio_id: str) -> set[Token]:
        with device.device.store.read() as tables:
            own, holding = tables.edits(oaio_id), tables.holding(oaio_id)
        if own:
            return {token_of(own[-1].item)}
        return {token_of(holding.version)} if holding and holding.version else set()


def close(world: World) -> None:
    for device in world.devices:
        device.device.store.close()
