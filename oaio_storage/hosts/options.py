"""The options of a backend, which are the fields of its class: what each takes, read from text, and checked.

An option whose field has ``repr=False`` is a secret. The values are those of JSON, so that files and servers
can keep and send them.
"""

import inspect
import json
import math
import re
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from pathlib import PurePath
from typing import Any, Literal, Union

import attrs

from oaio_storage import values
from oaio_storage.errors import InvalidArgument, InvalidValues, OaioError
from oaio_storage.hosts.api import CshApi
from oaio_storage.hosts.registry import arguments, backend_id, backend_of

_PLAIN = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    dict: "JSON object",
    list: "JSON list",
}
MASK = "***"
"""What is shown in place of a secret."""

_ENTRY = re.compile(r"^ {4}(\w+): (.+(?:\n {5,}.+)*)", re.MULTILINE)
_CREDENTIALS = re.compile(r"://[^/?#:]*:[^/?#@]*@")


@attrs.frozen
class Option:
    """One option: its name, what it takes, whether it is needed and secret, and how its values are shown."""

    name: str
    kind: Any
    is_needed: bool
    is_secret: bool
    about: str = ""
    mask: Callable[[Any], object] | None = None

    def __str__(self) -> str:
        marks = [_told(self.kind), *["needed"] * self.is_needed, *["secret"] * self.is_secret]
        return f"{self.name} ({', '.join(marks)})" + (f": {self.about}" if self.about else "")

    def parse(self, text: str) -> object:
        """The value that ``text`` stands for.

        Raises:
            InvalidArgument: there is none of the option's type; secrets are not in the message.
        """
        try:
            value = _parsed(text, self.kind)
        except (ValueError, RecursionError):
            raise self._refusal(repr(text[:80])) from None  # it may be a secret
        return self.check(value)

    def check(self, value: object) -> object:
        """``value`` itself.

        Raises:
            InvalidArgument: it is not of the option's type, or holds a password where it can be seen.
        """
        try:
            values.canonical({self.name: value})
        except InvalidValues as err:
            told = f"the option {self.name!r} holds what can't be kept"
            raise InvalidArgument(told if self.is_secret else f"{told}: {err.message}", str(self)) from None
        if not _fits(value, self.kind):
            raise self._refusal(type(value).__name__)
        if not self.is_secret and isinstance(value, str) and holds_password(value):
            raise InvalidArgument(
                f"the option {self.name!r} holds a password, which others could see",
                "Leave it out of the address, and give it as the secret that the backend has for it.",
            )
        return value

    def shown(self, value: object) -> object:
        """``value`` as everybody may see it: without what is secret, or its class masks. Never raises."""
        if self.is_secret or (isinstance(value, str) and holds_password(value)):
            return MASK
        try:
            return self.mask(value) if self.mask else value
        except Exception:  # noqa: BLE001 - of a class that may not be ours, given what it may not know
            return MASK

    def _refusal(self, found: str) -> InvalidArgument:
        seen, told = "" if self.is_secret else f", not {found}", _told(self.kind)
        taken = told if "one of " in told or " or " in told else f"a {told}"
        return InvalidArgument(f"the option {self.name!r} takes {taken}{seen}", str(self))


def holds_password(address: str) -> bool:
    """Whether a URL, or a link of a chained one, names user and password: ``sftp://user:password@host/``."""
    return _CREDENTIALS.search(address) is not None


def options_of(backend: type[CshApi]) -> dict[str, Option]:
    """The options of ``backend`` by name; what each is about is told by the class's docstring."""
    try:
        kinds = typing.get_type_hints(backend)
    except Exception:  # noqa: BLE001 - a stranger's annotations, such as names that only a type checker knows
        kinds = {}
    about = {name: " ".join(text.split()) for name, text in _ENTRY.findall(inspect.getdoc(backend) or "")}
    return {
        name: Option(
            name,
            kinds.get(field.name, Any),
            is_needed=field.default is attrs.NOTHING,
            is_secret=not field.repr,
            about=about.get(field.name, "").rstrip("."),
            mask=field.repr if callable(field.repr) else None,
        )
        for name, field in arguments(backend).items()
    }


def option_named(name: str, options: Mapping[str, Option]) -> Option:
    """The option ``name``.

    Raises:
        InvalidArgument: there is none; the message lists those that there are.
    """
    if name not in options:
        listed = "; ".join(map(str, options.values())) or "none"
        raise InvalidArgument(f"there is no option {name[:80]!r}; there are: {listed}")
    return options[name]


def check_all_given(given: Collection[str], options: Mapping[str, Option]) -> None:
    """Do nothing if every option that is needed is among ``given``.

    Raises:
        InvalidArgument: some are not; the message tells them.
    """
    if missing := [option for option in options.values() if option.is_needed and option.name not in given]:
        first = f"--secret {missing[0].name}" if missing[0].is_secret else f"--set {missing[0].name}=VALUE"
        raise InvalidArgument(f"options are missing: {'; '.join(map(str, missing))}", f"Add {first}.")


