"""S3 as a user meets it: a configured host, the doctor, the demo, objects of two devices."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from backends.s3_proxy import Reply, proxy_of
from outsider import Client, NewClient, NewUser, oaio, tree, written
from seaweed import KEY, REGION, SECRET, Server, Weed

from oaio_storage.testing.servers import RunningServer


@pytest.fixture
def config(tmp_path: Path) -> Mapping[str, str]:
    """The environment of commands whose hosts.toml is in a folder of this test."""
    (tmp_path / "config").mkdir()
    return {"OAIO_CONFIG_DIR": str(tmp_path / "config"), "TMPDIR": str(tmp_path)}


def sets(weed: Weed, prefix: str, **more: str) -> list[str]:
    """The words of `oaio hosts add` for a folder of the shared bucket; the secret comes by stdin."""
    options = {"bucket": weed.bucket, "prefix": prefix, "endpoint": weed.endpoint, "region": REGION}
    words = {**options, "access_key_id": KEY, **more}
    return [word for name, text in words.items() for word in ("--set", f"{name}={text}")]


def test_a_configured_host_is_tried_and_hides_its_secret(weed: Weed, config: Mapping[str, str]) -> None:
    words = ("hosts", "add", "S3-weed", "S3", *sets(weed, weed.new_prefix()), "--secret", "secret_access_key")
    oaio(*words, stdin=f"{SECRET}\n", env=config).ok()
    listed = oaio("hosts", "ls", env=config).ok()
    assert weed.bucket in listed.out
    assert SECRET not in listed.out + listed.err
    done = oaio("doctor", "S3-weed", "--json", env=config)
    assert SECRET not in done.out + done.err
    done.ok()
    rows = {row["property"]: row["verdict"] for row in done.json["rows"]}
    assert rows["conditional_write"] == rows["atomic_write"] == rows["signed_urls"] == "kept"
    assert "broken" not in rows.values()


def test_the_demo_on_a_bucket_leaves_nothing_there(
    weed: Weed, config: Mapping[str, str], tmp_path: Path
) -> None:
    prefix = weed.new_prefix()
    weed.raw.put_object(Bucket=weed.bucket, Key=f"{prefix}/mine", Body=b"precious")
    words = ("hosts", "add", "S3-weed", "S3", *sets(weed, prefix), "--secret", "secret_access_key")
    oaio(*words, stdin=f"{SECRET}\n", env=config).ok()
    folder = written(tmp_path / "work", {"a.txt": "a", "deep/er/b #1.txt": "b", "empty": ""})
    told = oaio("demo", folder, "--csh", "S3-weed", "--json", env=config).ok()
    assert told.json["held"] is True
    assert "S3-weed" in told.json["steps"][0]["text"]
    assert SECRET not in told.out + told.err
    assert weed.keys(weed.bucket, f"{prefix}/") == [f"{prefix}/mine"]


def test_an_unknown_host_of_the_demo_is_told(config: Mapping[str, str]) -> None:
    oaio("demo", "--csh", "S3-nowhere", env=config).ended(4, "no storage host 'S3-nowhere'", "hosts add")


def test_objects_of_two_devices_lie_in_a_bucket(
    weed: Weed, server: RunningServer, new_client: NewClient, new_user: NewUser, tmp_path: Path
) -> None:
    prefix = weed.new_prefix()
    words = ("hosts", "add", "S3-files", "S3", *sets(weed, prefix), "--secret", "secret_access_key")
    oaio(*words, "--data", server.data, stdin=f"{SECRET}\n").ok()
    oaio("hosts", "default", "S3-files", "--data", server.data).ok()
    user = new_user()
    laptop, phone = new_client(user), new_client(user, "phone")
    folder = written(tmp_path / "work", {"a.txt": "a", "deep/er/b.txt": "b"})
    big = folder / "big"
    big.write_bytes(os.urandom(6 << 20))
    oaio_id = laptop.register(folder)
    laptop.sync()
    assert any(key.startswith(f"{prefix}/") for key in weed.keys(weed.bucket, f"{prefix}/"))
    phone.sync()
    _same(folder, phone, oaio_id)
    (folder / "a.txt").write_text("changed")
    laptop.run("update", oaio_id).ok()
    laptop.sync()
    phone.sync()
    _same(folder, phone, oaio_id)


def _same(folder: Path, device: Client, oaio_id: str) -> None:
    received = {path.name: path.read_bytes() for path in device.files(oaio_id)}
    assert received == {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert tree(folder)


def test_wrong_keys_and_a_missing_bucket_end_with_a_hint(weed: Weed, config: Mapping[str, str]) -> None:
    for csh_id, more, code, said in (
        ("S3-key", {"access_key_id": "wrong"}, 1, "access key"),
        ("S3-bucket", {"bucket": "no-such-bucket", "access_key_id": "keeper"}, 1, "bucket does not exist"),
    ):
        words = ("hosts", "add", csh_id, "S3", *sets(weed, "x", **more), "--secret", "secret_access_key")
        oaio(*words, stdin=f"{SECRET}\n", env=config).ok()
        oaio("doctor", csh_id, env=config).ended(code, said)


def refused(code: str, status: int = 403, more: str = "") -> Reply:
    return Reply(status, f"<?xml version='1.0'?><Error><Code>{code}</Code>{more}</Error>".encode())


@pytest.mark.parametrize(
    ("reply", "code", "said"),
    [
        (refused("RequestTimeTooSkewed"), 1, "Set the clock"),
        (refused("AccessDenied"), 1, "right to get, put, list and delete"),
        (refused("AuthorizationHeaderMalformed", 400, "<Region>eu-west-3</Region>"), 2, "eu-west-3"),
        (refused("SlowDown", 503), 5, "Try again later"),
        (Reply(200, b"<html>log in</html>", {"Content-Type": "text/html"}), 1, "proxies"),
        (Reply(hang_up=True), 5, "again"),
    ],
)
def test_what_a_server_may_answer_ends_with_one_error_and_what_to_do(
    weed: Weed, config: Mapping[str, str], reply: Reply, code: int, said: str
) -> None:
    with proxy_of(weed.endpoint) as proxy:
        proxy.rule = lambda _: reply
        words = sets(weed, "x", endpoint=proxy.endpoint)
        oaio(
            "hosts",
            "add",
            "S3-x",
            "S3",
            *words,
            "--secret",
            "secret_access_key",
            stdin=f"{SECRET}\n",
            env=config,
        ).ok()
        done = oaio("generations", "site", "--at", "S3-x", env=config)
        done.ended(code, said)
        assert SECRET not in done.out + done.err
        assert 1 <= len(proxy.asked) <= 10


def test_a_publication_on_another_server(
    moto_server: Server, config: Mapping[str, str], tmp_path: Path
) -> None:
    variables = {
        **config,
        "AWS_ENDPOINT_URL": moto_server.endpoint,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": REGION,
    }
    address = f"s3://{moto_server.new_bucket()}/deep/er"
    folder = written(tmp_path / "work", {"index.html": "one", "deep/er/b #1.txt": "b", "empty": ""})
    oaio("publish", folder, "site", "--to", address, "--layout", "generations", env=variables).ok()
    oaio("checkout", "site", tmp_path / "copy", "--from", address, env=variables).ok()
    assert tree(tmp_path / "copy") == tree(folder)


def test_the_secret_is_refused_where_others_could_see_it(weed: Weed, config: Mapping[str, str]) -> None:
    words = ("hosts", "add", "S3-weed", "S3", *sets(weed, "x"), "--set", f"secret_access_key={SECRET}")
    done = oaio(*words, env=config).ended(2, "is a secret")
    assert SECRET not in done.err
