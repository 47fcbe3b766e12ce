"""An account of Digi Storage, as people use it: by `oaio`, by the client, by fsspec; from the built wheel."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from outsider import PASSWORD, Done, NewUser, environment, oaio, run, tree, written

from oaio_storage.testing.koofr.running import RunningKoofr, koofr_server
from oaio_storage.testing.servers import RunningServer


@pytest.fixture(scope="module")
def koofr() -> Iterator[RunningKoofr]:
    with koofr_server() as running:
        yield running


def hosts(koofr: RunningKoofr, *words: object, password: str = "", **how: object) -> Done:
    named = ["--set", f"email={koofr.user}", "--set", f"endpoint={koofr.url}", "--secret", "password"]
    return oaio("hosts", "add", "Digi", "Digi", *named, *words, stdin=password or koofr.password, **how)  # type: ignore[arg-type]  # as oaio takes it


@pytest.fixture
def configured(koofr: RunningKoofr, tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has configured the account."""
    env = {"OAIO_CONFIG_DIR": str(tmp_path / "config")}
    hosts(koofr, "--set", "root_folder=mine", env=env).ok()
    return env


def test_the_demo_runs_with_an_account(
    koofr: RunningKoofr, configured: dict[str, str], tmp_path: Path
) -> None:
    folder = written(tmp_path / "folder", {"a.txt": "text", "b/c d.txt": "more", "odd/what?.txt": "odd"})
    before = tree(folder)
    koofr.requests()
    told = oaio("demo", folder, "--csh", "Digi", "--json", env=configured).ok().json
    assert told["held"] is True
    assert tree(folder) == before
    assert any(seen["call"] == "put" for seen in koofr.requests())
    listed = oaio("hosts", "ls", env=configured).ok().out
    assert koofr.password not in listed


@pytest.mark.parametrize(
    ("switches", "said"),
    [
        ({"read_only": ["DIGIstorage"]}, "status 403"),
        ({"quota": {"DIGIstorage": 1}}, "status 507"),
        ({"largest_file": 1000}, "status 413"),
        ({"gone": ["DIGIstorage"]}, "no primary mount"),
        ({"vanished": True}, "does not take this e-mail address"),
        ({"faults": [{"html": True, "times": None}]}, "no JSON"),
    ],
)
def test_an_account_that_takes_nothing_is_told_as_such(
    koofr: RunningKoofr, configured: dict[str, str], tmp_path: Path, switches: dict[str, object], said: str
) -> None:
    folder = written(tmp_path / "folder", {"a.txt": "text"})
    (folder / "large").write_bytes(bytes(2 << 20))
    koofr.switch(**switches)
    try:
        done = oaio("demo", folder, "--csh", "Digi", env=configured).ended(1, said)
    finally:
        koofr.restore()
    assert koofr.password not in done.out + done.err
    assert "defect" not in done.err


def test_what_an_account_keeps_is_found_out(koofr: RunningKoofr, tmp_path: Path) -> None:
    env = {"OAIO_CONFIG_DIR": str(tmp_path)}
    hosts(koofr, "--set", "conditions=true", "--set", "root_folder=tried", env=env).ok()
    found = {row["property"]: row for row in oaio("doctor", "Digi", "--json", env=env).ok().json["rows"]}
    for row in ("conditional_write", "atomic_write", "strong_version", "literal names", "exact listings"):
        assert (found[row]["measured"], found[row]["verdict"]) == (True, "kept")
    assert found["case_sensitive"]["measured"] is False


def test_a_wrong_password_is_told_and_no_secret(koofr: RunningKoofr, tmp_path: Path) -> None:
    env = {"OAIO_CONFIG_DIR": str(tmp_path)}
    hosts(koofr, password="wrong-and-hidden", env=env).ok()
    done = oaio("doctor", "Digi", env=env).ended(1, "password")
    assert "wrong-and-hidden" not in done.out + done.err
    oaio("doctor", "digi://folder", env=env).ended(2, "FSSPEC_DIGI_EMAIL")


OUT_OF_THE_BOX = """
import sys
from pathlib import Path
from oaio_storage import OaioClient

server, user, password, folder = sys.argv[1:]
who = {"username": user, "password": password}
laptop = OaioClient(server, who, "shop", "laptop", client_root="laptop")
phone = OaioClient(server, who, "shop", "phone", client_root="phone")
made = laptop.register_folder(folder)
print(made.csh_id, laptop.sync(), phone.sync(), sep=" | ")
print(*(path.read_text() for path in sorted(map(Path, phone.files(made.oaio_id)))))
laptop.close(), phone.close()
"""


