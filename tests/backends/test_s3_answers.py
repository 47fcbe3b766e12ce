"""What a server or gateway may answer, and what users are told: one typed error, and what to do next."""

import io
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from backends.s3_proxy import Asked, Proxy, Reply, proxy_of
from seaweed import SECRET, Weed, free_ports

from oaio_storage import errors
from oaio_storage.errors import (
    AccessDenied,
    AlreadyExists,
    BadAnswer,
    Busy,
    Changed,
    ClockSkew,
    InvalidArgument,
    NotFound,
    OaioError,
    QuotaExceeded,
    RootUnavailable,
    Throttled,
    TimedOut,
    TryAgain,
    Unavailable,
)
from oaio_storage.hosts import Absent, CshApi, Retry
from oaio_storage_s3 import S3Api
from oaio_storage_s3.answers import CODES
from oaio_storage_s3.multipart import PART
from oaio_storage_s3.store import PlainStore

HTML = b"<html><body>Please log in to the network of this hotel</body></html>"
LARGE = bytes(PART + 100_000)

CALLS: dict[str, Callable[[CshApi], object]] = {
    "read": lambda host: host.read("file"),
    "range": lambda host: host.read("file", 1, 3),
    "stat": lambda host: host.stat("file"),
    "list": lambda host: list(host.list()),
    "write": lambda host: host.write("file", b"new"),
    "create": lambda host: host.write("new", b"new", expect=Absent),
    "write large": lambda host: host.write("file", LARGE),
    "copy": lambda host: host.copy("file", "copied"),
    "delete": lambda host: host.delete("file"),
    "delete one version": lambda host: host.delete("file", expect='"a"'),
    "clean up": lambda host: host.clean_up(0),
}


def error(code: str, more: str = "") -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>x</Message>{more}</Error>".encode()


@pytest.fixture
def proxy(weed: Weed) -> Iterator[Proxy]:
    with proxy_of(weed.endpoint) as made:
        yield made


@pytest.fixture
def options(weed: Weed, proxy: Proxy) -> dict[str, Any]:
    """Of a root with the file ``file``, reached through the proxy."""
    made = weed.options(weed.bucket, weed.new_prefix())
    S3Api(**made).write("file", b"content")
    return made | {"endpoint": proxy.endpoint}


def told(host: CshApi, call: Callable[[CshApi], object]) -> OaioError:
    """The error of ``call``, which says what to do next and no secret."""
    with pytest.raises(OaioError) as caught:
        call(host)
    text = "".join(traceback.format_exception(caught.value)) + repr(host) + caught.value.hint
    assert SECRET not in text
    assert caught.value.hint or isinstance(caught.value, NotFound | AlreadyExists)
    return caught.value


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("wrong", ["access_key_id", "secret_access_key"])
def test_wrong_keys(weed: Weed, wrong: str, call: str) -> None:
    host = S3Api(**weed.options(weed.bucket, **{wrong: "wrong"}))
    found = told(host, CALLS[call])
    assert type(found) is AccessDenied
    assert "secret_access_key" in found.hint


@pytest.mark.parametrize("call", ["write", "write large", "create", "copy", "delete", "delete one version"])
def test_keys_that_may_only_read(weed: Weed, call: str) -> None:
    prefix = weed.new_prefix()
    S3Api(**weed.options(weed.bucket, prefix)).write("file", b"content")
    host = S3Api(**weed.options(weed.bucket, prefix, access_key_id="reader"))
    found = told(host, CALLS[call])
    assert type(found) is AccessDenied
    assert "right" in found.hint
    assert host.read("file") == b"content"
    assert [each.path for each in host.list()] == ["file"]


def test_keys_that_may_not_list(weed: Weed) -> None:
    host = S3Api(**weed.options(weed.bucket, weed.new_prefix(), access_key_id="blind"))
    host.write("file", b"x")
    assert type(told(host, CALLS["list"])) is AccessDenied


@pytest.mark.parametrize("call", [call for call in CALLS if call != "copy"])
def test_a_bucket_that_does_not_exist(weed: Weed, call: str) -> None:
    host = S3Api(**weed.options("no-such-bucket", access_key_id="keeper"))
    found = told(host, CALLS[call])
    assert type(found) is RootUnavailable
    assert "Make the bucket" in found.hint


@pytest.mark.parametrize("call", ["read", "list", "write", "delete one version"])
@pytest.mark.parametrize(
    "reply",
    [
        Reply(301, error("PermanentRedirect", "<Endpoint>x.s3.amazonaws.com</Endpoint>")),
        Reply(400, error("AuthorizationHeaderMalformed", "<Region>eu-west-3</Region>")),
    ],
)
def test_a_bucket_of_another_region(options: dict[str, Any], proxy: Proxy, call: str, reply: Reply) -> None:
    proxy.rule = lambda _: reply
    found = told(S3Api(**options), CALLS[call])
    assert type(found) is InvalidArgument
    assert ("eu-west-3" if reply.status == 400 else "region") in found.hint


