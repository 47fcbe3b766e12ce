"""``csh_args/<csh_id>``: the arguments of a storage class, alone.

The marker's id goes in the header ``X-OAIO-root``.
"""

from django.http import HttpRequest, HttpResponse

from oaio_storage import values
from oaio_storage.server.answers import endpoint
from oaio_storage.server.offer import offered_host
from oaio_storage.server.original_api.context import caller_of


def _args(request: HttpRequest, csh_id: str) -> HttpResponse:
    caller_of(request)
    host = offered_host(csh_id)
    answer = HttpResponse(values.canonical(dict(host.args)), content_type="application/json")
    answer["X-OAIO-root"] = host.root_id
    return answer


csh_args_view = endpoint(GET=_args)
