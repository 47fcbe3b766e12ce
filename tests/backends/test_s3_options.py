"""The options of S3Api, and what the environment says in their place: taken on SeaweedFS, or refused."""

import traceback
from pathlib import Path
from typing import Any

import pytest
from seaweed import KEY, SECRET, Weed

from oaio_storage.errors import InvalidArgument
from oaio_storage.hosts import host_api
from oaio_storage.hosts.addresses import host_at
from oaio_storage_s3 import S3Api


def test_an_address_takes_the_usual_variables(weed: Weed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL", weed.endpoint)
    host = host_at(f"s3://{weed.bucket}/{weed.new_prefix()}/")
    host.write("file", b"content")
    assert host.copy("file", "copied").size == 7
    for wrong in ("s3://", "s3:///x", "s3://bucket/x?y=1", "s3://key@bucket/x"):
        with pytest.raises(InvalidArgument):
            host_at(wrong)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("AWS_ENDPOINT_URL", "not a url"),
        ("AWS_ENDPOINT_URL_S3", "http://user:secret@127.0.0.1:9"),
        ("AWS_ENDPOINT_URL", "http://caf\u00e9 x"),
        ("AWS_REGION", "eu west"),
        ("AWS_SESSION_TOKEN", "secret\n"),
    ],
)
def test_a_variable_that_makes_no_sense_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, wrong: str
) -> None:
    monkeypatch.setenv(name, wrong)
    with pytest.raises(InvalidArgument, match=f"^{name} ") as caught:
        host_at("s3://bucket/folder").read("file")
    assert "secret" not in "".join(traceback.format_exception(caught.value))


def test_keys_of_a_profile(weed: Weed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "credentials"
    file.write_text(f"[nas]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    place: dict[str, Any] = {"bucket": weed.bucket, "prefix": weed.new_prefix(), "endpoint": weed.endpoint}
    host = S3Api(**place, profile="nas")
    host.write("file", b"x")
    assert host.copy("file", "copied").size == 1
    with pytest.raises(InvalidArgument, match="knows no profile 'other'"):
        S3Api(**place, profile="other").read("file")


@pytest.mark.parametrize(
    "wrong",
    [
        {"bucket": ""},
        {"bucket": "s3://x"},
        {"bucket": ".."},
        {"bucket": "a?b#c"},
        {"bucket": "b", "region": "eu west"},
        {"bucket": "b", "prefix": "a/../b"},
        {"bucket": "b", "endpoint": "weed:8333"},
        {"bucket": "b", "endpoint": "http://user:password@weed"},
        {"bucket": "b", "endpoint": "http://[::1"},
        {"bucket": "b", "endpoint": "http://[:::]"},
        {"bucket": "b", "endpoint": "http://999.1.1.1"},
        {"bucket": "b", "endpoint": "http://weed/<s3>"},
        {"bucket": "b", "endpoint": "http://weed:99999"},
        {"bucket": "b", "endpoint": "http://-"},
        {"bucket": "b", "endpoint": "http://%41"},
        {"bucket": "b", "access_key_id": "a"},
        {"bucket": "b", "access_key_id": "a\nb", "secret_access_key": "password"},
        {"bucket": "b", "access_key_id": "a", "secret_access_key": "b", "session_token": "password\n"},
        {"bucket": "b", "storage_class": "A\tB"},
        {"bucket": "b", "access_key_id": "a", "secret_access_key": "b", "anonymous": True},
        {"bucket": "b", "encryption": "rot13"},
        {"bucket": "b", "encryption_key": "k"},
        {"bucket": "b", "encryption": "AES256", "encryption_key": "k"},
        {"bucket": "b", "access_key_id": "a", "secret_access_key": 5},
        {"bucket": "b", "session_token": "t"},
        {"bucket": "b", "timeout": 0},
    ],
)
def test_options_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        host_api("S3", **wrong)
    assert "password" not in caught.value.message.replace("user or password", "")
