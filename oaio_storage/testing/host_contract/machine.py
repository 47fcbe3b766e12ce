"""A host can't be told from a dictionary: a hypothesis state machine."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from oaio_storage.errors import AlreadyExists, Changed, NotFound
from oaio_storage.hosts import Absent, CshApi
from oaio_storage.testing.host_contract.base import HostKit, HostSource

_PATHS = st.sampled_from(["a", "a/b", "a/b/c", "ab", "*", "x[1]", "x1", "d/e", "d/*", "d/ e"])
_CONTENTS = st.binary(max_size=40) | st.sampled_from([b"", b"one", b"two"])
_OFFSETS = st.integers(0, 50)


class HostMachine(RuleBasedStateMachine):
    """Does each step on a host and on a dictionary, and compares the outcomes."""

    def __init__(self, source: HostSource) -> None:
        super().__init__()
        self.source = source
        self.host: CshApi = source.make()
        self.model: dict[str, bytes] = {}
        self.versions: dict[str, list[str]] = {}
        self.conditions = 0
        for found in list(self.host.list()):
            self.host.delete(found.path)

    @rule(path=_PATHS, content=_CONTENTS)
    def write(self, path: str, content: bytes) -> None:
        """Store, unless a file or folder is in the way."""
        if self._is_blocked(path):
            with pytest.raises(AlreadyExists):
                self.host.write(path, content)
        else:
            self._stored(path, content, self.host.write(path, content).version)

    @rule(path=_PATHS, content=_CONTENTS)
    def create(self, path: str, content: bytes) -> None:
        """Store if absent."""
        if not self.host.guarantees.conditional_write:
            return
        content = self._own(content)
        if path in self.model or self._is_blocked(path):
            with pytest.raises(AlreadyExists):
                self.host.write(path, content, expect=Absent)
        else:
            self._stored(path, content, self.host.write(path, content, expect=Absent).version)

    @rule(path=_PATHS, content=_CONTENTS, age=st.integers(0, 3))
    def replace(self, path: str, content: bytes, age: int) -> None:
        """Store if a version, seen now or earlier, is the current one."""
        known = self.versions.get(path, [])
        if not self.host.guarantees.conditional_write or len(known) <= age or self._is_blocked(path):
            return
        expected = known[-1 - age]
        content = self._own(content)
        if path in self.model and self.host.stat(path).version == expected:
            self._stored(path, content, self.host.write(path, content, expect=expected).version)
        else:
            with pytest.raises(Changed):
                self.host.write(path, content, expect=expected)

    def _own(self, content: bytes) -> bytes:
        """Content that nothing else stored; a host that tries again tells by it who was first."""
        self.conditions += 1
        return b"%d:%b" % (self.conditions, content)

    @rule(path=_PATHS)
    def delete(self, path: str) -> None:
        """Remove; the absent too."""
        self.host.delete(path)
        self.model.pop(path, None)

    @rule(path=_PATHS, copied=_PATHS)
    def copy(self, path: str, copied: str) -> None:
        """Copy, unless something is in the way."""
        if path not in self.model:
            with pytest.raises(NotFound):
                self.host.copy(path, copied)
        elif path != copied and self._is_blocked(copied):
            with pytest.raises(AlreadyExists):
                self.host.copy(path, copied)
        else:
            assert self.host.copy(path, copied).size == len(self.model[path])
            self.model[copied] = self.model[path]

    @rule(path=_PATHS, start=_OFFSETS, end=st.none() | _OFFSETS)
    def read(self, path: str, start: int, end: int | None) -> None:
        """Read a range."""
        if path in self.model:
            assert self.host.read(path, start, end) == self.model[path][start:end]
        else:
            with pytest.raises(NotFound):
                self.host.read(path, start, end)

    @rule(folder=st.sampled_from(["", "a", "a/b", "d", "ab"]))
    def list_folder(self, folder: str) -> None:
        """List a part."""
        inside = f"{folder}/" if folder else ""
        expected = sorted((path, len(self.model[path])) for path in self.model if path.startswith(inside))
        assert sorted((found.path, found.size) for found in self.host.list(folder)) == expected

    @rule()
    def go_on_with_another_instance(self) -> None:
        """What an instance remembers must not matter."""
        self.host.close()
        self.host = self.source.make()

    @invariant()
    def holds_what_was_written(self) -> None:
        """The whole content, after every step."""
        assert {found.path: self.host.read(found.path) for found in self.host.list()} == self.model

    def teardown(self) -> None:
        """Give back connections."""
        self.host.close()

    def _stored(self, path: str, content: bytes, version: str) -> None:
        self.model[path] = content
        self.versions.setdefault(path, []).append(version)

    def _is_blocked(self, path: str) -> bool:
        return any(other.startswith(f"{path}/") or path.startswith(f"{other}/") for other in self.model)


class Machine(HostKit):
    """Group: random histories."""

    def test_it_behaves_like_a_dictionary(self, source: HostSource) -> None:
        """Histories of all operations, with names that clash and instances that change."""

        class Bound(HostMachine):
            def __init__(self) -> None:
                super().__init__(source)

        run_state_machine_as_test(
            Bound,
            settings=settings(
                max_examples=self.counts.histories,
                stateful_step_count=self.counts.steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),  # disks are slow, and one root serves all histories
            ),
        )
