"""Forms with a file (RFC 7578), read as they come: text fields first, then the file."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from oaio_storage.errors import InvalidArgument, TooLarge
from oaio_storage.file_transfer.bodies import Stream, read_all
from oaio_storage.file_transfer.limits import Limits

if TYPE_CHECKING:
    from multipart import MultipartSegment

_BLOCK = 1 << 16
_SEGMENTS = 16


class Part:
    """The file of a form, to be read once."""

    def __init__(self, form: "Form", at_most: int) -> None:
        self._form = form
        self._at_most = at_most
        self._count = 0
        self._ready = b""
        self._ended = False

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most ``size`` (if negative, as many as are at hand); none at the end.

        Raises:
            InvalidArgument: the form is damaged or cut.
            TooLarge: the file is larger than is allowed.
        """
        if not self._ready and not self._ended:
            piece = self._form.next_event()
            self._ended = not isinstance(piece, bytes)
            self._ready = piece if isinstance(piece, bytes) else b""
            self._count += len(self._ready)
            if self._count > self._at_most:
                raise TooLarge(f"a file of more than {self._at_most} bytes")
        end = len(self._ready) if size < 0 else size
        piece, self._ready = self._ready[:end], self._ready[end:]
        return piece

    def read_all(self) -> bytes:
        """All of it."""
        return read_all(self, self._at_most)


class Form:
    """A form of one request.

    Attributes:
        fields: the text fields that stand in front of the file.
    """

    def __init__(self, content_type: str, body: Stream, limits: Limits) -> None:
        self.fields: dict[str, str] = {}
        self._limits = limits
        self._body = body
        self._events = self._parsed(content_type)

    @contextmanager
    def file(self, name: str, *, at_most: int) -> Iterator[Part]:
        """The file with this name, after all text fields; afterwards the rest of the form is read.

        Args:
            name: of the field.
            at_most: bytes that it may have.

        Raises:
            InvalidArgument: there is no such file, or the form is damaged or cut.
            TooLarge: a field is too long, or there are too many.
        """
        while (segment := self.next_event()) is not None:
            field = segment.name if not isinstance(segment, bytes) else None
            if field == name:
                break
            if field is None or field in self.fields:
                raise InvalidArgument("the form has an unnamed field, or one twice")
            self.fields[field] = self._text()
        else:
            raise InvalidArgument(f"the form has no file {name!r}")
        part = Part(self, at_most)
        yield part
        while part.read(_BLOCK):
            pass
        if self.next_event() is not None:
            raise InvalidArgument("the form has more after its file")

    def next_event(self) -> "MultipartSegment | bytes | None":
        """What comes next: the head of a field, bytes of it, None at its end and at the end of the form."""
        return next(self._events, None)

    def _parsed(self, content_type: str) -> "Iterator[MultipartSegment | bytes | None]":
        from multipart import (  # noqa: PLC0415 - for web apps alone
            MultipartError,
            ParserLimitReached,
            PushMultipartParser,
            parse_options_header,
        )

        kind, options = parse_options_header(content_type)
        if kind != "multipart/form-data" or not options.get("boundary"):
            raise InvalidArgument("the request is no form with a file")
        try:
            parser = PushMultipartParser(options["boundary"], max_segment_count=_SEGMENTS, strict=False)
            while not parser.closed:
                for event in parser.parse(self._body.read(_BLOCK)):
                    yield bytes(event) if isinstance(event, bytes | bytearray) else event
        except ParserLimitReached as err:
            raise TooLarge("the form has too many or too long fields") from err
        except (MultipartError, UnicodeError, ValueError) as err:
            raise InvalidArgument("the form is damaged or cut") from err

    def _text(self) -> str:
        content = bytearray()
        while isinstance(piece := self.next_event(), bytes):
            content += piece
            if len(content) > self._limits.field_bytes:
                raise TooLarge(f"a field of more than {self._limits.field_bytes} bytes")
        try:
            return content.decode()
        except UnicodeDecodeError as err:
            raise InvalidArgument("a field of the form is no text") from err
