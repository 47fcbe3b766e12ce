"""Write the pages of docs/ that are made from the code: ``make docs``. A test compares them."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import typer.main

from oaio_storage.cli.app import frame
from oaio_storage.cli.demo.step import Step
from oaio_storage.client import Conflict, Problem, SyncReport
from oaio_storage.errors import EXIT_CODES, OaioError, leaves
from oaio_storage.hosts import Guarantees
from oaio_storage.hosts.options import Described
from oaio_storage.hosts.probe import Latency, Probed, Row
from oaio_storage.model import OaiObject
from oaio_storage.publish.checkout import CheckedOut
from oaio_storage.publish.head import Switch
from oaio_storage.publish.results import Cleaned, Mended, Verified
from oaio_storage.publish.results import Fault as Damage
from oaio_storage.testing import Fault, HostContract, HostSource, KitCounts, ReadOnlyContract, TreeContract
from oaio_storage.testing.koofr.switches import Fault as KoofrFault
from oaio_storage.testing.koofr.switches import Switches
from oaio_storage.testing.misbehaving import LIARS
from oaio_storage.testing.misbehaving.faults import ALL

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
the command line, 0060 publishing, 0070 S3, 0080 the Koofr test server, 0090 Digi Storage, 0100
the tree store, 0110 trees over HTTP.

{decisions}
"""


def decisions_page() -> str:
    """The text of ``decisions/index.md``."""
    pages = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    titles = [page.read_text("utf-8").splitlines()[0].removeprefix("# ") for page in pages]
    lines = [f"- [{title}]({page.name})" for title, page in zip(titles, pages, strict=True)]
    return _DECISIONS.format(decisions="\n".join(lines))


_COMMANDS = """\
# The command line

Every command as `oaio COMMAND --help` tells it; this page is made by `make docs`. Options stand after the
command, `--root` and `--json` before it, too. See also [what each error means](exit-codes.md), and
[what `--json` prints](json.md).

{commands}
"""


def commands_page() -> str:
    """The text of ``reference/commands.md``."""
    root = typer.main.get_command(frame())
    context = root.context_class(root, info_name="oaio", **WIDE)
    parts = [
        f"## `{title}`\n\n<!-- not run: the help of a command -->\n```text\n{text}\n```"
        for title, text in _helps(root, context)
    ]
    return _COMMANDS.format(commands="\n\n".join(parts))


WIDE: dict[str, Any] = {
    "max_content_width": 100,
    "terminal_width": 100,
    "help_option_names": ["-h", "--help"],
}


