"""Texts that are not UTF-8 are refused like any other argument that is not allowed, or are simply unknown."""

from collections.abc import Callable
from pathlib import Path

import pytest
from client.conftest import MakeClient, Service

from oaio_storage import OaioClient
from oaio_storage.errors import InvalidArgument, NotFound, NotRegistered

ODD = "a\ud800"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda client: client.register_object({}, oaio_id=ODD), InvalidArgument),
        (lambda client: client.register_object({}, csh_id=ODD), InvalidArgument),
        (lambda client: client.register_object({}, stamp=ODD), InvalidArgument),
        (lambda client: client.register_folder(f"/tmp/{ODD}"), InvalidArgument),
        (lambda client: client.update_object(ODD, {}), NotRegistered),
        (lambda client: client.update_file(ODD), NotRegistered),
        (lambda client: client.update_folder(ODD), NotRegistered),
        (lambda client: client.files(ODD), NotRegistered),
        (lambda client: client.resolve(ODD, "front"), NotFound),
    ],
)
def test_a_call_with_a_lone_surrogate_raises_ours(
    make_client: MakeClient, call: Callable[[OaioClient], object], error: type[Exception]
) -> None:
    client = make_client("one")
    with pytest.raises(error):
        call(client)


def test_calls_that_tell_errors_as_texts_do_so(make_client: MakeClient) -> None:
    client = make_client("one")
    assert ODD not in client.client_objectz
    assert client.conflicts(ODD) == []
    assert "no object" in client.unregister_object(ODD)
    for number in (client.upsert_subscription(ODD, "bob"), client.upsert_subscription("unknown", ODD)):
        assert number == 0
        assert client.error_message
    assert client.userz_access(ODD) == []
    assert "surrogate" in client.error_message
    assert "surrogate" in client.wipe_user(ODD)


def test_a_client_with_a_lone_surrogate_is_refused(tmp_path: Path, service: Service) -> None:
    for name, root in ((ODD, "root"), ("alice", ODD)):
        with pytest.raises(InvalidArgument):
            OaioClient(service.server.url, {"username": name}, client_root=str(tmp_path / root))
    assert list(tmp_path.iterdir()) == []


def test_sharing_tells_its_own_error_alone(make_client: MakeClient) -> None:
    client = make_client("one")
    made = client.register_object({"number": 1})
    assert made is not None
    calls: list[Callable[[], object]] = [
        lambda: client.upsert_subscription("unknown", "bob"),
        lambda: client.upsert_subscription(made.oaio_id, "nobody"),
        lambda: client.userz_access("unknown" + ODD),
        lambda: client.unsubscribe(made.oaio_id, "nobody"),
        lambda: client.wipe_user("nobody"),
    ]
    for call in calls:
        client.error_message = "an earlier failure"
        call()
        assert client.error_message
        assert "earlier" not in client.error_message
    client.error_message = "an earlier failure"
    assert client.upsert_subscription(made.oaio_id, "bob")
    assert client.error_message == ""
