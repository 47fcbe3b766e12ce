"""The account behind the Koofr test server, against a flat dictionary of paths; names and ranges."""

from collections.abc import Callable

import attrs
import pytest
from counts import COUNTS
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from oaio_storage.testing.koofr import operations
from oaio_storage.testing.koofr.account import Account
from oaio_storage.testing.koofr.changes import Change, dump, load
from oaio_storage.testing.koofr.names import Place, numbered, parse_name, parse_path
from oaio_storage.testing.koofr.nodes import File, walk
from oaio_storage.testing.koofr.operations import Clash, Condition, Content
from oaio_storage.testing.koofr.ranges import parse_range
from oaio_storage.testing.koofr.refusals import Refused

MOUNTS = ("First", "Second")
NAMES = st.sampled_from(["a", "A", "é", "É", "a (1)"])
TIMES = st.integers(0, 3)
SIZES = st.integers(0, 2)
Key = tuple[str, ...]
Where = tuple[int, Key]

MET: set[tuple[str, str]] = set()
"""Calls and how they ended, over all histories."""


@attrs.frozen
class Entry:
    """A file, or a folder if ``size`` is -1."""

    name: str
    modified: int
    size: int = -1
    body: str = ""


class Flat:
    """One mount as one dictionary; it shares nothing with what it is compared with."""

    def __init__(self) -> None:
        self.entries: dict[Key, Entry] = {(): Entry("", 0)}

    def below(self, key: Key) -> dict[Key, Entry]:
        return {each: entry for each, entry in self.entries.items() if each[: len(key)] == key}

    def problem_of_folder(self, key: Key) -> str:
        if any(self.entries[key[:n]].size >= 0 for n in range(len(key)) if key[:n] in self.entries):
            return "NotFound"
        if key not in self.entries:
            return "NotFound"
        return "NotDir" if self.entries[key].size >= 0 else ""

    def shown(self) -> dict[str, tuple[int, int]]:
        def text(key: Key) -> str:
            return "".join(f"/{self.entries[key[: n + 1]].name}" for n in range(len(key)))

        return {text(key): (entry.modified, entry.size) for key, entry in self.entries.items()}


def lowered(path: Key) -> Key:
    return tuple(name.lower() for name in path)


