"""What the service tells of a file or folder, of a mount, and of the room in it."""

from typing import Any, Self

import attrs

from oaio_storage.errors import BadAnswer

MIB = 1 << 20


@attrs.frozen
class Entry:
    """A file or folder (Koofr API, section 4).

    Attributes:
        name: the last part of its path, as it is spelled there; empty for a mount's root.
        is_folder: whether it is one.
        size: in bytes; 0 for folders.
        modified: in milliseconds since 1970, as whoever stored it said.
        md5: of the content, lower-case hexadecimal; empty for folders, and on mounts that tell none.
        content_type: by the name's extension.
    """

    name: str
    is_folder: bool
    size: int = 0
    modified: int = 0
    md5: str = ""
    content_type: str = ""

    @classmethod
    def of(cls, told: Any) -> Self:  # noqa: ANN401 - whatever JSON holds
        """The entry that ``told`` describes.

        Raises:
            BadAnswer: it describes none.
        """
        if not isinstance(told, dict):
            raise BadAnswer("the service describes a file by something else than an object")
        name, kind = told.get("name"), told.get("type")
        size, modified = told.get("size", 0), told.get("modified", 0)
        if not isinstance(name, str) or "/" in name or kind not in ("file", "dir"):
            raise BadAnswer("the service describes a file that has no name or is of no known type")
        if type(size) is not int or type(modified) is not int or size < 0:
            raise BadAnswer("the service describes a file whose size or time is no number")
        return cls(name, kind == "dir", size, modified, _text(told, "hash"), _text(told, "contentType"))

    @property
    def version(self) -> str:
        """The mark of the content: its MD5, or, where none is told, its size and time."""
        return self.md5 or f"{self.size}-{self.modified}"


@attrs.frozen
class Space:
    """The room of a mount in bytes, to a whole MiB; None where the service does not tell."""

    total: int | None
    used: int | None

    @classmethod
    def of(cls, told: Any) -> Self:  # noqa: ANN401 - same
        """The room that the description of a mount tells."""
        found = [told.get(key) if isinstance(told, dict) else None for key in ("spaceTotal", "spaceUsed")]
        total, used = (mib * MIB if type(mib) is int and mib >= 0 else None for mib in found)
        return cls(total, used)

    @property
    def free(self) -> int | None:
        """What is left."""
        return None if self.total is None or self.used is None else max(0, self.total - self.used)


def _text(told: dict[str, Any], key: str) -> str:
    value = told.get(key, "")
    return value if isinstance(value, str) else ""
