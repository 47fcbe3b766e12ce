"""What the files of a version are, also where its author did not say.

Original clients send no sizes and checksums; they are learned from the files themselves.
"""

import shutil
from contextlib import suppress
from pathlib import Path

import attrs

from oaio_storage.client.device import Device
from oaio_storage.client.hosts_pool import Hosts
from oaio_storage.client.records import Overtaken
from oaio_storage.client.reports import Tally
from oaio_storage.errors import InvalidName, OaioError
from oaio_storage.manifest import Manifest
from oaio_storage.model import Version
from oaio_storage.names import check_path, collisions
from oaio_storage.progress import Report
from oaio_storage.scan import hash_file


@attrs.frozen(kw_only=True)
class Learner:
    """Describes versions by manifests."""

    device: Device
    hosts: Hosts
    tally: Tally
    report: Report

    def described(self, version: Version, staging: Path) -> Version:
        """``version`` with the manifest of its files.

        Those of an original client are fetched into ``staging``.

        Raises:
            InvalidName: the original client attached what no host may hold.
            OaioError: the host fails.
        """
        if not version.attached or version.files is not None:
            return version
        paths = version.paths or ()
        for path in paths:
            check_path(path)
        if clashes := collisions(paths):
            raise InvalidName(f"attached files whose names clash: {', '.join(clashes[0])[:400]}")
        folder = f"{version.oaio_id}/{version.stamp}"
        moved = self.hosts.get(version.csh_id).get_files(
            [(f"{folder}/{path}", staging / path, None, None) for path in paths], report=self.report
        )
        self.tally.bytes_received += moved.bytes
        found = Manifest({path: attrs.evolve(hash_file(staging / path), executable=None) for path in paths})
        return attrs.evolve(version, files=found.text())

    def describe_conflicts(self) -> None:
        """Describe the listed conflicts that are not yet, so that they can be settled offline, too.

        What fails is tried again by the next synchronisation.
        """
        with self.device.store.read() as tables:
            unknown = [
                one for one in tables.conflicts() if one.version.attached and one.version.files is None
            ]
        for conflict in unknown:
            with suppress(OaioError, OSError):
                self._describe(conflict)

    def _describe(self, conflict: Overtaken) -> None:
        staging = self.device.staging(conflict.id)
        staging.mkdir(parents=True, exist_ok=True)
        version = self.described(conflict.version, staging)
        shutil.rmtree(staging, ignore_errors=True)
        with self.device.store.write() as tables:
            if tables.conflict(conflict.id) == conflict:
                tables.put_conflict(attrs.evolve(conflict, version=version))