@pytest.mark.parametrize("call", ["read", "stat", "write", "list", "delete one version"])
def test_a_clock_that_is_off(options: dict[str, Any], proxy: Proxy, call: str) -> None:
    proxy.rule = lambda asked: Reply(403, b"" if asked.method == "HEAD" else error("RequestTimeTooSkewed"))
    found = told(S3Api(**options), CALLS[call])
    assert type(found) is ClockSkew
    assert "clock" in found.hint


@pytest.mark.parametrize("call", CALLS)
def test_nobody_listens(weed: Weed, call: str) -> None:
    (port,) = free_ports(1)
    host = S3Api(**weed.options("bucket") | {"endpoint": f"http://127.0.0.1:{port}"})
    found = told(host, CALLS[call])
    assert type(found) is Unavailable
    assert "endpoint" in found.hint


@pytest.mark.parametrize("call", ["read", "list", "write", "copy", "delete one version"])
def test_a_server_that_is_too_slow(options: dict[str, Any], proxy: Proxy, call: str) -> None:
    proxy.rule = lambda _: Reply(seconds=1.5)
    assert type(told(S3Api(**options, timeout=0.3), CALLS[call])) is TimedOut


@pytest.mark.parametrize("call", ["read", "stat", "list", "write", "write large", "copy", "delete"])
def test_slow_down_for_ever_ends(options: dict[str, Any], proxy: Proxy, call: str) -> None:
    proxy.rule = lambda _: Reply(503, error("SlowDown"))
    host = Retry(S3Api(**options), attempts=3, wait_initial=0.01, wait_jitter=0.0)
    assert isinstance(told(host, CALLS[call]), Throttled | Unavailable)
    assert 3 <= len(proxy.asked) <= 6


@pytest.mark.parametrize("call", ["write large", "copy"])
def test_an_error_in_the_body_of_a_success(options: dict[str, Any], proxy: Proxy, call: str) -> None:
    def rule(asked: Asked) -> Reply | None:
        is_last = "uploadId" in asked.path if asked.method == "POST" else asked.path.endswith("/copied")
        return Reply(200, error("InternalError")) if is_last and asked.method != "HEAD" else None

    proxy.rule = rule
    assert isinstance(told(S3Api(**options), CALLS[call]), TryAgain)


@pytest.mark.parametrize("call", CALLS)
def test_a_page_of_html_in_place_of_an_answer(options: dict[str, Any], proxy: Proxy, call: str) -> None:
    proxy.rule = lambda _: Reply(200, HTML, {"Content-Type": "text/html"})
    host = S3Api(**options)
    assert isinstance(told(host, CALLS[call]), BadAnswer)


def test_a_page_of_html_in_place_of_a_deletion_is_resolved_by_reading(
    options: dict[str, Any], proxy: Proxy
) -> None:
    page = Reply(200, HTML, {"Content-Type": "text/html"})
    proxy.rule = lambda asked: page if asked.method == "DELETE" else None
    host = S3Api(**options)
    version = host.stat("file").version
    assert type(told(host, lambda it: it.delete("file", expect=version))) is BadAnswer
    assert type(told(host, lambda it: it.delete("file", expect='"old"'))) is Changed
    assert host.read("file") == b"content"
    proxy.done_first = True
    host.delete("file", expect=version)
    assert [each.path for each in host.list()] == []
    with pytest.raises(BadAnswer):
        PlainStore(host._clients).delete([host.key("file")])


@pytest.mark.parametrize("call", ["read", "stat", "list", "write", "copy"])
def test_a_page_of_html_that_says_not_found(options: dict[str, Any], proxy: Proxy, call: str) -> None:
    proxy.rule = lambda _: Reply(404, HTML, {"Content-Type": "text/html"})
    assert isinstance(told(S3Api(**options), CALLS[call]), BadAnswer)


@pytest.mark.parametrize("call", ["read", "list", "write", "delete one version"])
def test_an_answer_that_is_cut_off(options: dict[str, Any], proxy: Proxy, call: str) -> None:
    proxy.rule = lambda _: Reply(
        200, b"x" * 100, {"ETag": '"x"', "Last-Modified": "Tue, 24 Nov 2026 19:48:47 GMT"}, sent=7
    )
    if call == "write":
        proxy.rule = lambda _: Reply(hang_up=True)
    assert isinstance(told(S3Api(**options), CALLS[call]), TryAgain | BadAnswer)


