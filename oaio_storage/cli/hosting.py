"""From the options of ``oaio hosts add`` to the arguments of a host, with secrets from anywhere but there."""

import os
import stat
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs
import typer

from oaio_storage.cli.output import note
from oaio_storage.errors import InvalidArgument, NotFound
from oaio_storage.hosts.options import Option, check_all_given, option_named, options_of
from oaio_storage.hosts.registry import backend_of

MAX_SECRET_BYTES = 1 << 20


@attrs.frozen
class Given:
    """What a person gave for a host: values to be kept, and for secrets the variables that hold them."""

    options: Mapping[str, Any]
    secrets: Mapping[str, Any] = attrs.field(repr=False)
    environment: Mapping[str, str]


def given_for(backend: str, sets: Iterable[str], secrets: Iterable[str], variables: Iterable[str]) -> Given:
    """The options of ``backend`` that the words ``KEY=VALUE``, ``KEY[=FILE]`` and ``KEY=VARIABLE`` stand for.

    Everything that can be wrong without them is found before secrets are read or asked for.

    Raises:
        UnknownHost: the backend is broken.
        InvalidArgument: an option is unknown, missing, given twice, of a wrong type, or secret where all can
            see it; or a secret can't be read. The message never shows a secret.
        NotFound: the file of a secret does not exist.
    """
    known = options_of(backend_of(backend))
    options = dict(_pair(word, "--set KEY=VALUE") for word in _each_once(sets))
    sources = dict(word.partition("=")[::2] if "=" in word else (word, None) for word in _each_once(secrets))
    environment = dict(_pair(word, "--secret-env KEY=VARIABLE") for word in _each_once(variables))
    _check_places(known, options, sources, environment)
    values = {name: known[name].parse(text) for name, text in options.items()}
    wanted = [name for name, option in known.items() if option.is_secret and option.is_needed]
    if sys.stdin.isatty():
        sources |= {name: None for name in wanted if name not in sources and name not in environment}
    check_all_given({*options, *sources, *environment}, known)
    return Given(values, {name: _secret(known[name], file) for name, file in sources.items()}, environment)


def _each_once(words: Iterable[str]) -> list[str]:
    words = list(words)
    names = [word.partition("=")[0] for word in words]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InvalidArgument(f"the option {twice[0][:80]!r} is given twice", "Leave one of the two out.")
    return words


def _pair(word: str, form: str) -> tuple[str, str]:
    name, separator, text = word.partition("=")
    if not separator:
        option = form.partition(" ")[0]  # the word itself may be a secret
        raise InvalidArgument(f"{option} has no '='", f"Write {form}.")
    return name, text


def _check_places(known: Mapping[str, Option], *given: Mapping[str, object]) -> None:
    options, *secret_places = given
    for name in options:
        if option_named(name, known).is_secret:
            raise InvalidArgument(
                f"the option {name!r} is a secret, and arguments can be seen by others",
                f"Use --secret {name}, or --secret {name}=FILE.",
            )
    for place in secret_places:
        for name in place:
            if not option_named(name, known).is_secret:
                raise InvalidArgument(f"the option {name!r} is no secret", f"Use --set {name}=VALUE.")
    names = [name for place in given for name in place]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InvalidArgument(f"the option {twice[0]!r} is given twice", "Leave one of the two out.")


def _secret(option: Option, file: str | None) -> object:
    if file is not None:
        return option.parse(_text(_content(Path(file)), f"the file of the secret {option.name!r}"))
    if sys.stdin.isatty():
        return option.parse(str(typer.prompt(f"Secret {option.name}", hide_input=True, err=True)))
    line = sys.stdin.buffer.readline(MAX_SECRET_BYTES + 1)
    if not line:
        raise InvalidArgument(
            f"stdin has no line for the secret {option.name!r}",
            f"Write one line for each --secret to stdin, or use --secret {option.name}=FILE.",
        )
    return option.parse(_text(line, f"the line for the secret {option.name!r}"))


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as source:
            mode = os.fstat(source.fileno()).st_mode
            content = source.read(MAX_SECRET_BYTES + 1)
    except FileNotFoundError as err:
        raise NotFound(f"there is no file {file}", "Check the path.") from err
    except (OSError, ValueError) as err:
        reason = getattr(err, "strerror", None) or "not a path"
        raise InvalidArgument(f"{file} can't be read: {reason}", "Name a file that you may read.") from err
    if os.name == "posix" and stat.S_ISREG(mode) and mode & 0o077:
        note(f"note: others than you may read or write {file}; chmod 600 keeps it secret")
    return content


def _text(content: bytes, what: str) -> str:
    """The text of ``content``, without the end of its last line."""
    if len(content) > MAX_SECRET_BYTES:
        raise InvalidArgument(f"{what} is longer than {MAX_SECRET_BYTES} bytes")
    try:
        text = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise InvalidArgument(f"{what} is not UTF-8") from None
    if not text:
        raise InvalidArgument(f"{what} is empty", "Leave --secret out if there is none.")
    return text
