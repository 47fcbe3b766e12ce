"""The demo's second act: a folder is published, changed and rolled back while a reader looks on."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from oaio_storage.cli.demo import script
from oaio_storage.cli.demo.folders import checksums, copied, edit_files, require, require_same, unused_name
from oaio_storage.cli.demo.step import Step
from oaio_storage.cli.output import count_text, size_text
from oaio_storage.errors import NotFound
from oaio_storage.hosts.streams import sha256_of
from oaio_storage.progress import Report, ignore
from oaio_storage.publish.published import PublishedTree

Seen = dict[str, str | None]


class Publication:
    """A copy of a folder, and the tree ``site`` on a storage host of its own, both below ``work``."""

    def __init__(self, source: Path, work: Path) -> None:
        self.source, self.folder, self.www = source, work / "author" / source.name, work / "www"
        self.report: Report = ignore
        self.watched: tuple[str, ...] = ()
        self.scenes: dict[str, Callable[[str], Step]] = {
            "publish": self.publish,
            "publish again": self.publish_again,
            "roll back": self.roll_back,
        }

    def publish(self, title: str) -> Step:
        """A copy goes live for the first time."""
        copied(self.source, self.folder)
        files = checksums(self.folder)
        if len(files) == 1:
            (self.folder / unused_name(files, "second file")).write_text("so that one can be removed\n")
        done = script.publish(self.folder, self.www, self.report)
        self._require_live()
        size = size_text(done.bytes_sent)
        text = f"{count_text(done.sent, 'file')} are live in {self.www.name}/site, {size} sent"
        return Step(title, text, done.sent, done.bytes_sent)

    def publish_again(self, title: str) -> Step:
        """Changes go live at once; only what is new is sent."""
        before = checksums(self.folder)
        changed, removed, added = edit_files(self.folder)
        after = checksums(self.folder)
        self.watched = (changed, removed, *added)
        with self._watching(before, after) as looks:
            done = script.publish(self.folder, self.www, self.report)
        self._require_live()
        new = {checksum for name, checksum in after.items() if checksum not in before.values()}
        require(done.sent == len(new), f"exactly the {len(new)} files that changed were sent")
        text = (
            f"{count_text(done.sent, 'file')} of {len(after)} sent ({size_text(done.bytes_sent)}); "
            f"a reader looked {len(looks)} times and never saw a mix"
        )
        return Step(title, text, done.sent, done.bytes_sent)

    def roll_back(self, title: str) -> Step:
        """What was live before is live again."""
        after = checksums(self.folder)
        parent = self._tree().history()[-2].generation
        before = {path: entry.checksum for path, entry in self._tree().manifest(parent).items()}
        with self._watching(after, before) as looks:
            switch = script.roll_back(self.www)
        require_same(checksums(self.www / "site"), before, "the site")
        self._require_sound()
        text = (
            f"{count_text(switch.files, 'file')} as before, none sent; the reader looked {len(looks)} times"
        )
        return Step(title, text, switch.files)

    def _tree(self) -> PublishedTree:
        return script.site(self.www)

    def _require_live(self) -> None:
        require_same(checksums(self.folder), checksums(self.www / "site"), "the site")
        self._require_sound()

    def _require_sound(self) -> None:
        require(not self._tree().verify().faults, "all that is kept of the site is sound")

    @contextmanager
    def _watching(self, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[list[Seen]]:
        """A reader in a tight loop that has to see ``before``, then ``after``, and nothing else."""
        states = [{path: state.get(path) for path in self.watched} for state in (before, after)]
        seen: list[Seen] = []
        stopping = threading.Event()
        failure: list[Exception] = []

        def watch() -> None:
            try:
                while not stopping.is_set():
                    seen.append(self._look())
                    if seen[-1] not in states:
                        return
            except Exception as err:  # noqa: BLE001 - told in the thread that waits for it
                failure.append(err)

        reader = threading.Thread(target=watch)
        reader.start()
        try:
            yield seen
        finally:
            stopping.set()
            reader.join()
        if failure:
            raise failure[0]
        seen.append(self._look())
        at = [states.index(one) if one in states else -1 for one in seen]
        require(
            -1 not in at and at == sorted(at), "the reader saw the old tree, then the new one, and no mix"
        )

    def _look(self) -> Seen:
        """The checksums of what may change, in one generation; None for what is not there."""
        found: Seen = dict.fromkeys(self.watched)
        with self._tree().open() as opened:
            for path in self.watched:
                with suppress(NotFound), opened.read(path) as content:
                    found[path] = sha256_of(content)
        return found
