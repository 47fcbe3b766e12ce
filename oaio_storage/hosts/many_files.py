"""The methods of a host that move many files; what they do is written in :mod:`oaio_storage.hosts.bulk`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, cast, final

from oaio_storage.hosts.guarantees import Expect
from oaio_storage.progress import Report, ignore

if TYPE_CHECKING:
    from oaio_storage.hosts.api import CshApi
    from oaio_storage.hosts.bulk import Moved


class ManyFiles:
    """The part of a :class:`~oaio_storage.hosts.api.CshApi` that moves many files."""

    @final
    def put_files(
        self, files: Iterable[tuple[str, Path]], *, expect: Expect = None, report: Report = ignore
    ) -> "Moved":
        """Store local files under the given paths; see :func:`oaio_storage.hosts.bulk.put_files`."""
        from oaio_storage.hosts import bulk  # noqa: PLC0415 - starts no thread pool machinery before it is needed

        return bulk.put_files(self._host, files, expect=expect, report=report)

    @final
    def get_files(
        self, files: Iterable[tuple[str, Path, int | None, str | None]], *, report: Report = ignore
    ) -> "Moved":
        """Fetch files to local places; see :func:`oaio_storage.hosts.bulk.get_files`."""
        from oaio_storage.hosts import bulk  # noqa: PLC0415 - same

        return bulk.get_files(self._host, files, report=report)

    @final
    def copy_files(self, files: Iterable[tuple[str, str, int]], *, report: Report = ignore) -> "Moved":
        """Copy files on the host; see :func:`oaio_storage.hosts.bulk.copy_files`."""
        from oaio_storage.hosts import bulk  # noqa: PLC0415 - same

        return bulk.copy_files(self._host, files, report=report)

    @final
    def delete_files(self, paths: Iterable[str], *, report: Report = ignore) -> "Moved":
        """Remove exactly these files; see :func:`oaio_storage.hosts.bulk.delete_files`."""
        from oaio_storage.hosts import bulk  # noqa: PLC0415 - same

        return bulk.delete_files(self._host, paths, report=report)

    @property
    def _host(self) -> "CshApi":
        return cast("CshApi", self)
