"""A host around a host that fails by a plan: :class:`FaultHost`."""

from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, TypeVar

import attrs

from oaio_storage.errors import NotFound
from oaio_storage.hosts import CshApi, Expect, Stat, Wrapper, roots
from oaio_storage.names import STATE_FOLDER
from oaio_storage.testing.misbehaving.faults import Fault, Faults

Answer = TypeVar("Answer")


@attrs.frozen(eq=False)
class FaultHost(Wrapper):
    """``inner``, with the faults of a plan.

    Each call of a hook is one operation: a read of a range, a stat, a whole listing, a write, a copy, a
    deletion, an exchange, a clean-up. Streams read by ranges, each of them one operation; making a root is
    what it is made of. Contents are held in memory.

    Attributes:
        inner: the host that does the work; not closed with this one, so that it survives a crash.
        faults: the plan and the record, shared by all hosts of one client.
        folder: where ``inner`` is bound to, as far as the record shall tell: empty, or ending in ``/``.
    """

    faults: Faults = attrs.field(factory=Faults)
    folder: str = ""

    @property
    def state(self) -> CshApi:
        """The state folder of ``inner``, by the same plan."""
        return attrs.evolve(self, inner=self.inner.state, folder=f"{STATE_FOLDER}/")

    def close(self) -> None:
        """Leave ``inner`` open."""

    def _open(self, path: str) -> None:  # noqa: ARG002 - the hook's signature
        return None

    def _create_root(self) -> str:
        return roots.create_marker(self.state)

    # ---- asking

    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        fault = self._next("read", path)
        if fault is Fault.STALE and self._is_remembered(path):
            return self._older(path)[start:end]
        content = self._asked(fault, lambda: self.inner.read(path, start, end, version))
        return _damaged(fault, content) if fault in _PARTIAL else content

    def _stat(self, path: str) -> Stat:
        fault = self._next("stat", path)
        if fault is Fault.STALE and self._is_remembered(path):
            return Stat(path, len(self._older(path)), "stale")
        return self._asked(fault, lambda: self.inner.stat(path))

    def _list(self, folder: str) -> Iterator[Stat]:
        fault = self._next("list", folder)
        found = self._asked(fault, lambda: list(self.inner.list(folder)))
        page = slice(1, 1 + max(1, len(found) // 3))
        if fault is Fault.STALE:
            return iter(self._listed_before(folder, found))
        if fault is Fault.PAGE_LOST:
            return iter(found[: page.start] + found[page.stop :])
        return iter(found + found[page] if fault is Fault.PAGE_REPEATED else found)

    def _sign_url(self, path: str, seconds: int) -> str:
        return self._asked(self._next("sign_url", path), lambda: self.inner.sign_url(path, seconds))

    # ---- changing

    def _write(
        self,
        path: str,
        source: BinaryIO,
        size: int | None,  # noqa: ARG002 - whoever calls the hook checks it
        expect: Expect,
        headers: Mapping[str, str],
    ) -> Stat:
        content = source.read()
        fault = self._next("write", path)

        def write(sent: bytes) -> Stat:
            self._remember(path)
            stored = self.inner.write(path, sent, expect=expect, headers=headers)
            return attrs.evolve(stored, size=len(content))

        return self._stored(fault, content, write)

    def _copy(self, source: str, target: str) -> Stat:
        fault = self._next("copy", source)
        if fault in _PARTIAL:
            return self._stored(fault, self.inner.read(source), lambda sent: self.inner.write(target, sent))

        def copy() -> Stat:
            self._remember(target)
            return self.inner.copy(source, target)

        return self._changed(fault, copy)

    def _delete(self, path: str, expect: str | None) -> None:
        def delete() -> None:
            self._remember(path)
            self.inner.delete(path, expect=expect)

        self._changed(self._next("delete", path), delete)

    def _swap_folders(self, a: str, b: str) -> None:
        self._changed(self._next("swap_folders", a), lambda: self.inner.swap_folders(a, b))

    def _clean_up(self, older_than: float) -> int:
        return self._changed(self._next("clean_up", ""), lambda: self.inner.clean_up(older_than))

    # ---- faults

    def _next(self, operation: str, path: str) -> Fault | None:
        return self.faults.next(operation, f"{self.folder}{path}")

    @staticmethod
    def _asked(fault: Fault | None, ask: Callable[[], Answer]) -> Answer:
        if fault is not None and fault.is_told:
            raise fault.error
        return ask()

    def _stored(self, fault: Fault | None, content: bytes, write: Callable[[bytes], Stat]) -> Stat:
        if fault in _PARTIAL:
            stored = write(_damaged(fault, content))
            if fault.is_told:
                raise fault.error
            return attrs.evolve(stored, size=len(content))
        return self._changed(fault, lambda: write(content))

    def _changed(self, fault: Fault | None, change: Callable[[], Answer]) -> Answer:
        if fault is None or not fault.is_told:
            if fault is Fault.DUPLICATE:
                self.faults.later(change)
            return change()
        if fault is Fault.LATE:
            self.faults.later(change)
        if fault in _DONE:
            change()
        raise fault.error

    # ---- what was before the last change of a path

    def _remember(self, path: str) -> None:
        try:
            self.faults.before[f"{self.folder}{path}"] = self.inner.read(path)
        except NotFound:
            self.faults.before[f"{self.folder}{path}"] = None

    def _is_remembered(self, path: str) -> bool:
        return f"{self.folder}{path}" in self.faults.before

    def _older(self, path: str) -> bytes:
        content = self.faults.before[f"{self.folder}{path}"]
        if content is None:
            raise NotFound(f"there is no file {path!r}")
        return content

    def _listed_before(self, folder: str, found: list[Stat]) -> list[Stat]:
        inside = f"{self.folder}{folder}/" if folder else self.folder
        listed = {seen.path: seen for seen in found}
        for full, content in self.faults.before.items():
            if full.startswith(inside):
                path = full.removeprefix(self.folder)
                listed.pop(path, None)
                if content is not None:
                    listed[path] = Stat(path, len(content))
        return list(listed.values())


_PARTIAL = frozenset({Fault.TORN, Fault.SHORT, Fault.FLIP, Fault.CRASH_TORN})
_DONE = frozenset({Fault.FAIL_AFTER, Fault.CRASH_AFTER})


def _damaged(fault: Fault | None, content: bytes) -> bytes:
    middle = len(content) // 2
    if fault is not Fault.FLIP:
        return content[:middle]
    return content[:middle] + bytes(byte ^ 1 for byte in content[middle : middle + 1]) + content[middle + 1 :]
