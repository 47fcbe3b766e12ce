"""Connections of one thread to the service, driven below the level of ``requests.get``."""

import json
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlencode

import attrs
import requests
from requests.structures import CaseInsensitiveDict

from oaio_storage_digi.multipart import Upload


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
    adapter, since preparing it costs requests about a fifth of the CPU time of a small file.
    Cookies are not kept.
    """

    def __init__(self, endpoint: str, timeout: tuple[float, float], proxies: Mapping[str, str]) -> None:
        self._session = requests.Session()
        found = self._session.merge_environment_settings(endpoint, dict(proxies), None, None, None)
        self._session.trust_env = False
        self._settled: dict[str, Any] = {
            "timeout": timeout,
            "proxies": found["proxies"],
            "verify": found["verify"],
            "cert": found["cert"],
        }
        self._headers = {
            "User-Agent": "oaio-storage",
            "Accept": "application/json",
            "Accept-Encoding": str(self._session.headers["Accept-Encoding"]),
        }
        first = requests.Request("GET", endpoint).prepare()
        self._endpoint = str(first.url).rstrip("/")  # with the host's name as DNS has it

    def answer(self, question: Question, authorization: str) -> requests.Response:
        """What the service answers, with any status.

        Raises:
            requests.RequestException, urllib3.exceptions.HTTPError: it does not.
        """
        request = self._prepared(question, authorization)
        answer = self._session.get_adapter(str(request.url)).send(
            request, stream=question.stream, **self._settled
        )
        if not question.stream:
            _ = answer.content  # which gives the connection back
        elif answer.is_redirect:  # not seen of the service; requests knows what may follow where
            answer.close()
            answer = self._session.request(
                question.method,
                str(request.url),
                headers=request.headers,
                stream=True,
                **self._settled,
            )
        return answer

    def close(self) -> None:
        """Let them go. Safe to repeat."""
        self._session.close()

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
