"""What the original package offers in its module of this name."""

import io
from typing import Any

from oaio_storage.errors import InvalidArgument
from oaio_storage.file_transfer.session import ChunkHeaders
from oaio_storage.file_transfer.site import site_at
from oaio_storage.file_transfer.utils import publication_of

FRAMEWORKS = ("flask", "django")


def upload_octet_stream(
    temp_course_dir: str,
    file_data: bytes,
    file_index: int | str,
    chunk_index: int | str,
    last_chunk_flag: bool,  # noqa: FBT001 - the original's
) -> None:
    """Receive a part of an archive. A repeat is safe.

    Args:
        temp_course_dir: of ``tempdir_path``.
        file_data: the part.
        file_index: which of the archives.
        chunk_index: the offset of the part's first byte.
        last_chunk_flag: whether it may be the last one; that it is, its content tells.

    Raises:
        OaioError: as ``Site.take_chunk``.
    """
    upload_dir, course, process_id = publication_of(temp_course_dir)
    site = site_at(upload_dir)
    told = {"X-File-Index": str(file_index), "X-Chunk-Index": str(chunk_index)}
    told |= {"X-Chunk-Size": str(len(file_data))} | ({"X-Last-Chunk": "True"} if last_chunk_flag else {})
    site.take_chunk(course, process_id, ChunkHeaders.parse(told, site.limits), file_data)


def upload_form_data(file: Any, temp_course_dir: str, framework: str = "flask") -> None:  # noqa: ANN401 - a framework's
    """Receive an archive that a form holds. A repeat is safe.

    Args:
        file: Flask's ``FileStorage``, or Django's ``UploadedFile``.
        temp_course_dir: of ``tempdir_path``.
        framework: ``flask`` or ``django``.

    Raises:
        InvalidArgument: another framework.
        OaioError: as ``Site.take_archive``.
    """
    if framework not in FRAMEWORKS:
        raise InvalidArgument(f"no framework that is known: {framework[:40]!r}", " or ".join(FRAMEWORKS))
    upload_dir, course, process_id = publication_of(temp_course_dir)
    stream = file.stream if framework == "flask" else io.BufferedReader(_Pieces(file))
    site_at(upload_dir).take_archive(course, process_id, stream)


class _Pieces(io.RawIOBase):
    """The ``chunks()`` of Django's files as a stream."""

    def __init__(self, file: Any) -> None:  # noqa: ANN401 - a framework's
        self._pieces = iter(file.chunks())
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - whatever bytes fit into
        if not self._ready:
            self._ready = next(self._pieces, b"")
        piece, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)
