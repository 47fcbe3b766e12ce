"""GET and HEAD of a published tree: RFC 9110, clause by clause, and one generation for each answer."""

import email.parser
import email.policy
import io
import itertools
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast
from wsgiref.validate import validator

import attrs
import pytest
from counts import COUNTS
from hypothesis import given
from hypothesis import strategies as st
from publish.trees import Files, Site, manifest_of

from oaio_storage.errors import Corrupt, NotFound
from oaio_storage.hosts.folders import HeldFolder, Placed
from oaio_storage.manifest import Manifest
from oaio_storage.publish.head import Switch
from oaio_storage.publish.opening import Opened
from oaio_storage.publish.record import Record
from oaio_storage.publish.serve import Answer, LiveTree, answer, wsgi_app
from oaio_storage.publish.serve.ranges import MAX_RANGES
from oaio_storage_local import LocalApi

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from oaio_storage.publish.serve.answering import Body

PAGE = b"<h1>hello</h1>"
FILES = {
    "index.html": PAGE,
    "about/index.html": b"about",
    "files/data.bin": bytes(range(256)),
    "files/empty": b"",
    "xx:y/index.html": b"colon",
    "r\u00e9sum\u00e9 100%.txt": "gr\u00fc\u00df".encode(),
    "app.mjs": b"export {}",
    "a.tar.gz": b"\x1f\x8b",
    "page.svg": b"<svg/>",
}


@attrs.frozen
class Memory:
    """A held folder without a disk."""

    files: Files
    identity: str = ""

    def read(self, path: str) -> io.BytesIO:
        if path not in self.files:
            raise NotFound(path)
        return io.BytesIO(self.files[path])

    def placed(self) -> Iterator[tuple[str, Placed | None]]:
        yield from ()


def opened_of(files: Files, there: Files | None = None) -> Opened:
    generation = "0" * 32
    switch = Switch(sequence=1, generation=generation, parent="", transaction="1" * 32)
    record = Record("site", generation, "1" * 32, manifest_of(files), {})
    return Opened(switch, record, cast("HeldFolder", Memory(files if there is None else there)))


OPENED = opened_of(FILES)


def ask(
    path: str,
    method: str = "GET",
    headers: Mapping[str, str] = MappingProxyType({}),
    *,
    opened: Opened = OPENED,
    download: bool = False,
) -> Answer:
    return answer(method, path, headers, opened, download=download)


def text(given: Answer) -> bytes:
    with given.body as body:
        return b"".join(body)


def test_a_file_is_answered_whole_with_its_checksum_as_strong_tag() -> None:
    given = ask("index.html")
    assert (given.status, text(given)) == (200, PAGE)
    assert given.headers == {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Length": str(len(PAGE)),
        "ETag": f'"{sha256(PAGE).hexdigest()}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-cache",
        "X-Content-Type-Options": "nosniff",
    }


@pytest.mark.parametrize("path", [*FILES, "", "about/", "about", "nothing", "files"])
@pytest.mark.parametrize("range_asked", [{}, {"Range": "bytes=0-1"}])
def test_head_says_what_get_says_and_has_no_content(path: str, range_asked: dict[str, str]) -> None:
    """9.3.2; and 14.2: Range is for GET alone."""
    get, head = ask(path), ask(path, "HEAD", range_asked)
    assert (head.status, head.headers, text(head)) == (get.status, get.headers, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", ""])
def test_other_methods_are_not_allowed(method: str) -> None:
    """15.5.6."""
    given = ask("index.html", method)
    assert (given.status, given.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(("path", "content"), [("", PAGE), ("about/", b"about"), ("xx:y/", b"colon")])
def test_a_folder_is_its_index_page(path: str, content: bytes) -> None:
    assert text(ask(path)) == content


@pytest.mark.parametrize(("path", "place"), [("about", "./about/"), ("xx:y", "./xx%3Ay/")])
def test_a_folder_without_its_slash_is_redirected_to_it(path: str, place: str) -> None:
    given = ask(path)
    assert (given.status, given.headers["Location"]) == (307, place)


@pytest.mark.parametrize(
    "path",
    [
        "nothing",
        "files",
        "files/",
        "/",
        "//evil.example",
        "index.html/",
        "about//index.html",
        "./index.html",
        "about/../index.html",
        "../site/index.html",
        "/etc/passwd",
        "about\\index.html",
        "index.html\0",
        ".oaio/root.json",
        ".OAIO/trees/site/head",
        "INDEX.HTML",
        "files/*",
    ],
)
def test_what_is_no_name_of_a_file_is_not_found(path: str) -> None:
    given = ask(path)
    assert given.status == 404
    assert path.strip("/") not in text(given).decode() or not path.strip("/")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("app.mjs", "text/javascript; charset=utf-8"),
        ("a.tar.gz", "application/gzip"),
        ("page.svg", "image/svg+xml"),
        ("files/data.bin", "application/octet-stream"),
        ("files/empty", "application/octet-stream"),
    ],
)
def test_the_type_comes_from_the_name(path: str, kind: str) -> None:
    given = ask(path)
    assert given.headers["Content-Type"] == kind
    assert "Content-Encoding" not in given.headers


