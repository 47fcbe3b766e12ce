"""The Koofr test server says what the API says, oddities included; over HTTP alone."""

import contextlib
import hashlib
import http.client
import itertools
import json
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import attrs
import psutil
import pytest
from testing.koofr_client import Plain, code

from oaio_storage.testing import RunningKoofr, koofr_server

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[RunningKoofr]:
    with koofr_server(None, 0, "--mount", "DIGIstorage", "--mount", "Other") as running:
        yield running


@pytest.fixture
def plain(server: RunningKoofr) -> Plain:
    """A client in a folder of its own."""
    name = f"t{next(_numbers)}"
    assert Plain(server).make("/", name).status_code == 200
    return Plain(server, folder=f"/{name}")


@pytest.fixture
def newer(plain: Plain) -> Plain:
    """The same folder at API level 2.1."""
    return attrs.evolve(plain, level="v2.1")


# --------------------------------------------------------------------------------------------- authentication


def test_a_token_is_given_for_headers_and_for_json(server: RunningKoofr) -> None:
    plain = Plain(server)
    headers = {"X-Koofr-Email": server.user, "X-Koofr-Password": server.password}
    by_headers = plain.ask("GET", "/token", headers=headers, auth=("", ""))
    by_json = plain.ask(
        "POST", "/token", json={"email": server.user, "password": server.password}, auth=("", "")
    )
    assert (by_headers.status_code, by_headers.content) == (200, b"")
    assert by_json.headers["X-User-ID"]
    assert by_headers.headers["X-Koofr-Token"] != by_json.json()["token"]


@pytest.mark.parametrize("spelling", ["Token {}", "Token token={}", 'Token token="{}"'])
def test_a_token_is_taken_in_each_spelling_until_it_is_revoked(server: RunningKoofr, spelling: str) -> None:
    plain = Plain(server)
    login = {"email": server.user, "password": server.password}
    token = plain.ask("POST", "/token", json=login, auth=("", "")).json()["token"]
    headers = {"Authorization": spelling.format(token)}
    assert plain.ask("GET", "/api/v2/user", headers=headers, auth=_as_is).json()["email"] == server.user
    assert plain.ask("DELETE", "/token", headers=headers, auth=_as_is).status_code == 204
    refused = plain.ask("GET", "/api/v2/user", headers=headers, auth=_as_is)
    assert (refused.status_code, refused.content) == (401, b"")


def _as_is(request: object) -> object:
    """Authentication for requests that leaves the header as it is."""
    return request


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic !!",
        "Basic " + b64encode(b"user@example.com:wrong").decode(),
        "Token x",
        "Bearer x",
    ],
)
def test_others_are_not_let_in(server: RunningKoofr, header: str) -> None:
    answer = Plain(server).ask("GET", "/api/v2/mounts", headers={"Authorization": header}, auth=_as_is)
    assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.parametrize("password", ["wrong", "", None, 5, "\ud800"])
def test_a_wrong_password_gets_no_token(server: RunningKoofr, password: object) -> None:
    body = {"email": server.user, "password": password}
    answer = Plain(server).ask("POST", "/token", json=body, auth=("", ""))
    assert (answer.status_code, answer.content) == (401, b"")


# ------------------------------------------------------------------------------------------ mounts and quota


def test_mounts_are_found_by_id_and_by_the_word_primary(server: RunningKoofr) -> None:
    plain = Plain(server)
    mounts = plain.ask("GET", "/api/v2/mounts").json()["mounts"]
    assert [(mount["name"], mount["isPrimary"]) for mount in mounts] == [
        ("DIGIstorage", True),
        ("Other", False),
    ]
    assert plain.ask("GET", f"/api/v2/mounts/{mounts[1]['id']}").json() == mounts[1]
    assert plain.ask("GET", "/api/v2/mounts/primary").json()["id"] == mounts[0]["id"]
    assert code(plain.ask("GET", "/api/v2/mounts/none")) == (404, "NotFound")
    assert code(plain.ask("GET", "/api/v2/mounts/none/files/list?path=/")) == (404, "NotFound")


