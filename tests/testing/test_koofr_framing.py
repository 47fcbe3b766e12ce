"""Bodies as they come over a connection: whole in every cut into pieces, never whole when they are not."""

import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oaio_storage.testing.koofr.forms import FormFile
from oaio_storage.testing.koofr.framing import Body, CutShort
from oaio_storage.testing.koofr.refusals import Refused

BOUNDARY = b"xyz"
TYPE = "multipart/form-data; boundary=xyz"
HEAD = b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="dummy"\r\n\r\n'
TAIL = b"\r\n--xyz--\r\n"
END_OF_FORM = len(b"\r\n")  # what may be missing behind the form's last boundary

# almost boundaries, and never one
CONTENTS = (
    st.lists(
        st.sampled_from([b"\r\n", b"--", b"xyz", b"\r", b"\n", b"-", b"--xy", b"\r\n--xy", b"\x00", b"a"])
    )
    .map(b"".join)
    .filter(lambda content: b"\r\n--xyz" not in content)
)
SIZES = st.lists(st.integers(1, 30), min_size=1, max_size=10)


class Dribble(io.BytesIO):
    """A connection on which the bytes come in pieces of these sizes, over and over."""

    def __init__(self, content: bytes, sizes: list[int]) -> None:
        super().__init__(content)
        self._sizes = sizes
        self._turn = 0

    def read1(self, size: int | None = -1, /) -> bytes:
        self._turn += 1
        return super().read1(min(size or 0, self._sizes[self._turn % len(self._sizes)]))


def chunks(content: bytes, sizes: list[int]) -> bytes:
    pieces, turn = [], 0
    while content:
        piece, content = content[: sizes[turn % len(sizes)]], content[sizes[turn % len(sizes)] :]
        pieces.append(b"%x; any=thing\r\n%s\r\n" % (len(piece), piece))
        turn += 1
    return b"".join([*pieces, b"0\r\nTrailer: x\r\n\r\n"])


def body_of(content: bytes, sizes: list[int], chunked: bool, cut: int = 0) -> Body:  # noqa: FBT001 - given by name
    headers = {"Transfer-Encoding": "Chunked"} if chunked else {"Content-Length": str(len(content))}
    sent = chunks(content, sizes) if chunked else content
    return Body.of(Dribble(sent[: len(sent) - cut], sizes), headers)


@given(CONTENTS, SIZES, st.booleans())
def test_a_file_arrives_as_it_was_sent(content: bytes, sizes: list[int], chunked: bool) -> None:  # noqa: FBT001 - same
    body = body_of(HEAD + content + TAIL, sizes, chunked)
    form = FormFile(body, TYPE)
    assert b"".join(form.pieces()) == content
    assert form.filename == "dummy"
    assert body.ended
    assert body.read() == b""


@given(CONTENTS, SIZES, st.booleans(), st.data())
@example(b"", [1], True, None)
def test_a_body_that_was_cut_is_never_taken_for_whole(
    content: bytes,
    sizes: list[int],
    chunked: bool,  # noqa: FBT001 - same
    data: st.DataObject | None,
) -> None:
    whole = HEAD + content + TAIL
    length = len(chunks(whole, sizes)) if chunked else len(whole)
    cut = data.draw(st.integers(1, length)) if data else 1
    body = body_of(whole, sizes, chunked, cut)
    with pytest.raises(CutShort):
        b"".join(FormFile(body, TYPE).pieces())


@given(CONTENTS, SIZES, st.booleans(), st.data())
def test_a_form_without_its_end_is_refused(
    content: bytes,
    sizes: list[int],
    chunked: bool,  # noqa: FBT001 - same
    data: st.DataObject,
) -> None:
    whole = HEAD + content + TAIL
    kept = whole[: data.draw(st.integers(0, len(whole) - END_OF_FORM - 1))]
    with pytest.raises(Refused, match="BadRequest"):
        b"".join(FormFile(body_of(kept, sizes, chunked), TYPE).pieces())


@pytest.mark.parametrize(
    "sent", [b"-1\r\nx", b"x\r\n", b"\r\n", b"1\r\nxx\r\n", b"5" * 9000, b"1\r\nx\r\n0\r\n"]
)
def test_chunks_that_are_none_are_cut(sent: bytes) -> None:
    body = Body.of(io.BytesIO(sent), {"Transfer-Encoding": "chunked"})
    with pytest.raises(CutShort):
        body.read_all(1000)
