"""A device with the unchanged original client: one JSON command on each line, one JSON answer for each.

Run as ``python original_device.py HOST USER PASSWORD DEVICE CLIENT_ROOT``.
"""

import json
import shutil
import sys
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ae.cloud_storage import CshApiBase  # type: ignore[import-not-found]  # installed for that interpreter alone
from ae.oaio_client import OaioClient  # type: ignore[import-not-found]  # same

Foreign: TypeAlias = Any  # what this environment has no types of


class LocalApi(CshApiBase):  # type: ignore[misc]  # the base's types are not known here
    """The storage host ``Local`` as an application of the original would write it."""

    def __init__(self, root_folder: str) -> None:
        super().__init__()
        self.root = Path(root_folder)

    def deployed_file_content(self, file_path: str) -> bytes | None:
        found = self.root / file_path
        return found.read_bytes() if found.is_file() else None

    def deploy_file(self, file_path: str, source_path: str = "") -> str:
        target = self.root / file_path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source_path or file_path, target)
        return file_path

    def delete_file_or_folder(self, file_path: str) -> str:
        found = self.root / file_path
        if found.is_dir():
            shutil.rmtree(found)
        else:
            found.unlink(missing_ok=True)
        return ""


def plain(value: Foreign) -> Foreign:
    """``value`` as JSON can carry it."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return {key: plain(one) for key, one in value.items()} if isinstance(value, dict) else value


def run(client: Foreign, method: str, args: list[Foreign]) -> Foreign:
    """The answer to one command: a method with its arguments, or an attribute."""
    attribute = getattr(client, method)
    return plain(attribute(*args) if callable(attribute) else attribute)


def main(host: str, user: str, password: str, device: str, root: str) -> None:
    """Answer commands until the input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr  # the client prints what it likes
    client = OaioClient(
        host,
        {"username": user, "password": password},
        app_id="app",
        device_id=device,
        csh_default_id="Local",
        client_root=root,
    )
    for line in sys.stdin:
        method, *args = json.loads(line)
        try:
            answer = {"result": run(client, method, args), "error": client.error_message}
        except Exception as err:  # noqa: BLE001 - whatever it raises is what the test wants to see
            answer = {"raised": repr(err), "error": client.error_message}
        client.error_message = ""
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