def test_space_is_told_in_whole_mib(server: RunningKoofr) -> None:
    plain = Plain(server, mount=Plain(server).ask("GET", "/api/v2/mounts").json()["mounts"][1]["id"])
    before = plain.ask("GET", f"/api/v2/mounts/{plain.mount}").json()
    assert (before["spaceUsed"], before["spaceTotal"]) == (0, 1024 * 1024)
    plain.put("/", "a", b"x")
    assert plain.ask("GET", f"/api/v2/mounts/{plain.mount}").json()["spaceUsed"] == 1
    plain.call("DELETE", "remove", "/a")
    assert plain.ask("GET", f"/api/v2/mounts/{plain.mount}").json()["spaceUsed"] == 0


# --------------------------------------------------------------------------------------------------- folders


def test_a_folder_is_made_one_level_at_a_time(plain: Plain, newer: Plain) -> None:
    assert code(plain.make("/a", "b")) == (404, "NotFound")
    assert plain.make("", "a").status_code == 200
    assert plain.make("/a", "b").status_code == 200
    assert plain.info("/a/b")["type"] == "dir"
    assert "hash" not in plain.info("/a/b")
    assert code(plain.make("/a", "B")) == (400, "AlreadyExists")
    assert code(newer.make("/a", "B")) == (409, "AlreadyExists")
    header = {"X-Koofr-Version": "2.1"}
    assert plain.call("POST", "folder", "/a", json={"name": "b"}, headers=header).status_code == 409
    plain.put("", "file", b"x")
    assert code(plain.make("", "FILE")) == (400, "AlreadyExists")
    assert code(plain.make("/file", "x")) == (400, "NotDir")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\x7f", "\n", None, ["a"]])
def test_a_name_that_none_may_be_is_refused(plain: Plain, name: object) -> None:
    assert code(plain.make("", name)) == (400, "BadRequest")
    assert plain.names() == []


@pytest.mark.parametrize(
    "name", ["a \"b\" 'c'.txt", ": ? * < > | # % + & ;", " a. ", "e\u0301", "日本", "%2F", "a+b"]
)
def test_any_other_name_comes_back_as_sent(plain: Plain, name: str) -> None:
    assert plain.put("", name, b"x").status_code == 200
    assert plain.make("", f"{name} folder").status_code == 200
    assert plain.names() == sorted([name, f"{name} folder"])
    assert plain.content(f"/{name}") == b"x"


def test_a_path_may_be_written_in_several_ways(plain: Plain) -> None:
    plain.put("", "a b", b"x")
    folder = plain.folder.strip("/")
    for path in (f"{folder}/a%20b", f"/{folder}/a+b", f"//{folder}//a%20b/"):
        assert plain.ask("GET", f"/api/v2/mounts/primary/files/info?path={path}").json()["name"] == "a b"
    assert plain.ask("GET", "/api/v2/mounts/primary/files/list?path=").json()["files"]
    assert plain.ask("GET", "/api/v2/mounts/primary/files/list").json()["files"]
    assert plain.ask("GET", "/api/v2/mounts/primary/files/info?path=/").json()["name"] == ""
    for path in ("/a/../b", "/%5C", "/%FF"):
        refused = plain.ask("GET", f"/api/v2/mounts/primary/files/info?path={path}")
        assert refused.status_code == 400


def test_listings_of_each_kind(plain: Plain, newer: Plain) -> None:
    plain.make("", "a")
    plain.put("/a", "f.txt", b"abc", modified="1234")
    file = plain.info("/a/f.txt")
    told = {"name": "f.txt", "type": "file", "modified": 1234, "size": 3, "contentType": "text/plain"}
    assert file == {**told, "hash": hashlib.md5(b"abc").hexdigest(), "tags": {}}
    folder = plain.info("/a")
    assert plain.call("GET", "list", "").json() == {"files": [folder]}
    assert plain.call("GET", "tree", "").json()["children"] == [{**folder, "children": [file]}]
    assert plain.call("GET", "bundle", "/a").json() == {"file": folder, "files": [file]}
    assert plain.call("GET", "bundle", "/a/f.txt").json() == {"file": file}
    lines = [json.loads(line) for line in newer.call("GET", "listrecursive", "/a").text.splitlines()]
    assert lines == [
        {"type": "file", "path": "/", "file": folder},
        {"type": "file", "path": "/f.txt", "file": file},
    ]
    assert code(plain.call("GET", "list", "/none")) == (404, "NotFound")
    assert code(plain.call("GET", "list", "/a/f.txt")) == (400, "NotDir")
    assert code(plain.call("GET", "info", "/a/f.txt/x")) == (404, "NotFound")


