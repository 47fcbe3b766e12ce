"""A8, A9, A15: whatever is sent to the running server gets a typed answer below 500, and changes nothing."""

import http.client
import json
import socket
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from server.conftest import PASSWORD
from server.devices import Device, Json, new_id

from oaio_storage.model import context_headers
from oaio_storage.testing.servers import RunningServer

BODIES: dict[str, bytes] = {
    "empty": b"",
    "white": b" \n",
    "mark": b"\xef\xbb\xbf",
    "scalar": b"1",
    "null": b"null",
    "list": b"[]",
    "deep": b"[" * 100_000,
    "deep object": b'{"a":' * 50_000,
    "digits": b'{"limit":' + b"1" * 5_000 + b"}",
    "nan": b'{"limit":NaN}',
    "infinite": b'{"limit":-Infinity}',
    "huge": b'{"limit":1e999}',
    "twice": b'{"a":1,"\\u0061":1}',
    "latin": b'{"a":"\xe9"}',
    "utf-16": '{"a":1}'.encode("utf-16"),
    "overlong": b'{"a":"\xc0\xaf"}',
    "surrogate": b'{"username":"\\ud800","password":"x"}',
    "nul": b'{"username":"\\u0000","password":"x"}',
    "wrong types": b'{"username":[],"password":{}}',
    "empty object": b"{}",
}
SLUGS = ["v1/login", "v1/sync", "v1/access", "v1/wipe_user", "login/", "register/", "upload/", "delete/"]
SLUGS += ["subscribe/", "wipe_user/"]
FIELD_SLUGS = ["item", "register/", "upload/", "subscribe/"]
OLD = "20260101000000000000"
TYPED = "\r\nContent-Type: application/json"


@pytest.fixture
def device(data: Path) -> Device:
    assert data.is_dir()
    return Device("alice")


def check_refused(status: int, answer: Json) -> None:
    """A typed error that tells nothing about the server's inside."""
    assert 400 <= status < 500
    assert set(answer["error"]) == {"code", "message", "hint"}
    told = json.dumps(answer)
    assert not any(word in told for word in ("Traceback", "sqlite", "SELECT", "/tmp", "django", ".py"))


@pytest.mark.parametrize("name", BODIES)
def test_bodies_that_are_no_request(device: Device, name: str) -> None:
    for slug in SLUGS:
        check_refused(*device.post(slug, BODIES[name]))
    assert device.sync(cursor="")["entries"] == []


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # what is refused leaves no trace
@given(
    field=st.integers(0, 20),
    value=JSON_VALUES,
    slug=st.sampled_from(FIELD_SLUGS),
)
def test_any_value_in_any_field(device: Device, field: int, value: Json, slug: str) -> None:
    if slug == "item":
        body = device.item(new_id(), stamp=OLD)
        body[list(body)[field % len(body)]] = value
        status, answer = device.post("v1/sync", {"cursor": "", "stamps": 0, "items": [body], "limit": 0})
        statuses = [one["status"] for one in answer["results"]] if status == 200 else [status]
    else:
        body = {
            "oaio_id": new_id(),
            "client_stamp": "20260101000000000000",
            "server_stamp": "",
            "client_values": {},
        }
        body |= {"csh_id": "", "username": "bob", "access_right": "r"}
        body[list(body)[field % len(body)]] = value
        statuses = [device.post(slug, body)[0]]
    assert all(200 <= one < 500 for one in statuses)


class Wire:
    """Raw requests to the running server, with a session."""

    def __init__(self, server: RunningServer, device: Device) -> None:
        cookies = "; ".join(f"{name}={cookie.value}" for name, cookie in device.client.cookies.items())
        self.headers = context_headers("alice", "d", "a") | {"Cookie": cookies}
        self.headers["X-CSRFToken"] = device.client.cookies["csrftoken"].value
        self.address = ("127.0.0.1", server.port)

    def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(*self.address, timeout=20)
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, self.headers | told)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content

    def raw(self, head: str, body: bytes = b"") -> bytes:
        with socket.create_connection(self.address, timeout=20) as line:
            lines = [head, *(f"{name}: {value}" for name, value in self.headers.items()), "", ""]
            line.sendall("\r\n".join(lines).encode("latin-1") + body)
            line.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: line.recv(65536), b""))


