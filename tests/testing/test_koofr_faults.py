"""What the Koofr test server does badly when it is told so, and that it does well before and after."""

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import pytest
import requests
from testing.koofr_client import Plain, code

from oaio_storage.errors import Unavailable
from oaio_storage.testing import RunningKoofr, koofr_server


@pytest.fixture(scope="module")
def shared() -> Iterator[RunningKoofr]:
    with koofr_server(None, 0, "--mount", "First", "--mount", "Second") as running:
        yield running


@pytest.fixture
def server(shared: RunningKoofr) -> Iterator[RunningKoofr]:
    """The module's server with nothing wrong, and empty."""
    shared.requests()
    yield shared
    shared.restore()
    plain = Plain(shared)
    for name in plain.names("/"):
        plain.call("DELETE", "remove", f"/{name}")


@pytest.fixture
def plain(server: RunningKoofr) -> Plain:
    return Plain(server)


@pytest.mark.parametrize("status", [401, 403, 429, 500, 502, 503, 504])
def test_some_requests_of_a_call_get_a_status(server: RunningKoofr, plain: Plain, status: int) -> None:
    server.switch(faults=[{"call": "list", "status": status, "times": 2, "after": 1, "retry_after": 3}])
    answers = [plain.call("GET", "list") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, status, status, 200]
    assert answers[1].headers["Retry-After"] == "3"
    assert [seen["status"] for seen in server.requests()] == [200, status, status, 200]


def test_a_fault_of_every_call_and_without_an_end(server: RunningKoofr, plain: Plain) -> None:
    server.switch(faults=[{"status": 503, "times": None}])
    assert [plain.call("GET", "list").status_code, plain.make("", "a").status_code] == [503, 503]
    server.switch(faults=[])
    assert plain.names() == []


def test_a_page_of_html_is_answered(server: RunningKoofr, plain: Plain) -> None:
    server.switch(faults=[{"html": True}, {"html": True, "status": 502}])
    page = plain.put("", "a", b"x")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html")
    assert page.text.startswith("<!DOCTYPE html>")
    assert plain.call("GET", "list").status_code == 502
    assert plain.names() == []


def test_a_request_is_redirected(server: RunningKoofr, plain: Plain) -> None:
    place = f"{server.url}/elsewhere"
    server.switch(faults=[{"location": place}, {"location": "/elsewhere", "status": 308}])
    for told in ((302, place), (308, "/elsewhere")):
        form = {"file": ("a", b"x")}
        answer = plain.call("POST", "put", files=form, allow_redirects=False)
        assert (answer.status_code, answer.headers["Location"]) == told
    assert plain.names() == []


def test_a_body_is_cut(server: RunningKoofr, plain: Plain) -> None:
    content = bytes(1_000_000)
    plain.put("", "a", content)
    for cut in (0, 1, 500_000):
        server.switch(faults=[{"call": "get", "cut": cut}])
        answer = plain.call("GET", "get", "/a", stream=True)
        assert int(answer.headers["Content-Length"]) == len(content)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            _ = answer.content
    server.switch(faults=[{"call": "list", "cut": 5}])
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        plain.call("GET", "list")
    assert plain.content("/a") == content


