"""What every host has to keep, whatever it declares: contents, listings, names, deletions."""

from oaio_storage.errors import AlreadyExists, NotFound
from oaio_storage.hosts.api import CshApi
from oaio_storage.hosts.probe.bench import Bench, everything, expect, in_parallel, refused

LITERAL = (
    *("*", "**", "?", "x?", "[1]", "x[1]", "x1", "{a,b}", "a", "b", "#", "a#b", "%41", "A%2Fb", "a%"),
    *("::", "ab::c", "~", "a~1", "&", "+", "a+b", ";", "=", "@", "-o", "$(x)", "'", '"', " x", "x y"),
    *("file:x", "...x", ".hidden", "ä", "日本語", "😀", "f/*", "f/x[1]", "f/x1", "f/x"),
)
"""Names that patterns, addresses or shells would misread (reliability, B13)."""


def pattern(size: int) -> bytes:
    """Bytes in which every place can be told."""
    return b"".join(b"%07d\n" % number for number in range(size // 8 + 1))[:size]


def sizes(bench: Bench) -> str:
    """Contents arrive whole."""
    host, other = bench.hosts("sizes", 2)
    for size in bench.effort.sizes:
        content = pattern(size)
        stored = host.write(f"{size}", content)
        expect(stored.size == size, f"of {size} bytes {stored.size} were stored")
        found = other.read(f"{size}")
        expect(len(found) == size, f"of {size} bytes {len(found)} came back")
        expect(found == content, f"other bytes came back, of {size}")
    return f"up to {max(bench.effort.sizes)} bytes"


def ranges(bench: Bench) -> str:
    """Parts of a file are those that were asked for; a stream yields the whole."""
    host, content = bench.host("ranges"), pattern(100)
    host.write("file", content)
    for start, end in ((0, 0), (0, 1), (3, 50), (50, 100), (99, 200), (100, 101), (500, None), (7, None)):
        asked = f"bytes {start} to {end}"
        expect(host.read("file", start, end) == content[start:end], f"asked for {asked}, others came")
    with host.open("file") as stream:
        stream.seek(90)
        expect(stream.read() == content[90:], "a stream yields other bytes than were stored")
    return ""


def empty_files(bench: Bench) -> str:
    """An empty file is a file."""
    host, other = bench.hosts("empty", 2)
    host.write("file", b"")
    try:
        expect(other.stat("file").size == 0 and other.read("file") == b"", "an empty file has content")
    except NotFound:
        expect(False, "an empty file is gone")
    expect([found.path for found in other.list()] == ["file"], "an empty file is not listed")
    return ""


def listings(bench: Bench) -> str:
    """Listings have each file once, those of a folder none of its neighbours."""
    host, other = bench.hosts("listings", 2)
    names = [f"{'f/' * (number % 4)}{number}" for number in range(bench.effort.listed)]
    in_parallel(lambda name: host.write(name, b"x"), names)
    found = sorted(seen.path for seen in other.list())
    lost = len(set(names) - set(found))
    expect(not lost, f"{lost} of {len(names)} files are not listed")
    expect(found == sorted(names), "more is listed than was stored")
    for name in ("a/x", "a/y/z", "ab/x", "a.x"):
        host.write(name, b"")
    inside = sorted(seen.path for seen in other.list("a"))
    expect(inside == ["a/x", "a/y/z"], f"the listing of a folder has {len(inside)} files instead of 2")
    expect(not list(other.list("absent")), "an absent folder has files")
    for seen in other.list("a"):
        is_same = seen.version in ("", other.stat(seen.path).version)
        expect(is_same, f"{seen.path!r} has another version in a listing than elsewhere")
    return f"{len(names)} files"


def literal_names(bench: Bench) -> str:
    """Each operation touches the file of exactly this name."""
    host, other = bench.hosts("names", 2)
    model = {name: name.encode() for name in LITERAL}
    for name, content in model.items():
        host.write(name, content)
    _expect_only(other, model, "after writing odd names")
    for name in ("*", "x[1]", "?", "f/*", "f/x[1]", "%41", "#", "~"):
        host.delete(name)
        del model[name]
        _expect_only(other, model, f"after {name!r} was deleted")
    return f"{len(LITERAL)} odd names"


def overwrites(bench: Bench) -> str:
    """What replaces a file has its name, and no second file comes."""
    host, other = bench.hosts("overwrites", 2)
    host.write("file", b"old")
    expect(host.write("file", b"new").path == "file", "a file that replaced another has another name")
    _expect_only(other, {"file": b"new"}, "after a file was replaced")
    return ""


def copies(bench: Bench) -> str:
    """A copy has the content of its source from then on, also in place of another file."""
    host, other = bench.hosts("content of copies", 2)
    host.write("file", b"new")
    host.write("old", b"old")
    for name in ("copy", "old"):
        expect(host.copy("file", name).path == name, "a copy has another name")
    host.write("file", b"newer")
    model = {"file": b"newer", "copy": b"new", "old": b"new"}
    _expect_only(other, model, "after the source of a copy was replaced")
    with refused(NotFound, "an absent file was copied"):
        host.copy("absent", "copy")
    return ""


def deletions(bench: Bench) -> str:
    """Deleting removes exactly one file; the absent is success, and a folder is no file."""
    host, other = bench.hosts("deletions", 2)
    for name in ("a", "ab", "f/a", "f/ab"):
        host.write(name, name.encode())
    for name in ("a", "a", "absent", "f"):
        host.delete(name)
    _expect_only(other, {"ab": b"ab", "f/a": b"f/a", "f/ab": b"f/ab"}, "after files were deleted")
    with refused(NotFound, "a deleted file is still answered"):
        other.read("a")
    return ""


def file_or_folder(bench: Bench) -> str:
    """A name is a file or a folder, not both; where names are flat, both are what was stored."""
    host = bench.host("way")
    if host.guarantees.flat_names:
        names = ("a", "a/b", "d/e", "d")
        for name in names:
            host.write(name, name.encode())
        _expect_only(host, {name: name.encode() for name in names}, "with a file and a folder of one name")
        host.delete("a")
        host.delete("d/e")
        _expect_only(host, {"a/b": b"a/b", "d": b"d"}, "after one of two such names was deleted")
        return "names are flat: both are kept"
    host.write("a", b"file")
    host.write("d/e", b"file")
    for name in ("a/b", "d"):
        with refused(AlreadyExists, f"{name!r} was stored with a file or folder in its way"):
            host.write(name, b"x")
    return ""


def restarts(bench: Bench) -> str:
    """What was stored is there when all instances were closed. Closes them."""
    bench.host("restarts").write("file", b"stored")
    bench.close()
    host = bench.host("restarts")
    expect(
        [seen.path for seen in host.list()] == ["file"],
        "what was stored is gone after all instances were closed",
    )
    expect(host.read("file") == b"stored", "something else is there after all instances were closed")
    return "all instances closed and opened anew"


def _expect_only(host: CshApi, model: dict[str, bytes], when: str) -> None:
    found = everything(host)
    for name, content in model.items():
        expect(name in found, f"{when}, {name!r} is gone")
        expect(found[name] == content, f"{when}, {name!r} has another content")
    expect(len(found) == len(model), f"{when}, there is also {min({*found} - {*model}, default='')!r}")


CHECKS = {
    "whole contents": sizes,
    "byte ranges": ranges,
    "empty files": empty_files,
    "exact listings": listings,
    "literal names": literal_names,
    "names kept": overwrites,
    "copies": copies,
    "exact deletions": deletions,
    "file or folder": file_or_folder,
    "survives restarts": restarts,
}
"""Each raises Fault, or an error of the host, if that does not hold; the answer says how it was found."""
