"""``hosts/<csh_id>``: how to reach a storage host."""

from typing import Any

from django.http import HttpRequest

from oaio_storage.server.answers import endpoint, user_of
from oaio_storage.server.offer import offered_host


def _host(request: HttpRequest, csh_id: str) -> dict[str, Any]:
    user_of(request)
    host = offered_host(csh_id)
    return {"csh_id": host.csh_id, "args": dict(host.args), "root_id": host.root_id}


host_view = endpoint(GET=_host)