def _helps(command: Any, context: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - typer has no public type
    """Title and help of ``command``, and of all below it."""
    yield context.command_path, inspect.cleandoc(command.get_help(context))
    for name, below in getattr(command, "commands", {}).items():
        yield from _helps(below, below.context_class(below, parent=context, info_name=name, **WIDE))


_JSON = """\
# What `--json` prints

One JSON text on standard output; this page is made by `make docs`. A command that fails prints
`{{"error": {{"code": ..., "message": ..., "hint": ...}}}}`, where `code` is the name of one of
[the errors](exit-codes.md). Bytes are numbers, paths are texts, stamps are texts of 20 digits in UTC
(`YYYYMMDDhhmmssffffff`), None is null.

| command | prints |
|---|---|
{commands}

{values}
"""

# What a command prints: a value, a list of them, or a text that a test compares with what it really prints.
_PRINTED: dict[str, type | list[type] | str] = {
    "oaio demo": "`held`, `source`, `kept` (null without `--keep`), `seconds`, "
    "`steps` (each a [Step](#step)), `script` (the lines of Python)",
    "oaio serve": "`url`, `data`; once, when it is ready",
    "oaio doctor": Probed,
    "oaio init": "`client_root`, `server`, `username`",
    "oaio login": "`client_root`, `server`, `username`",
    "oaio register": OaiObject,
    "oaio update": OaiObject,
    "oaio sync": SyncReport,
    "oaio status": "`client_root`, `server`, `username`, `device_id`, `app_id`, `csh_default_id`, "
    "`last_sync_stamp` (empty: never synchronised), `objects` (their number), `unsent` (ids), "
    "`conflicts` (each a [Conflict](#conflict)), `problems` (each a [Problem](#problem))",
    "oaio ls": [OaiObject],
    "oaio show": OaiObject,
    "oaio files": "a list of paths",
    "oaio share": "`oaio_id`, `username`, `access_right`",
    "oaio unshare": "`oaio_id`, `username`, `access_right`",
    "oaio conflicts": [Conflict],
    "oaio resolve": OaiObject,
    "oaio unregister": "`oaio_id`",
    "oaio user add": "`username`, `admin`, `data`, `created` (whether a new server was made there)",
    "oaio hosts add": Described,
    "oaio hosts ls": [Described],
    "oaio hosts rm": "`csh_id`, `objects` (how many of a server's have files there), `new_default`",
    "oaio hosts default": "`csh_id`",
    "oaio hosts rekey": "`file`",
    "oaio send": "`course`, `process_id` (of the publication at the web app), `dry_run`, `live`, `status` "
    "(lines as `git status --short`), `new`, `updated` (what the web app asked for), `removed` (null if it "
    "does not tell), `files`, `bytes`, `sent`, `bytes_sent` (of archives), `resumed` (whether an earlier "
    "call had begun it), `seconds`",
    "oaio publish": "`tree`, `generation` (the one that is live, or would be), `base` (the one before), "
    "`dry_run`, `plan` (where it was saved), `needs_yes` (whether it is refused without `--yes`), "
    "`status` (lines as `git status --short`), "
    "`repairs` (what does not look as it was put live, and is put right: a list, each a [Fault](#fault); "
    "null where nobody looked: files change, and it is no dry run), "
    "`new`, `updated`, `kept`, `removed`, `files`, `bytes`, `sent`, `bytes_sent`, "
    "`switch` (a [Switch](#switch); null if nothing was published), `seconds`",
    "oaio generations": "a list, each the fields of a [Switch](#switch), and `is_live`, `is_kept`; "
    "newest first",
    "oaio preview": "`url`, `generation`; once, when it is ready",
    "oaio rollback": Switch,
    "oaio checkout": CheckedOut,
    "oaio verify": Verified,
    "oaio gc": Cleaned,
    "oaio repair": Mended,
}


def json_page() -> str:
    """The text of ``reference/json.md``."""
    commands = "\n".join(f"| `{command}` | {_printed(what)} |" for command, what in _PRINTED.items())
    kinds = (
        OaiObject,
        SyncReport,
        Conflict,
        Problem,
        Step,
        Described,
        Probed,
        Row,
        Latency,
        Guarantees,
        Switch,
        CheckedOut,
        Verified,
        Damage,
        Cleaned,
        Mended,
    )
    return _JSON.format(commands=commands, values="\n\n".join(map(_fields, kinds)))


def _printed(what: type | list[type] | str) -> str:
    if isinstance(what, str):
        return what
    kind = what[0] if isinstance(what, list) else what
    return f"{'a list, each ' if isinstance(what, list) else ''}[{kind.__name__}](#{kind.__name__.lower()})"


def _fields(kind: Any) -> str:  # noqa: ANN401 - a class of attrs
    """The fields of ``kind`` with what its docstring says about them."""
    summary, _, attributes = inspect.cleandoc(kind.__doc__).partition("\n\nAttributes:\n")
    told, last = dict[str, str](), ""
    for line in inspect.cleandoc(attributes).splitlines():
        name, colon, text = line.partition(": ")
        if colon and not line.startswith(" "):
            told[last := name] = text
        elif last:
            told[last] += f" {line.strip()}"
    names = [field.name for field in attrs.fields(kind)]
    lines = [f"- `{name}`: {told[name]}" if name in told else f"- `{name}`" for name in names]
    summary = re.sub(r":\w+:`~?(?:\w+\.)*(\w+)`", r"`\1`", summary.replace("``", "`"))
    return f"## {kind.__name__}\n\n{summary}\n\n" + "\n".join(lines).replace("``", "`")


_CONTRACT_KIT = """\
# The contract kit: every test, count, fault and liar

This page is made by `make docs`; [the contract kit](../contract-kit.md) says how they are used. Numbers such
as B8 are the clauses of the contract of storage hosts.

{parts}
"""


def contract_kit_page() -> str:
    """The text of ``reference/contract-kit.md``."""
    groups = [group for group in HostContract.__bases__ if _tests(group)]
    parts = ["# `HostContract`", *(_tests_of(group, f"## {group.__name__}") for group in groups)]
    parts += ["# `ReadOnlyContract`\n\nAll of `Given`, and:", _tests_of(ReadOnlyContract, "")]
    parts += ["# `TreeContract`", _tests_of(TreeContract, "")]
    faults = [f"| `{fault.name}` | {fault.value} | {_operations(fault)} |" for fault in Fault]
    liars = [
        f"| `{liar.__name__}` | {_summary(liar)} | {', '.join(f'`{test}`' for test in liar.rejected_by)} |"
        for liar in LIARS
    ]
    parts += [
        "# What is given and counted",
        *map(_fields, (HostSource, KitCounts)),
        "# Faults\n\n| fault | what happens | to |\n|---|---|---|\n" + "\n".join(faults),
        "# Liars\n\n| liar | what it does | found by |\n|---|---|---|\n" + "\n".join(liars),
    ]
    return _CONTRACT_KIT.format(parts="\n\n".join(f"#{part}" if part[0] == "#" else part for part in parts))


def _summary(kind: type) -> str:
    return inspect.cleandoc(kind.__doc__ or "").splitlines()[0].replace("``", "`")


def _tests(group: type) -> dict[str, str]:
    """Names and docstrings of the tests that are defined in ``group`` itself."""
    members = {name: member for name, member in vars(group).items() if name.startswith("test_")}
    return {
        name: " ".join((member.__doc__ or "").split()).replace("``", "`") for name, member in members.items()
    }


def _tests_of(group: type, title: str) -> str:
    rows = [f"| `{name}` | {told} |" for name, told in _tests(group).items()]
    return f"{title}\n\n".lstrip() + "| test | holds |\n|---|---|\n" + "\n".join(rows)


def _operations(fault: Fault) -> str:
    return "all" if fault.applies_to == ALL else ", ".join(f"`{name}`" for name in sorted(fault.applies_to))


_KOOFR_SERVER = """\
# The Koofr test server: every switch

This page is made by `make docs`; [the Koofr test server](../koofr-server.md) says how switches are turned.

{switches}
"""


def koofr_server_page() -> str:
    """The text of ``reference/koofr-server.md``."""
    return _KOOFR_SERVER.format(switches="\n\n".join(map(_fields, (Switches, KoofrFault))))


PAGES = {
    "reference/commands.md": commands_page,
    "reference/contract-kit.md": contract_kit_page,
    "reference/exit-codes.md": exit_codes_page,
    "reference/json.md": json_page,
    "reference/koofr-server.md": koofr_server_page,
    "decisions/index.md": decisions_page,
}
"""Each generated page, below docs/, and what makes its text."""


if __name__ == "__main__":
    for path, page in PAGES.items():
        (DOCS / path).write_text(page(), "utf-8")
