"""From a path or a URL to a host."""

import os
from pathlib import Path

import pytest

from oaio_storage.errors import InvalidArgument
from oaio_storage.hosts.addresses import host_at, is_address


def root_of(folder: Path, address: str) -> None:
    """Assert that ``address`` is the host whose root is ``folder``."""
    with host_at(address) as host:
        host.write("a", b"x")
    assert (folder / "a").read_bytes() == b"x"


def test_paths_and_file_urls_are_folders_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a folder%41"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    root_of(folder, str(folder))
    root_of(folder, "./a folder%41")
    root_of(folder, folder.as_uri())
    root_of(folder, folder.as_uri().replace("file://", "FILE://localhost"))


def test_other_urls_belong_to_fsspec() -> None:
    with host_at("memory://test_addresses") as host:
        host.write("a", b"x")
        assert "memory://test_addresses" in repr(host)


@pytest.mark.parametrize(
    "address", ["file://a/b", "file:///a?b", "file:///a#b", "file://", "no_such_scheme://a", "://", "/\0"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidArgument):
        host_at(address)


def test_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidArgument) as caught:
        host_at("sftp://user:hidden@127.0.0.1/a")
    assert "hidden" not in f"{caught.value}{caught.value.hint}"


def test_only_a_slash_makes_an_address() -> None:
    assert [text for text in ("a", ".", "S3-eu", "a:b", "./a", "/", "a://b") if is_address(text)] == [
        "./a",
        "/",
        "a://b",
    ]
    assert os.sep == "/"
