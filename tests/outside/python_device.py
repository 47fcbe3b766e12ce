"""A device as a Python program has it: one JSON command on each line, one JSON answer for each.

Run as ``python python_device.py URL USER PASSWORD DEVICE CLIENT_ROOT`` by an interpreter that has the wheel.
A command is ``[method or attribute, arguments, keyword arguments]``;
the argument ``{"bytes": text}`` is bytes.
"""

import json
import sys
from typing import Any

import attrs

from oaio_storage import OaioClient


def given(value: Any) -> Any:  # noqa: ANN401 - JSON
    """The argument that ``value`` stands for."""
    return value["bytes"].encode() if isinstance(value, dict) and value.keys() == {"bytes"} else value


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever a method returns
    """``value`` as JSON can carry it."""
    if attrs.has(type(value)):
        return {name: plain(getattr(value, name)) for name in attrs.fields_dict(type(value))}
    if hasattr(value, "items"):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def answer(client: OaioClient, name: str, args: list[Any], options: dict[str, Any]) -> dict[str, Any]:
    """The result of one command, or the names of the classes of what it raised; and the error message."""
    try:
        attribute = getattr(client, name)
        result = (
            attribute(*map(given, args), **{key: given(value) for key, value in options.items()})
            if callable(attribute)
            else attribute
        )
        return {"result": plain(result), "error": client.error_message}
    except Exception as err:  # noqa: BLE001 - whatever it raises is what the test wants to see
        return {"raised": [kind.__name__ for kind in type(err).__mro__], "error": str(err)}
    finally:
        client.error_message = ""


def main(url: str, user: str, password: str, device: str, root: str) -> None:
    """Answer commands until the input ends."""
    client = OaioClient(url, {"username": user, "password": password}, "shop", device, "Local", root)
    for line in sys.stdin:
        print(json.dumps(answer(client, *json.loads(line))), flush=True)  # noqa: T201 - the answer
    client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
