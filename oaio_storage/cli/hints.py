"""Hints as commands that can be run as they are printed."""

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from oaio_storage.errors import OaioError

_COMMAND = re.compile(r"(oaio \w+ )([A-Z]+(?: [A-Z]+)*) (--.*?)(?= &&|$)")
"""A command in a hint: its name, words that stand for others, and options."""


def filled(hint: str, **words: object) -> str:
    """``hint`` with what each of the ``words``, such as NAME, stands for in its place, quoted for a shell.

    Where one begins with a dash, the words of a command stand behind its options, and a ``--`` between them.
    """
    if any(str(meant).startswith("-") for meant in words.values()):
        hint = _COMMAND.sub(r"\1\3 -- \2", hint)
    known = {word: shlex.quote(str(meant)) for word, meant in words.items()}
    return re.sub("|".join(rf"\b{word}\b" for word in known), lambda found: known[found[0]], hint)


@contextmanager
def hints_filled(**words: object) -> Iterator[None]:
    """Errors of the block have hints with what was written on the command line.

    The library, which can't know it, writes NAME, HOST or FOLDER there.

    Args:
        words: those words, and what each stands for.
    """
    try:
        yield
    except OaioError as err:
        err.hint = filled(err.hint, **words)
        raise
