"""Connections of one thread to the service, driven below the level of ``requests.get``."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

import attrs
import requests
from requests.structures import CaseInsensitiveDict
from requests.utils import select_proxy

from oaio_storage.errors import BadAnswer
from oaio_storage_digi.exchange import Exchange
from oaio_storage_digi.multipart import PIECE, Upload

if TYPE_CHECKING:
    from requests.adapters import HTTPAdapter
    from urllib3 import HTTPConnectionPool


@attrs.frozen
class Question:
    """A request, but for who asks.

    Attributes:
        method: of HTTP.
        route: what follows the endpoint.
        query: parameters.
        json: content of the body.
        body: a file instead.
        headers: beside the usual ones.
        stream: the answer's body is read by the caller, and a redirection is followed.
    """

    method: str
    route: str
    query: Mapping[str, str] = attrs.field(factory=dict)
    json: object = attrs.field(default=None, repr=False)
    body: Upload | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict)
    stream: bool = False

    @property
    def content(self) -> tuple[bytes | Upload | None, dict[str, str]]:
        """The body, and the headers that describe it."""
        if self.body is not None:
            described = {"Content-Type": self.body.content_type, "Content-Length": str(len(self.body))}
            return self.body, described
        if self.json is None:
            return None, {} if self.method == "GET" else {"Content-Length": "0"}
        text = json.dumps(self.json, allow_nan=False).encode()
        return text, {"Content-Type": "application/json", "Content-Length": str(len(text))}


class Connections:
    """Kept open from one request to the next; for one thread.

    Address, proxies and certificates are settled once. Each request is made by hand and given to requests'
    adapter, since preparing it costs requests about a fifth of the CPU time of a small file; contents are
    asked for, and short ones sent, over connections that are open already (:class:`Exchange`). Cookies
    are not kept.
    """

    def __init__(self, endpoint: str, timeout: tuple[float, float], proxies: Mapping[str, str]) -> None:
        self._session = _Session()
        found = self._session.merge_environment_settings(endpoint, dict(proxies), None, None, None)
        self._session.trust_env = False
        settled: dict[str, Any] = {name: found[name] for name in ("proxies", "verify", "cert")}
        self._settled = {"timeout": timeout, **settled}
        self._headers = {
            "User-Agent": "oaio-storage",
            "Accept": "application/json",
            "Accept-Encoding": str(self._session.headers["Accept-Encoding"]),
        }
        first = requests.Request("GET", endpoint).prepare()
        self._endpoint = str(first.url).rstrip("/")  # with the host's name as DNS has it
        self._adapter = cast("HTTPAdapter", self._session.get_adapter(self._endpoint))
        self._exchange: Exchange | None = None
        if not select_proxy(self._endpoint, found["proxies"]):
            pool = self._adapter.get_connection_with_tls_context(first, **settled)
            self._exchange = Exchange(cast("HTTPConnectionPool", pool), self._endpoint)

    def answer(self, question: Question, authorization: str) -> requests.Response:
        """What the service answers, with any status.

        Where it redirects, only a content is asked for elsewhere: without credentials at another host or
        port, and never at ``http://`` where the service itself is at ``https://``.

        Raises:
            requests.RequestException, urllib3.exceptions.HTTPError: it does not.
            BadAnswer: it redirects to where nothing is to be asked for.
        """
        request = self._prepared(question, authorization)
        answer = self._exchanged(question, request)
        if answer is None:
            answer = self._adapter.send(request, stream=question.stream, **self._settled)
        if not question.stream:
            _ = answer.content  # which gives the connection back
        elif answer.is_redirect:
            answer.close()
            answer = self._session.followed(request, self._settled)
        return answer

    def _exchanged(self, question: Question, request: requests.PreparedRequest) -> requests.Response | None:
        is_short = question.body is not None and question.body.size <= PIECE
        if self._exchange is None or not (question.stream or is_short):
            return None
        return self._exchange.answer(request, b"".join(question.body or ()))

    def close(self) -> None:
        """Let them go. Safe to repeat."""
        self._session.close()
        if self._exchange:  # urllib3 closes a pool once nobody refers to it
            self._exchange.close()

    def _prepared(self, question: Question, authorization: str) -> requests.PreparedRequest:
        body, described = question.content
        request = requests.PreparedRequest()
        request.method = question.method
        query = f"?{urlencode(question.query)}" if question.query else ""
        request.url = f"{self._endpoint}{question.route}{query}"
        request.headers = CaseInsensitiveDict(
            {**self._headers, **question.headers, **described}
            | ({"Authorization": authorization} if authorization else {})
        )
        request.body = cast("Any", body)  # streamed, though no text and no bytes
        request.hooks = {"response": []}
        return request


class _Session(requests.Session):
    """As requests has it, which drops ``Authorization`` on the way to another host, and more careful."""

    def __init__(self) -> None:
        super().__init__()
        self.max_redirects = 5

    def followed(self, request: requests.PreparedRequest, settled: Mapping[str, Any]) -> requests.Response:
        """The answer of the place that a request for a content is redirected to; it is asked once more."""
        try:
            return self.request(
                str(request.method), str(request.url), headers=request.headers, stream=True, **settled
            )
        except (requests.TooManyRedirects, ValueError):  # ValueError: an address that can be none
            raise BadAnswer("the service redirects to where nothing can be asked for") from None

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Decide what goes to the place that ``response`` redirects to."""
        if str(response.url).startswith("https:") and not str(prepared_request.url).startswith("https:"):
            raise BadAnswer("the service redirects from https:// to http://, where others could read along")
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]  # types-requests
