"""What the tests of publishing share: small trees, and a published one."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import attrs

from oaio_storage.hosts import CshApi
from oaio_storage.manifest import FileEntry, Manifest
from oaio_storage.publish.head import Switch
from oaio_storage.publish.staging import Staging
from oaio_storage.publish.tree import PlainTree

Files = Mapping[str, bytes]


def manifest_of(files: Files, executable: frozenset[str] = frozenset()) -> Manifest:
    return Manifest(
        {
            path: FileEntry(len(content), sha256(content).hexdigest(), path in executable)
            for path, content in files.items()
        }
    )


@attrs.define
class Site:
    """A published tree, filled from dictionaries."""

    host: CshApi
    by: str = "tester"
    allow_gap: bool = False
    sent: list[str] = attrs.field(factory=list)

    @property
    def tree(self) -> PlainTree:
        return PlainTree(
            host=self.host, name="site", by=self.by, allow_gap=self.allow_gap, sleep=lambda _seconds: None
        )

    @property
    def root(self) -> Path:
        return Path(self.tree.folders.root_folder)

    def begin(self, files: Files, *, yes: bool = True) -> Staging:
        tree = self.tree
        return tree.transactions.begin(tree.plan(manifest_of(files)), yes=yes)

    def send(self, staging: Staging, files: Files) -> None:
        self.sent = list(staging.wanted())
        for path in self.sent:
            staging.receive(path, files[path])

    def publish(self, files: Files, *, yes: bool = True) -> Switch:
        staging = self.begin(files, yes=yes)
        self.send(staging, files)
        return self.tree.transactions.commit(staging)

    def seen(self, generation: str = "") -> dict[str, bytes]:
        """What a reader of one generation finds in it."""
        with self.tree.open(generation) as opened:
            found = {}
            for path, _ in opened.folder.placed():
                with opened.folder.read(path) as stream:
                    found[path] = stream.read()
            return found

    def on_disk(self) -> dict[str, bytes]:
        """What lies in the tree's place, read as a web server does."""
        place = self.root / "site"
        return {
            str(found.relative_to(place)): found.read_bytes() for found in place.rglob("*") if found.is_file()
        }

    def litter(self) -> list[str]:
        """Publications that are under way or were left behind."""
        staging = self.root / ".oaio" / "trees" / "site" / "staging"
        return sorted(found.name for found in staging.iterdir()) if staging.is_dir() else []
