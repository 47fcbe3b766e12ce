"""A host can't be told from a dictionary, whoever acts: a hypothesis state machine."""

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from oaio_storage.errors import AlreadyExists, Changed, NotFound, NotGuaranteed, OaioError
from oaio_storage.hosts import Absent, CshApi, Expect
from oaio_storage.testing.elsewhere import Elsewhere
from oaio_storage.testing.host_contract.actors import Actor, Here, There
from oaio_storage.testing.host_contract.base import HostKit, HostSource, somewhere_else

_PATHS = st.sampled_from(["a", "a/b", "a/b/c", "ab", "*", "x[1]", "x1", "d/e", "d/*", "d/ e"])
_FOLDERS = ("a", "a/b")
_CONTENTS = st.binary(max_size=40) | st.sampled_from([b"", b"one", b"two"])
_OFFSETS = st.integers(0, 50)
_KNOWN = st.tuples(st.integers(0, 9), st.integers(0, 2))
_ROUNDS = 20
_SITUATIONS = ("in the way", "absent", "fresh instance")
_CONDITIONAL = ("created", "exists already", "replaced", "stale", "removed")


class HostMachine(RuleBasedStateMachine):
    """Does each step on a host and on a dictionary, and compares the outcomes.

    Steps are taken by one instance of the host, which changes, and by another process if there is one.

    Attributes:
        met: how often each situation was.
    """

    def __init__(self, source: HostSource, there: Elsewhere | None, met: Counter[str]) -> None:
        super().__init__()
        self.source, self.there, self.met = source, there, met
        self.host: CshApi = source.make()
        self.has_conditions = self.host.guarantees.conditional_write
        self.actor: Actor = Here(self.host)
        self.model: dict[str, bytes] = {}
        self.versions: dict[str, list[str]] = {}
        self.is_flat = self.host.guarantees.flat_names
        self.conditions = 0
        for found in list(self.host.list()):
            self.host.delete(found.path)

    @rule(path=_PATHS, content=_CONTENTS)
    def write(self, path: str, content: bytes) -> None:
        """Store, unless a file or folder is in the way."""
        with (
            self._perhaps(path),
            self._ends_as(AlreadyExists if self._is_blocked(path) else None, "in the way"),
        ):
            self._stored(path, content, self.actor.write(path, content))

    @rule(path=_PATHS, content=_CONTENTS)
    def create(self, path: str, content: bytes) -> None:
        """Store if absent."""
        content = self._own(content)
        is_there = path in self.model or self._is_blocked(path)
        error = AlreadyExists if is_there else None
        with self._perhaps(path), self._ends_as(error, "exists already", "created", Absent):
            self._stored(path, content, self.actor.write(path, content, Absent))

    @precondition(lambda self: self.versions)
    @rule(known=_KNOWN, content=_CONTENTS)
    def replace(self, known: tuple[int, int], content: bytes) -> None:
        """Store if a version, seen now or earlier, is the current one."""
        path, expected = self._known(*known)
        if self._is_blocked(path):
            return
        content = self._own(content)
        error = None if self._is_current(path, expected) else Changed
        with self._ends_as(error, "stale", "replaced", expected):
            self._stored(path, content, self.actor.write(path, content, expected))

    @precondition(lambda self: self.versions)
    @rule(known=_KNOWN)
    def remove(self, known: tuple[int, int]) -> None:
        """Remove if a version, seen now or earlier, is the current one; the absent too."""
        path, expected = self._known(*known)
        is_stale = path in self.model and not self._is_current(path, expected)
        with self._ends_as(Changed if is_stale else None, "stale", "removed", expected):
            self.actor.delete(path, expected)
            self.model.pop(path, None)

    @rule(path=_PATHS)
    def delete(self, path: str) -> None:
        """Remove; the absent too."""
        self.actor.delete(path)
        self.model.pop(path, None)

    @rule(path=_PATHS, copied=_PATHS)
    def copy(self, path: str, copied: str) -> None:
        """Copy, unless something is in the way."""
        if path not in self.model:
            with self._ends_as(NotFound, "absent"):
                self.actor.copy(path, copied)
            return
        is_blocked = path != copied and self._is_blocked(copied)
        with self._perhaps(copied), self._ends_as(AlreadyExists if is_blocked else None, "in the way"):
            assert self.actor.copy(path, copied) == len(self.model[path])
            self.model[copied] = self.model[path]

    @rule(path=_PATHS, start=_OFFSETS, end=st.none() | _OFFSETS)
    def read(self, path: str, start: int, end: int | None) -> None:
        """Read a range."""
        with self._ends_as(None if path in self.model else NotFound, "absent"):
            assert self.actor.read(path, start, end) == self.model[path][start:end]

    @rule(folder=st.sampled_from(["", "a", "a/b", "d", "ab"]))
    def list_folder(self, folder: str) -> None:
        """List a part."""
        inside = f"{folder}/" if folder else ""
        expected = sorted((path, len(self.model[path])) for path in self.model if path.startswith(inside))
        assert self.actor.sizes(folder) == expected

    @rule()
    def go_on_with_another_instance(self) -> None:
        """What an instance remembers must not matter."""
        self.host.close()
        self.host = self.source.make()
        self.actor = Here(self.host)
        self.met["fresh instance"] += 1

    @rule()
    def go_on_in_another_process(self) -> None:
        """Nor in which process it is."""
        if self.there is not None:
            self.actor = There(self.there)
            self.met["another process"] += 1

    @invariant()
    def holds_what_was_written(self) -> None:
        """The whole content, after every step, seen from here."""
        assert {found.path: self.host.read(found.path) for found in self.host.list()} == self.model

    def teardown(self) -> None:
        """Give back connections."""
        self.host.close()

    @contextmanager
    def _ends_as(
        self, error: type[OaioError] | None, refused: str, done: str = "", expect: Expect = None
    ) -> Iterator[None]:
        """The step raises just ``error``, or NotGuaranteed if it has a condition that the host can't keep."""
        if expect is not None and not self.has_conditions:
            error, refused = NotGuaranteed, "refused"
        with pytest.raises(error) if error else nullcontext():
            yield
        self.met[refused if error else done] += 1

    def _known(self, number: int, age: int) -> tuple[str, str]:
        """A path that was written, and one of its versions, the current one or an older."""
        path = sorted(self.versions)[number % len(self.versions)]
        return path, self.versions[path][-1 - age % len(self.versions[path])]

    def _own(self, content: bytes) -> bytes:
        """Content that nothing else stored; a host that tries again tells by it who was first."""
        self.conditions += 1
        return b"%d:%b" % (self.conditions, content)

    def _is_current(self, path: str, version: str) -> bool:
        return path in self.model and self.host.stat(path).version == version

    def _stored(self, path: str, content: bytes, version: str) -> None:
        self.model[path] = content
        self.versions.setdefault(path, []).append(version)

    def _is_blocked(self, path: str) -> bool:
        return not self.is_flat and self._clashes(path)

    def _clashes(self, path: str) -> bool:
        return any(other.startswith(f"{path}/") or path.startswith(f"{other}/") for other in self.model)

    def _perhaps(self, path: str) -> AbstractContextManager[object]:
        """Where names are flat, a host may refuse a name that clashes, or did: some keep an empty folder."""
        is_sure = not self.is_flat or not (self._clashes(path) or path in _FOLDERS)
        return nullcontext() if is_sure else suppress(AlreadyExists)