def test_a_download_is_named_in_ascii_and_as_it_is() -> None:
    """RFC 6266, 4.3."""
    told = ask("r\u00e9sum\u00e9 100%.txt", download=True).headers["Content-Disposition"]
    assert told == "attachment; filename=\"r_sum_ 100_.txt\"; filename*=UTF-8''r%C3%A9sum%C3%A9%20100%25.txt"
    assert told.isascii()
    assert "Content-Disposition" not in ask("index.html").headers


def test_headers_of_the_site_win() -> None:
    more = {"Cache-Control": "max-age=60", "Content-Security-Policy": "default-src 'self'"}
    for path in ("index.html", "nothing", "about"):
        given = answer("GET", path, {}, OPENED, more=more)
        assert more.items() <= given.headers.items()


TAG = f'"{sha256(PAGE).hexdigest()}"'


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if-none-match": TAG}, 304),
        ({"if-none-match": f"W/{TAG}"}, 304),  # weak comparison, 13.1.2
        ({"if-none-match": f'"other", {TAG}'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"other"'}, 200),
        ({"if-none-match": "no tag"}, 200),
        ({"if-match": TAG}, 200),
        ({"if-match": "*"}, 200),
        ({"if-match": f'"a,b", {TAG}'}, 200),
        ({"if-match": f"W/{TAG}"}, 412),  # strong comparison, 13.1.1
        ({"if-match": '"other"'}, 412),
        ({"if-match": "no tag"}, 412),
        ({"if-match": '"other"', "if-none-match": TAG}, 412),  # 13.2.2: If-Match first
        ({"if-match": TAG, "if-none-match": TAG}, 304),
        ({"if-modified-since": "Fri, 31 Dec 2100 00:00:00 GMT"}, 200),  # 13.1.3: there is no such date
        ({"if-unmodified-since": "Fri, 31 Dec 1971 00:00:00 GMT"}, 200),
    ],
)
def test_conditions(headers: dict[str, str], status: int) -> None:
    for method in ("GET", "HEAD"):
        given = ask("index.html", method, headers)
        assert given.status == status
        assert given.headers["ETag"] == TAG
        if status == 304:
            assert text(given) == b""
            assert given.headers["Cache-Control"] == "no-cache"  # 15.4.5


@pytest.mark.parametrize(
    ("condition", "status"),
    [(TAG, 206), ('"other"', 200), (f"W/{TAG}", 200), ("Fri, 31 Dec 2100 00:00:00 GMT", 200)],
)
def test_a_range_counts_only_if_the_file_is_the_one_that_is_meant(condition: str, status: int) -> None:
    """13.1.5."""
    assert ask("index.html", headers={"Range": "bytes=0-1", "If-Range": condition}).status == status


def test_conditions_come_before_ranges() -> None:
    """13.2.2."""
    assert ask("index.html", headers={"Range": "bytes=0-1", "If-None-Match": TAG}).status == 304
    assert ask("index.html", headers={"Range": "bytes=900-", "If-Match": '"other"'}).status == 412


@pytest.mark.parametrize(
    ("header", "content"),
    [("bytes=0-4", PAGE[:5]), ("BYTES=4-", PAGE[4:]), ("bytes=-3", PAGE[-3:]), ("bytes=0-999", PAGE)],
)
def test_one_part(header: str, content: bytes) -> None:
    given = ask("index.html", headers={"Range": header})
    start = PAGE.rindex(content)
    assert (given.status, text(given)) == (206, content)
    assert given.headers["Content-Range"] == f"bytes {start}-{start + len(content) - 1}/{len(PAGE)}"
    assert given.headers["Content-Length"] == str(len(content))


