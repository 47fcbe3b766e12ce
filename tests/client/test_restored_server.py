"""A server that came back from an older copy of its data folder loses nothing of a device's edits."""

import shutil
import subprocess
import sys
from pathlib import Path

from client.conftest import PASSWORD

from oaio_storage.client import init_client
from oaio_storage.testing.servers import oaio_server


def test_an_edit_after_the_server_was_restored_is_shown_and_sent(tmp_path: Path) -> None:
    data, copy, folder = tmp_path / "data", tmp_path / "copy", tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_bytes(b"1")
    with oaio_server(data) as server:
        command = [sys.executable, "-m", "oaio_storage.cli", "user", "add", "alice"]
        options = ["--data", str(data), "--password-stdin"]
        subprocess.run([*command, *options], input=PASSWORD.encode(), check=True, capture_output=True)
        client = init_client(tmp_path / "client", server.url, "alice", PASSWORD, "one", "app")
        values, files = client.register_object({"number": 1}), client.register_folder(str(folder))
        port = server.port
    assert values is not None
    assert files is not None
    shutil.copytree(data, copy)
    with oaio_server(data, port):
        for number in (2, 3, 4):
            client.update_object(values.oaio_id, {"number": number})
            (folder / "file").write_bytes(f"{number}".encode())
            client.sync()
    shutil.rmtree(data)
    copy.rename(data)
    with oaio_server(data, port):
        assert client.sync().problems == ()
        assert client.client_objectz[values.oaio_id].client_values == {"number": 4}
        made = client.update_object(values.oaio_id, {"number": 5})
        assert made.client_values == made.server_values == {"number": 5}
        (folder / "file").write_bytes(b"5")
        assert client.sync().problems == ()
        assert (folder / "file").read_bytes() == b"5"
        other = init_client(tmp_path / "other", server.url, "alice", PASSWORD, "two", "app")
        other.sync()
        assert other.client_objectz[values.oaio_id].client_values == {"number": 5}
        assert [path.read_bytes() for path in other.files(files.oaio_id)] == [b"5"]
        other.close()
    client.close()
