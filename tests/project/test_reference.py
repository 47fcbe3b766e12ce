"""Generated pages are those of the code at hand; every error can be told by a command and by the server."""

import importlib.util
from http import HTTPStatus
from pathlib import Path
from types import ModuleType

from oaio_storage.errors import EXIT_CODES, OaioError, leaves

DOCS = Path(__file__).resolve().parents[2] / "docs"


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_up_to_date() -> None:
    for path, page in _generator().PAGES.items():
        assert (DOCS / path).read_text("utf-8") == page(), f"{path} is old: make docs"


def test_every_error_has_an_exit_code_a_status_and_a_meaning() -> None:
    told = (DOCS / "reference" / "exit-codes.md").read_text("utf-8")
    for error in leaves():
        assert error.exit_code in EXIT_CODES, error
        assert error.exit_code != 0, error
        assert HTTPStatus(error.http_status) >= HTTPStatus.BAD_REQUEST, error
        assert error.__doc__ is not None
        assert error.__doc__ != (error.__base__ or OaioError).__doc__, error
        assert f"`{error.__name__}`" in told


def test_the_tree_printed_on_top_of_the_module_is_the_tree() -> None:
    import oaio_storage.errors as module  # noqa: PLC0415 - the module itself, for its docstring

    lines = [line.strip("│├└─ ") for line in (module.__doc__ or "").splitlines() if "── " in line]
    printed = [line.split(" ", maxsplit=1)[0] for line in lines]
    assert printed == [error.__name__ for error in leaves()]