# --------------------------------------------------------------------------------------------------- uploads


def test_an_upload_is_answered_with_a_list_or_with_the_file(plain: Plain) -> None:
    assert plain.put("", "a", b"x").json() == [{"name": "a"}]
    told = plain.put("", "b", b"x", info="true", modified="77").json()
    assert told == plain.info("/b")
    assert told["modified"] == 77


def test_an_upload_under_a_taken_name_is_renamed_unless_that_is_refused(plain: Plain, newer: Plain) -> None:
    for expected in ("a.txt", "A (1).txt", "A (2).txt"):
        assert plain.put("", "a.txt" if expected[0] == "a" else "A.txt", b"x").json() == [{"name": expected}]
    assert code(plain.put("", "A.txt", b"y", autorename="false")) == (400, "Conflict")
    assert code(newer.put("", "A.txt", b"y", autorename="false")) == (409, "Conflict")
    assert plain.names() == ["A (1).txt", "A (2).txt", "a.txt"]
    plain.make("", "folder")
    assert plain.put("", "folder", b"x").json() == [{"name": "folder (1)"}]


def test_an_overwrite_replaces_the_file_and_the_spelling(plain: Plain) -> None:
    plain.put("", "hello.doc", b"old")
    assert plain.put("", "Hello.doc", b"new", overwrite="true").json() == [{"name": "Hello.doc"}]
    assert plain.names() == ["Hello.doc"]
    assert plain.content("/HELLO.DOC") == b"new"
    plain.make("", "folder")
    assert code(plain.put("", "folder", b"x", overwrite="true")) == (400, "NotFile")
    assert code(plain.put("/none", "a", b"x")) == (404, "NotFound")
    assert code(plain.put("/hello.doc", "a", b"x")) == (400, "NotDir")


@pytest.mark.parametrize("level", ["v2", "v2.1"])
def test_a_conditional_overwrite_looks_at_hash_size_and_time(plain: Plain, level: str) -> None:
    client = attrs.evolve(plain, level=level)
    ignore = {"overwriteIgnoreNonexisting": ""}
    assert code(client.put("", "a", b"1", overwriteIfSize="1")) == (409, "Conflict")
    assert client.put("", "a", b"1", modified="5", overwriteIfSize="1", **ignore).status_code == 200
    for name, wrong in (("Hash", "0" * 32), ("Size", "2"), ("Modified", "6")):
        assert code(client.put("", "a", b"2", **{f"overwriteIf{name}": wrong}, **ignore)) == (409, "Conflict")
        assert client.content("/a") == b"1"
    right = {"Hash": hashlib.md5(b"1").hexdigest(), "Size": "1", "Modified": "5"}
    conditions = {f"overwriteIf{name}": value for name, value in right.items()}
    assert client.put("", "a", b"2", **conditions).status_code == 200
    assert client.content("/a") == b"2"
    assert client.put("", "b", b"", overwriteIfSize="1", overwriteIgnoreNonexistent="").status_code == 200


def test_one_of_many_conditional_overwrites_at_once_wins(plain: Plain) -> None:
    plain.put("", "a", b"0")
    condition = {"overwriteIfHash": hashlib.md5(b"0").hexdigest()}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: plain.put("", "a", b"%d" % n, **condition), range(1, 9)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    (winner,) = (n for n, answer in enumerate(answers, 1) if answer.status_code == 200)
    assert plain.content("/a") == b"%d" % winner


def test_the_name_comes_from_the_form_if_the_query_has_none(plain: Plain) -> None:
    answer = plain.call("POST", "put", "", files={"file": ("in the form.txt", b"x")})
    assert answer.json() == [{"name": "in the form.txt"}]
    assert code(plain.call("POST", "put", "", files={"other": ("a", b"x")})) == (400, "BadRequest")
    assert code(plain.call("POST", "put", "", data=b"raw")) == (400, "BadRequest")
    header = {"Content-Type": "multipart/form-data"}
    assert code(plain.call("POST", "put", "", data=b"raw", headers=header)) == (400, "BadRequest")
    header = {"Content-Type": "multipart/form-data; boundary=x"}
    cut = b'--x\r\nContent-Disposition: form-data; name="file"; filename="cut"\r\n\r\ncontent'
    assert code(plain.call("POST", "put", "", data=cut, headers=header)) == (400, "BadRequest")
    assert plain.names() == ["in the form.txt"]