def test_the_wire_itself(server: RunningServer) -> None:
    wire = Wire(server, Device("alice"))
    get, post = "GET {} HTTP/1.1\r\nHost: localhost", "POST /api/v1/sync HTTP/1.1\r\nHost: localhost"
    paths = [
        "/api/%2e%2e%2f",
        "/api/%252e",
        "/api/csh_args/%00",
        "/api/user_subz/%ff%fe",
        "/api/user_subz//",
        "//api",
    ]
    paths += [
        "/api/v1/hosts/%ed%a0%80",
        "/api/" + "x" * 8_000,
        "/api/v1/access?oaio_id=%00&oaio_id=%ff",
        "/api/%",
        "/;",
    ]
    answers = [wire.raw(get.format(path)) for path in paths]
    answers += [
        wire.raw(
            f"{post}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked", b"2\r\n{}\r\n0\r\n\r\n"
        ),
        wire.raw(f"{post}\r\nContent-Length: 5\r\nContent-Type: application/json", b"{}"),
        wire.raw(f"{post}\r\nContent-Length: -5", b"{}"),
        wire.raw(f"{post}\r\nContent-Length: 2\r\nContent-Length: 3{TYPED}", b"{}"),
        wire.raw(f"{post}\r\nTransfer-Encoding: chunked", b"ffffffffffffffff\r\n{}"),
        wire.raw(f"{post}\r\nContent-Length: 99999999999", b"{}"),
        wire.raw("BREW /api/v1/sync HTTP/1.1\r\nHost: localhost"),
        wire.raw("GET /api/v1/login HTTP/1.1\r\nHost: evil.example"),
        wire.raw("GET /api/v1/login HTTP/1.1\r\nHost: \x00"),
        wire.raw("GET /api/v1/login HTTP/1.1\r\nHost: localhost\r\nX-HTTP-Method-Override: POST"),
    ]
    statuses = [int(answer.split()[1]) if answer else 0 for answer in answers]
    assert all(status < 500 for status in statuses), list(zip(statuses, answers, strict=True))
    assert statuses[len(paths)] == 411
    assert b"evil" not in answers[-3]
    assert wire.request("GET", "/api/v1/login")[0] == 200
    for name in ("127.0.0.1", "localhost", "[::1]"):
        assert wire.request("GET", "/api/v1/login", Host=f"{name}:{server.port}")[0] == 200
    assert "Traceback" not in server.log.read_text()


def test_length_and_type_are_named(server: RunningServer) -> None:
    wire = Wire(server, Device("alice"))
    body = json.dumps({"cursor": "", "stamps": 0, "items": [], "limit": 0}).encode()
    types = {"text/plain": 415, "": 415, "application/json": 200, "application/json; charset=utf-8": 200}
    for told, status in types.items():
        assert wire.request("POST", "/api/v1/sync", body, Content_Type=told)[0] == status
    assert wire.raw(f"POST /api/v1/sync HTTP/1.1\r\nHost: localhost{TYPED}").split()[1] == b"411"


def test_a_disabled_user_and_a_changed_password_end_the_session(device: Device) -> None:
    user = User.objects.get(username="alice")
    user.set_password("another")
    user.save()
    assert device.get("current_stamp/")[0] == 401


def test_wrong_passwords_are_limited(data: Path) -> None:
    assert data.is_dir()
    device = Device("")
    body = {"username": "nobody is called so", "password": "x"}
    statuses = [device.post("v1/login", body)[0] for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    assert device.post("v1/login", body | {"username": "another"})[0] == 401


def test_a_login_gets_a_new_session_and_logging_out_ends_it(data: Path) -> None:
    assert data.is_dir()
    device = Device("")
    sessions = []
    for _ in range(2):
        status, answer = device.post("v1/login", {"username": "alice", "password": PASSWORD})
        assert (status, answer) == (200, {"username": "alice", "staff": False})
        sessions.append(device.client.cookies["sessionid"].value)
    assert sessions[0] != sessions[1]
    assert device.post("v1/logout", {})[0] == 200
    later = Client(SERVER_NAME="localhost", headers={"Cookie": f"sessionid={sessions[1]}"})
    assert later.get("/api/v1/access").status_code == 401
