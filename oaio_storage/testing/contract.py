"""The base of contract kits: a test of the contract is never replaced by accident."""

from collections.abc import Callable
from typing import Any, TypeVar

Test = TypeVar("Test", bound=Callable[..., Any])
_MARK = "_replaces_a_contract_test"


def replaces(test: Test) -> Test:
    """Mark a test that stands in for the contract test of its name, for a reason that its docstring gives."""
    setattr(test, _MARK, True)
    return test


class Contract:
    """Base of contract kits.

    Raises:
        TypeError: a subclass hides a contract test without :func:`replaces`, or replaces none.
    """

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        for name, member in vars(cls).items():
            if not name.startswith("test_"):
                continue
            is_inherited = any(hasattr(base, name) for base in cls.__bases__)
            if is_inherited != getattr(member, _MARK, False):
                verb = "hides the" if is_inherited else "replaces no"
                raise TypeError(f"{cls.__name__}.{name} {verb} contract test of this name")
