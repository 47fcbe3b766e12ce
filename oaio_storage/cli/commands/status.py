"""``oaio status``."""

import typer

from oaio_storage.cli.opening import opened
from oaio_storage.cli.options import JsonOption, RootOption, common
from oaio_storage.cli.output import answer, count_text
from oaio_storage.cli.telling import moment_text, problem_lines
from oaio_storage.model import OLDEST_SYNC_STAMP


def status(ctx: typer.Context, *, root: RootOption = None, as_json: JsonOption = False) -> None:
    """Tell what waits: unsent edits, conflicts, problems.

    Says what this client knows, without asking the server.

    Example: oaio status
    """
    options = common(ctx, root, as_json=as_json)
    with opened(options) as client:
        known = list(client.client_objectz.values())
        unsent = sorted(one.oaio_id for one in known if one.client_stamp != one.server_stamp)
        conflicts, problems = client.conflicts(), client.problems()
        last = client.last_sync_stamp
        told = {
            "client_root": options.client_root().absolute(),
            "server": client.remote.url,
            "username": client.user_name,
            "device_id": client.device_id,
            "app_id": client.app_id,
            "csh_default_id": client.csh_default_id,
            "last_sync_stamp": "" if last == OLDEST_SYNC_STAMP else last,
            "objects": len(known),
            "unsent": unsent,
            "conflicts": conflicts,
            "problems": problems,
        }
    lines = [
        f"{told['username']} on {told['device_id']} at {told['server']}",
        f"last synchronisation: {moment_text(str(told['last_sync_stamp']))}",
        ", ".join(
            (
                count_text(len(known), "object"),
                f"{len(unsent)} unsent",
                count_text(len(conflicts), "conflict"),
                count_text(len(problems), "problem"),
            )
        ),
        *problem_lines(problems),
    ]
    answer(told, *lines, as_json=options.as_json)