def test_a_form_comes_in_chunks_without_a_length(plain: Plain) -> None:
    content = bytes(range(256)) * 2000 + b"\r\n--x\r\n--xy" * 50
    head = b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    body = head + content + b"\r\n--xyz--\r\n"
    pieces = (body[at : at + 4097] for at in range(0, len(body), 4097))
    header = {"Content-Type": "multipart/form-data; boundary=xyz"}
    assert plain.call("POST", "put", "", data=pieces, headers=header).status_code == 200
    assert plain.content("/a") == content


def test_a_newer_client_may_send_the_raw_content(newer: Plain) -> None:
    query = {"filename": "a", "info": "true", "size": "3"}
    assert newer.call("POST", "put", "", query=query, data=b"abc").json()["size"] == 3
    query = {"filename": "b", "size": "4"}
    assert code(newer.call("POST", "put", "", query=query, data=b"abc")) == (400, "BadRequest")
    assert newer.names() == ["a"]


@pytest.mark.parametrize("modified", ["x", "1.5", "", "1" * 20, "٣"])
def test_a_time_is_a_whole_number(plain: Plain, modified: str) -> None:
    assert code(plain.put("", "a", b"x", modified=modified)) == (400, "BadRequest")
    assert plain.names() == []


# ------------------------------------------------------------------------------------------------- downloads


def test_a_download_has_a_length_a_type_and_ranges(plain: Plain, newer: Plain) -> None:
    plain.put("", "a.txt", b"content")
    whole = plain.call("GET", "get", "/a.txt")
    assert (whole.status_code, whole.content) == (200, b"content")
    assert whole.headers["Content-Type"] == "text/plain"
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert "X-File-Info" not in whole.headers
    part = newer.call("GET", "get", "/a.txt", headers={"Range": "bytes=2-3"})
    assert (part.status_code, part.content) == (206, b"nt")
    assert part.headers["Content-Range"] == "bytes 2-3/7"
    assert json.loads(part.headers["X-File-Info"]) == plain.info("/a.txt")
    refused = plain.call("GET", "get", "/a.txt", headers={"Range": "bytes=7-"})
    assert (refused.status_code, refused.headers["Content-Range"]) == (416, "bytes */7")
    without_prefix = f"/api/v2/mounts/primary/files/get?path={plain.folder}/a.txt"
    assert plain.ask("GET", without_prefix).content == b"content"
    assert code(plain.call("GET", "get", "")) == (400, "NotFile")
    assert code(plain.call("GET", "get", "/none")) == (404, "NotFound")
    plain.put("", "empty", b"")
    assert plain.content("/empty") == b""
    assert plain.call("GET", "get", "/empty", headers={"Range": "bytes=0-"}).status_code == 416


def test_a_download_ends_with_the_content_that_it_began_with(plain: Plain) -> None:
    old = b"old" * 5_000_000
    plain.put("", "a", old)
    download = plain.call("GET", "get", "/a", stream=True)
    begun = download.raw.read(1000)
    plain.put("", "a", b"new", overwrite="true")
    plain.call("DELETE", "remove", "/a")
    assert begun + download.raw.read() == old


# ---------------------------------------------------------------------------------- removing, moving, copying


def test_a_folder_is_removed_with_all_below_and_the_trash_tells_of_it(plain: Plain) -> None:
    plain.make("", "a")
    plain.put("/a", "f", b"abc")
    assert code(plain.call("DELETE", "remove", "/a", query={"removeIfEmpty": ""})) == (409, "Conflict")
    assert plain.call("DELETE", "remove", "/a").status_code == 200
    assert code(plain.call("DELETE", "remove", "/a")) == (404, "NotFound")
    trash = plain.ask("GET", "/api/v2/trash").json()
    (entry,) = (file for file in trash["files"] if file["path"] == f"{plain.folder}/a")
    assert (entry["name"], entry["size"]) == ("a", 3)
    assert trash["mounts"][entry["mountId"]]["name"] == "DIGIstorage"
    assert trash["retentionDays"] > 0
    root = Plain(plain.server)
    assert code(root.call("DELETE", "remove", "/")) == (400, "NotDir")