class AccountMachine(RuleBasedStateMachine):
    """Calls with few names, so that they meet each other; each change is written and read on its way."""

    places = Bundle("places")
    new = st.tuples(places, NAMES).map(lambda pair: (pair[0][0], (*pair[0][1], pair[1])))
    targets = new | places.filter(lambda place: place[1])

    def __init__(self) -> None:
        super().__init__()
        self.account = Account.of(*MOUNTS)
        self.ids = list(self.account.mounts)
        self.flats = {mount: Flat() for mount in self.ids}
        self.lines: list[bytes] = []
        self.bodies = 0

    def happen(self, call: str, decide: Callable[[], Change], expected: str) -> Change | None:
        MET.add((call, expected))
        if expected:
            with pytest.raises(Refused, match=expected):
                decide()
            return None
        change = decide()
        self.lines.append(dump(change))
        assert load(self.lines[-1]) == change
        used = set(self.account.references)
        released = self.account.apply(change)
        assert len(released) == len(set(released))
        assert used - set(self.account.references) == set(released)
        return change

    @initialize(target=places)
    def begin_at_the_roots(self) -> MultipleResults[Where]:
        return multiple((0, ()), (1, ()))

    @rule(target=places, place=targets, now=TIMES)
    def make_folder(self, place: Where, now: int) -> Where:
        mount, path = self.ids[place[0]], place[1]
        flat, key = self.flats[mount], lowered(path)
        expected = flat.problem_of_folder(key[:-1]) or ("AlreadyExists" if key in flat.entries else "")
        wanted = Place(mount, path)
        if self.happen("folder", lambda: operations.make_folder(self.account, wanted, now), expected):
            flat.entries[key] = Entry(path[-1], now)
        return place

    @rule(
        target=places,
        place=targets,
        entry=st.builds(Entry, st.just(""), TIMES, SIZES),
        condition=st.just(Condition()) | st.builds(Condition, st.none() | TIMES, st.none() | SIZES),
        overwrite=st.booleans(),
        autorename=st.booleans(),
        ignore=st.booleans(),
    )
    def put(  # noqa: PLR0913, PLR0917 - what a put can say
        self,
        place: Where,
        entry: Entry,
        condition: Condition,
        overwrite: bool,  # noqa: FBT001 - hypothesis gives it by name
        autorename: bool,  # noqa: FBT001 - same
        ignore: bool,  # noqa: FBT001 - same
    ) -> Where:
        mount, path = self.ids[place[0]], place[1]
        flat, key = self.flats[mount], lowered(path)
        present = flat.entries.get(key)
        is_condition = (condition.modified, condition.size) != (None, None)
        expected, stored = flat.problem_of_folder(key[:-1]), path[-1]
        if expected:
            pass
        elif overwrite or is_condition:
            if present and present.size < 0:
                expected = "NotFile"
            elif present:
                fits = condition.modified in {None, present.modified} and condition.size in {
                    None,
                    present.size,
                }
                expected = "" if fits else "Conflict"
            elif is_condition and not ignore:
                expected = "Conflict"
        elif present and not autorename:
            expected = "Conflict"
        elif present:
            tried = (f"{path[-1]} ({n})" for n in range(1, 99))
            stored = next(other for other in tried if (*key[:-1], other.lower()) not in flat.entries)
        self.bodies += 1
        content = Content(str(self.bodies), entry.size, "hash")
        clash = Clash(overwrite, autorename, condition, ignore)
        wanted = Place(mount, path)
        if self.happen(
            "put", lambda: operations.put(self.account, wanted, entry.modified, content, clash), expected
        ):
            new = Entry(stored, entry.modified, entry.size, content.body)
            flat.entries[*key[:-1], stored.lower()] = new
        return place[0], (*path[:-1], stored)

    @rule(place=places, condition=st.builds(Condition, st.none() | TIMES), if_empty=st.booleans())
    def remove(self, place: Where, condition: Condition, if_empty: bool) -> None:  # noqa: FBT001 - same
        mount, path = self.ids[place[0]], place[1]
        flat, key = self.flats[mount], lowered(path)
        below = flat.below(key)
        expected = ""
        if not key:
            expected = "NotDir"
        elif key not in below:
            expected = "NotFound"
        elif condition.modified not in {None, below[key].modified} or (if_empty and len(below) > 1):
            expected = "Conflict"
        decided = self.happen(
            "remove",
            lambda: operations.remove(self.account, Place(mount, path), condition, 9, if_empty=if_empty),
            expected,
        )
        if decided:
            for each in below:
                del flat.entries[each]
            assert str(self.account.trash[-1].place) == f"/{'/'.join(path)}"
            assert self.account.trash[-1].size == sum(max(0, entry.size) for entry in below.values())

    @rule(target=places, source=places, to=targets, modified=st.none() | TIMES)
    def copy(self, source: Where, to: Where, modified: int | None) -> Where:
        expected = self._problem(source, to, "CopyIntoSelf")
        pair = self._pair(source, to)
        if self.happen("copy", lambda: operations.copy(self.account, *pair, modified), expected):
            self._spread(source, to, modified)
        return to

    @rule(target=places, source=places, to=targets)
    def move(self, source: Where, to: Where) -> Where:
        expected = self._problem(source, to, "MoveIntoSelf")
        if not source[1]:
            expected = "BadRequest"
        pair = self._pair(source, to)
        if self.happen("move", lambda: operations.move(self.account, *pair, Condition()), expected):
            gone = self._spread(source, to, None)
            for each in gone:
                del self.flats[self.ids[source[0]]].entries[each]
        return to

    def _pair(self, source: Where, target: Where) -> tuple[Place, Place]:
        return Place(self.ids[source[0]], source[1]), Place(self.ids[target[0]], target[1])

    def _problem(self, source: Where, target: Where, into_self: str) -> str:
        key, to = lowered(source[1]), lowered(target[1])
        flat = self.flats[self.ids[target[0]]]
        if key not in self.flats[self.ids[source[0]]].entries:
            return "NotFound"
        if source[0] == target[0] and to[: len(key)] == key:
            return into_self
        return flat.problem_of_folder(to[:-1]) or ("AlreadyExists" if to in flat.entries else "")

    def _spread(self, source: Where, target: Where, modified: int | None) -> list[Key]:
        key, to = lowered(source[1]), lowered(target[1])
        below = self.flats[self.ids[source[0]]].below(key)
        for each, entry in below.items():
            new = entry
            if each == key:
                time = entry.modified if modified is None else modified
                new = attrs.evolve(entry, name=target[1][-1], modified=time)
            self.flats[self.ids[target[0]]].entries[*to, *each[len(key) :]] = new
        return list(below)

    @invariant()
    def what_is_there_is_what_the_dictionary_says(self) -> None:
        for mount, flat in self.flats.items():
            assert _shown(self.account, mount) == flat.shown()
            sizes = [entry.size for entry in flat.entries.values() if entry.size >= 0]
            assert self.account.mounts[mount].used == sum(sizes)
        bodies = [entry.body for flat in self.flats.values() for entry in flat.entries.values() if entry.body]
        assert self.account.references == {body: bodies.count(body) for body in bodies}

    def teardown(self) -> None:
        again = Account.of(*MOUNTS)
        for line in self.lines:
            again.apply(load(line))
        assert again == self.account