def test_a_stream_that_is_cut_off_ends_with_an_error(options: dict[str, Any], proxy: Proxy) -> None:
    host = S3Api(**options)
    host.write("large", bytes(range(256)) * 40_000)
    answers = iter([None])
    proxy.rule = lambda _: next(
        answers, Reply(206, bytes(100), {"ETag": '"x"', "Content-Range": "bytes 0-1/2"}, sent=9)
    )
    with host.open("large") as stream, pytest.raises(OaioError):
        stream.read()


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(500, error("InternalError")), TimedOut),
        (Reply(502, HTML), TimedOut),
        (Reply(503, HTML), Unavailable),
        (Reply(504, HTML), TimedOut),
        (Reply(507, HTML), QuotaExceeded),
        (Reply(400, error("Surprise")), BadAnswer),
        (Reply(418, HTML), BadAnswer),
    ],
)
def test_what_a_gateway_answers_to_a_write(
    options: dict[str, Any], proxy: Proxy, reply: Reply, expected: type[OaioError]
) -> None:
    proxy.rule = lambda _: reply
    for call in ("write", "write large", "copy"):
        if call != "copy" or expected not in (BadAnswer, TimedOut):
            assert type(told(S3Api(**options), CALLS[call])) in (expected, Unavailable)


def test_a_conflict_is_told_from_a_condition_that_does_not_hold(
    options: dict[str, Any], proxy: Proxy
) -> None:
    host = S3Api(**options)
    version = host.stat("file").version
    proxy.rule = lambda asked: (
        Reply(409, error("ConditionalRequestConflict")) if asked.method in ("PUT", "DELETE") else None
    )
    assert type(told(host, lambda it: it.write("file", b"new", expect=Absent))) is AlreadyExists
    assert type(told(host, lambda it: it.write("file", b"new", expect='"old"'))) is Changed
    assert type(told(host, lambda it: it.write("gone", b"new", expect='"old"'))) is Changed
    assert type(told(host, lambda it: it.delete("file", expect='"old"'))) is Changed
    for undecided in (
        lambda it: it.write("new", b"new", expect=Absent),
        lambda it: it.write("file", b"new", expect=version),
        lambda it: it.delete("file", expect=version),
    ):
        assert type(told(host, undecided)) is Busy
    host.delete("absent", expect='"old"')


def test_a_lost_answer_is_resolved_by_reading(options: dict[str, Any], proxy: Proxy) -> None:
    proxy.done_first = True
    lost = iter([Reply(hang_up=True)])
    proxy.rule = lambda asked: next(lost, None) if asked.method == "PUT" else None
    host = Retry(S3Api(**options), wait_initial=0.01, wait_jitter=0.0)
    stored = host.write("new", b"mine", expect=Absent)
    assert stored.version == host.stat("new").version
    assert proxy.methods()["PUT"] == 1


def test_one_request_for_a_small_file_and_none_for_checks(options: dict[str, Any], proxy: Proxy) -> None:
    host = S3Api(**options)
    version = host.stat("file").version
    for wanted, call in (
        ({"PUT": 1}, lambda: host.write("small", b"x")),
        ({"PUT": 1}, lambda: host.write("deep/er/small", io.BytesIO(b"x"))),
        ({"PUT": 1}, lambda: host.write("created", b"x", expect=Absent)),
        ({"PUT": 1}, lambda: host.write("file", b"other", expect=version)),
        ({"GET": 1}, lambda: host.read("small")),
        ({"GET": 1}, lambda: host.open("small").read()),
        ({"HEAD": 1}, lambda: host.stat("small")),
        ({"GET": 1}, lambda: list(host.list())),
        ({"HEAD": 1, "PUT": 1}, lambda: host.copy("small", "copied")),
        ({"POST": 1}, lambda: host.delete("small")),
    ):
        proxy.asked.clear()
        call()
        assert proxy.methods() == wanted


def test_a_large_file_is_not_sent_where_its_condition_does_not_hold(
    options: dict[str, Any], proxy: Proxy
) -> None:
    host = S3Api(**options)
    for expect, error in ((Absent, AlreadyExists), ("other", Changed)):
        proxy.asked.clear()
        with pytest.raises(error):
            host.write("file", LARGE, expect=expect)
        assert proxy.methods() == {"HEAD": 1}
    host.write("file", LARGE, expect=host.stat("file").version)
    assert host.read("file") == LARGE


def test_every_code_has_an_error_of_ours_and_every_permanent_one_a_way_out() -> None:
    leaves = set(errors.leaves())
    for code, (kind, happened, hint) in CODES.items():
        assert kind in leaves, code
        assert happened
        assert (
            hint
            or kind.default_hint
            or kind in (NotFound, Unavailable, QuotaExceeded, errors.TooLarge, errors.NotGuaranteed)
        ), code
