"""A site of Flask that receives trees, run as its page says; with requests and files alone."""

import gzip
import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import time
from hashlib import sha256
from pathlib import Path

import jwt
import requests
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

SECONDS = 60
APP = "oaio_storage.file_transfer.flask:create_app()"


def packed(path: str, content: bytes) -> bytes:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        member = tarfile.TarInfo(path)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return gzip.compress(tar.getvalue())


def test_the_app_is_run_by_flask_and_takes_its_settings_from_the_environment(tmp_path: Path) -> None:
    key = generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public.pem").write_bytes(public)
    (tmp_path / "courses").mkdir()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    settings = {"OAIO_UPLOAD_DIR": "./courses", "OAIO_JWT_PUBLIC_KEY": "public.pem", "OAIO_JWT_ISSUER": "me"}
    command = [sys.executable, "-m", "flask", "--app", APP, "run", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        site = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, **settings}, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            with socket.socket() as tried:
                if not tried.connect_ex(("127.0.0.1", port)):
                    break
            time.sleep(0.1)
        token = jwt.encode({"sub": "course", "iss": "me", "iat": 1}, key, "RS256")
        headers = {"Authorization": f"Bearer {token}"}
        entry = {"mtime": 1_700_000_000_123_456_789, "checksum": f"sha256:{sha256(b'one').hexdigest()}"}
        files = {"manifest_client": json.dumps({"index.html": entry})}
        assert requests.post(f"{url}/course/select-files", files=files, timeout=SECONDS).status_code == 401
        told = requests.post(
            f"{url}/course/select-files", headers=headers, files=files, timeout=SECONDS
        ).json()
        assert told["exist"] is False
        assert told["files_new"] == {"index.html": entry}
        fields = {"process_id": told["process_id"], "last_file": "True"}
        hostile, whole = ({"file": packed(name, b"one")} for name in ("../index.html", "index.html"))
        upload, publish = f"{url}/course/upload-files", f"{url}/course/publish-files"
        sent = requests.post(upload, headers=headers, data=fields, files=whole, timeout=SECONDS)
        assert sent.json()["status"] == "completed"
        assert requests.get(f"{url}/sites/course/", timeout=SECONDS).status_code == 404
        asked = {"process_id": told["process_id"]}
        done = requests.get(publish, headers=headers, json=asked, timeout=SECONDS)
        assert done.status_code == 200
        assert requests.get(f"{url}/sites/course/", timeout=SECONDS).content == b"one"
        assert (tmp_path / "courses/course/index.html").read_bytes() == b"one"
        late = requests.post(upload, headers=headers, data=fields, files=hostile, timeout=SECONDS)
        assert late.status_code == 409
        assert not (tmp_path / "courses/index.html").exists()
    finally:
        site.terminate()
        site.wait(SECONDS)