@pytest.mark.parametrize("cut", [0, 10, 1_000_000, 100_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_request_is_cut_and_nothing_is_done(
    server: RunningKoofr,
    plain: Plain,
    cut: int,
    chunked: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    plain.put("", "a", b"before")
    server.switch(faults=[{"call": "put", "cut_request": cut}])
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    body = [head, *[bytes(100_000)] * 20, b"\r\n--x--\r\n"]
    query = {"filename": "a", "overwrite": "true"}
    header = {"Content-Type": "multipart/form-data; boundary=x"}
    with pytest.raises(requests.exceptions.ConnectionError):
        plain.call("POST", "put", query=query, data=iter(body) if chunked else b"".join(body), headers=header)
    assert plain.content("/a") == b"before"
    assert plain.names() == ["a"]


def test_a_request_without_a_body_is_cut_too(server: RunningKoofr, plain: Plain) -> None:
    plain.put("", "a", b"x")
    server.switch(faults=[{"call": "remove", "cut_request": 10}])
    with pytest.raises(requests.exceptions.ConnectionError):
        plain.call("DELETE", "remove", "/a")
    assert plain.names() == ["a"]


def test_an_answer_is_lost_though_all_was_done(server: RunningKoofr, plain: Plain) -> None:
    server.switch(faults=[{"call": "put", "lost": True}])
    with pytest.raises(requests.exceptions.ConnectionError):
        plain.put("", "a", b"x")
    assert plain.content("/a") == b"x"
    assert [seen["status"] for seen in server.requests() if seen["call"] == "put"] == [0]


def test_tokens_end_in_the_middle(server: RunningKoofr, plain: Plain) -> None:
    def token() -> dict[str, str]:
        login = {"email": server.user, "password": server.password}
        given = plain.ask("POST", "/token", json=login, auth=("", "")).json()["token"]
        return {"Authorization": f"Token {given}"}

    server.switch(faults=[{"call": "info", "expire": True, "after": 1}])
    headers = token()

    def info(headers: dict[str, str]) -> int:
        address = "/api/v2/mounts/primary/files/info?path=/"
        return plain.ask("GET", address, headers=headers, auth=lambda request: request).status_code

    assert [info(headers), info(headers), info(headers), info(token())] == [200, 401, 401, 200]


def test_a_mount_is_read_only(server: RunningKoofr, plain: Plain) -> None:
    plain.put("", "a", b"x")
    server.switch(read_only=["First"])
    second = plain.ask("GET", "/api/v2/mounts").json()["mounts"][1]["id"]
    refused = [
        plain.put("", "b", b"x"),
        plain.make("", "b"),
        plain.call("DELETE", "remove", "/a"),
        plain.call("PUT", "rename", "/a", json={"name": "b"}),
        plain.spread("move", "/a", "/b"),
        plain.spread("copy", "/a", "/b"),
    ]
    assert [code(answer) for answer in refused] == [(403, "Forbidden")] * 6
    mount = plain.ask("GET", "/api/v2/mounts/primary").json()
    assert (mount["canWrite"], mount["canUpload"], mount["permissions"]["WRITE"]) == (False, False, False)
    assert plain.content("/a") == b"x"
    assert plain.names() == ["a"]
    body = {"toMountId": second, "toPath": "/a"}
    assert plain.call("PUT", "copy", "/a", json=body).status_code == 200
    server.switch(read_only=["Second"])
    assert code(plain.call("PUT", "copy", "/a", json=body)) == (403, "Forbidden")


def test_a_mount_is_gone(server: RunningKoofr, plain: Plain) -> None:
    server.switch(gone=["First"])
    assert code(plain.call("GET", "list")) == (404, "NotFound")
    assert [mount["name"] for mount in plain.ask("GET", "/api/v2/mounts").json()["mounts"]] == ["Second"]


def test_a_mount_is_full(server: RunningKoofr, plain: Plain) -> None:
    mib = 1024 * 1024
    plain.put("", "a", bytes(mib))
    server.switch(quota={"First": 2})
    assert plain.put("", "b", bytes(mib - 1)).status_code == 200
    mount = plain.ask("GET", "/api/v2/mounts/primary").json()
    assert (mount["spaceTotal"], mount["spaceUsed"]) == (2, 2)
    assert (mount["overQuota"], mount["almostOverQuota"]) == (False, True)
    full = (507, "OverQuota")
    assert code(plain.put("", "c", b"xx")) == full
    assert code(plain.put("", "c", bytes(5 * mib))) == full
    assert code(plain.spread("copy", "/a", "/c")) == full
    assert plain.names() == ["a", "b"]
    assert plain.put("", "a", bytes(mib), overwrite="true").status_code == 200
    assert plain.spread("move", "/a", "/moved").status_code == 200


def test_a_file_is_too_large(server: RunningKoofr, plain: Plain) -> None:
    server.switch(largest_file=10)
    assert code(plain.put("", "a", bytes(11))) == (413, "FileTooLarge")
    assert plain.put("", "a", bytes(10)).status_code == 200


def test_the_account_vanishes(server: RunningKoofr, plain: Plain) -> None:
    server.switch(vanished=True)
    login = {"email": server.user, "password": server.password}
    assert plain.call("GET", "list").status_code == 401
    assert plain.ask("POST", "/token", json=login).status_code == 401


@pytest.mark.parametrize("ahead", [86_400, -86_400])
def test_the_clock_is_off(server: RunningKoofr, plain: Plain, ahead: int) -> None:
    server.switch(clock=ahead)
    answer = plain.put("", "a", b"x", info="true")
    for told in (answer.json()["modified"] / 1000, parsedate_to_datetime(answer.headers["Date"]).timestamp()):
        assert abs(told - time.time() - ahead) < 3600


def test_requests_take_their_time(server: RunningKoofr, plain: Plain) -> None:
    server.switch(delay=0.2, faults=[{"call": "info", "delay": 0.3}])
    begin = time.monotonic()
    assert plain.info("/")
    assert time.monotonic() - begin >= 0.5


@pytest.mark.parametrize(
    "switches",
    [
        {"none": 1},
        {"faults": [{"none": 1}]},
        {"faults": [{"status": 204}]},
        {"faults": [{"times": -1}]},
        {"faults": ["put"]},
        {"faults": 3},
        {"delay": -1},
        {"vanished": "yes"},
        {"gone": "First"},
        {"quota": {"First": -1}},
    ],
)
def test_a_switch_that_there_is_not_is_refused_and_changes_nothing(
    server: RunningKoofr, switches: dict[str, object]
) -> None:
    before = server.switch()
    answer = requests.put(
        f"{server.url}/testing/switches", json=switches, auth=(server.user, server.password), timeout=60
    )
    assert code(answer) == (400, "BadRequest")
    assert server.switch() == before


def test_only_those_with_the_password_can_turn_switches(server: RunningKoofr) -> None:
    answer = requests.put(f"{server.url}/testing/switches", json={"vanished": True}, timeout=60)
    assert answer.status_code == 401
    assert not server.switch()["vanished"]


def test_switches_can_be_set_from_the_begin() -> None:
    with koofr_server(None, 0, "--switches", '{"largest_file": 3}') as running:
        assert Plain(running).put("", "a", b"four").status_code == 413
    with (
        pytest.raises(Unavailable, match=r"switches"),
        koofr_server(None, 0, "--switches", '{"largest": 3}'),
    ):
        pass
