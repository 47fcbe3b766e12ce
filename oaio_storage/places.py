"""Path placeholders: how a place on one device is told to another (wire contract, 4.5)."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import attrs

from oaio_storage.errors import InvalidName
from oaio_storage.names import defuse, is_utf8

_PLACEHOLDER = re.compile(r"(?<!\{)\{(\w+)\}(?!\})")
_NO_APP_NAMES = frozenset({"", "-c", "-m", "__main__", "main", "app", "src"})
_NO_APP = "unguessable"


def _copied(places: Mapping[str, str]) -> Mapping[str, str]:
    return dict(places)


@attrs.frozen
class Places:
    """The placeholders of one client: ``{usr}`` for the user's settings, and so on.

    Attributes:
        places: name without braces -> absolute path of a folder, or a plain name.
    """

    places: Mapping[str, str] = attrs.field(converter=_copied)

    @classmethod
    def of_system(cls, app_id: str = "") -> Self:
        """The places of this device, user and app, as the environment names them now.

        ``usr`` (settings), ``doc`` (documents), ``app`` and ``ado`` (the app's folder in each), ``cwd``, and
        ``app_name``. XDG variables count where the system knows them. Without ``app_id`` the name of the
        running program is taken.
        """
        import platformdirs  # noqa: PLC0415 - takes a third of the time that importing the library may take

        name = defuse(app_id or _program_name())
        settings = platformdirs.user_config_path(appauthor=False, roaming=True)
        documents = platformdirs.user_documents_path()
        return cls(
            {
                "usr": str(settings),
                "doc": str(documents),
                "app": str(settings / name),
                "ado": str(documents / name),
                "cwd": str(Path.cwd()),
                "app_name": name,
            }
        )

    def expand(self, text: str) -> Path:
        """The absolute path that ``text`` names here, links resolved; nothing has to exist.

        Known placeholders are replaced, wherever they stand; unknown ones, and doubled braces, are parts of a
        name like any other. Then ``~`` is replaced, and what is relative starts at the working directory.

        Raises:
            InvalidName: ``text`` holds a NUL character or a lone surrogate.
        """
        if "\0" in text:
            raise InvalidName(f"not a path: {text[:200]!r} (a NUL character)")
        if not is_utf8(text):
            raise InvalidName(f"not a path that can be told: {text[:200]!r} (not UTF-8)")
        replaced = _PLACEHOLDER.sub(lambda found: self.places.get(found[1], found[0]), text)
        at_home = os.path.expanduser(replaced)  # noqa: PTH111 - Path's raises where there is no home
        return Path(os.path.realpath(at_home))

    def shorten(self, path: Path | str) -> str:
        """``path`` with the longest folder of a placeholder in front replaced by it; else as it is.

        ``expand(shorten(path)) == expand(path)`` for every absolute ``path``; a relative one is not changed.

        Raises:
            InvalidName: an absolute ``path`` holds what reads as a known placeholder, so it can't be told.
        """
        text = os.fspath(path)
        if not Path(text).is_absolute():
            return text
        if odd := [found[0] for found in _PLACEHOLDER.finditer(text) if found[1] in self.places]:
            raise InvalidName(
                f"{text[:200]!r} holds {odd[0]}, which other devices would read as a placeholder"
            )
        for folder, name in self._folders():
            if text == folder or text.startswith(folder + os.sep):
                return f"{{{name}}}{text[len(folder) :]}"
        return text

    def is_below_placeholder(self, text: str) -> bool:
        """Whether ``text`` begins with a known folder's placeholder and names something below that folder.

        Judged after ``..`` and the links of this moment are resolved; the folder itself is not below it.
        """
        found = _PLACEHOLDER.match(text)
        folder = self.places.get(found[1], "") if found else ""
        if "\0" in text or not Path(folder).is_absolute():
            return False
        return Path(os.path.realpath(folder)) in self.expand(text).parents

    def _folders(self) -> list[tuple[str, str]]:
        """Each folder as it is named and as it resolves, with its placeholder; the longest first."""
        folders = {
            spelling: name
            for name, folder in self.places.items()
            if Path(folder).is_absolute()
            for spelling in (os.path.realpath(folder), folder)
        }
        return sorted(folders.items(), key=lambda item: len(item[0]), reverse=True)


def _program_name() -> str:
    candidates = (Path(sys.argv[0]).stem if sys.argv else "", Path.cwd().name)
    return next((name for name in candidates if name.lower() not in _NO_APP_NAMES), _NO_APP)
