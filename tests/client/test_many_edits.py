"""More to do than one round of a synchronisation does: it goes on, or says that it did not."""

import pytest
from client.conftest import MakeClient, Service, go_offline, go_online

from oaio_storage.client import engine
from oaio_storage.client.records import Edit
from oaio_storage.errors import TryAgain


def test_a_sync_goes_on_until_all_is_sent(
    make_client: MakeClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "MAX_EDITS", 2)
    monkeypatch.setattr(engine, "MAX_ROUNDS", 2)
    one = make_client("one")
    one.sync()
    go_offline(one)
    for number in range(9):
        assert one.register_object({"number": number}) is not None
    go_online(one, service)
    assert one.sync().sent == 9


def test_a_sync_that_never_ends_says_so_and_keeps_everything(
    make_client: MakeClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "MAX_ROUNDS", 3)
    service.add_user("erin")  # whose conflict stays hers
    one, other = make_client("one", "erin"), make_client("other", "erin")
    made = one.register_object({"text": ""})
    assert made is not None
    other.sync()
    go_offline(one)
    one.update_object(made.oaio_id, {"mine": True})
    go_online(one, service)
    send = engine.Engine._send
    changes = iter(range(1000))

    def overtaken(self: engine.Engine, ready: list[Edit]) -> bool:
        if self.device is one.device:  # somebody else is always first
            other.update_object(made.oaio_id, {"theirs": next(changes)})
        return send(self, ready)

    monkeypatch.setattr(engine.Engine, "_send", overtaken)
    with pytest.raises(TryAgain, match="still wait"):
        one.sync()
    monkeypatch.setattr(engine.Engine, "_send", send)
    assert one.sync().sent
    assert one.client_objectz[made.oaio_id].client_values.get("mine") is True
