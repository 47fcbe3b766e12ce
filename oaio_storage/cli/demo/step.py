"""One step of the demo."""

import attrs


@attrs.frozen
class Step:
    """One step that held.

    Attributes:
        title: what was done.
        text: what came of it.
        files: how many files it is about.
        bytes_moved: over HTTP, and to and from the storage host.
        requests: to the server.
        seconds: how long it took.
    """

    title: str
    text: str
    files: int = 0
    bytes_moved: int = 0
    requests: int = 0
    seconds: float = 0.0
