"""The head of a tree of plain files where it lies."""

from typing import ClassVar

import attrs

from oaio_storage.publish.head import Head
from oaio_storage.trees import head_file


@attrs.frozen
class HeadFile(head_file.HeadFile[Head]):
    """The head of one tree of plain files, on a host with conditional writes."""

    kind: ClassVar[type[Head]] = Head