def _shown(account: Account, mount: str) -> dict[str, tuple[int, int]]:
    return {
        "".join(f"/{name}" for name in path): (node.modified, node.size if isinstance(node, File) else -1)
        for path, node in walk(account.mounts[mount].root)
    }


SITUATIONS = {
    *(("folder", told) for told in ("", "AlreadyExists", "NotFound", "NotDir")),
    *(("put", told) for told in ("", "Conflict", "NotFile", "NotFound", "NotDir")),
    *(("remove", told) for told in ("", "Conflict", "NotFound", "NotDir")),
    *(("copy", told) for told in ("", "AlreadyExists", "CopyIntoSelf", "NotFound")),
    *(("move", told) for told in ("", "AlreadyExists", "MoveIntoSelf", "NotFound", "BadRequest")),
}
RUNS = 40


@pytest.mark.timeout(900)  # shrinking a history that fails may take five minutes
def test_the_account_is_what_a_flat_dictionary_says() -> None:
    MET.clear()
    steps = settings(
        max_examples=COUNTS.machine_histories,
        stateful_step_count=2 * COUNTS.machine_steps,
        derandomize=False,  # else each run is the same as the one before
        database=None,
    )
    for _ in range(RUNS):
        run_state_machine_as_test(AccountMachine, settings=steps)
        if SITUATIONS <= MET:
            break
    assert set() == SITUATIONS - MET


@given(st.lists(st.sampled_from(["a", "ä", " ", "b.", "+", '"'])), st.sampled_from(["", "/", "//"]))
def test_slashes_that_add_nothing_are_dropped(names: list[str], extra: str) -> None:
    slash = extra or "/"
    assert parse_path(extra + slash.join(names) + extra) == tuple(names)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\x00", "\x1f", "\x7f", "\ud800", None, 3])
def test_what_no_name_may_be_is_refused(name: object) -> None:
    with pytest.raises(Refused, match="BadRequest"):
        parse_name(name)


@pytest.mark.parametrize(
    "name", [': ? * " < > | # % + & ;', " a ", ".a.", "a\u0308", "ä", "日本", "\x80", "~"]
)
def test_what_the_service_takes_is_taken(name: str) -> None:
    assert parse_name(name) == name
    assert parse_path(f"/{name}") == (name,)


@pytest.mark.parametrize("path", ["/a/../b", "/./a", "..", "/a\\b", "/\x01", "/" + "a/" * 201])
def test_a_path_with_such_names_is_refused(path: str) -> None:
    with pytest.raises(Refused, match="InvalidPath"):
        parse_path(path)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("a.txt", "a (1).txt"),
        ("a", "a (1)"),
        (".a", ".a (1)"),
        ("a.tar.gz", "a.tar (1).gz"),
        ("a (1).txt", "a (1) (1).txt"),
    ],
)
def test_the_number_stands_before_the_last_extension(name: str, other: str) -> None:
    assert next(numbered(name)) == other


def test_unicode_forms_are_two_names_and_letter_cases_are_one() -> None:
    composed, decomposed = Place("m", ("\u00e9",)), Place("m", ("e\u0301",))
    assert not composed.holds(decomposed)
    assert composed.holds(Place("m", ("\u00c9", "below")))


@given(st.binary(max_size=8), st.integers(0, 9), st.none() | st.integers(0, 9))
def test_a_range_is_a_slice_that_holds_something(content: bytes, first: int, last: int | None) -> None:
    expected = content[first : None if last is None else last + 1]
    header = f"bytes={first}-{'' if last is None else last}"
    if not expected:
        with pytest.raises(Refused, match="RangeNotSatisfiable"):
            parse_range(header, len(content))
    else:
        part = parse_range(header, len(content))
        assert content[part.start : part.stop] == expected


def test_a_range_can_tell_the_length_of_the_end() -> None:
    assert parse_range("bytes=-3", 10) == range(7, 10)
    assert parse_range("bytes=-30", 10) == range(10)


@pytest.mark.parametrize(
    "header", ["bytes=-", "bytes=-0", "bytes=1-0", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b"]
)
def test_what_is_no_range_is_refused(header: str) -> None:
    with pytest.raises(Refused, match="RangeNotSatisfiable") as refused:
        parse_range(header, 10)
    assert refused.value.headers == {"Content-Range": "bytes */10"}
