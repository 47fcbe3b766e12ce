"""The file in a form of ``multipart/form-data``, in pieces as it comes."""

from collections.abc import Iterator

import attrs
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from oaio_storage.testing.koofr.framing import Body
from oaio_storage.testing.koofr.refusals import Code, Refused

FIELD = "file"


def is_form(content_type: str) -> bool:
    """Whether a body of this type is a form."""
    return content_type.lower().startswith("multipart/form-data")


@attrs.define
class FormFile:
    """The one file of a form; ``filename`` is known once the first piece, or the end, was read."""

    _body: Body
    _content_type: str
    filename: str | None = attrs.field(default=None, init=False)

    def pieces(self) -> Iterator[bytes]:
        """The file's content, to its very end.

        Raises:
            Refused: ``BadRequest``: it is no form with one file, or it lacks its end.
            CutShort: the connection ended.
        """
        boundary = parse_options_header(self._content_type)[1].get("boundary", "")
        found = False
        try:
            with PushMultipartParser(boundary, max_segment_count=1) as parser:
                while not parser.closed:
                    for event in parser.parse(self._body.read()):
                        if isinstance(event, MultipartSegment):
                            found = event.name == FIELD
                            self.filename = event.filename
                        elif event and found:
                            yield bytes(event)
        except MultipartError as err:
            raise Refused(Code.BAD_REQUEST, "Not a form with one file.") from err
        if not found:
            raise Refused(Code.BAD_REQUEST, f"The form has no {FIELD}.")
        while self._body.read():
            pass  # what follows the form's end
