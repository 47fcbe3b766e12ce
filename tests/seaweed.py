"""Real servers of S3 on loopback, each in a process of its own: SeaweedFS, and moto."""

import contextlib
import functools
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

WEED = Path(sys.executable).with_name("weed")
KEY, SECRET = "admin", "correct-horse-battery"
REGION = "us-east-1"
READY_SECONDS = 60
WHOLE_SECONDS = 120
"""Seconds after a restart within which what cannot be read is unknown, and not absent."""

PORTS = ("master", "volume", "filer", "s3")
_RIGHTS = {
    KEY: ["Admin", "Read", "Write", "List", "Tagging"],
    "reader": ["Read", "List"],
    "keeper": ["Read", "Write", "List"],
    "blind": ["Read", "Write"],
}
"""What each user may do; the secret of all is SECRET."""


@attrs.define
class Server:
    """A server of S3.

    Attributes:
        endpoint: its address.
    """

    endpoint: str

    @functools.cached_property
    def raw(self) -> Any:  # noqa: ANN401 - botocore has no types
        """Botocore's client, to get past the backend."""
        from botocore.config import Config  # noqa: PLC0415 - slow
        from botocore.session import Session  # noqa: PLC0415 - same

        return Session().create_client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name=REGION,
            config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
        )

    def options(self, bucket: str, prefix: str = "", **more: object) -> dict[str, Any]:
        """The arguments of an S3Api on this server."""
        keys = {"access_key_id": KEY, "secret_access_key": SECRET, "region": REGION}
        return {"bucket": bucket, "prefix": prefix, "endpoint": self.endpoint, **keys, **more}

    @functools.cached_property
    def bucket(self) -> str:
        """A bucket that many share, each below a prefix: SeaweedFS makes volumes for each bucket."""
        return self.new_bucket()

    def new_prefix(self) -> str:
        """A prefix in :attr:`bucket` that nobody else uses."""
        return f"{secrets.token_hex(4)}/x"

    def new_bucket(self) -> str:
        """The name of a bucket that is empty."""
        name = f"bucket-{secrets.token_hex(6)}"
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                self.raw.create_bucket(Bucket=name)
            except Exception:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return name

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """All keys below a prefix, and those of unfinished uploads."""
        pages = self.raw.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        found = [each["Key"] for page in pages for each in page.get("Contents", ())]
        uploads = self.raw.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads", ())
        return found + [each["Key"] for each in uploads]


@attrs.define
class Weed(Server):
    """SeaweedFS; killed and started anew it is at the same address, with the same folder."""

    folder: Path
    ports: dict[str, int]
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it, and return when it answers."""
        said = (self.folder / "log").open("ab")
        (self.folder / "data").mkdir(exist_ok=True)
        (self.folder / "s3.json").write_text(json.dumps({"identities": _identities()}))
        self.process = subprocess.Popen(
            [str(WEED), *self._words()],
            stdout=said,
            stderr=said,
            cwd=self.folder,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - one call into the kernel
        )
        said.close()
        deadline = time.monotonic() + READY_SECONDS
        while not _answers(self.endpoint):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"SeaweedFS did not start: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        """End it as ``kill -9`` does. Safe to repeat."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _words(self) -> list[str]:
        both = {f"-{name}.port": port for name, port in self.ports.items()}
        grpc = {f"-{name}.port.grpc": port + 1 for name, port in self.ports.items()}
        rest = {
            "-dir": self.folder / "data",
            "-ip": "127.0.0.1",
            "-ip.bind": "127.0.0.1",
            "-filer": "true",
            "-s3": "true",
            "-s3.config": self.folder / "s3.json",
            "-s3.autoCreateBucket": "false",
            "-s3.port.iceberg": 0,
            "-s3.port.lance": 0,
            "-master.telemetry": "false",
            "-master.volumeSizeLimitMB": 256,
            "-volume.max": 400,
        }
        return ["server", *(f"{name}={value}" for name, value in {**both, **grpc, **rest}.items())]


def _identities() -> list[dict[str, Any]]:
    return [
        {"name": name, "credentials": [{"accessKey": name, "secretKey": SECRET}], "actions": actions}
        for name, actions in _RIGHTS.items()
    ]


def _die_with_parent() -> None:
    """Let the kernel end this process with the one that started it, however that ends."""
    import ctypes  # noqa: PLC0415 - only in the child

    set_parent_death_signal = 1  # prctl(2)
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL, 0, 0, 0)


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses, each with the next one free too, below those that connections get."""
    found: list[int] = []
    start = 20_000 + os.getpid() * 16 % 12_000
    for port in range(start, start + 4_000, 2):
        with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", port))
            other.bind(("127.0.0.1", port + 1))
            found.append(port)
            if len(found) == count:
                break
    return found


@contextlib.contextmanager
def seaweed() -> Iterator[Weed]:
    """A SeaweedFS of its own, in a folder that is removed."""
    folder = Path(tempfile.mkdtemp(prefix="oaio-weed-"))
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    server = Weed(f"http://127.0.0.1:{ports['s3']}", folder, ports)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


_MOTO = """
import sys, threading
import moto.server as server

one = threading.Lock()
call = server.DomainDispatcherApplication.__call__

def alone(self, environ, start_response):
    with one:
        return list(call(self, environ, start_response))

server.DomainDispatcherApplication.__call__ = alone
server.main(sys.argv[1:])
"""


@contextlib.contextmanager
def moto() -> Iterator[Server]:
    """A moto server of its own, which keeps everything in memory.

    It answers one request after the other: moto looks at a condition and stores in two steps.
    """
    code = _MOTO
    command = [sys.executable, "-W", "ignore", "-c", code, "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        try:
            port = next(found[1] for line in process.stderr if (found := re.search(r":(\d+)$", line.strip())))
            process.stderr.close()
            yield Server(f"http://127.0.0.1:{port}")
        finally:
            process.kill()
