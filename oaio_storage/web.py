"""What all who ask servers over HTTP have in common: addresses, and what failing connections mean."""

from collections.abc import Iterator
from contextlib import contextmanager

from oaio_storage.errors import InvalidArgument, Offline, TimedOut, Untrusted

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1"})


def base_url(host: str) -> str:
    """The address that ``host`` names, without a trailing slash.

    ``http://`` and ``https://`` are taken as given. Without a scheme it is http if the host's name is
    exactly ``localhost`` or ``127.0.0.1``, else https; the original's test of the first nine characters sent
    passwords to ``localhost.some.domain`` in clear.

    Raises:
        InvalidArgument: no host, another scheme, or a user, query or fragment in the address.
    """
    from urllib.parse import urlsplit  # noqa: PLC0415 - kept off the import of the client

    if not isinstance(host, str) or not host.strip():
        raise InvalidArgument(
            "no server was named", "Give its address, for instance https://oaio.example.org"
        )
    text = host.strip()
    if "://" not in text:
        name = text.partition("/")[0].partition(":")[0]
        text = ("http://" if name in LOCAL_NAMES else "https://") + text
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as err:
        raise InvalidArgument(f"not the address of a server: {host[:200]!r}") from err
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise InvalidArgument(
            f"not the address of a server: {host[:200]!r}", "It begins with http:// or https://."
        )
    if "@" in parts.netloc:
        raise InvalidArgument("the address of the server holds a user or password", "Give them apart.")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


@contextmanager
def told_by_class(url: str, slug: str) -> Iterator[None]:
    """Turn what the HTTP library raises into errors of ours."""
    import requests  # noqa: PLC0415 - slow to import, and edits need no connection

    try:
        yield
    except (requests.exceptions.ReadTimeout, requests.exceptions.ChunkedEncodingError) as err:
        raise TimedOut(f"{url} gave no whole answer to {slug}") from err
    except requests.exceptions.SSLError as err:
        if _was_cut_off(err):
            raise Offline(f"{url} ended the connection while it was made") from err
        raise Untrusted(f"there is no trusted TLS connection to {url}") from err
    except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as err:
        raise Offline(f"{url} can't be reached") from err
    except requests.exceptions.RequestException as err:
        raise InvalidArgument(f"{url} can't be asked: {type(err).__name__}") from err


def _was_cut_off(err: BaseException | None) -> bool:
    """Whether the other side went away in the middle of TLS, which says nothing about trust."""
    import ssl  # noqa: PLC0415 - with requests

    ends = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
    while err is not None:
        if isinstance(err, ends) or any(isinstance(part, ends) for part in err.args):
            return True
        err = err.__cause__ or err.__context__
    return False
