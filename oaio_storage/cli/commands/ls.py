"""``oaio ls``."""

import typer

from oaio_storage.cli.opening import opened
from oaio_storage.cli.options import JsonOption, RootOption, common
from oaio_storage.cli.output import answer
from oaio_storage.cli.telling import object_line


def ls(ctx: typer.Context, *, root: RootOption = None, as_json: JsonOption = False) -> None:
    """List the objects that this client knows.

    Each line: your right (C creator, D delete, U update, r read), the number of files, the id.

    Example: oaio ls --json
    """
    options = common(ctx, root, as_json=as_json)
    with opened(options) as client:
        known = [client.client_objectz[oaio_id] for oaio_id in sorted(client.client_objectz)]
    answer(known, *map(object_line, known), as_json=options.as_json)
