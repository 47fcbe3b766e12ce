"""Whole folders are reached through wrappers that hand on, and never around those that forbid or plan."""

from pathlib import Path

import pytest

from oaio_storage.errors import NotGuaranteed
from oaio_storage.hosts import CshApi, DryRun, Limit, ReadOnly, Retry
from oaio_storage_local import LocalApi


def test_what_hands_on_hands_on_folders(tmp_path: Path) -> None:
    host: CshApi = Retry(Limit(LocalApi(str(tmp_path)), 4))
    assert host.folders.root_folder == str(tmp_path)


@pytest.mark.parametrize("kind", [ReadOnly, DryRun])
def test_what_forbids_changes_forbids_those_of_folders(tmp_path: Path, kind: type[CshApi]) -> None:
    with pytest.raises(NotGuaranteed):
        _ = kind(LocalApi(str(tmp_path))).folders  # type: ignore[call-arg]  # both take the inner host
