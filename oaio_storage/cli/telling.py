"""The library's values as lines for people."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from oaio_storage.cli.output import count_text
from oaio_storage.model import FILES_KEY, NAME_KEY, ROOT_KEY, OaiObject, moment_of

if TYPE_CHECKING:
    from oaio_storage.client import Conflict, Problem


def object_line(known: OaiObject) -> str:
    """One line: right, number of files, whether it waits to be sent, id."""
    files = count_text(len(known.client_values.get(FILES_KEY, ())), "file")
    return f"{known.csh_access_right or '-'}  {files:>10}  {_state(known):<6}  {known.oaio_id}"


def object_lines(known: OaiObject) -> list[str]:
    """What there is to say about one object, values last."""
    values = {key: value for key, value in known.client_values.items() if key not in (FILES_KEY, ROOT_KEY)}
    files = known.client_values.get(FILES_KEY, [])
    lines = [
        f"id:      {known.oaio_id}",
        f"right:   {known.csh_access_right or '-'}",
        f"state:   {_state(known)}",
        f"edited:  {moment_text(known.client_stamp)}",
        f"by:      {known.username or '-'} on {known.device_id or '-'}",
    ]
    if files:
        place = known.client_values.get(ROOT_KEY, "")
        lines.append(f"files:   {len(files)} on host {known.csh_id}{f', from {place}' if place else ''}")
    body = json.dumps(values, ensure_ascii=False, indent=2, sort_keys=True)
    return [*lines, "values:", *(f"  {line}" for line in body.splitlines())]


def conflict_lines(conflicts: Iterable["Conflict"]) -> list[str]:
    """What is in front and what was overtaken, and the command that decides."""
    lines = []
    for one in conflicts:
        lines += [
            f"conflict {one.id} since {moment_text(one.since)}: {one.oaio_id}",
            f"  front: {_version_text(one.front)}",
            f"  other: {_version_text(one.other)}",
            f"  next:  oaio resolve {one.id} --keep front|other|both",
        ]
    return lines


def problem_lines(problems: Iterable["Problem"]) -> list[str]:
    """What happened, and the way out."""
    lines = []
    for one in problems:
        about = f" ({one.oaio_id})" if one.oaio_id else ""
        lines += [f"problem: {one.what}{about}", f"  next:  {one.way_out}"]
    return lines


def moment_text(stamp: str) -> str:
    """``stamp`` for people: UTC, in seconds; ``never`` for the empty one."""
    return f"{moment_of(stamp):%Y-%m-%d %H:%M:%S} UTC" if stamp else "never"


def _state(known: OaiObject) -> str:
    return "unsent" if known.client_stamp != known.server_stamp else "sent"


def _version_text(version: OaiObject | None) -> str:
    if version is None:
        return "deleted"
    parts = [f"{version.username or '-'} on {version.device_id or '-'}", moment_text(version.client_stamp)]
    if NAME_KEY in version.client_values:
        parts.append(str(version.client_values[NAME_KEY]))
    if files := version.client_values.get(FILES_KEY):
        parts.append(count_text(len(files), "file"))
    return ", ".join(parts)
