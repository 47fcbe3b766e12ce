"""Names that every host can hold, names that clash, and the characters of an object id.

A *path* is relative, its parts are separated by ``/``, and every character stands for itself. Whether one is
allowed is decided here, once, for all hosts and systems, by its text alone.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from oaio_storage.errors import InvalidName

STATE_FOLDER = ".oaio"
"""First part of the paths that hosts keep for themselves, in any letter case and normal form."""

MAX_PART_BYTES = 255
MAX_PATH_BYTES = 1024
"""Bounds of a part and of a whole path, in bytes of UTF-8."""

OBJECT_ROOM = MAX_PATH_BYTES - MAX_PART_BYTES - len("/20261123120000000000/")
"""Bytes that remain for a file of an object, which stands at ``oaio_id/stamp/path``, below the longest id."""

_REFUSED_CHARACTERS = {
    "a lone surrogate, which is not UTF-8": r"\ud800-\udfff",
    "a control character": r"\x00-\x1f\x7f-\x9f",
    "a backslash": r"\\",
}
_REFUSED_STARTS = {
    "no relative path, or an empty part": "/",
    "the part '.' or '..'": r"\.\.?/",
    "a drive letter": "[A-Za-z]:",
    "a device name of Windows": (
        r"(?ai:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])[ ]*[.:/]"
    ),
}
_REFUSED_ENDS = {"a part that ends in a dot or a space": "[. ]/"}
_REFUSED = {
    **{reason: f"[{characters}]" for reason, characters in _REFUSED_CHARACTERS.items()},
    **{reason: f"/{start}" for reason, start in _REFUSED_STARTS.items()},
    **_REFUSED_ENDS,
}
_FINDERS = [  # few patterns, each with a fixed start: a million names take a second or two
    re.compile(f"[{''.join(_REFUSED_CHARACTERS.values())}]").search,
    re.compile(f"/(?:{'|'.join(_REFUSED_STARTS.values())})").search,
    re.compile("|".join(_REFUSED_ENDS.values())).search,
]

_SCHEME, _DEFUSED_SCHEME = "://", "\u2afb"
_DEFUSED = {
    **dict(zip("/|\\:*?\"'<>", "⁄।﹨﹕﹡﹖＂‘⟨⟩", strict=True)),  # noqa: RUF001 - the wire contract's characters
    **dict(zip("()[]{}#;@", "⟮⟯⟦⟧﹛﹜﹟﹔﹫", strict=True)),
    **dict(zip("&=+$%^, \x7f", "﹠﹦﹢﹩﹪＾﹐␣␡", strict=True)),  # noqa: RUF001 - same
    **{chr(code): chr(0x2400 + code) for code in range(0x20)},
}
_MAX_SHOWN, _END_SHOWN = 120, 30
_TO_DEFUSED = str.maketrans(_DEFUSED)
_FROM_DEFUSED = str.maketrans({_DEFUSED_SCHEME: _SCHEME, **{new: old for old, new in _DEFUSED.items()}})


def is_utf8(text: str) -> bool:
    """Whether ``text`` can be stored and sent: it holds no lone surrogates."""
    return not re.search(r"[\ud800-\udfff]", text)


def check_path(path: str, *, room: int = MAX_PATH_BYTES) -> str:
    """``path`` itself, if every host can hold it (reliability, B14).

    Depends on nothing but the arguments; touches no disk. Allowed parts stay allowed when paths are joined or
    split, as far as their length and :data:`STATE_FOLDER` in front permit.

    Args:
        path: relative, with ``/`` between its parts.
        room: bytes of UTF-8 that it may take, fewer when it is going to stand below a folder
            (:data:`OBJECT_ROOM` for files of objects).

    Raises:
        InvalidName: it can't be held, or is no text; the message says why.
    """
    if not isinstance(path, str):
        raise InvalidName(
            f"a path is a text, not {type(path).__name__}", "Give it as text, with / between its parts."
        )
    if reason := why_refused(path, room=room):
        raise InvalidName(f"not a path that every host can hold: {path[:200]!r} ({reason})")
    return path


def why_refused(path: str, *, room: int = MAX_PATH_BYTES) -> str:
    """The reason for which :func:`check_path` refuses ``path``; empty if it does not."""
    enclosed = f"/{path}/"
    for find in _FINDERS:
        if find(enclosed):
            return next(reason for reason, pattern in _REFUSED.items() if re.search(pattern, enclosed))
    if len(path) * 4 > min(room, MAX_PART_BYTES):
        content = path.encode()
        if len(content) > room:
            return f"longer than {room} bytes"
        if max(map(len, content.split(b"/"))) > MAX_PART_BYTES:
            return f"a part longer than {MAX_PART_BYTES} bytes"
    if path.startswith(".") and fold(path.partition("/")[0]) == STATE_FOLDER:
        return f"{STATE_FOLDER} in front, where hosts keep their own state"
    return ""


def are_allowed(paths: Collection[str], *, room: int = MAX_PATH_BYTES) -> bool:
    """Whether :func:`why_refused` refuses none of ``paths``, found out in one go.

    All of them, joined, are looked through once: what makes a path refused lies within one part, and joining
    adds no part. Long and hidden ones are looked at one by one.
    """
    joined = f"/{'/'.join(paths)}/"
    if paths and any(find(joined) for find in _FINDERS):
        return False
    short = min(room, MAX_PART_BYTES) // 4
    special = [path for path in paths if len(path) > short or path[:1] == "."]
    return not any(why_refused(path, room=room) for path in special)


def fold(path: str) -> str:
    """What all spellings have in common that some file system takes for the same name as ``path``.

    It is Unicode's canonical caseless form (The Unicode Standard, 3.13, D145), composed.
    """
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


def shown(name: str) -> str:
    """``name`` quoted for a message: cut in the middle if it is very long, and escaped if it is not in NFC.

    Else it could look like another name, of which some system takes it for the same.
    """
    if len(name) > _MAX_SHOWN:
        name = f"{name[: _MAX_SHOWN - _END_SHOWN]}...{name[-_END_SHOWN:]}"
    return repr(name) if unicodedata.is_normalized("NFC", name) else ascii(name)


def collisions(paths: Iterable[str]) -> list[tuple[str, ...]]:
    """The groups of different ``paths`` that can't all be files on every file system.

    In one group are paths that are equal after :func:`fold`, and a file together with all that stands below a
    folder of its name, also after :func:`fold`. Groups are disjoint; they and their members are sorted. Time
    grows in proportion to the text of the paths, given that :func:`check_path` allows them.
    """
    names = set(paths)
    folded = {path.lower() if path.isascii() else fold(path) for path in names}  # as fold does, but faster
    clashing = folded & _folders(folded)
    if len(folded) == len(names) and not clashing:
        return []
    groups = defaultdict(list)
    for name in names:
        key = fold(name)
        groups[next((top for top in folders_above(key) if top in clashing), key)].append(name)
    return sorted(tuple(sorted(group)) for group in groups.values() if len(group) > 1)


def folders_above(path: str) -> Iterator[str]:
    """The folders that ``path`` stands in, from the topmost down."""
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)


def defuse(text: str) -> str:
    """``text`` without characters that file names and addresses reserve (wire contract, 4.3)."""
    return text.replace(_SCHEME, _DEFUSED_SCHEME).translate(_TO_DEFUSED)


def undefuse(text: str) -> str:
    """The text that :func:`defuse` was given, unless that held one of the substitutes already."""
    return text.translate(_FROM_DEFUSED)


def _folders(paths: Iterable[str]) -> set[str]:
    """All folders that ``paths`` stand in."""
    folders: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    return folders