@pytest.mark.parametrize(
    "header",
    [
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=4-2",
        "bytes=a-b",
        "bytes=0-1,x",
        "lines=0-1",
        "bytes=\u0661-\u0662",
        "bytes=" + ",".join(f"{n}-{n}" for n in range(MAX_RANGES + 1)),
        "bytes=0-,0-,0-",
        "bytes=0-" + "9" * 5000,
    ],
)
def test_a_range_that_is_none_or_too_much_is_ignored(header: str) -> None:
    """14.2."""
    given = ask("files/data.bin", headers={"Range": header})
    assert (given.status, text(given)) == (200, FILES["files/data.bin"])


@pytest.mark.parametrize("header", ["bytes=256-", "bytes=300-400", "bytes=-0", "bytes=999-,-0"])
def test_parts_that_are_not_there_are_told(header: str) -> None:
    """15.5.17."""
    given = ask("files/data.bin", headers={"Range": header})
    assert (given.status, given.headers["Content-Range"]) == (416, "bytes */256")


def test_parts_of_an_empty_file() -> None:
    assert ask("files/empty", headers={"Range": "bytes=0-"}).status == 416
    assert ask("files/empty", headers={"Range": "bytes=-1"}).status == 200


def ranges_by_hand(header: str, size: int) -> list[tuple[int, int]] | None:
    """What RFC 9110, 14.1.2 says of a valid header, byte by byte; None: nothing is satisfiable."""
    found = []
    for spec in re.split(r"(?:[ \t]*,[ \t]*)+", header.removeprefix("bytes=").strip(" \t,")):
        first, _, last = spec.partition("-")
        if first:
            there = [at for at in range(size) if int(first) <= at <= (int(last) if last else size)]
        else:
            there = [at for at in range(size) if size - at <= int(last)]
        if there:
            found.append((there[0], there[-1]))
    return found or None


def specs(limit: int) -> st.SearchStrategy[str]:
    number = st.integers(0, limit)
    closed = st.tuples(number, number).map(lambda ends: f"{min(ends)}-{max(ends)}")
    return st.one_of(closed, number.map("{}-".format), number.map("-{}".format))


@given(
    content=st.binary(min_size=1, max_size=40),
    listed=st.lists(specs(50), min_size=1, max_size=6),
    comma=st.sampled_from([",", ", ", ",,", " ,\t"]),
)
def test_parts_are_those_of_an_independent_reading(content: bytes, listed: list[str], comma: str) -> None:
    header = f"bytes={comma.join(listed)}"
    given = ask("f.txt", headers={"Range": header}, opened=opened_of({"f.txt": content}))
    wanted = ranges_by_hand(header, len(content))
    body = text(given)
    if given.status == 416:
        assert wanted is None
        return
    assert int(given.headers["Content-Length"]) == len(body)
    if given.status == 200:
        assert wanted is not None
        assert sum(end - start + 1 for start, end in wanted) > len(content)
        assert body == content
        return
    assert given.status == 206
    assert parts_of(given, body) == [
        (f"bytes {start}-{end}/{len(content)}", content[start : end + 1]) for start, end in wanted or []
    ]


def parts_of(given: Answer, body: bytes) -> list[tuple[str, bytes]]:
    kind = given.headers["Content-Type"]
    if "Content-Range" in given.headers:
        return [(given.headers["Content-Range"], body)]
    # 7-bit clean as far as the parser is concerned: latin-1 keeps every byte
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    parsed = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    boundary = kind.partition("boundary=")[2].encode()
    contents = [piece.partition(b"\r\n\r\n")[2] for piece in body.split(b"\r\n--" + boundary)[1:-1]]
    assert body.endswith(b"\r\n--" + boundary + b"--\r\n")
    told = [str(part["Content-Range"]) for part in cast("list[Any]", parsed.get_payload())]
    return list(zip(told, contents, strict=True))


@given(header=st.text(st.sampled_from("bytes=0123456789-, x*"), max_size=30).map("bytes={}".format))
def test_no_range_header_makes_an_error(header: str) -> None:
    given = ask("files/data.bin", headers={"Range": header})
    assert given.status in (200, 206, 416)
    assert int(given.headers["Content-Length"]) == len(text(given))


