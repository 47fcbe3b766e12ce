"""The objects of this device as a mapping, read from the records each time."""

from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING

from oaio_storage.model import OaiObject

if TYPE_CHECKING:
    from oaio_storage.client.api import OaioClient


class ObjectMap(MutableMapping[str, OaiObject]):
    """Objects by id, sorted. What is got from it is a copy.

    Setting an item records an edit with its ``client_values`` and registers what is not known yet; deleting
    one unregisters it without wiping files.
    """

    def __init__(self, client: "OaioClient") -> None:
        self._client = client

    def __getitem__(self, oaio_id: str) -> OaiObject:
        device = self._client.device
        with device.store.read() as tables:
            found = device.visible(tables, oaio_id) if isinstance(oaio_id, str) else None
        if found is None:
            raise KeyError(oaio_id)
        return found

    def __setitem__(self, oaio_id: str, oai_obj: OaiObject) -> None:
        if oaio_id in self:
            self._client.update_object(oaio_id, oai_obj.client_values, reset=True)
        else:
            self._client.register_object(oai_obj.client_values, oaio_id=oaio_id, csh_id=oai_obj.csh_id or "")

    def __delitem__(self, oaio_id: str) -> None:
        _ = self[oaio_id]
        self._client.unregister_object(oaio_id)

    def __iter__(self) -> Iterator[str]:
        device = self._client.device
        with device.store.read() as tables:
            return iter(
                [
                    one.oaio_id
                    for one in tables.holdings()
                    if device.seen(one, tables.edits(one.oaio_id)) is not None
                ]
            )

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, oaio_id: object) -> bool:
        return isinstance(oaio_id, str) and self.get(oaio_id) is not None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self)!r})"