class Machine(HostKit):
    """Group: random histories."""

    def test_it_behaves_like_a_dictionary(self, source: HostSource, host: CshApi) -> None:
        """B1, B2, B5, B9, B10, B12: all operations, names that clash, instances and processes that change.

        It goes on until every situation that there is was met.
        """
        with somewhere_else(source) if source.process else nullcontext() as there:
            wanted = {
                *(_SITUATIONS if not host.guarantees.flat_names else _SITUATIONS[1:]),
                *(_CONDITIONAL if host.guarantees.conditional_write else ["refused"]),
                *(["another process"] if there else []),
            }
            met = Counter[str]()
            for number in range(_ROUNDS):
                _run(source, there, met, self.counts.histories, self.counts.steps, number)
                if wanted <= met.keys():
                    break
            assert wanted <= met.keys(), met


def _run(  # noqa: PLR0913, PLR0917 - all that a history depends on
    source: HostSource, there: Elsewhere | None, met: Counter[str], histories: int, steps: int, number: int
) -> None:
    class Bound(HostMachine):
        def __init__(self) -> None:
            super().__init__(source, there, met)

    some = settings(
        max_examples=histories,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),  # disks are slow, and one root serves all histories
    )
    if some.derandomize:  # without a seed, each round would be the same
        seed(number)(Bound)
    run_state_machine_as_test(Bound, settings=some)