def test_a_conditional_removal_looks_at_hash_size_and_time(plain: Plain) -> None:
    plain.put("", "a", b"1", modified="5")
    for name, wrong in (("Hash", "0" * 32), ("Size", "2"), ("Modified", "6")):
        refused = plain.call("DELETE", "remove", "/a", query={f"removeIf{name}": wrong})
        assert code(refused) == (409, "Conflict")
    right = {"removeIfHash": hashlib.md5(b"1").hexdigest(), "removeIfSize": "1", "removeIfModified": "5"}
    assert plain.call("DELETE", "remove", "/a", query=right).status_code == 200


@pytest.mark.parametrize("call", ["move", "copy"])
def test_moving_and_copying(plain: Plain, newer: Plain, call: str) -> None:
    plain.make("", "a")
    plain.put("/a", "f", b"abc", modified="5")
    plain.put("", "taken", b"")
    into = f"{call.title()}IntoSelf"
    assert code(plain.spread(call, "/a", "/TAKEN")) == (400, "AlreadyExists")
    assert code(newer.spread(call, "/a", "/taken")) == (409, "AlreadyExists")
    assert code(plain.spread(call, "/a", "/A/b")) == (400, into)
    assert code(plain.spread(call, "/a/f", "/a/F")) == (400, into)
    assert code(plain.spread(call, "/a", "/none/b")) == (404, "NotFound")
    assert code(plain.spread(call, "/a", "/taken/b")) == (400, "NotDir")
    assert code(plain.spread(call, "/none", "/b")) == (404, "NotFound")
    assert code(plain.call("PUT", call, "/a", json={"toPath": "/b"})) == (400, "BadRequest")
    assert plain.spread(call, "/a", "/b").json() == {"name": "b"}
    assert plain.info("/b/f")["modified"] == 5
    assert plain.content("/b/f") == b"abc"
    assert plain.names() == (["b", "taken"] if call == "move" else ["a", "b", "taken"])


def test_a_copy_can_have_another_time_and_lives_on_its_own(plain: Plain) -> None:
    plain.put("", "a", b"abc", modified="5")
    plain.spread("copy", "/a", "/b", modified=7)
    assert (plain.info("/a")["modified"], plain.info("/b")["modified"]) == (5, 7)
    plain.put("", "a", b"other", overwrite="true")
    plain.call("DELETE", "remove", "/a")
    assert plain.content("/b") == b"abc"
    assert code(plain.spread("copy", "/b", "/c", modified=10**30)) == (400, "BadRequest")
    assert code(plain.spread("copy", "/b", "/c", modified=1.5)) == (400, "BadRequest")


def test_a_copy_of_a_folder_lives_on_its_own(plain: Plain) -> None:
    plain.make("", "a")
    plain.make("/a", "deep")
    plain.put("/a/deep", "f", b"abc")
    plain.spread("copy", "/a", "/b")
    plain.put("/b/deep", "new", b"x")
    plain.call("DELETE", "remove", "/a/deep/f")
    assert (plain.names("/a/deep"), plain.names("/b/deep")) == ([], ["f", "new"])
    assert plain.content("/b/deep/f") == b"abc"


def test_files_go_to_another_mount(plain: Plain) -> None:
    other = plain.ask("GET", "/api/v2/mounts").json()["mounts"][1]["id"]
    plain.put("", "a", b"abc")
    for call, to in (("copy", "/copied"), ("move", "/moved")):
        answer = plain.call(
            "PUT", call, "/a", json={"toMountId": other, "toPath": f"{to} {plain.folder[1:]}"}
        )
        assert answer.status_code == 200
        assert attrs.evolve(plain, mount=other, folder="").content(f"{to} {plain.folder[1:]}") == b"abc"
    assert plain.names() == []


def test_a_newer_move_has_conditions(plain: Plain, newer: Plain) -> None:
    plain.put("", "a", b"abc", modified="5")
    assert code(newer.spread("move", "/a", "/b", ifSize=4)) == (409, "Conflict")
    assert newer.spread("move", "/a", "/b", ifSize=3, ifModified=5).status_code == 200


