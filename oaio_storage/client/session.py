"""What a client_root remembers of its server and user, and the session's cookies (mode 0600)."""

import json
from pathlib import Path
from typing import Any

import attrs

from oaio_storage.durable import write_file
from oaio_storage.errors import LocalStateDamaged, NotFound

SETTINGS_FILE, SESSION_FILE = "settings.json", "session.json"


@attrs.frozen(kw_only=True)
class Settings:
    """What ``oaio init`` stored, so that no command has to say it again. Holds no secret."""

    server: str
    user_name: str
    device_id: str = ""
    app_id: str = ""
    csh_id: str = ""

    def save(self, client_root: Path) -> None:
        """Store the settings, durable when it returns. A repeat is safe."""
        text = json.dumps(attrs.asdict(self), indent=2, ensure_ascii=False)
        write_file(client_root / SETTINGS_FILE, f"{text}\n".encode())

    @classmethod
    def load(cls, client_root: Path) -> "Settings":
        """What was stored.

        Raises:
            NotFound: nothing was.
            LocalStateDamaged: it can't be read; the file is left as it is.
        """
        path = client_root / SETTINGS_FILE
        try:
            found = json.loads(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError) as err:
            raise NotFound(
                f"{client_root} is not a client root",
                f"oaio init {client_root} --server URL --user NAME --password-stdin",
            ) from err
        except (OSError, ValueError) as err:
            raise LocalStateDamaged(
                f"the settings {path} can't be read: {err}", "Run oaio init again."
            ) from err
        names = {field.name for field in attrs.fields(cls)}
        if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
            raise LocalStateDamaged(f"the settings {path} are not texts by name", "Run oaio init again.")
        if odd := sorted(set(found) - names) or sorted({"server", "user_name"} - set(found)):
            raise LocalStateDamaged(
                f"the settings {path} have unknown or missing names: {', '.join(odd)}", "Run oaio init again."
            )
        return cls(**found)


def load_cookies(path: Path, owner: str) -> dict[str, str]:
    """The cookies stored for ``owner`` (server and user); empty if there are none that can be used."""
    try:
        found: Any = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    if (
        not isinstance(found, dict)
        or found.get("owner") != owner
        or not isinstance(found.get("cookies"), dict)
    ):
        return {}
    return {str(name): str(value) for name, value in found["cookies"].items()}


def save_cookies(path: Path, owner: str, cookies: dict[str, str]) -> None:
    """Store ``cookies`` for ``owner``, readable by this system user alone."""
    write_file(path, json.dumps({"owner": owner, "cookies": cookies}).encode())
