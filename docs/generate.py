"""Write the pages of docs/ that are made from the code: ``make docs``. A test compares them."""

from pathlib import Path

from oaio_storage.errors import EXIT_CODES, OaioError, leaves

DOCS = Path(__file__).resolve().parent

_EXIT_CODES = """\
# Exit codes, and every error

This page is made from `oaio_storage/errors.py` by `make docs`.

## Exit codes of `oaio`

| code | means |
|---|---|
{codes}

## Errors

Everything the library raises on purpose is below `OaioError`. The class says who must act: `CallerError`
whoever made the request, `DeviceError` the owner of this device, `StorageError` the operator of a host or
server, `TryAgain` nobody. A message says what happened and to what; `hint` says what to do next. The HTTP
status is the one with which the server answers the same error.

| error | exit code | HTTP status | means |
|---|---|---|---|
{errors}
"""


def exit_codes_page() -> str:
    """The text of ``reference/exit-codes.md``."""
    codes = "\n".join(f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items())
    errors = "\n".join(_error_row(error) for error in leaves())
    return _EXIT_CODES.format(codes=codes, errors=errors)


def _error_row(error: type[OaioError]) -> str:
    summary = (error.__doc__ or "").strip().splitlines()[0]
    branch = error.__base__ is OaioError
    name = f"**`{error.__name__}`**" if branch else f"`{error.__name__}`"
    return f"| {name} | {error.exit_code} | {error.http_status} | {summary} |"


_DECISIONS = """\
# Decisions

What was decided, why, and what was not chosen; one page each. This page is made by `make docs`. Numbers name
the room: 0001 the whole, 0010 the core, 0020 storage hosts, 0030 the server, 0040 the client, 0050
the command line.

{decisions}
"""


def decisions_page() -> str:
    """The text of ``decisions/index.md``."""
    pages = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    titles = [page.read_text("utf-8").splitlines()[0].removeprefix("# ") for page in pages]
    lines = [f"- [{title}]({page.name})" for title, page in zip(titles, pages, strict=True)]
    return _DECISIONS.format(decisions="\n".join(lines))


PAGES = {"reference/exit-codes.md": exit_codes_page, "decisions/index.md": decisions_page}
"""Each generated page, below docs/, and what makes its text."""


if __name__ == "__main__":
    for path, page in PAGES.items():
        (DOCS / path).write_text(page(), "utf-8")