def test_a_rename_is_a_move_beside(plain: Plain) -> None:
    plain.put("", "a", b"abc")
    plain.put("", "taken", b"")
    assert code(plain.call("PUT", "rename", "/a", json={"name": "Taken"})) == (400, "AlreadyExists")
    assert code(plain.call("PUT", "rename", "/a", json={"name": "A"})) == (400, "MoveIntoSelf")
    assert code(plain.call("PUT", "rename", "/a", json={"name": "x/y"})) == (400, "BadRequest")
    assert plain.call("PUT", "rename", "/a", json={"name": "b"}).status_code == 200
    assert plain.names() == ["b", "taken"]


# ------------------------------------------------------------------------------------------- the wire itself


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"[" * 100_000, b'{"name": ' + b"9" * 5000 + b"}"])
def test_what_is_no_json_is_refused(plain: Plain, body: bytes) -> None:
    answer = plain.call("POST", "folder", "", data=body, headers={"Content-Type": "application/json"})
    assert code(answer) == (400, "BadRequest")
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("path", ["/", "/api/v3/mounts", "/api/v2/none", "/api/v2/mounts/primary/files/none"])
def test_what_is_no_call_is_not_found(server: RunningKoofr, path: str) -> None:
    assert code(Plain(server).ask("GET", path)) == (404, "NotFound")


def test_an_upload_that_breaks_off_leaves_nothing(plain: Plain) -> None:
    for header in ({"Content-Length": "100000"}, {"Transfer-Encoding": "chunked"}):
        connection = _begin_put(plain, header)
        connection.send(b"10000\r\n" if "Transfer-Encoding" in header else b"")
        connection.send(b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf')
        connection.close()
    assert plain.names() == []


def test_a_refused_upload_is_read_so_that_its_sender_learns_why(plain: Plain) -> None:
    with contextlib.closing(_begin_put(plain, {"Content-Length": "50000000"}, "/none")) as connection:
        for _ in range(50):
            connection.send(bytes(1_000_000))
        assert connection.getresponse().status == 404


def _begin_put(plain: Plain, headers: dict[str, str], path: str = "") -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", plain.server.port)
    connection.putrequest(
        "POST", f"/content/api/v2/mounts/primary/files/put?path={plain.folder}{path}&filename=a"
    )
    login = f"{plain.server.user}:{plain.server.password}"
    connection.putheader("Authorization", "Basic " + b64encode(login.encode()).decode())
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    return connection


@pytest.mark.parametrize("length", ["-1", "x", "1_0", "٣", "1" * 30])
def test_a_length_that_is_none_ends_the_connection(plain: Plain, length: str) -> None:
    with _begin_put(plain, {"Content-Length": length.encode().decode("latin-1")}).sock as raw:
        answer = http.client.HTTPResponse(raw)
        answer.begin()
        assert answer.status == 400
    assert plain.names() == []


def test_a_large_file_is_never_held_in_memory(plain: Plain) -> None:
    size = 128 * 1024 * 1024
    piece = bytes(1024 * 1024)
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="large"\r\n\r\n'
    body = itertools.chain([head], itertools.repeat(piece, size // len(piece)), [b"\r\n--x--\r\n"])
    process = psutil.Process(plain.server.process.pid)
    before = process.memory_info().rss
    header = {"Content-Type": "multipart/form-data; boundary=x"}
    assert plain.call("POST", "put", "", data=body, headers=header).status_code == 200
    download = plain.call("GET", "get", "/large", stream=True)
    assert sum(map(len, download.iter_content(len(piece)))) == size
    assert process.memory_info().rss - before < 32 * 1024 * 1024


def test_a_client_that_knows_little_gets_along(plain: Plain) -> None:
    """Paths without a slash, lists as answers, the name in the form, removing before each upload."""
    folder = plain.folder.strip("/")
    plain.ask("POST", f"/api/v2/mounts/primary/files/folder?path={folder}", json={"name": "sub"})
    for content in (b"one", b"two"):
        plain.ask("DELETE", f"/api/v2/mounts/primary/files/remove?path={folder}/sub/f")
        address = f"/content/api/v2/mounts/primary/files/put?path={folder}/sub"
        assert plain.ask("POST", address, files={"file": ("f", content)}).status_code == 200
    assert plain.ask("GET", f"/content/api/v2/mounts/primary/files/get?path={folder}/sub/f").content == b"two"
