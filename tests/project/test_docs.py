"""The examples of the documentation are run, page by page; each block says so, or why not."""

from pathlib import Path

import pytest
from project.documented import blocks, reader

PROJECT = Path(__file__).resolve().parents[2]
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]
TITLES = [str(page.relative_to(PROJECT)) for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=TITLES)
def test_every_block_says_whether_it_is_run(page: Path) -> None:
    assert [f"line {block.line}: {block.todo!r}" for block in blocks(page) if not block.is_told] == []
    fences = sum(line.lstrip().startswith("```") for line in page.read_text("utf-8").splitlines())
    assert fences == 2 * len(blocks(page)), "a fence that is not at the beginning of a line, or not closed"


RUN = [title for title in TITLES if any(block.todo.startswith("run") for block in blocks(PROJECT / title))]


@pytest.mark.parametrize("title", RUN)
def test_a_page_does_what_it_says(title: str, tmp_path: Path) -> None:
    with reader(tmp_path) as typing:
        for block in blocks(PROJECT / title):
            typing.do(block)


def test_the_readme_and_the_tutorial_are_run() -> None:
    assert {"README.md", "docs/tutorial.md"} <= set(RUN)
