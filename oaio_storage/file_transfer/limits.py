"""How much a web app takes from those who publish."""

import attrs


@attrs.frozen(kw_only=True)
class Limits:
    """Bounds of requests and publications. What exceeds one is refused, and changes nothing.

    Attributes:
        manifest_bytes: of the manifest that an offer holds.
        entries: files of one manifest.
        body_bytes: of one request.
        chunk_bytes: of one chunk of an archive.
        field_bytes: of a text in a form, and of the request to publish.
        unpacked_bytes: what one archive holds, in all.
        members: of one archive.
        header_bytes: of the long names and further fields that stand in front of one member.
        ratio: unpacked bytes for each packed byte, as soon as ``ratio_from`` bytes were unpacked.
        ratio_from: see there.
        archives: of one publication that come in chunks.
        publications: of one course that may be under way; the one idle for longest gives way.
        idle_seconds: after which clean-up takes a publication for given up.
        seconds: that one request may take to arrive.
        wait_seconds: without any byte of a request, where the server allows to bound that.
        drained_bytes: of a refused request that are read all the same, so that the client reads the answer.
    """

    manifest_bytes: int = 64 << 20
    entries: int = 100_000
    body_bytes: int = 2 << 30
    chunk_bytes: int = 16 << 20
    field_bytes: int = 4096
    unpacked_bytes: int = 8 << 30
    members: int = 400_000
    header_bytes: int = 1 << 16
    ratio: int = 100
    ratio_from: int = 128 << 20
    archives: int = 10_000
    publications: int = 16
    idle_seconds: float = 86_400
    seconds: float = 3600
    wait_seconds: float = 60
    drained_bytes: int = 256 << 20