@given(path=st.text(max_size=20), method=st.sampled_from(["GET", "HEAD"]))
def test_any_path_is_answered_by_headers_in_ascii(path: str, method: str) -> None:
    given = ask(path, method)
    assert given.status in (200, 307, 404)
    assert all(value.isascii() and value.isprintable() for value in given.headers.values())


@given(
    headers=st.dictionaries(st.sampled_from(["if-match", "if-none-match", "if-range", "range"]), st.text())
)
def test_no_header_makes_an_error(headers: dict[str, str]) -> None:
    assert ask("index.html", headers=headers).status in (200, 206, 304, 412, 416)


def test_a_large_file_is_read_in_blocks() -> None:
    content = b"x" * (1 << 20)
    given = ask("f", opened=opened_of({"f": content}))
    blocks = list(given.body)
    assert max(map(len, blocks)) <= 1 << 16
    assert b"".join(blocks) == content


@pytest.mark.parametrize("there", [{}, {"f": b"shorter"}, {"f": b"much longer than it was"}])
def test_a_damaged_tree_is_told_before_anything_is_answered(there: Files) -> None:
    with pytest.raises(Corrupt):
        ask("f", opened=opened_of({"f": b"content here"}, there))
    assert ask("f", "HEAD", opened=opened_of({"f": b"content here"}, there)).status == 200


# ---- the live tree, on a real disk, as a web app


def call(
    app: "WSGIApplication", place: str, method: str = "GET", query: str = "", **headers: str
) -> tuple[str, Any, bytes]:
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "/sites/site",
        "PATH_INFO": place.encode().decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
    }
    told: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], _: object = None) -> Callable[[bytes], object]:
        told.append((status, dict(headers)))
        return told.append

    body = validator(app)(environ, start)
    content = b"".join(body)
    cast("Body", body).close()
    (status, answered), *_ = told
    return status[:3], answered, content


@contextmanager
def live(site: Site) -> Iterator[LiveTree]:
    tree = LiveTree(site.tree)
    yield tree
    tree.close()


def test_a_published_tree_is_a_web_app(site: Site) -> None:
    site.publish(FILES)
    with live(site) as tree:
        app = wsgi_app(tree.opened)
        assert call(app, "/")[::2] == ("200", PAGE)
        assert call(app, "/r\u00e9sum\u00e9 100%.txt")[::2] == ("200", FILES["r\u00e9sum\u00e9 100%.txt"])
        assert call(app, "/", "HEAD")[::2] == ("200", b"")
        assert call(app, "/", if_none_match=TAG)[::2] == ("304", b"")
        assert call(app, "/files/data.bin", range="bytes=1-2")[::2] == ("206", b"\1\2")
        assert call(app, "/about")[1]["Location"] == "./about/"
        assert call(app, "")[1]["Location"] == "/sites/site/"
        assert call(app, "/index.html", query="download")[1]["Content-Disposition"].startswith("attachment")
        assert call(app, "/", "POST")[0] == "405"


def test_what_was_never_published_is_not_found(site: Site) -> None:
    with live(site) as tree:
        assert call(wsgi_app(tree.opened), "/")[0] == "404"


def test_a_host_that_is_away_is_told_as_such(site: Site) -> None:
    """15.6.4: and never a 500."""
    site.publish(FILES)
    with live(site) as tree:
        head = site.root / ".oaio/trees/site/head"
        head.chmod(0o644)
        head.write_bytes(b"damaged")
        status, headers, _ = call(wsgi_app(tree.opened), "/")
        assert (status, headers["Retry-After"]) == ("503", "10")


def test_a_path_that_is_not_utf_8_is_not_found(site: Site) -> None:
    site.publish(FILES)
    with live(site) as tree:
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/\xff"}
        told: list[str] = []
        list(wsgi_app(tree.opened)(environ, lambda status, *_: told.append(status)))  # type: ignore[arg-type]  # no writer is needed
        assert told[0].startswith("404")


