"""Names that have to be taken as they are, and names that have to be refused (reliability, section 4)."""

from oaio_storage.names import MAX_PART_BYTES, MAX_PATH_BYTES

_SYNTAX = """
    * ** ? x? [1] x[1] x1 {a,b} a b # a#b %41 A%2Fb a% %s %00 :: ab::c ~ ~root a~1 & + a+b ; a;b = @ @x
    , | || < > - -o -rf -- --help $ $(x) ${x} $HOME `x` ' '' " ! ^ _ file:x s3:x http:x ...x .hidden .git
    .gitignore index.html .oaiox x.oaio/y f/* f/x[1] f/x1 f/-o null None true 0 -1 1e3 x=y&z=1 a@b:c
    ?version=1 #fragment
"""
_SPACES = (" x", "x y", "x  y", "-x y", "f/ x", " -")
_FOREIGN = (
    "\u00e4",
    "\u65e5\u672c\u8a9e",
    "\u0430",  # the Cyrillic letter that looks like a
    "x\uff0fy",  # FULLWIDTH SOLIDUS
    "x\u2215y",  # DIVISION SLASH
    "x\u2024",  # ONE DOT LEADER, also twice, as in a way up
    "\u2024\u2024",
    "x\u00a0y",  # NO-BREAK SPACE
    "\u0130",  # lower-cased it becomes two characters
    "i\u0307x",
    "\u017fz",  # LATIN SMALL LETTER LONG S
    "stra\u00dfe",
    "\U0001f600",  # beyond the Basic Multilingual Plane
    "\u0378",  # unassigned
    "\ue000",  # private use
    "x\u202egpj.exe",  # RIGHT-TO-LEFT OVERRIDE
    "x\u200by",  # ZERO WIDTH SPACE
    "\ufeffx",  # BYTE ORDER MARK
    "\u2028",  # LINE SEPARATOR
    "x" + "\u0323" * 40,
)
_LONG = (
    "l" * MAX_PART_BYTES,
    "\u00e9" * (MAX_PART_BYTES // 2),
    "/".join(["deep"] * 60),
    "/".join(["m" * 200] * 5),
)

LITERAL_NAMES = (*_SYNTAX.split(), *_SPACES, *_FOREIGN, *_LONG)
"""Names that patterns, addresses, shells, options or records would misread; all can stand side by side."""

_WAYS = (
    "",
    ".",
    "..",
    "../x",
    "a/..",
    "a/../b",
    "a/./b",
    "./a",
    "/",
    "//",
    "/a",
    "a/",
    "a//b",
    "...",
    " ",
    "  ",
)
_SYSTEMS = ("a\\b", "..\\a", "\\\\host\\share", "C:a", "c:\\a", "a:b", "file://x", "s3://x", "f/c:x")
_CONTROL = ("a\0b", "a\nb", "a\r\nb", "a\tb", "\x1b[2J", "\x7f", "\x85", "\ud800", "a\udcffb")
_ENDS = ("a ", "a.", "a./b", "a /b", "f/a ", "f/a.")
_DEVICES = ("nul", "CON", "con.txt", "aux.txt", "a/COM1", "lpt\u00b9", "conin$", "prn .x")
_TOO_LONG = (
    "x" * (MAX_PART_BYTES + 1),
    "\u00e9" * (MAX_PART_BYTES // 2 + 1),
    "x/" * (MAX_PATH_BYTES // 2) + "x",
    "x/" * 1000 + "x",
    "x" * 10_000,
)
_OWN = (".oaio", ".oaio/root.json", ".oaio/trees/x/head", ".OAIO/x", ".Oaio")

REFUSED_NAMES = (*_WAYS, *_SYSTEMS, *_CONTROL, *_ENDS, *_DEVICES, *_TOO_LONG, *_OWN)
"""Names that no host stores (B14)."""
