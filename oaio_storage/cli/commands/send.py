"""``oaio send``."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oaio_storage.cli.hints import hints_filled
from oaio_storage.cli.options import JsonOption, common, named_path
from oaio_storage.cli.output import answer, count_text, size_text
from oaio_storage.cli.progressing import progress
from oaio_storage.cli.publishing import YesOption, checked_folder, confirmed, hash_cache
from oaio_storage.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from oaio_storage.file_transfer.client import Sent

TOKEN_VARIABLE = "OAIO_TRANSFER_TOKEN"  # noqa: S105 - the name of a variable
_MAX_TOKEN_FILE = 1 << 16

FolderArgument = Annotated[
    Path, typer.Argument(metavar="FOLDER", parser=named_path, help="Folder to send; it is only read.")
]
ApiOption = Annotated[
    str, typer.Option("--api", metavar="URL", help="Address of the web app, above that of the course.")
]
CourseOption = Annotated[
    str, typer.Option("--course", metavar="NAME", help="Name of the course, as in the token.")
]
TokenOption = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="F",
        readable=False,
        help=f"File that holds the token; else {TOKEN_VARIABLE}.",
        show_default=False,
    ),
]


def send(  # noqa: PLR0913 - one parameter for each option
    ctx: typer.Context,
    folder: FolderArgument,
    *,
    api: ApiOption,
    course: CourseOption,
    token_file: TokenOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be sent.")] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a folder live at a web app that receives trees: all of it at once, or nothing.

    Only files that the web app does not have are sent. Files and folders with a dot in front of their name
    are left out, and what .oaioignore in FOLDER names. A call that was cut off is gone on with by the next.

    Without https:// or http:// in front, the address is taken for https, except for localhost and 127.0.0.1.

    Example: oaio send ./public --api https://example.org/transfer --course site --token-file token.txt
    """
    from oaio_storage.config import state_folder  # noqa: PLC0415 - not needed for --help
    from oaio_storage.file_transfer.client import send as send_folder  # noqa: PLC0415 - same

    opts, begun = common(ctx, None, as_json=as_json), time.monotonic()
    token, checked = _token(token_file), checked_folder(folder)
    state = state_folder() / "sends"

    def act(agreed: bool) -> "Sent":  # noqa: FBT001 - as confirmed calls it
        with progress() as shown, hash_cache() as cache:
            return send_folder(
                checked,
                api,
                course,
                token,
                state=state,
                yes=agreed,
                dry_run=dry_run,
                cache=cache,
                report=shown,
            )

    with hints_filled(FOLDER=folder):
        done = confirmed(act, yes=yes)
    _tell(done, round(time.monotonic() - begun, 3), as_json=opts.as_json)


def _token(file: Path | None) -> str:
    """The token from ``file``, or else from the environment.

    Raises:
        InvalidArgument: there is none.
        NotFound: there is no such file.
    """
    if file is None:
        if token := os.environ.get(TOKEN_VARIABLE, "").strip():
            return token
        raise InvalidArgument("no token was given", f"Add --token-file FILE, or set {TOKEN_VARIABLE}.")
    try:
        with file.open("rb") as opened:
            content = opened.read(_MAX_TOKEN_FILE)
    except FileNotFoundError as err:
        raise NotFound(f"there is no file {file}", "Name the file that holds the token.") from err
    except OSError as err:
        raise InvalidArgument(f"can't read {file}: {err.strerror}", "Name the file with the token.") from err
    return content.decode("ascii", "replace").strip()


def _tell(done: "Sent", seconds: float, *, as_json: bool) -> None:
    changes = sorted([(path, "A") for path in done.new] + [(path, "M") for path in done.update])
    status = [f"{mark}  {path}" for path, mark in changes]
    told = {
        "course": done.course,
        "process_id": done.process_id,
        "dry_run": not done.live,
        "live": done.live,
        "status": status,
        "new": len(done.new),
        "updated": len(done.update),
        "removed": done.removed,
        "files": done.files,
        "bytes": done.bytes,
        "sent": done.sent,
        "bytes_sent": done.bytes_sent,
        "resumed": done.resumed,
        "seconds": seconds,
    }
    answer(
        told, *status, _summary(done, seconds), as_json=as_json, done=f"{done.course}: is live" * done.live
    )


def _summary(done: "Sent", seconds: float) -> str:
    removed = "" if done.removed is None else f", {done.removed} removed"
    counts = f"{done.course}: {len(done.new)} new, {len(done.update)} to update{removed}"
    if not done.live:
        return f"{counts}; nothing was sent"
    sent = f"{count_text(done.sent, 'file')} sent ({size_text(done.bytes_sent)})"
    resumed = "; an earlier call was gone on with" if done.resumed else ""
    return f"{counts}; {sent}{resumed}; {done.course} is live; {seconds:.1f} s"
