"""Archives: what is given of them, and what is refused; nothing of them is ever written anywhere."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Sequence

import attrs
import pytest
from counts import COUNTS
from file_transfer import wire
from hypothesis import given, settings
from hypothesis import strategies as st

from oaio_storage.errors import InvalidArgument, TooLarge
from oaio_storage.file_transfer.archive import members
from oaio_storage.file_transfer.gzip_stream import ends_here, may_end
from oaio_storage.file_transfer.limits import Limits

LISTED = ("index.html", "a/b.html", "x")


def read(
    packed: bytes,
    listed: Sequence[str] = LISTED,
    *,
    only_listed: bool = False,
    limits: Limits | None = None,
    use: bool = True,
) -> dict[str, bytes | None]:
    found = members(io.BytesIO(packed), frozenset(listed), only_listed=only_listed, limits=limits or Limits())
    return {one.path: one.content.read() if one.content and use else None for one in found}


def test_a_first_publication() -> None:
    files = {"index.html": b"front", "a/b.html": b"b" * 70_000}
    more = {".git/config": b"secret", "unlisted": b"?" * 5000}
    packed = wire.archive_of({**more, **files}, is_first=True)
    assert read(packed) == files
    assert read(packed, use=False) == dict.fromkeys(files)  # what is not read is skipped


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_each_format_and_long_names(form: int) -> None:
    long = "ä" * 60 + "/" + "b" * 90 if form != tarfile.USTAR_FORMAT else "a" * 60 + "/" + "b" * 90
    assert read(wire.tar_of(wire.member(long, b"1"), form=form), [long]) == {long: b"1"}


def test_links_are_told_without_content() -> None:
    link = wire.member("x", type=tarfile.LNKTYPE, linkname="./index.html")
    symlink = wire.member("a/b.html", type=tarfile.SYMTYPE, linkname="/etc/passwd")
    packed = wire.tar_of(wire.member("index.html", b"1"), link, symlink)
    assert read(packed) == {"index.html": b"1", "x": None, "a/b.html": None}


def test_an_update_holds_only_what_was_asked_for() -> None:
    packed = wire.archive_of({"index.html": b"1", "other": b"2"})
    with pytest.raises(InvalidArgument, match="not asked for"):
        read(packed, only_listed=True)


HOSTILE = {
    "leads up": wire.member("../x", b"1"),
    "leads up later": wire.member("a/../../x", b"1"),
    "is absolute": wire.member("/x", b"1"),
    "has an empty part": wire.member("a//x", b"1"),
    "has a dot inside": wire.member("a/./x", b"1"),
    "has a backslash": wire.member("a\\x", b"1"),
    "has no name": wire.member("./", b"1"),
    "is a file called dot": wire.member(".", b"1"),
    "is a folder that leads up": wire.member("..", type=tarfile.DIRTYPE),
    "is a device": wire.member("x", type=tarfile.BLKTYPE),
    "is another device": wire.member("x", type=tarfile.CHRTYPE),
    "is a pipe": wire.member("x", type=tarfile.FIFOTYPE),
    "has holes": wire.member("x", type=tarfile.GNUTYPE_SPARSE),
    "has an unknown type": wire.member("x", type=b"Z"),
    "has holes told in pax": wire.member("x", b"1", pax_headers={"GNU.sparse.size": "99999999999"}),
    "has a size below zero": wire.member("x", b"1", pax_headers={"size": "-1"}),
    "has a size that is none": wire.member("x", b"1", pax_headers={"size": "1e9"}),
    "has a size beyond all": wire.member("x", b"1", pax_headers={"size": "9" * 30}),
    "has a name with NUL": wire.member("x", b"1", pax_headers={"path": "x\0y"}),
    "leads up in pax": wire.member("x", b"1", pax_headers={"path": "../x"}),
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("only_listed", [True, False])
def test_what_no_archive_may_hold(hostile: tuple[tarfile.TarInfo, bytes], *, only_listed: bool) -> None:
    packed = wire.tar_of(wire.member("index.html", b"1"), hostile)
    with pytest.raises(InvalidArgument):
        read(packed, only_listed=only_listed)


def test_the_same_file_twice() -> None:
    for again in (
        wire.member("./index.html", b"2"),
        wire.member("index.html", type=tarfile.SYMTYPE, linkname="/etc"),
    ):
        for packed in (wire.tar_of(wire.member("index.html", b"1"), again), wire.tar_of(again, again)):
            with pytest.raises(InvalidArgument, match="twice"):
                read(packed)


def test_what_is_no_archive() -> None:
    tar = gzip.decompress(wire.archive_of({"index.html": b"1" * 1000}))
    damaged = bytearray(tar)
    damaged[0] ^= 1
    broken = {
        "nothing": b"",
        "text": b"hello",
        "an empty stream": gzip.compress(b""),
        "zeros": b"\0" * 1024,
        "no tar": gzip.compress(b"x" * 5000),
        "a tar without gzip": tar,
        "a damaged header": gzip.compress(bytes(damaged)),
        "no end": gzip.compress(tar[:1536]),
        "a file cut": gzip.compress(tar[:800]),
        "a header cut": gzip.compress(tar[:300]),
        "bytes after the end": gzip.compress(tar + b"x" * 512),
        "bytes after the stream": gzip.compress(tar) + b"x",
        "two streams": gzip.compress(tar) + gzip.compress(tar),
        "a raw deflate stream": zlib.compress(tar),
    }
    for name, packed in broken.items():
        with pytest.raises(InvalidArgument):
            pytest.fail(f"{name}: {read(packed)}")


def test_an_archive_that_is_cut_anywhere_is_refused() -> None:
    packed = wire.archive_of({"index.html": b"1" * 1000, "x": b"2"})
    for end in range(len(packed)):
        with pytest.raises(InvalidArgument):
            read(packed[:end])


def test_bounds() -> None:
    zeros = wire.tar_of(wire.member("x", b"\0" * (4 << 20)))
    limits = Limits()
    for name, value in {"unpacked_bytes": 1 << 20, "ratio_from": 1 << 20}.items():
        with pytest.raises(TooLarge):
            read(zeros, limits=attrs.evolve(limits, **{name: value}))
    assert read(zeros, limits=attrs.evolve(limits, ratio_from=1 << 20, ratio=2000))["x"] == b"\0" * (4 << 20)
    many = wire.tar_of(*(wire.member(str(number)) for number in range(101)))
    with pytest.raises(TooLarge):
        read(many, limits=attrs.evolve(limits, members=100))
    long = wire.tar_of(wire.member("x" * 70_000, b"1"))
    with pytest.raises(TooLarge):
        read(long)
    long = wire.tar_of(wire.member("x" * 70_000, b"1"), form=tarfile.GNU_FORMAT)
    with pytest.raises(TooLarge):
        read(long)


def test_a_long_name_is_not_held_in_memory() -> None:
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 100 << 20
    with pytest.raises(TooLarge):
        read(gzip.compress(header.tobuf()))


@given(content=st.binary(max_size=3000), cut=st.integers(0, 4000), more=st.binary(max_size=3))
@settings(max_examples=COUNTS.examples, deadline=None)
def test_where_a_stream_ends(content: bytes, cut: int, more: bytes) -> None:
    packed = gzip.compress(content)
    assert ends_here(io.BytesIO(packed))
    if cut < len(packed):
        assert not ends_here(io.BytesIO(packed[:cut]))
    if more:
        assert not ends_here(io.BytesIO(packed + more))


def test_where_the_stream_of_a_tar_may_end() -> None:
    packed = wire.archive_of({"index.html": b"1" * 1000})
    assert may_end(packed[-100:])
    assert sum(may_end(packed[:end]) for end in range(20, len(packed))) < 20


@given(data=st.data())
@settings(max_examples=COUNTS.examples * 4, deadline=None)
def test_any_bytes_in_place_of_others(data: st.DataObject) -> None:
    files = {"index.html": b"front" * 100, "a/b.html": b"b" * 700, "x": b""}
    tar = bytearray(gzip.decompress(wire.archive_of(files, is_first=data.draw(st.booleans()))))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(tar) - 1))
        piece = data.draw(
            st.binary(min_size=1, max_size=40) | st.sampled_from([b"../", b"/", b"\0", b"L", b"7"])
        )
        tar[place : place + len(piece)] = piece
    limits = Limits(unpacked_bytes=1 << 20, members=100)
    try:
        found = read(gzip.compress(bytes(tar)), limits=limits)
    except (InvalidArgument, TooLarge):
        return
    assert found.keys() <= {*LISTED}
