"""Options that several commands have, and what they mean together."""

import sys
from pathlib import Path
from typing import Annotated

import attrs
import typer

from oaio_storage.errors import InvalidArgument

MAX_PASSWORD_BYTES = 4096


@attrs.frozen
class Common:
    """The options that stand before or after the command."""

    root: Path | None = None
    as_json: bool = False

    def but(self, root: Path | None, *, as_json: bool) -> "Common":
        """These options, where ``root`` and ``as_json`` stood after the command and win."""
        return Common(root or self.root, as_json or self.as_json)

    def client_root(self) -> Path:
        """The folder of the client.

        Raises:
            InvalidArgument: it was not named.
        """
        if self.root is None:
            raise InvalidArgument(
                "no client was named",
                "Add --root CLIENT_ROOT or set OAIO_ROOT; oaio init CLIENT_ROOT makes a new one.",
            )
        return self.root


def named_path(text: str) -> Path:
    """The path that an argument names.

    Raises:
        BadParameter: it is empty, as an unset variable of a shell is, and would mean the current folder.
    """
    if not text:
        raise typer.BadParameter("it is empty; . names the current folder")
    return Path(text)


def common(ctx: typer.Context, root: Path | None, *, as_json: bool) -> Common:
    """The options before the command in ``ctx``, and those given after it."""
    before = ctx.obj if isinstance(ctx.obj, Common) else Common()
    return before.but(root, as_json=as_json)


RootOption = Annotated[
    Path | None,
    typer.Option(
        "--root",
        metavar="CLIENT_ROOT",
        readable=False,
        help="Folder that oaio init made; else OAIO_ROOT.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PasswordOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from the first line of stdin.")
]
IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="Id of an object, or a beginning or end that only this one has.")
]


def read_password(prompt: str, *, from_stdin: bool, confirm: bool = False) -> str:
    """The password: the first line of stdin, or typed on a terminal without being shown.

    Raises:
        InvalidArgument: it is empty, too long or not UTF-8, or there is nobody to ask.
    """
    if not from_stdin:
        if not sys.stdin.isatty():
            raise InvalidArgument("no password was given", "Add --password-stdin and write it to stdin.")
        return str(typer.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True))
    line = sys.stdin.buffer.readline(MAX_PASSWORD_BYTES + 1)
    if len(line) > MAX_PASSWORD_BYTES:
        raise InvalidArgument(f"the password is longer than {MAX_PASSWORD_BYTES} bytes")
    try:
        password = line.rstrip(b"\r\n").decode()
    except UnicodeDecodeError as err:
        raise InvalidArgument("the password on stdin is not UTF-8") from err
    if not password:
        raise InvalidArgument("the password on stdin is empty", "Write it as the first line of stdin.")
    return password
