"""What the operating system and libraries raise becomes one of ours, and tells no secret."""

import builtins
import errno
import os

import pytest

from oaio_storage.errors import (
    BadAnswer,
    CallerError,
    DeviceError,
    OaioError,
    QuotaExceeded,
    StorageError,
    TryAgain,
    leaves,
)
from oaio_storage.hosts.foreign import OS_ERRORS, ours

OF_PROCESSES = {ChildProcessError, ProcessLookupError, InterruptedError, OSError}
BRANCHES = {CallerError, DeviceError, StorageError, TryAgain}


def test_every_kind_of_system_error_has_a_row() -> None:
    kinds = {kind for kind in vars(builtins).values() if isinstance(kind, type) and issubclass(kind, OSError)}
    found = {kind: ours(kind(), OS_ERRORS, "failed") for kind in kinds - OF_PROCESSES}
    assert len(found) > 10
    assert not [kind for kind, error in found.items() if isinstance(error, BadAnswer)]


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_number_becomes_a_leaf_with_its_reason(number: int) -> None:
    error = ours(OSError(number, os.strerror(number)), OS_ERRORS, "Local: can't read 'a'")
    assert type(error) in set(leaves()) - BRANCHES
    assert str(error) == f"Local: can't read 'a': {os.strerror(number)}"


def test_numbers_go_before_classes() -> None:
    assert isinstance(ours(PermissionError(errno.ENOSPC, "full"), OS_ERRORS, "failed"), QuotaExceeded)


def test_the_text_of_foreign_errors_is_not_told() -> None:
    error = ours(ValueError("https://user:secret@host"), OS_ERRORS, "failed")
    assert isinstance(error, OaioError)
    assert "secret" not in f"{error}{error.hint}"
    assert "ValueError" in str(error)