@attrs.frozen
class Described:
    """A configured host as it may be shown: nothing in it is secret.

    Attributes:
        csh_id: its id.
        backend: the id of its backend; empty if that is not installed.
        options: its arguments; in place of secrets, and of all if the backend can't tell which are, a mask.
        root_id: the id of its root, if known.
        problem: why it can't be used; empty if nothing is known to be wrong.
        is_default: whether a server offers it as the one for clients that name none.
    """

    csh_id: str
    backend: str
    options: Mapping[str, object]
    root_id: str = ""
    problem: str = ""
    is_default: bool = False


def described(csh_id: str, given: Mapping[str, object], root_id: str = "") -> Described:
    """The host ``csh_id`` with the arguments ``given``, as it may be shown. Never raises."""
    backend, known, problem = "", {}, ""
    try:
        backend = backend_id(csh_id)
        known = options_of(backend_of(csh_id))
        for name, value in given.items():
            option_named(name, known).check(value)
        check_all_given(given, known)
    except OaioError as err:
        problem = err.message
    shown = {name: known[name].shown(value) if name in known else MASK for name, value in given.items()}
    return Described(csh_id, backend, shown, root_id, problem)


def _alternatives(kind: Any) -> tuple[Any, ...]:  # noqa: ANN401 - an annotation
    if typing.get_origin(kind) in (Union, types.UnionType):
        return typing.get_args(kind)
    return (kind,)


def _shape(kind: Any) -> Any:  # noqa: ANN401 - an annotation
    """The plain type that stands for ``kind`` in JSON; ``kind`` itself, or Any, where none does."""
    origin = typing.get_origin(kind) or kind
    if origin is Literal or not isinstance(origin, type) or origin in _PLAIN:
        return origin
    if issubclass(origin, Enum) or origin is types.NoneType:
        return origin
    shapes = {PurePath: str, Mapping: dict, Sequence: list, AbstractSet: list}
    return next((shape for base, shape in shapes.items() if issubclass(origin, base)), Any)


def _choices(kind: Any) -> tuple[Any, ...]:  # noqa: ANN401 - an annotation
    if _shape(kind) is Literal:
        return typing.get_args(kind)
    return tuple(member.value for member in kind) if isinstance(kind, type) and issubclass(kind, Enum) else ()


def _told(kind: Any) -> str:  # noqa: ANN401 - an annotation
    told = [
        f"one of {_listed(choices)}" if (choices := _choices(each)) else _PLAIN.get(_shape(each))
        for each in _alternatives(kind)
        if each is not types.NoneType
    ]
    return " or ".join(dict.fromkeys(each or "text" for each in told))


def _listed(choices: Iterable[object]) -> str:
    """The choices; an empty one is the same as none."""
    return ", ".join(filter(None, map(str, choices)))


def _parsed(text: str, kind: Any) -> object:  # noqa: ANN401 - an annotation
    wanted = sorted(_alternatives(kind), key=lambda each: _shape(each) in (str, Any))  # text fits always
    for each in wanted:
        try:
            return _parsed_as(text, each)
        except ValueError:
            continue
    raise ValueError


def _parsed_as(text: str, kind: Any) -> object:  # noqa: ANN401 - an annotation
    if choices := _choices(kind):
        chosen = [choice for choice in choices if str(choice) == text]
        return chosen[0] if chosen else _no_value()
    shape = _shape(kind)
    if shape is bool:
        return text == "true" if text in ("true", "false") else _no_value()
    if shape is int:
        return int(text) if re.fullmatch(r"[+-]?[0-9]{1,100}", text) else _no_value()
    if shape is float:
        number = float(text)
        return number if math.isfinite(number) and text.isascii() else _no_value()
    if shape in (dict, list):
        return json.loads(text, object_pairs_hook=_without_duplicates)
    return text if shape in (str, Any) else _no_value()


def _no_value() -> object:
    raise ValueError


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _no_value()  # type: ignore[return-value]  # raises


def _fits(value: object, kind: Any) -> bool:  # noqa: ANN401 - an annotation
    return any(_fits_one(value, each) for each in _alternatives(kind))


def _fits_one(value: object, kind: Any) -> bool:  # noqa: ANN401, PLR0911 - an annotation; one for each kind
    if choices := _choices(kind):
        return any(type(choice) is type(value) and choice == value for choice in choices)
    shape, inner = _shape(kind), typing.get_args(kind)
    if shape is Any:
        return True
    if shape is float:
        return type(value) in (int, float)
    if type(value) is not shape:
        return False
    if isinstance(value, dict) and len(inner) > 1:
        return all(_fits(each, inner[1]) for each in value.values())
    if isinstance(value, list) and inner:
        return all(_fits(each, inner[0]) for each in value)
    return True
