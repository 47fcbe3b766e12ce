"""The locks pin every requirement by version and hash, and name no index: pip's own configuration decides."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

PROJECT = Path(__file__).resolve().parents[2]
REQUIREMENTS = PROJECT / "requirements"
LOCKS = sorted(REQUIREMENTS.glob("*.lock"))


def _pinned(lock: Path) -> dict[str, str]:
    """Each requirement's line with all its continuation lines, by name."""
    text = re.sub(r"^\s*#.*\n", "", lock.read_text("utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    return {line.split("==")[0]: line for line in text.splitlines() if line.strip()}


def test_there_is_a_lock_for_each_environment() -> None:
    assert [lock.name for lock in LOCKS] == ["dev.lock", "original-client.lock", "runtime.lock"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_by_version_and_hash_and_names_no_index(lock: Path) -> None:
    pinned = _pinned(lock)
    assert len(pinned) > 5
    for name, line in pinned.items():
        assert re.match(r"[a-z0-9-]+==[\w.!+]+ ", line), name
        assert "--hash=sha256:" in line, name
    text = lock.read_text("utf-8")
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host| @ ", text)


def test_what_the_program_needs_is_the_same_in_both_locks() -> None:
    runtime, dev = _pinned(REQUIREMENTS / "runtime.lock"), _pinned(REQUIREMENTS / "dev.lock")
    version = re.compile(r"==(\S+)")
    differing = {name for name in runtime if version.findall(runtime[name])[0] not in dev.get(name, "")}
    assert differing == set()


def test_the_locks_hold_every_requirement_that_the_project_declares() -> None:
    declared = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = declared["optional-dependencies"]
    wanted = {
        "runtime.lock": [*declared["dependencies"], *extras["cli"], *extras["server"]],
        "dev.lock": [*declared["dependencies"], *extras["testing"], *_lines("dev.in"), *_lines("build.in")],
        "original-client.lock": _lines("original-client.in"),
    }
    for lock, requirements in wanted.items():
        pinned = _pinned(REQUIREMENTS / lock)
        for requirement in map(Requirement, requirements):
            version = re.findall(r"==([\w.!+]+)", pinned[requirement.name])[0]
            assert requirement.specifier.contains(version, prereleases=True), f"{lock}: {requirement}"


def _lines(name: str) -> list[str]:
    lines = (REQUIREMENTS / name).read_text("utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]
