"""The page that makes a backend, and the example that authors copy, hold the same files."""

from pathlib import Path

from project.documented import blocks

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLE = PROJECT / "examples" / "oaio-storage-example"


def test_the_page_holds_the_files_of_the_example() -> None:
    shown = {
        block.todo.removeprefix("file "): block.text
        for block in blocks(PROJECT / "docs" / "write-a-backend.md")
        if block.todo.startswith("file ")
    }
    kept = {name: text for name, text in shown.items() if (EXAMPLE / name).exists()}
    assert set(kept) == {"oaio_storage_example/__init__.py", "pyproject.toml", "tests/test_contract.py"}
    for name, text in kept.items():
        assert text == (EXAMPLE / name).read_text("utf-8"), f"{name} differs"
