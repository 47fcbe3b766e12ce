"""Each property of storage hosts is cited by the tests of the contract that are there for it."""

import inspect
import re

from oaio_storage.testing import HostContract

CLAUSES = set(range(1, 28))


def test_every_clause_has_a_test() -> None:
    tests = [member for name, member in inspect.getmembers(HostContract) if name.startswith("test_")]
    cited = {int(number) for test in tests for number in re.findall(r"\bB(\d+)\b", test.__doc__ or "")}
    assert cited == CLAUSES


def test_every_test_cites_a_clause() -> None:
    silent = [
        name
        for name, member in inspect.getmembers(HostContract)
        if name.startswith("test_") and not re.match(r"B\d", member.__doc__ or "")
    ]
    assert silent == []