def test_a_new_generation_is_noticed_and_the_record_is_read_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.publish({"a": b"one"})
    read: list[str] = []
    parse = Record.parse

    def counted(text: bytes, tree: str, generation: str, *, like: Manifest | None = None) -> Record:
        read.append(generation)
        return parse(text, tree, generation, like=like)

    monkeypatch.setattr(Record, "parse", counted)
    with live(site) as tree:
        app = wsgi_app(tree.opened)
        for _ in range(3):
            assert call(app, "/a")[2] == b"one"
        assert len(read) == 1
        site.publish({"a": b"two"})
        read.clear()
        for _ in range(3):
            assert call(app, "/a")[2] == b"two"
        assert len(read) == 1
        site.tree.rollback()
        assert call(app, "/a")[2] == b"one"


def test_an_answer_under_way_belongs_to_its_generation(site: Site) -> None:
    site.publish({"a": b"one" * 100_000})
    with live(site) as tree:
        with tree.opened() as opened:
            given = answer("GET", "a", {}, opened)
        begun = next(given.body)
        site.publish({"a": b"two" * 100_000})
        with tree.opened() as opened:
            assert text(answer("GET", "a", {}, opened))[:3] == b"two"
        assert begun + text(given) == b"one" * 100_000


def test_readers_in_many_threads_see_whole_generations_in_order(site: Site) -> None:
    """P1, P9, P15: no mix, no gap, no step back."""
    site.publish(dict.fromkeys("abc", b"0"))
    wrong: list[object] = []
    done = threading.Event()

    def read(tree: LiveTree) -> None:
        seen = 0
        while not done.is_set():
            try:
                with tree.opened() as opened:
                    found = {text(answer("GET", name, {}, opened)) for name in "abc"}
            except Exception as err:  # noqa: BLE001 - any is a failure
                wrong.append(err)
                return
            number = int(min(found))
            if len(found) != 1 or number < seen:
                wrong.append((seen, found))
            seen = number

    with live(site) as tree:
        readers = [threading.Thread(target=read, args=(tree,)) for _ in range(3)]
        for reader in readers:
            reader.start()
        try:
            for number in itertools.islice(itertools.count(1), COUNTS.races):
                site.publish(dict.fromkeys("abc", b"%d" % number))
        finally:
            done.set()
            for reader in readers:
                reader.join()
        assert not wrong


@attrs.frozen(eq=False)
class Slow(LocalApi):
    """A host that takes its time to say which generation is live, while it is told to."""

    asked: threading.Event = attrs.field(factory=threading.Event)
    goes_on: threading.Event = attrs.field(factory=threading.Event)

    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        if path.endswith("/head") and threading.current_thread().name == "slow":
            self.asked.set()
            assert self.goes_on.wait(10)
        return super()._read(path, start, end, version)


def test_while_one_request_opens_what_became_live_the_others_go_on(site: Site) -> None:
    host = Slow(str(site.root))
    site.publish({"a": b"one"})
    with live(Site(host)) as tree:
        app = wsgi_app(tree.opened)
        assert call(app, "/a")[2] == b"one"
        site.publish({"a": b"two"})
        told: list[bytes] = []
        slow = threading.Thread(target=lambda: told.append(call(app, "/a")[2]), name="slow")
        slow.start()
        assert host.asked.wait(10)
        assert call(app, "/a")[2] == b"one"
        host.goes_on.set()
        slow.join()
        assert told == [b"two"]
        assert call(app, "/a")[2] == b"two"


def test_who_needs_the_first_generation_waits_for_whoever_opens_it(site: Site) -> None:
    host = Slow(str(site.root))
    site.publish({"a": b"one"})
    with live(Site(host)) as tree:
        app = wsgi_app(tree.opened)
        told: list[bytes] = []
        waiting = [
            threading.Thread(target=lambda: told.append(call(app, "/a")[2]), name=name)
            for name in ("slow", "other")
        ]
        waiting[0].start()
        assert host.asked.wait(10)
        waiting[1].start()
        waiting[1].join(0.05)
        assert told == []
        host.goes_on.set()
        for one in waiting:
            one.join()
        assert told == [b"one", b"one"]


def test_what_is_closed_while_it_is_renewed_is_opened_again(site: Site) -> None:
    host = Slow(str(site.root))
    site.publish({"a": b"one"})
    with live(Site(host)) as tree:
        app = wsgi_app(tree.opened)
        slow = threading.Thread(target=lambda: call(app, "/a"), name="slow")
        slow.start()
        assert host.asked.wait(10)
        tree.close()
        host.goes_on.set()
        slow.join()
        assert call(app, "/a")[2] == b"one"
