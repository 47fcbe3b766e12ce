"""Bodies of requests with a length, in bounded memory."""

import io
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

import attrs

_BLOCK = 1 << 16


class Pieces:
    """Bytes and files one after the other, as the HTTP library sends them; each file from its first byte."""

    def __init__(self, pieces: Sequence[bytes | BinaryIO]) -> None:
        self._pieces = pieces

    def __len__(self) -> int:
        return sum(len(one) if isinstance(one, bytes) else one.seek(0, io.SEEK_END) for one in self._pieces)

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, bytes):
                yield piece
            else:
                piece.seek(0)
                while block := piece.read(_BLOCK):
                    yield block


@attrs.frozen
class Form:
    """A form (RFC 7578): texts, and behind them one file.

    Attributes:
        fields: name -> text, both ASCII without quotes or line ends.
        name: of the file's part.
        file_name: what the file is called there.
    """

    fields: Mapping[str, str]
    name: str
    file_name: str
    _boundary: str = attrs.field(factory=lambda: secrets.token_hex(16), init=False)

    @property
    def headers(self) -> dict[str, str]:
        """What the request has to say."""
        return {"Content-Type": f"multipart/form-data; boundary={self._boundary}"}

    def around(self, file: bytes | BinaryIO) -> Pieces:
        """The body with this file."""
        head = "".join(
            f'--{self._boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
            for name, text in self.fields.items()
        )
        head += f"--{self._boundary}\r\nContent-Disposition: form-data; "
        head += f'name="{self.name}"; filename="{self.file_name}"\r\n\r\n'
        return Pieces([head.encode(), file, f"\r\n--{self._boundary}--\r\n".encode()])
