"""What is written in the project's files: nothing of one machine, no bound passed, no link to nowhere."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40

_LISTED = subprocess.run(
    ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    cwd=PROJECT,
    capture_output=True,
    text=True,
    check=False,
).stdout
FILES = sorted(PROJECT / name for name in _LISTED.split("\0") if name and (PROJECT / name).is_file())
SHIPPED = [path for path in FILES if path.suffix == ".py" and path.relative_to(PROJECT).parts[0] != "tests"]
PAGES = [path for path in FILES if path.suffix == ".md"]

# the patterns are put together here so that this file does not hold what it looks for
FORBIDDEN = {
    "a path of one machine": r"(?<![\w.{}$])/(home|Users|root|work|tmp|opt)" + r"/[a-zA-Z]",
    "an index address": r"https?://[\w.-]*(pypi|pythonhosted|devpi|artifactory|nexus)",
    "unfinished work": "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "NotImplemented" + "Error")),
}


def _text(path: Path) -> str:
    return path.read_text("utf-8")


def test_there_are_files_to_look_at() -> None:
    assert len(FILES) > 50
    assert PROJECT / "oaio_storage" / "errors.py" in SHIPPED
    assert PROJECT / "README.md" in PAGES


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = [
        f"{path.relative_to(PROJECT)}: {line.strip()[:100]}"
        for path in FILES
        if path.suffix in {".py", ".md", ".toml", ".lock", ".in"} or path.name in {"Makefile", "run"}
        for line in _text(path).splitlines()
        if pattern.search(line)
    ]
    assert found == []


def test_no_file_holds_both_sides_of_a_merge() -> None:
    marker = re.compile(rb"^(?:<{7}|\|{7}|>{7})(?: |$)", re.MULTILINE)
    assert [str(path.relative_to(PROJECT)) for path in FILES if marker.search(path.read_bytes())] == []


def test_files_and_functions_stay_small() -> None:
    large = []
    for path in SHIPPED:
        text = _text(path)
        if len(text.splitlines()) > MAX_FILE_LINES:
            large.append(f"{path.relative_to(PROJECT)}: {len(text.splitlines())} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = _body_lines(node)
                if lines > MAX_FUNCTION_LINES:
                    large.append(f"{path.relative_to(PROJECT)}: {node.name} {lines} lines")
    assert large == []


def _body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring: a contract may be as long as it must."""
    first = node.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if is_docstring else 0
    return (node.end_lineno or 0) - node.lineno + 1 - docstring


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(PROJECT)}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[\w-]+)?\)", _text(page))
        if not target.startswith(("http://", "https://", "mailto:")) and not (page.parent / target).exists()
    ]
    assert broken == []


def test_decisions_are_numbered_once_and_say_why() -> None:
    decisions = sorted((PROJECT / "docs" / "decisions").glob("*.md"))
    decisions = [path for path in decisions if path.name != "index.md"]
    numbers = [path.name[:4] for path in decisions]
    assert all(re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", path.name) for path in decisions)
    assert len(numbers) == len(set(numbers)) > 0
    for path in decisions:
        assert _text(path).startswith(f"# {path.name[:4]}"), path.name
        assert len(_text(path).splitlines()) < 80, path.name
