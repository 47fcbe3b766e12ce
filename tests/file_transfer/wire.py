"""What a client sends, made by hand: manifests, archives, tokens and the requests of a publication."""

import io
import tarfile
import time
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from typing import Any

import attrs
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

ISSUER, COURSE = "shepherd", "default"
BEGIN = 1_700_000_000_123_456_789
Files = Mapping[str, bytes]


@cache
def private_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def public_pem() -> str:
    encoding, kind = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return private_key().public_key().public_bytes(encoding, kind).decode()


def token(course: object = COURSE, **claims: object) -> str:
    told = {"sub": course, "iss": ISSUER, "iat": int(time.time()) - 10_000_000, **claims}
    kept = {name: value for name, value in told.items() if value is not None}
    return jwt.encode(kept, private_key(), "RS256")


def bearer(course: object = COURSE, **claims: object) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(course, **claims)}"}


def manifest_of(files: Files, mtime: int = BEGIN) -> dict[str, dict[str, Any]]:
    return {
        path: {"mtime": mtime, "checksum": f"sha256:{sha256(content).hexdigest()}"}
        for path, content in files.items()
    }


def member(path: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(path)
    info.size = len(content)
    for name, value in fields.items():
        setattr(info, name, value)
    return info, content


def tar_of(
    *members: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz", form: int = tarfile.PAX_FORMAT
) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode, format=form) as archive:  # type: ignore[call-overload]
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def archive_of(files: Files, *, is_first: bool = False) -> bytes:
    """As the original client packs: the whole folder at first, only the asked files later."""
    front = "./" if is_first else ""
    folders = {folder for path in files for folder in _above(path)} if is_first else set()
    made = [member(".", type=tarfile.DIRTYPE, mode=0o700)] if is_first else []
    made += [member(f"./{folder}", type=tarfile.DIRTYPE, mode=0o755) for folder in sorted(folders)]
    return tar_of(*made, *(member(front + path, content) for path, content in files.items()))


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


@attrs.frozen
class Told:
    """What a server answered."""

    status: int
    body: bytes
    json: Any
    headers: Mapping[str, str]


Ask = Callable[..., Told]
"""``ask(method, path, headers=, data=, files=, json=)``, as those of requests."""


@attrs.frozen
class Client:
    """One that publishes as the original does, and tells what it is answered."""

    ask: Ask
    course: str = COURSE
    headers: Mapping[str, str] = attrs.field(factory=bearer)
    prefix: str = "/"

    def path(self, action: str) -> str:
        return f"{self.prefix}{self.course}/{action}"

    def select(self, manifest: bytes) -> Told:
        files = {"manifest_client": ("manifest_client", manifest)}
        return self.ask("POST", self.path("select-files"), headers=self.headers, files=files)

    def send(self, process_id: str, archive: bytes, *, last: object = True) -> Told:
        data = {"process_id": process_id, "last_file": str(last)}
        files = {"file": ("file", archive)}
        return self.ask("POST", self.path("upload-files"), headers=self.headers, data=data, files=files)

    def chunk(self, process_id: str, content: bytes, **headers: object) -> Told:
        told = {f"X-{name.replace('_', '-').title()}": str(value) for name, value in headers.items()}
        told |= {"X-Process-ID": process_id, "Content-Type": "application/octet-stream"}
        return self.ask("POST", self.path("upload-files"), headers={**self.headers, **told}, data=content)

    def publish(self, process_id: object) -> Told:
        return self.ask(
            "GET", self.path("publish-files"), headers=self.headers, json={"process_id": process_id}
        )