def test_the_default_host_of_the_client_works_where_it_is_offered(
    koofr: RunningKoofr, server: RunningServer, new_user: NewUser, installed: Path, tmp_path: Path
) -> None:
    hosts(koofr, "--set", "root_folder=shared", "--data", server.data).ok()
    folder = written(tmp_path / "folder", {"a.txt": "one", "b/c.txt": "two"})
    words = (server.url, new_user(), PASSWORD, str(folder))
    said = run(str(installed / "python"), "-c", OUT_OF_THE_BOX, *words, cwd=tmp_path).splitlines()
    assert said[0].startswith("Digi | 1 sent")
    assert said[1] == "one two"


BY_FSSPEC = """
import json, fsspec
from fsspec.callbacks import Callback

with fsspec.open("digi://reports/a.csv", "w") as file:
    file.write("month,sum")
with fsspec.open("koofr://reports/a.csv", "r", **fsspec.config.conf["digi"]) as file:
    text = file.read()
fs = fsspec.filesystem("digi")
open("local", "wb").write(bytes(3 << 20))
sent, received = Callback(), Callback()
fs.put_file("local", "/reports/b", callback=sent)
fs.get_file("/reports/b", "back", callback=received)
fs.cp("/reports/a.csv", "/reports/c.csv")
fs.mv("/reports/c.csv", "/moved/d.csv")
print(json.dumps([text, fs.find("/"), sent.value, received.value, fs.info("/reports/b")["md5"]]))
fs.rm("/reports", recursive=True)
fs.rm("/moved", recursive=True)
"""


def test_fsspec_works_with_it_alone(installed: Path, tmp_path: Path) -> None:
    with koofr_server() as own:
        account = {
            "FSSPEC_DIGI_EMAIL": own.user,
            "FSSPEC_DIGI_PASSWORD": own.password,
            "FSSPEC_DIGI_ENDPOINT": own.url,
        }
        said = run(str(installed / "python"), "-c", BY_FSSPEC, cwd=tmp_path, env=environment(account))
    text, found, sent, received, md5 = json.loads(said)
    assert text == "month,sum"
    assert found == ["/moved/d.csv", "/reports/a.csv", "/reports/b"]
    assert sent == received == 3 << 20
    assert md5 == "d1dd210d6b1312cb342b56d02bd5e651"


BY_PANDAS = """
import json, os
import fsspec
import pandas

account = json.loads(os.environ["ACCOUNT"])
table = pandas.DataFrame({"month": [1, 2], "name": ["Ioana", "Íñigo"]})
for scheme in ("digi", "koofr"):
    table.to_csv(f"{scheme}://tables/{scheme}.csv", index=False, storage_options=account)
    assert pandas.read_csv(f"{scheme}://tables/{scheme}.csv", storage_options=account).equals(table)
table.to_csv("digi://tables/packed.csv.gz", index=False, storage_options=account)
assert pandas.read_csv("digi://TABLES/packed.csv.gz", storage_options=account).equals(table)
table.to_json("digi://tables/lines.json", orient="records", lines=True, storage_options=account)
told = []
wrong = {**account, "password": "hidden and wrong"}
for path, options in (("missing.csv", account), ("", account), ("digi.csv", wrong)):
    try:
        pandas.read_csv(f"digi://tables/{path}", storage_options=options)
    except (FileNotFoundError, IsADirectoryError, PermissionError) as err:
        told.append(str(err))
fs = fsspec.filesystem("digi", **account)
print(json.dumps([fs.find("/"), fs.cat_file("/tables/digi.csv").decode(), told]))
"""


def test_pandas_reads_and_writes_with_options_alone(installed: Path, tmp_path: Path) -> None:
    with koofr_server() as own:
        options = {"email": own.user, "password": own.password, "endpoint": own.url}
        env = environment({"ACCOUNT": json.dumps(options)})
        said = run(str(installed / "python"), "-c", BY_PANDAS, cwd=tmp_path, env=env)
    found, text, told = json.loads(said)
    assert found == [f"/tables/{name}" for name in ("digi.csv", "koofr.csv", "lines.json", "packed.csv.gz")]
    assert text == "month,name\n1,Ioana\n2,Íñigo\n"
    assert len(told) == 3
    assert "hidden and wrong" not in said
