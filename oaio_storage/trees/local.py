"""What this device remembers of a tree on a host; losing it costs time and traffic only.

In a folder for each root and tree: the last head, the manifests of the last generations, which of their
contents this device sent or verified (T11), and the journal of a commit that is under way (T10). Each file is
sealed; one that is damaged is taken for missing.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Self, cast

import attrs

from oaio_storage import durable
from oaio_storage.trees.packing import Place

TEXTS_KEPT = 3
"""Manifests that stay, the latest ones."""


@attrs.frozen
class Known:
    """Which contents of a generation this device has itself sent or verified.

    Attributes:
        generation: its id; empty: of none.
        doubtful: the paths of files whose content it has not.
    """

    generation: str = ""
    doubtful: frozenset[str] = frozenset()


@attrs.define
class Journal:
    """What a commit under way has stored so far, so that a repetition sends it no more.

    Attributes:
        path: the file; None: it is kept in memory alone.
        transaction: of the commit.
        epoch: of the head, when it was last made sure that all of it is there.
        places: digest -> place of the chunks that are stored for good.
        record: id and nonce of the generation that was stored for good; empty if none was.
    """

    path: Path | None
    transaction: str
    epoch: int = 0
    places: dict[str, Place] = attrs.field(factory=dict)
    record: tuple[str, str] = ("", "")
    _is_written: bool = attrs.field(default=False, init=False)

    def begin(self, epoch: int) -> None:
        """Take note of the epoch in which all that it names was there."""
        self.epoch, self._is_written = epoch, False

    def stored(self, places: Mapping[str, Place]) -> None:
        """Add the chunks of one more pack."""
        self.places.update(places)
        self._append({"places": places})

    def recorded(self, generation: str, nonce: str) -> None:
        """Add the generation."""
        self.record = generation, nonce
        self._append({"record": self.record})

    def renew(self, transaction: str) -> None:
        """Begin another commit, which can't rely on what this one stored."""
        self.end()
        self.transaction, self.places, self.record, self._is_written = transaction, {}, ("", ""), False

    def end(self) -> None:
        """Forget it. A repeat is safe."""
        if self.path:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The one that an earlier commit left; None if there is none that can be read."""
        try:
            entries = [_unsealed(line) for line in path.read_text("utf-8").splitlines()]
            first = entries[0] or {}
            journal = cls(path, first["transaction"], first["epoch"])
            for entry in filter(None, entries[1:]):
                journal.places |= {digest: Place(*place) for digest, place in entry.get("places", {}).items()}
                journal.record = tuple(entry.get("record", journal.record))
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            return None
        journal._is_written = True
        return journal

    def _append(self, entry: dict[str, Any]) -> None:
        if self.path is None:
            return
        with suppress(OSError):
            if not self._is_written:
                entries: tuple[dict[str, Any], ...] = (
                    {"transaction": self.transaction, "epoch": self.epoch},
                    {"places": self.places},
                    {"record": self.record},
                )
                durable.write_file(self.path, "".join(map(_sealed, entries)).encode())
                self._is_written = True
            else:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(_sealed(entry))


@attrs.frozen
class LocalState:
    """What this device remembers of one tree.

    Attributes:
        folder: for this tree on this root alone; made when it is needed.
    """

    folder: Path

    @classmethod
    def of(cls, cache: Path, root: str, tree: str) -> Self:
        """That of a tree, below a folder for all of them.

        Args:
            cache: the folder for all.
            root: the id in the marker of the host's root.
            tree: the name.
        """
        return cls(cache / "trees" / root / sha256(tree.encode()).hexdigest()[:32])

    # ---- the head

    def head(self, version: str) -> bytes | None:
        """The head that had this version; None if it is not known."""
        kept = self._load("head")
        return kept["text"].encode() if kept and kept.get("version") == version else None

    def keep_head(self, version: str, text: bytes) -> None:
        """Remember a head."""
        self._store("head", {"version": version, "text": text.decode()})

    @property
    def has_head(self) -> bool:
        """Whether any head of this tree was seen."""
        return (self.folder / "head").exists()

    @property
    def is_decided(self) -> bool:
        """Whether the host was seen to decide conditions of a write in one step."""
        return (self.folder / "decided").exists()

    def keep_decided(self) -> None:
        """Remember that it was."""
        self._store("decided", {})

    # ---- manifests

    def lines(self, generation: str) -> Iterator[str] | None:
        """The lines of a stored manifest; None if they are not known."""
        path = self.folder / "texts" / generation
        try:
            file = path.open(encoding="utf-8", newline="\n")
        except OSError:
            return None
        with file:
            digest = sha256()
            with path.open("rb", buffering=0) as content:
                seal = content.read(65)
                while block := content.read(1 << 20):
                    digest.update(block)
            if seal != f"{digest.hexdigest()}\n".encode():
                return None
        return self._lines(path)

    @staticmethod
    def _lines(path: Path) -> Iterator[str]:
        with path.open(encoding="utf-8", newline="\n") as file:
            next(file)
            yield from file

    def keep_lines(self, generation: str, lines: Iterable[str]) -> None:
        """Remember a stored manifest, and forget all but the last few."""
        with suppress(OSError):
            self._keep_lines(self.folder / "texts", generation, lines)

    @staticmethod
    def _keep_lines(folder: Path, generation: str, lines: Iterable[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f"{generation}.{os.getpid()}.tmp"
        digest = sha256()
        with draft.open("wb") as file:
            file.write(b"0" * 64 + b"\n")
            for line in lines:
                content = line.encode()
                digest.update(content)
                file.write(content)
            file.seek(0)
            file.write(digest.hexdigest().encode())
        draft.replace(folder / generation)
        kept = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        for path in kept[:-TEXTS_KEPT]:
            path.unlink(missing_ok=True)

    def record(self, generation: str) -> tuple[bytes, str] | None:
        """The record of a generation, and the chunks of its stored manifest as a text; None if not known."""
        kept = self._load("record")
        if not kept or kept.get("generation") != generation:
            return None
        return bytes.fromhex(kept["content"]), kept["text"]

    def keep_record(self, generation: str, content: bytes, text: str) -> None:
        """Remember the record of a generation, instead of the last one."""
        self._store("record", {"generation": generation, "content": content.hex(), "text": text})

    # ---- what was sent or verified

    def known(self) -> Known:
        """Which contents this device has sent or verified."""
        kept = self._load("known") or {}
        return Known(kept.get("generation", ""), frozenset(kept.get("doubtful", ())))

    def keep_known(self, known: Known) -> None:
        """Remember which contents this device has sent or verified."""
        self._store("known", {"generation": known.generation, "doubtful": sorted(known.doubtful)})

    # ---- the journal

    @contextmanager
    def journal(self) -> Iterator[Path | None]:
        """The file of the journal, for one commit at a time; None while another one has it."""
        from filelock import FileLock, Timeout  # noqa: PLC0415 - checkouts do without it

        lock = FileLock(self.folder / "journal.lock")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(blocking=False)
        except (OSError, Timeout):
            yield None
            return
        try:
            yield self.folder / "journal"
        finally:
            lock.release()

    # ---- inside

    def _load(self, name: str) -> dict[str, Any] | None:
        with suppress(OSError, UnicodeDecodeError):
            return _unsealed((self.folder / name).read_text("utf-8").rstrip("\n"))
        return None

    def _store(self, name: str, fields: dict[str, Any]) -> None:
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            draft = self.folder / f"{name}.{os.getpid()}.tmp"
            draft.write_text(_sealed(fields), "utf-8")
            draft.replace(self.folder / name)


def _sealed(fields: dict[str, Any]) -> str:
    text = json.dumps(fields, separators=(",", ":"))
    return f"{sha256(text.encode()).hexdigest()[:16]} {text}\n"


def _unsealed(line: str) -> dict[str, Any] | None:
    seal, _, text = line.partition(" ")
    if seal != sha256(text.encode()).hexdigest()[:16]:
        return None
    try:
        return cast("dict[str, Any]", json.loads(text))
    except ValueError:
        return None
