"""What the original client sends: the same requests in the same order, its faults included.

    python original_client.py upload FOLDER API COURSE --token-file F --process-file P
    python original_client.py publish API COURSE --token-file F --process-file P

Two runs, as of the original: the first one sends, the second one publishes; between them the process id lies
in a file. Any answer but 200 ends the run with status 1 and its text on stderr. Nothing is tried again.
"""

import argparse
import hashlib
import io
import json
import os
import sys
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import requests

BIG_FILE = 50 * 1024 * 1024
"""Bytes that a file has at most to be sent together with others."""
CHUNK = 4 * 1024 * 1024
"""Bytes that a packed body has at most to be sent whole, if it could be parted."""


class RefusedError(Exception):
    """An answer other than 200; its text is what the user is shown."""


@attrs.define
class OriginalClient:
    """One course at one server.

    Attributes:
        api: ends in a slash.
        token: what the header shows behind ``Bearer``.
        process_file: where the process id lies between the two runs.
        big: as ``BIG_FILE``; tests make it smaller.
        chunk: as ``CHUNK``.
    """

    api: str
    course: str
    token: str = attrs.field(repr=False)
    process_file: Path
    big: int = BIG_FILE
    chunk: int = CHUNK

    def upload(self, folder: Path) -> None:
        """The first run: select-files, then upload-files as often as it takes."""
        manifest = json.dumps(manifest_of(folder))
        answer = self._checked(
            requests.post(
                self._url("select-files"), headers=self._headers(), files={"manifest_client": manifest}
            )
        ).json()
        process = answer["process_id"]
        self.process_file.write_text(json.dumps({"process_id": process}), encoding="utf-8")
        names = [*answer["files_new"], *answer["files_update"]] if answer["exist"] else [""]
        sizes = {name: (folder / name).stat().st_size for name in names}  # of a folder: its inode's
        big = [name for name in names if sizes[name] > self.big]
        small = [name for name in names if sizes[name] <= self.big]
        self._send_big(folder, process, big, ends=not small)
        if small:
            self._send_small(folder, process, small, last=True)

    def publish(self) -> None:
        """The second run: publish-files, a GET with a body; the process id is forgotten before."""
        process = json.loads(self.process_file.read_text(encoding="utf-8"))["process_id"]
        self.process_file.unlink()
        url = self._url("publish-files")
        self._checked(requests.get(url, headers=self._headers(), json={"process_id": process}))

    def _send_big(self, folder: Path, process: str, names: Sequence[str], *, ends: bool) -> None:
        headers = self._headers()  # one for all of them: what a file leaves in it, the next one sends too
        for index, name in enumerate(names):
            is_last = ends and index == len(names) - 1
            body = packed(folder, [name])
            if len(body) <= self.chunk:
                self._send_form(headers, process, body, last=is_last)
                continue
            headers |= {
                "Content-Type": "application/octet-stream",
                "X-Process-ID": process,
                "X-Chunk-Size": str(self.chunk),
                "X-File-Index": str(index),
            }
            if is_last:
                headers["X-Last-File"] = "True"
            for start, end in parts(len(body), self.chunk):
                headers |= {"X-Chunk-Index": str(start), "X-Chunk-Offset": str(end)}
                if end == len(body):
                    headers["X-Last-Chunk"] = "True"
                url = self._url("upload-files")
                self._checked(requests.post(url, headers=headers, data=body[start:end]))

    def _send_small(self, folder: Path, process: str, names: Sequence[str], *, last: bool) -> None:
        body = packed(folder, names)
        if len(body) <= self.chunk or len(names) == 1:
            self._send_form(self._headers(), process, body, last=last)
            return
        half = len(names) // 2
        self._send_small(folder, process, names[:half], last=False)
        self._send_small(folder, process, names[half:], last=last)

    def _send_form(self, headers: dict[str, str], process: str, body: bytes, *, last: bool) -> None:
        fields = {"process_id": process, "last_file": str(last)}
        url = self._url("upload-files")
        self._checked(requests.post(url, headers=headers, data=fields, files={"file": body}))

    def _url(self, action: str) -> str:
        return f"{self.api}{self.course}/{action}"

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @staticmethod
    def _checked(answer: requests.Response) -> requests.Response:
        if answer.status_code != 200:
            raise RefusedError(f"{answer.status_code}: {answer.text}")
        return answer


def manifest_of(folder: Path) -> dict[str, dict[str, Any]]:
    """All files below ``folder`` except those with a dot in front of a name in their path; links are followed
    to files, not to folders."""
    found = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith("."):
                path = Path(place, name)
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                entry = {"mtime": path.stat().st_mtime_ns, "checksum": f"sha256:{digest}"}
                found[os.path.relpath(path, folder)] = entry
    return found


def packed(folder: Path, names: Sequence[str]) -> bytes:
    """A tar.gz of the files ``names``, or of all that is in ``folder``, for ``[""]``, as it is."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as tar:
        for name in names:
            tar.add(folder / name, arcname=name or ".")
    return body.getvalue()


def parts(size: int, most: int) -> Iterator[tuple[int, int]]:
    """Where the pieces of ``size`` bytes begin and end."""
    for start in range(0, size, most):
        yield start, min(start + most, size)


def main() -> int:
    """Run as a program; its exit status."""
    options = argparse.ArgumentParser()
    actions = options.add_subparsers(dest="action", required=True)
    actions.add_parser("upload").add_argument("folder", type=Path)
    actions.add_parser("publish")
    for action in actions.choices.values():
        action.add_argument("api")
        action.add_argument("course")
        action.add_argument("--token-file", type=Path, required=True)
        action.add_argument("--process-file", type=Path, required=True)
    given = options.parse_args()
    token = given.token_file.read_text(encoding="utf-8").strip()
    client = OriginalClient(given.api, given.course, token, given.process_file)
    try:
        if given.action == "upload":
            client.upload(given.folder)
        else:
            client.publish()
    except RefusedError as err:
        sys.stderr.write(f"{err}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
